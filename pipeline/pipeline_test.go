package pipeline

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/sink"
	"github.com/troupe-go/troupe/stream"
)

func TestEveryKeyReachesTheProcessor(t *testing.T) {
	t.Parallel()
	p := load(t, `
name: all
client: franz
kafka: {bootstrap.servers: "b:9092", group.id: g, enable.ssl.certificate.verification: false, fetch.min.bytes: 010}
producer: {linger.ms: 7}
input: {topics: ['^orders\..*'], format: json}
output: {kafka: {topic: orders.out}}
order: partition
concurrency: 3
delivery: at-least-once
retry: {max_attempts: -1, initial: 1s, multiplier: 1.5, max: 10s, jitter: 0}
circuit: {failure_rate: 0.25, window: 5s, min_records: 7}
timeout: none
stuck: {after: none, then: dead-letter}
dead_letter: {topic: dead, envelope: raw, dialect: spring, create: false}
commit: {records: 9, interval: 90ms}
memory: 1.5GiB
pollers: 2
drain_timeout: 3s
shutdown_timeout: 4s
admin: {listen: "[::1]:9", token: t}
log: {level: debug, format: json}
`, Options{})
	got := p.Config()
	require.NotNil(t, got.Handler)
	require.NotNil(t, got.Logger)
	got.Handler, got.Logger = nil, nil
	require.Equal(t, troupe.Config{
		Name: "all", Client: "franz",
		Kafka: troupe.Properties{
			"bootstrap.servers": "b:9092", "group.id": "g", "enable.ssl.certificate.verification": "false", "fetch.min.bytes": "010",
		},
		Producer: troupe.Properties{"linger.ms": "7"},
		Topics:   []string{`^orders\..*`}, Exclude: []string{"orders.out"},
		Order: troupe.OrderPartition, Concurrency: 3, Timeout: -1,
		Stuck:      troupe.StuckPolicy{After: -1, Then: troupe.StuckDeadLetter},
		Retry:      troupe.RetryPolicy{MaxAttempts: -1, Initial: time.Second, Multiplier: 1.5, Max: 10 * time.Second, Jitter: -1},
		Circuit:    troupe.CircuitPolicy{FailureRate: 0.25, Window: 5 * time.Second, MinRecords: 7},
		DeadLetter: troupe.DeadLetterPolicy{Topic: "dead", Envelope: "raw", Dialect: "spring", NoCreate: true},
		Commit:     troupe.CommitPolicy{Records: 9, Interval: 90 * time.Millisecond},
		Memory:     3 << 29, Pollers: 2, DrainTimeout: 3 * time.Second, ShutdownTimeout: 4 * time.Second,
	}, got)
	require.Equal(t, Admin{Listen: "[::1]:9", Token: "t"}, p.Admin)
	require.Equal(t, Log{Level: slog.LevelDebug, Format: "json"}, p.Log)
}

// TestSettingsForWhatIsNotUsedAreAccepted: a registry that no format asks, and batches for an output that takes none, are
// no faults; what is wrong in them is.
func TestSettingsForWhatIsNotUsedAreAccepted(t *testing.T) {
	t.Parallel()
	load(t, minimal+"registry: {url: \"http://localhost:8081\"}\nbatch: {records: 500, wait: 50ms}\n", Options{})
	for _, output := range []string{"", "output: {drop: {}}\n", "output: {kafka: {topic: out}}\n"} {
		got := load(t, minimal+output+"batch: {records: 500, wait: 50ms}\n", Options{}).Config()
		require.NotNil(t, got.Handler, output)
		require.Nil(t, got.BatchHandler, output)
		require.Zero(t, got.Batch, output)
	}
	found := faults(t, minimal+"registry: {uri: x}\nbatch: {records: 0}\n", Options{})
	require.Len(t, found, 2)
}

func TestShorterStopShortensTheDefaultDrain(t *testing.T) {
	t.Parallel()
	got := load(t, minimal+"shutdown_timeout: 4s\n", Options{}).Config()
	require.Equal(t, 4*time.Second, got.ShutdownTimeout)
	require.Equal(t, 4*time.Second, got.DrainTimeout)
	require.Zero(t, load(t, minimal+"shutdown_timeout: 40s\n", Options{}).Config().DrainTimeout)
	found := faults(t, minimal+"shutdown_timeout: 4s\ndrain_timeout: 5s\n", Options{})
	require.Equal(t, "drain_timeout", found[0].Path)
}

func TestWhatIsNotGivenIsLeftToTheProcessorsDefaults(t *testing.T) {
	t.Parallel()
	p := load(t, minimal+"retry:\ntimeout: ~\nadmin: {listen: off}\n", Options{})
	got := p.Config()
	got.Handler, got.Logger = nil, nil
	require.Equal(t, troupe.Config{
		Kafka: troupe.Properties{"bootstrap.servers": "localhost:9092", "group.id": "g"}, Topics: []string{"orders"},
	}, got)
	require.Equal(t, Admin{}, p.Admin)
	require.Equal(t, Log{Level: slog.LevelInfo, Format: "auto"}, p.Log)
}

func TestNullsAreKeysThatWereNotGiven(t *testing.T) {
	t.Parallel()
	out, err := handle(t, ordersIn+"steps: [{filter: ~, map: .a}]\noutput: {file: , kafka: {topic: out, key: ~}}\n", record(`{"a":5}`))
	require.NoError(t, err)
	require.Equal(t, []string{"5"}, values(out))
	require.Equal(t, "out", out[0].Topic)
	require.Equal(t, "k", string(out[0].Key))
}

func TestMiddlewareIsHandedOn(t *testing.T) {
	t.Parallel()
	var calls []string
	wrap := func(next stream.Handler) stream.Handler {
		return stream.HandlerFunc(func(ctx context.Context, r *stream.Record) error {
			calls = append(calls, r.Topic)
			return next.Handle(ctx, r)
		})
	}
	config := load(t, minimal+"output: {drop: {}}\n", Options{Middleware: []troupe.Middleware{wrap}}).Config()
	require.NoError(t, stream.Chain(config.Handler, config.Middleware...).Handle(t.Context(), record(`1`)))
	require.Equal(t, []string{"orders"}, calls)
}

// The limit is around everything else: what measures the steps does not measure the wait.
func TestRateLimitIsOutermost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began, calls := time.Now(), []time.Duration(nil)
		wrap := func(next stream.Handler) stream.Handler {
			return stream.HandlerFunc(func(ctx context.Context, r *stream.Record) error {
				calls = append(calls, time.Since(began))
				return next.Handle(ctx, r)
			})
		}
		config := load(t, minimal+"output: {drop: {}}\nrate_limit: {records: 0.5, burst: 2}\n",
			Options{Middleware: []troupe.Middleware{wrap}}).Config()
		limited := stream.Chain(config.Handler, config.Middleware...)
		for range 4 {
			require.NoError(t, limited.Handle(t.Context(), record(`1`)))
		}
		require.Equal(t, []time.Duration{0, 0, 2 * time.Second, 4 * time.Second}, calls)
	})
}

func TestRateLimitHasADefaultBurst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		config := load(t, minimal+"output: {drop: {}}\nrate_limit: {records: 100}\n", Options{}).Config()
		limited := stream.Chain(config.Handler, config.Middleware...)
		for range 10 + 100 {
			require.NoError(t, limited.Handle(t.Context(), record(`1`)))
		}
		require.Equal(t, time.Second, time.Since(began))
	})
}

func TestSecretsAreRedacted(t *testing.T) {
	t.Parallel()
	p := load(t, `
name: ${file:/name}
kafka:
  bootstrap.servers: b:9092
  group.id: g
  security.protocol: sasl_ssl
  sasl.mechanisms: SCRAM-SHA-512
  sasl.username: alice-s3cret
  sasl.password: ${PASSWORD}
  ssl.key.password: s3cret
  ssl.keystore.password: s3cret
  ssl.key.pem: s3cret
  client.id: postgres://u:s3cret@host/db?password=s3cret
input: {topics: [orders], format: json}
admin: {token: s3cret}
`, Options{Getenv: env("PASSWORD", "s3cret"), ReadFile: files("/name", "s3cret"), Set: []string{"producer.ssl.key.password=s3cret"}})
	for _, shown := range []string{string(p.Redacted()), string(p.RedactedJSON())} {
		require.NotContains(t, shown, "s3cret")
		require.Contains(t, shown, "SCRAM-SHA-512")
		require.Contains(t, shown, "b:9092")
		require.Contains(t, shown, "postgres://***@host/db?password=***")
	}
	require.Contains(t, string(p.Redacted()), `sasl.password: "***"`)
	var object map[string]any
	require.NoError(t, json.Unmarshal(p.RedactedJSON(), &object))
	require.Equal(t, "***", object["name"])
	require.Equal(t, "s3cret", p.Config().Kafka["sasl.password"])
}

func TestRedactedConfigurationIsYAMLAgain(t *testing.T) {
	t.Parallel()
	first := load(t, string(Starter()), Options{})
	second := load(t, string(first.Redacted()), Options{})
	require.Equal(t, string(first.RedactedJSON()), string(second.RedactedJSON()))
}

func TestSourcesThatAreTooLargeOrTooDeepAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]string{
		"large": strings.Repeat("#", sourceBytesMax+1), "brackets": strings.Repeat("[", 100_000),
		"dashes": strings.Repeat("- ", 100_000), "questions": strings.Repeat("? ", 100_000), "braces": strings.Repeat("{a: ", 100_000),
		"lines of brackets": strings.Repeat("[\n", 100_000), "indented": strings.Repeat(" ", 5000) + "a: 1",
	} {
		require.Len(t, faults(t, src, Options{}), 1, name)
	}
}

func TestLineEndingsAndByteOrderMark(t *testing.T) {
	t.Parallel()
	load(t, strings.ReplaceAll(minimal, "\n", "\r\n"), Options{})
	load(t, "\ufeff"+minimal, Options{})
	found := faults(t, strings.ReplaceAll(minimal+"retry:\n  max: 1x\n", "\n", "\r\n"), Options{})
	require.Equal(t, 4, found[0].Line)
}

// FuzzLoad holds that no text panics Load, and that what it finds has a place or a reason.
func FuzzLoad(f *testing.F) {
	f.Add(string(Starter()), "retry.max_attempts=5")
	f.Add(minimal, "steps.0.filter=.a")
	sources, err := filepath.Glob("testdata/lint/*.yaml")
	require.NoError(f, err)
	for i, path := range sources {
		src, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(string(src), []string{"a=b", "input.topics=[x]", "kafka.x=${A}", "output.stdout={}"}[i%4])
	}
	f.Fuzz(func(t *testing.T, src, set string) {
		o := Options{Getenv: env("A", "b", "N", "1"), ReadFile: files("/a", "b")}
		if set != "" {
			o.Set = []string{set}
		}
		p, err := Load("fuzz.yaml", []byte(src), o)
		if err != nil {
			found, ok := err.(Faults) //nolint:errorlint // Load's own promise, without a wrapper
			require.True(t, ok)
			require.NotEmpty(t, found)
			for _, fault := range found {
				require.NotEmpty(t, fault.Message)
				require.NotEmpty(t, fault.File)
			}
			return
		}
		if _, writes := p.sink.(*sink.File); !writes && p.registry == nil { // nor may it reach out to a server
			h, ok := p.Config().Handler.(*handler)
			require.True(t, ok)
			h.limits = limits{time: 50 * time.Millisecond, results: 10, bytes: 1 << 10, instructions: 1000}
			_, _ = h.messages(t.Context(), record(`{"a":1}`)) // any outcome but a panic
		}
		require.NoError(t, p.Close())
		require.NotEmpty(t, p.Redacted())
		require.True(t, json.Valid(p.RedactedJSON()))
	})
}

func BenchmarkHandle(b *testing.B) {
	src, err := os.ReadFile("../examples/orders/orders.yaml")
	require.NoError(b, err)
	p, err := Load("orders.yaml", src, Options{Getenv: env()})
	require.NoError(b, err)
	handler := p.Config().Handler
	values := make([][]byte, 64)
	for i := range values {
		values[i] = []byte(`{"order_id":"o-` + strings.Repeat("1", 1+i%8) + `","customer":"c-17","status":"placed","amount":` +
			[]string{"19.99", "5", "120.5"}[rand.IntN(3)] + `,"note":"` + strings.Repeat("x", 60) + `"}`)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r := stream.Record{Topic: "orders.placed", Value: values[i%64], Timestamp: time.UnixMilli(1)}
		if err := handler.Handle(b.Context(), &r); err != nil {
			b.Fatal(err)
		}
	}
}
