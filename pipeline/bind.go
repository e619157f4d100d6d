package pipeline

import (
	"cmp"
	"log/slog"
	"slices"
	"time"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/codec/avro"
	"github.com/troupe-go/troupe/sink"
)

// The processor's own defaults, where a check needs them.
const (
	defaultFormat          = "raw"
	defaultTombstones      = "pass"
	defaultListen          = "127.0.0.1:8080"
	defaultRetryInitial    = 2 * time.Second
	defaultConcurrency     = 8
	defaultRetryMax        = time.Minute
	defaultDrainTimeout    = 10 * time.Second
	defaultShutdownTimeout = 25 * time.Second
)

// binder reads a tree into a Pipeline. Where the schema has found the wrong type already, it reads the zero value and
// says nothing.
type binder struct {
	root    *node
	report  *report
	options Options

	registry      *schemaRegistry // nil where there is none
	decoders      map[string]*typedDecoder
	readerSchemas map[string]*avro.Schema // by file; nil for one that cannot be used
	writers       []*typedWriter
}

func newBinder(root *node, r *report, o Options) *binder {
	return &binder{
		root: root, report: r, options: o,
		decoders: make(map[string]*typedDecoder), readerSchemas: make(map[string]*avro.Schema),
	}
}

func (b *binder) bind(p *Pipeline) {
	b.refuseUnavailable()
	b.registry = b.schemaRegistry()
	topics := b.topics()
	b.checkAvroSettings(topics)
	handler := b.handler(topics)
	p.sink, p.registry, p.writers = handler.sink, b.registry, b.writers
	p.config = troupe.Config{
		Name:       b.text("name"),
		Client:     b.text("client"),
		Kafka:      b.properties("kafka"),
		Producer:   b.properties("producer"),
		Middleware: b.middleware(),
		OutOfRange: troupe.OutOfRange(b.text("offset_out_of_range")),
		Order:      troupe.Order(b.text("order")),
		Timeout:    b.duration("timeout"),
		Stuck: troupe.StuckPolicy{
			After: b.duration("stuck", "after"),
			Then:  troupe.StuckAction(b.text("stuck", "then")),
		},
		Retry:           b.retry(),
		Circuit:         b.circuit(),
		DeadLetter:      b.deadLetter(),
		Commit:          troupe.CommitPolicy{Records: b.integer("commit", "records"), Interval: b.duration("commit", "interval")},
		Concurrency:     b.integer("concurrency"),
		Memory:          b.size("memory"),
		Pollers:         b.integer("pollers"),
		DrainTimeout:    b.drainTimeout(),
		ShutdownTimeout: b.duration("shutdown_timeout"),
		Logger:          b.options.Logger,
	}
	if b.registry != nil {
		p.config.Metrics = b.registry.metrics
	}
	b.batch(handler, &p.config)
	for _, t := range topics {
		p.config.Topics = append(p.config.Topics, t.name)
	}
	if out, ok := handler.sink.(sink.Kafka); ok && out.Topic != "" && slices.ContainsFunc(p.config.Topics, isPattern) {
		p.config.Exclude = []string{out.Topic}
	}
	b.checkLoops(topics)
	b.checkProperties()
	b.checkTimeouts(p.config)
	p.Admin, p.Log = b.admin(), b.log()
}

// refuseUnavailable names what the schema knows but this version does not do.
func (b *binder) refuseUnavailable() {
	refuse := func(word, instead string, keys ...string) {
		n := b.root.at(keys...)
		if n == nil || n.null() || word != "" && n.text != word {
			return
		}
		what := ""
		if word != "" {
			what = word + " is "
		}
		b.report.add(n, "%snot available in this version%s", what, instead)
	}
	refuse("exactly-once", "; use at-least-once", "delivery")
	refuse("", "; use kafka, file, stdout or drop", "output", "postgres")
	refuse("", "; use kafka, file, stdout or drop", "output", "http")
}

// formats are all places where a format is named.
func (b *binder) formats() []*node {
	nodes := []*node{b.root.at("input", "format"), b.root.at("input", "key_format")}
	if topics := b.root.at("input", "topics"); topics != nil {
		for _, item := range topics.items {
			nodes = append(nodes, item.child("format"), item.child("key_format"))
		}
	}
	for _, name := range []string{"kafka", "file", "stdout"} {
		nodes = append(nodes, b.root.at("output", name, "format"))
	}
	nodes = append(nodes, b.root.at("output", "kafka", "key_format"))
	return slices.DeleteFunc(nodes, func(n *node) bool { return n == nil })
}

func (b *binder) text(keys ...string) string {
	if n := b.root.at(keys...); n != nil {
		return n.string()
	}
	return ""
}

// string is a scalar's text; the schema sees to it that nothing else is taken for text.
func (n *node) string() string {
	if n == nil || n.kind != scalar || n.null() {
		return ""
	}
	return n.text
}

func (b *binder) integer(keys ...string) int {
	n := b.root.at(keys...)
	if n == nil || n.kind != scalar {
		return 0
	}
	switch v := n.value().(type) {
	case int64:
		return int(v)
	case float64:
		return int(v) // the schema lets 8.0 pass as a whole number
	default:
		return 0
	}
}

func (b *binder) number(keys ...string) (value float64, given bool) {
	n := b.root.at(keys...)
	if n == nil || n.kind != scalar {
		return 0, false
	}
	switch v := n.value().(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	default:
		return 0, false
	}
}

func (b *binder) duration(keys ...string) time.Duration {
	d, _ := parseDurationOrNone(b.text(keys...)) // the schema has reported what is none
	return d
}

func (b *binder) size(keys ...string) int64 {
	n := b.root.at(keys...)
	if n == nil || n.kind != scalar || n.null() {
		return 0
	}
	size, _ := parseSize(n.text) // the schema has reported what is none
	return size
}

// properties keeps the text as written: what the client makes of 010 or 1e3 is its own affair.
func (b *binder) properties(key string) troupe.Properties {
	n := b.root.at(key)
	if n == nil || n.kind != mapping {
		return nil
	}
	properties := make(troupe.Properties, len(n.entries))
	for _, e := range n.entries {
		if e.value.kind == scalar && !e.value.null() {
			properties[e.key.text] = e.value.text
		}
	}
	return properties
}

// middleware is what wraps the steps. The rate limit is outermost, so that no other measures or holds anything while a record
// waits.
func (b *binder) middleware() []troupe.Middleware {
	perSecond, given := b.number("rate_limit", "records")
	if !given {
		return b.options.Middleware
	}
	limit := troupe.RateLimit(perSecond, b.integer("rate_limit", "burst"))
	return append([]troupe.Middleware{limit}, b.options.Middleware...)
}

func (b *binder) retry() troupe.RetryPolicy {
	policy := troupe.RetryPolicy{
		MaxAttempts: b.integer("retry", "max_attempts"),
		Initial:     b.duration("retry", "initial"),
		Max:         b.duration("retry", "max"),
		MaxParked:   b.integer("retry", "max_parked"),
	}
	policy.Multiplier, _ = b.number("retry", "multiplier")
	jitter, given := b.number("retry", "jitter")
	if policy.Jitter = jitter; given && jitter == 0 {
		policy.Jitter = -1 // zero is the default in a troupe.Config
	}
	initial, longest := orDefault(policy.Initial, defaultRetryInitial), orDefault(policy.Max, defaultRetryMax)
	if initial > longest {
		b.report.add(b.given("retry", "initial", "max"), "the first wait (%v) is longer than retry.max (%v)", initial, longest)
	}
	concurrency := cmp.Or(b.integer("concurrency"), defaultConcurrency)
	if order := b.text("order"); policy.MaxParked > 0 && policy.MaxParked < concurrency && (order == "key" || order == "unordered") {
		b.report.add(b.given("retry", "max_parked"), "%d is below concurrency (%d), and each record that is being handled may come "+
			"to wait for a retry", policy.MaxParked, concurrency)
	}
	return policy
}

func (b *binder) circuit() troupe.CircuitPolicy {
	rate, _ := b.number("circuit", "failure_rate")
	return troupe.CircuitPolicy{
		FailureRate: rate, Window: b.duration("circuit", "window"), MinRecords: b.integer("circuit", "min_records"),
	}
}

// given is the node of the first of the names under parent that the configuration has.
func (b *binder) given(parent string, names ...string) *node {
	for _, name := range names {
		if n := b.root.at(parent, name); n != nil {
			return n
		}
	}
	return b.root
}

func orDefault(d, fallback time.Duration) time.Duration {
	if d == 0 {
		return fallback
	}
	return d
}

func (b *binder) deadLetter() troupe.DeadLetterPolicy {
	n, onError := b.root.at("dead_letter"), b.root.at("on_error")
	off := n.string() == "off"
	switch {
	case off && onError.string() == "":
		b.report.add(n, "off needs on_error: stop ends the process at the first record that cannot be handled, drop loses such records")
	case !off && onError != nil && !onError.null():
		b.report.add(onError, "only with dead_letter: off")
	}
	policy := troupe.DeadLetterPolicy{Off: off, OnError: onError.string()}
	if off || n == nil || n.kind != mapping {
		return policy
	}
	policy.Topic = n.child("topic").string()
	policy.Envelope = n.child("envelope").string()
	policy.Dialect = n.child("dialect").string()
	policy.KeyPolicy = n.child("key_policy").string()
	if policy.KeyPolicy == "key" && b.text("order") == "unordered" {
		b.report.add(n.child("key_policy"), "key keeps an order, and order is unordered")
	}
	if create := n.child("create"); create != nil && create.kind == scalar {
		policy.NoCreate = create.value() == false
	}
	if policy.Dialect != "" && policy.Envelope != "raw" {
		b.report.add(n.child("dialect"), "only with envelope: raw, because json keeps the facts in the value")
	}
	return policy
}

// drainTimeout is left to the processor's default where it is not given, unless a shorter stop was asked for: then
// draining may take as long as the stop.
func (b *binder) drainTimeout() time.Duration {
	drain, shutdown := b.duration("drain_timeout"), b.duration("shutdown_timeout")
	if drain == 0 && shutdown < defaultDrainTimeout {
		return shutdown
	}
	return drain
}

func (b *binder) checkTimeouts(c troupe.Config) {
	drain, shutdown := orDefault(c.DrainTimeout, defaultDrainTimeout), orDefault(c.ShutdownTimeout, defaultShutdownTimeout)
	if drain <= shutdown {
		return
	}
	b.report.add(b.root.at("drain_timeout"), "draining (%v) may take longer than shutdown_timeout (%v) allows", drain, shutdown)
}

func (b *binder) admin() Admin {
	admin := Admin{Listen: b.text("admin", "listen"), Token: b.text("admin", "token")}
	switch admin.Listen {
	case "":
		admin.Listen = defaultListen
	case "off":
		admin.Listen = ""
	}
	return admin
}

func (b *binder) log() Log {
	log := Log{Format: b.text("log", "format")}
	if log.Format == "" {
		log.Format = "auto"
	}
	if level := b.text("log", "level"); level != "" {
		if err := log.Level.UnmarshalText([]byte(level)); err != nil {
			log.Level = slog.LevelInfo // the schema has reported it
		}
	}
	return log
}
