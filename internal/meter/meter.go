// Package meter holds a processor's measurements.
//
// There are two sources. What happened is counted by the actors as it happens, in a Meter: counters and histograms of
// atomics, added to once per batch, so that a record costs no atomic operation of its own. What is, is read from the
// status when somebody asks, by StatusMetrics. Both come out as stream.Metric, free of any metrics library.
//
// An actor asks the Meter once for each counter that it needs and keeps it:
//
//	records := m.ConsumerRecords(topic) // takes a lock
//	records.Add(int64(len(batch)))      // does not
//
// No label holds a key, an offset or the text of an error. Topics and names of dependencies come from configuration; every
// other label has a short list of words, and whatever is not on it is counted as "other".
package meter

import (
	"slices"
	"strings"

	"github.com/troupe-go/troupe/stream"
)

// The words of labels.
const (
	EventAssigned = "assigned"
	EventRevoked  = "revoked"
	EventLost     = "lost"

	// CommitAccepted: the broker has acknowledged the commit.
	CommitAccepted = "accepted"
	// CommitRetried: it failed, and its offsets will be sent again.
	CommitRetried = "retried"
	// CommitFailed: it failed for good.
	CommitFailed = "failed"

	// ResultDone: the attempt succeeded, or the record ended well.
	ResultDone = "done"
	// ResultSkipped: the handler ended the record on purpose.
	ResultSkipped = "skipped"
	// ResultDeadLettered: the record ended as an acknowledged dead letter.
	ResultDeadLettered = "dead-lettered"
	// ResultDropped: the record failed for good while dead letters are off.
	ResultDropped = "dropped"
	// ResultAbandoned: the record was not finished when its incarnation ended.
	ResultAbandoned = "abandoned"

	// ProducerAcknowledged: the broker has the record.
	ProducerAcknowledged = "acknowledged"
	// ProducerRefused: the broker refuses this record for itself.
	ProducerRefused = "refused"
	// ProducerFailed: it could not be delivered.
	ProducerFailed = "failed"
)

// Build is what build_info says of the program.
type Build struct {
	Version   string
	GoVersion string
	Client    string // the Kafka client
}

// Meter counts what happens in one processor. All methods may be called from any goroutine.
type Meter struct {
	build Build
	all   []measured

	consumerRecords   *series[Counter]
	consumerBytes     *series[Counter]
	rebalances        *series[Counter]
	rebalanceDuration *series[Histogram]
	startDuration     *series[Histogram]
	noProgress        *series[Counter]
	outOfRange        *series[Counter]
	staleMessages     *series[Counter]
	commits           *series[Counter]
	commitDuration    *series[Histogram]
	processDuration   *series[Histogram]
	processRecords    *series[Counter]
	endToEndLatency   *series[Histogram]
	retries           *series[Counter]
	deadLetters       *series[Counter]
	actorRestarts     *series[Counter]
	producerRecords   *series[Counter]
	drainDuration     *series[Histogram]
	eventsDropped     *series[Counter]
}

// New gives a Meter at zero.
func New(build Build) *Meter {
	m := &Meter{build: build}
	m.measureConsumer()
	m.measureProcess()
	return m
}

func (m *Meter) measureConsumer() {
	m.consumerRecords = m.counter("consumer_records_total", "Records read from Kafka.", nil, "topic")
	m.consumerBytes = m.counter("consumer_bytes_total",
		"Bytes of the records read from Kafka as the memory budget counts them: keys, values and headers, and a fixed cost a record.",
		nil, "topic")
	m.rebalances = m.counter("consumer_rebalances_total", "Changes of the assignment that gave or took partitions.",
		[]string{EventAssigned, EventRevoked, EventLost}, "event")
	m.rebalanceDuration = m.histogram("consumer_rebalance_duration_seconds",
		"Time from a revoke to its acknowledgement: drain and last commit. A loss is not measured.", transitions(), nil)
	m.startDuration = m.histogram("consumer_start_duration_seconds",
		"Time from a partition's assignment, or from the end of its incarnation before, until it is being read.", transitions(), nil)
	m.outOfRange = m.counter("consumer_offsets_out_of_range_total",
		"Positions that were outside the log, so that records may have been skipped.", nil, "topic")
	m.staleMessages = m.counter("consumer_stale_messages_total",
		"Messages discarded because their incarnation of the partition is no longer owned.", nil)
	m.commits = m.counter("commit_total", "Commits of offsets.",
		[]string{CommitAccepted, CommitRetried, CommitFailed}, "result")
	m.commitDuration = m.histogram("commit_duration_seconds", "Time from a commit's call to its return.", transitions(), nil)
}

func (m *Meter) measureProcess() {
	attempts := []string{
		ResultDone, ResultSkipped, "error", "retry-after", "timeout", "panic", "permanent", "unavailable", "output-refused", "stuck",
	}
	m.processDuration = m.histogram("process_duration_seconds", "Time of one attempt in the handler.", attemptTimes(), attempts, "result")
	m.processRecords = m.counter("process_records_total", "Records that have ended, by how.",
		[]string{ResultDone, ResultSkipped, ResultDeadLettered, ResultDropped, ResultAbandoned}, "result")
	m.endToEndLatency = m.histogram("end_to_end_latency_seconds",
		"Time from a record's own timestamp to its end; 0 where the clocks disagree.", latencies(), nil)
	m.retries = m.counter("retries_total", "Attempts that failed and will be made again.",
		[]string{"error", "retry-after", "timeout", "panic", "unavailable"}, "reason")
	m.deadLetters = m.counter("dead_letters_total", "Dead letters acknowledged by the broker, by the topic of the original record.",
		[]string{"permanent", "decode", "exhausted", "error", "retry-after", "timeout", "panic", "unavailable", "output-refused", "stuck"},
		"topic", "reason")
	m.actorRestarts = m.counter("actor_restarts_total", "Actors started again after a failure; a lane after a handler's panic.",
		[]string{"poller", "committer", "dead-letter", "publisher", "partitions", "partition", "lane", "circuits"}, "kind")
	m.producerRecords = m.counter("producer_records_total", "Outputs and dead letters by their fate at the broker.",
		[]string{ProducerAcknowledged, ProducerRefused, ProducerFailed}, "topic", "result")
	m.drainDuration = m.histogram("shutdown_drain_duration_seconds", "Time that work in flight took to end at a stop.", transitions(), nil)
	m.noProgress = m.counter("no_progress_total",
		"Parts of the processor that had work, made no progress for a minute, and had no cause that explains it.",
		[]string{"handling", "fetching", "starting", "committing", "waking", "turning"}, "aspect")
	m.eventsDropped = m.counter("events_dropped_total", "Events dropped because their receiver is too slow.", nil)
}

// transitions are the bounds for a drain, a rebalance, a commit: from a round trip to minutes.
func transitions() *scale {
	return newScale(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300)
}

// attemptTimes are the bounds for one attempt: from a handler that only counts to one that takes its half hour.
func attemptTimes() *scale {
	return newScale(.00001, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
}

// latencies are the bounds from record to end: from milliseconds to a backlog of days.
func latencies() *scale {
	return newScale(.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400, 604800)
}

func (m *Meter) counter(name, help string, words []string, labels ...string) *series[Counter] {
	s := &series[Counter]{
		family: family{name: name, help: help, kind: stream.Counter, labels: labels, words: words},
		create: func() *Counter { return new(Counter) },
		read: func(c *Counter, labels []string) stream.MetricValue {
			return stream.MetricValue{LabelValues: labels, Value: float64(c.Value())}
		},
	}
	m.all = append(m.all, s)
	return s.start()
}

func (m *Meter) histogram(name, help string, bounds *scale, words []string, labels ...string) *series[Histogram] {
	s := &series[Histogram]{
		family: family{name: name, help: help, kind: stream.Histogram, labels: labels, words: words},
		create: func() *Histogram { return newHistogram(bounds) },
		read:   (*Histogram).value,
	}
	m.all = append(m.all, s)
	return s.start()
}

// Metrics is a snapshot of everything measured, sorted by name and then by label values.
func (m *Meter) Metrics() []stream.Metric {
	metrics := make([]stream.Metric, 0, len(m.all)+1)
	for _, s := range m.all {
		metrics = append(metrics, s.snapshot())
	}
	metrics = append(metrics, m.buildInfo())
	sortByName(metrics)
	return metrics
}

// Snapshot is everything that a processor shows: Metrics and what StatusMetrics derives, sorted alike.
func (m *Meter) Snapshot(status stream.Status) []stream.Metric {
	metrics := append(m.Metrics(), StatusMetrics(status)...)
	sortByName(metrics)
	return metrics
}

func (m *Meter) buildInfo() stream.Metric {
	f := buildFamily()
	return f.metric([]stream.MetricValue{{LabelValues: []string{m.build.Version, m.build.GoVersion, m.build.Client}, Value: 1}})
}

func buildFamily() family {
	return family{
		name: "build_info", help: "The program; always 1.", kind: stream.Gauge,
		labels: []string{"version", "goversion", "client"},
	}
}

func sortByName(metrics []stream.Metric) {
	slices.SortFunc(metrics, func(a, b stream.Metric) int { return strings.Compare(a.Name, b.Name) })
}
