package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/troupe-go/troupe/codec/registry"
	"github.com/troupe-go/troupe/codec/wire"
	"github.com/troupe-go/troupe/stream"
)

// requireAway holds an error to be one of the schema registry, not of the record.
func requireAway(t *testing.T, err error) {
	t.Helper()
	var away *stream.UnavailableError
	require.ErrorAs(t, err, &away)
	require.Equal(t, registry.Dependency, away.Name)
	var permanent *stream.PermanentError
	require.NotErrorAs(t, err, &permanent)
}

// outage is what a registry that is away answers.
type outage func(w http.ResponseWriter, r *http.Request)

func outages() map[string]outage {
	return map[string]outage{
		"503": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no leader", http.StatusServiceUnavailable)
		},
		"500": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write([]byte(`{"error_code":50001,"message":"Error in the backend datastore"}`))
		},
		"HTML": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>maintenance</html>")) },
		"HTML 404": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte("<html>not found</html>"))
		},
		"401":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
		"hanging":  func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"resetted": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
}

// With each kind of outage, of values, keys and outputs, no record is to blame, and all go through when it is over.
func TestRecordsWaitForARegistryThatIsAway(t *testing.T) {
	t.Parallel()
	typed := string(append(wire.AppendPrefix(nil, 1, wire.Path{}), 0x02))
	for name, away := range outages() {
		for what, c := range map[string]struct{ src, value, want string }{
			"values": {avroIn + "steps: [{map: .cents}]\n" + toOut, typed, "1"},
			"checks": {avroIn + toOut, typed, typed},
			"keys":   {"input: {topics: [orders], format: json, key_format: avro}\n" + toOut, "{}", "{}"},
			"output": {ordersIn + toAvroOut, `{"cents":1}`, typed},
		} {
			t.Run(name+" of "+what, func(t *testing.T) {
				t.Parallel()
				w := newRegistryWorld(t)
				w.register("orders-value", sr.TypeAvro, moneyAvro)
				w.register("out-value", sr.TypeAvro, moneyAvro)
				var down atomic.Bool
				w.fake.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
					isDown := down.Load()
					if isDown {
						away(rw, r)
					}
					return isDown
				})
				p := w.load(c.src, Options{Set: []string{"registry.timeout=200ms"}})
				deliver := func() (*stream.Record, error) {
					r := record(c.value)
					r.Key = []byte(typed)
					return r, p.Config().Handler.Handle(t.Context(), r)
				}
				down.Store(true)
				r, err := deliver()
				requireAway(t, err)
				require.Empty(t, r.Outputs())

				down.Store(false)
				r, err = deliver()
				require.NoError(t, err)
				require.Equal(t, []string{c.want}, values(r.Outputs()))
			})
		}
	}
}

func TestARegistryThatRefusesConnectionsIsAway(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	url := "http://" + listener.Addr().String()
	require.NoError(t, listener.Close())
	p := load(t, kafkaKeys+"registry: {url: \""+url+"\"}\n"+avroIn+toOut, Options{})
	defer func() { require.NoError(t, p.Close()) }()
	err = p.Config().Handler.Handle(t.Context(), record("\x00\x00\x00\x00\x01\x02"))
	requireAway(t, err)
	require.ErrorContains(t, err, "registry is unavailable: ask "+url)
}

// An attempt whose context ends while it waits for a schema is nobody's fault either.
func TestAnAttemptThatEndsWhileItWaitsForASchemaIsNotTheRecordsFault(t *testing.T) {
	t.Parallel()
	w := newRegistryWorld(t)
	w.fake.Intercept(func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true })
	p := w.load(avroIn+toOut, Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	begun := time.Now()
	err := p.Config().Handler.Handle(ctx, record("\x00\x00\x00\x00\x01\x02"))
	requireAway(t, err)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(begun), 5*time.Second)
}

// A registry that is slow uses up no time of the programs, before them or between them.
func TestWaitingForASchemaIsNotTheProgramsTime(t *testing.T) {
	t.Parallel()
	w := newRegistryWorld(t)
	id := w.register("orders-value", sr.TypeAvro, moneyAvro)
	w.register("out-value", sr.TypeAvro, moneyAvro)
	const programs, slow = 200 * time.Millisecond, 500 * time.Millisecond
	w.fake.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-r.Context().Done():
		case <-time.After(slow):
		}
		return false
	})
	p := w.load(avroIn+"steps: [{map: '., .'}]\noutput: {kafka: {topic: out, format: avro, key: 'last(range(2000)) | tostring'}}\n", Options{})
	h, ok := p.Config().Handler.(*handler)
	require.True(t, ok)
	h.limits.time = programs
	r := record(string(append(wire.AppendPrefix(nil, id, wire.Path{}), 0x02)))
	begun := time.Now()
	require.NoError(t, h.Handle(t.Context(), r))
	require.Greater(t, time.Since(begun), slow)
	require.Len(t, r.Outputs(), 2)
}

func TestASchemaThatTheRegistryDoesNotHaveIsTheRecordsFault(t *testing.T) {
	t.Parallel()
	w := newRegistryWorld(t)
	_, err := w.handle(avroIn+toOut, Options{}, record("\x00\x00\x00\x00\x07\x02"))
	requirePermanent(t, err)
	require.ErrorContains(t, err, "value of orders-3 at offset 42: decode avro with schema id 7: schema id 7 is not in the registry: "+w.url+" answers HTTP 404, code 40403: ")
	_, err = w.handle(ordersIn+toAvroOut, Options{}, record(`{"cents":1}`))
	requirePermanent(t, err)
	require.ErrorContains(t, err, "output value: encode avro: the latest schema of subject out-value is not in the registry")
}

// In a batch the first record that has to wait ends it: the others would wait one after another.
func TestABatchEndsAtARecordThatWaitsForTheRegistry(t *testing.T) {
	t.Parallel()
	w := newRegistryWorld(t)
	id := w.register("orders-value", sr.TypeAvro, moneyAvro)
	var stdout strings.Builder
	config := w.load(avroIn+"output: {stdout: {}}\nbatch: {}\n", Options{Stdout: &stdout}).Config()
	known, unknown := string(append(wire.AppendPrefix(nil, id, wire.Path{}), 0x02)), "\x00\x00\x00\x00\x63\x02"
	require.NoError(t, config.BatchHandler.HandleBatch(t.Context(), batchOf(known)))
	var asked atomic.Int32
	w.fake.Intercept(func(rw http.ResponseWriter, _ *http.Request) bool {
		asked.Add(1)
		rw.WriteHeader(http.StatusUnauthorized)
		return true
	})
	err := config.BatchHandler.HandleBatch(t.Context(), batchOf(known, unknown, known, unknown))
	all := verdicts(t, err, 4)
	require.Len(t, all, 2)
	require.Contains(t, all[1], "registry is unavailable: ")
	require.Equal(t, "not attempted", all[2])
	require.Equal(t, "{\"cents\":1}\n{\"cents\":1}\n", stdout.String())
	require.Equal(t, int32(1), asked.Load())

	var partial *stream.BatchError
	require.ErrorAs(t, config.BatchHandler.HandleBatch(t.Context(), batchOf(known, unknown)), &partial)
	require.Equal(t, 2, partial.Attempted(2))
	requireAway(t, partial.Of(1))
}

func TestOpenFailsForSchemasThatCannotBeWrittenBy(t *testing.T) {
	t.Parallel()
	w := newRegistryWorld(t)
	w.register("out-value", sr.TypeAvro, `{"type":"record","name":"Money","fields":[{"name":"cents","type":"long"},{"name":"bank","type":"string"}]}`)
	proto := w.register("proto", sr.TypeProtobuf, `syntax = "proto3"; package shop; message Order { int64 id = 1; }`)
	w.fake.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || r.URL.Path != "/subjects/strict/versions" {
			return false
		}
		rw.WriteHeader(http.StatusConflict)
		_, _ = rw.Write([]byte(`{"error_code":409,"message":"Schema being registered is incompatible with an earlier schema"}`))
		return true
	})
	const none, bad = "the values of topic out have no schema: ", "the schema for the values of topic out: "
	for output, want := range map[string]string{
		"format: avro":                             "",
		"format: avro, schema: {subject: none}":    none + "the latest schema of subject none is not in the registry",
		"format: avro, schema: {file: money.avsc}": none + "this schema under subject out-value is not in the registry",
		"format: avro, schema: {file: money.avsc, subject: strict, register: true}": bad + "the schema is not compatible with the versions of subject strict",
		"format: avro, schema: {id: 77}":                                            none + "schema id 77 is not in the registry",
		"format: avro, schema: {id: " + fmt.Sprint(proto) + "}":                     bad + "its type in the registry is PROTOBUF",
		"format: protobuf, schema: {subject: proto, message: shop.Nothing}":         bad + "encode protobuf with schema id 2: ",
		"key: .a, key_format: avro":                                                 "the keys of topic out have no schema: the latest schema of subject out-key is not in the registry",
		"format: avro, schema: {file: money.avsc, subject: fresh, register: true}":  "",
	} {
		p := w.load(ordersIn+"output: {kafka: {topic: out, "+output+"}}\n", Options{ReadFile: files("money.avsc", moneyAvro)})
		checked, opened := p.CheckRegistry(t.Context()), p.Open()
		switch {
		case want == "":
			require.NoError(t, checked, output)
			require.NoError(t, opened, output)
		case strings.Contains(output, "strict"):
			require.NoError(t, checked, "nothing is registered to find out")
			require.ErrorContains(t, opened, want, output)
		default:
			key := map[bool]string{true: "output.kafka.key_schema: ", false: "output.kafka.schema: "}[strings.Contains(output, "key_format")]
			require.ErrorContains(t, checked, key+want, output)
			require.ErrorContains(t, opened, key+want, output)
		}
	}
	require.True(t, w.fake.SubjectExists("fresh"))
	require.False(t, w.fake.SubjectExists("strict"))
}

func TestCheckRegistryRegistersNothing(t *testing.T) {
	t.Parallel()
	w := newRegistryWorld(t)
	p := w.load(ordersIn+"output: {kafka: {topic: out, format: avro, schema: {file: money.avsc, register: true}}}\n",
		Options{ReadFile: files("money.avsc", moneyAvro)})
	require.NoError(t, p.CheckRegistry(t.Context()))
	require.False(t, w.fake.SubjectExists("out-value"))
	require.NoError(t, p.Open())
	require.True(t, w.fake.SubjectExists("out-value"))

	require.NoError(t, load(t, minimal, Options{}).CheckRegistry(t.Context()), "without a registry there is nothing to check")
	reader := w.load(avroIn+toOut, Options{})
	w.fake.Close()
	err := reader.CheckRegistry(t.Context())
	var faults Faults
	require.ErrorAs(t, err, &faults)
	require.ErrorContains(t, err, "test.yaml:2:17: registry.url: registry is unavailable: ask "+w.url)
	require.NoError(t, reader.Close())
	requireAway(t, reader.Config().Handler.Handle(t.Context(), record("\x00\x00\x00\x00\x01\x02")))
}

func TestARegistryThatIsAwayDoesNotFailTheStart(t *testing.T) {
	t.Parallel()
	w := newRegistryWorld(t)
	w.register("out-value", sr.TypeAvro, moneyAvro)
	var down atomic.Bool
	down.Store(true)
	w.fake.Intercept(func(rw http.ResponseWriter, _ *http.Request) bool {
		if down.Load() {
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
		return down.Load()
	})
	var log bytes.Buffer
	p := w.load(ordersIn+toAvroOut, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, p.Open())
	require.Contains(t, log.String(), "starting without the schema registry")
	down.Store(false)
	r := record(`{"cents":1}`)
	require.NoError(t, p.Config().Handler.Handle(t.Context(), r))
	require.Equal(t, `{"cents":1}`, w.read("avro", r.Outputs()[0], wire.Value))
}

func TestSchemasOnDiskOutlastTheRegistry(t *testing.T) {
	t.Parallel()
	w := newRegistryWorld(t)
	w.register("orders-value", sr.TypeAvro, moneyAvro)
	folder := filepath.Join(t.TempDir(), "schemas")
	value := w.value("avro", "orders-value", `{"cents":1}`, wire.Prefix).Value
	deliver := func() []stream.Metric {
		p := w.load(avroIn+"steps: [{map: .cents}]\n"+toOut, Options{Set: []string{"registry.cache_dir=" + folder}})
		require.NoError(t, p.Open())
		r := record(string(value))
		require.NoError(t, p.Config().Handler.Handle(t.Context(), r))
		require.Equal(t, []string{"1"}, values(r.Outputs()))
		return p.Config().Metrics()
	}
	p := w.load(avroIn+toOut, Options{Set: []string{"registry.cache_dir=" + folder}})
	require.NoError(t, p.Close())
	_, err := os.Stat(folder)
	require.ErrorIs(t, err, os.ErrNotExist, "to read a configuration makes no folder")

	require.Zero(t, metric(t, deliver(), "registry_answers_while_away_total"))
	w.fake.Close()
	require.Equal(t, 1.0, metric(t, deliver(), "registry_answers_while_away_total"))

	blocked := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(blocked, nil, 0o600))
	p = w.load(avroIn+toOut, Options{Set: []string{"registry.cache_dir=" + blocked}})
	require.ErrorContains(t, p.Open(), "folder for schemas")
	requireAway(t, p.Config().Handler.Handle(t.Context(), record(string(value))))
}

// metric adds up what a metric counts.
func metric(t *testing.T, metrics []stream.Metric, name string, labels ...string) float64 {
	t.Helper()
	for _, m := range metrics {
		if m.Name != name {
			continue
		}
		sum := 0.0
		for _, v := range m.Values {
			if len(labels) == 0 || strings.Join(labels, " ") == strings.Join(v.LabelValues, " ") {
				sum += v.Value + float64(v.Count)
			}
		}
		return sum
	}
	require.Fail(t, "no metric "+name)
	return 0
}

func TestRequestsToTheRegistryAreCounted(t *testing.T) {
	t.Parallel()
	w := newRegistryWorld(t)
	id := w.register("orders-value", sr.TypeAvro, moneyAvro)
	p := w.load(avroIn+toOut, Options{})
	metrics := p.Config().Metrics
	require.Zero(t, metric(t, metrics(), "registry_schemas"))
	value := append(wire.AppendPrefix(nil, id, wire.Path{}), 0x02)
	for range 3 {
		require.NoError(t, p.Config().Handler.Handle(t.Context(), record(string(value))))
	}
	requirePermanent(t, p.Config().Handler.Handle(t.Context(), record("\x00\x00\x00\x00\x63\x02")))
	w.fake.Intercept(func(rw http.ResponseWriter, r *http.Request) bool {
		rw.WriteHeader(map[bool]int{true: http.StatusUnauthorized, false: http.StatusBadGateway}[strings.Contains(r.URL.Path, "/5")])
		return true
	})
	requireAway(t, p.Config().Handler.Handle(t.Context(), record("\x00\x00\x00\x00\x05\x02")))
	requireAway(t, p.Config().Handler.Handle(t.Context(), record("\x00\x00\x00\x00\x06\x02")))
	now := metrics()
	require.Equal(t, 1.0, metric(t, now, "registry_requests_total", "answered"))
	require.Equal(t, 3.0, metric(t, now, "registry_requests_total", "unknown"), "an id is asked for three times")
	require.Equal(t, 1.0, metric(t, now, "registry_requests_total", "refused"))
	require.Equal(t, 3.0, metric(t, now, "registry_requests_total", "failed"))
	require.Equal(t, 8.0, metric(t, now, "registry_request_duration_seconds"))
	require.Equal(t, 1.0, metric(t, now, "registry_schemas"))
	require.Positive(t, metric(t, now, "registry_schema_bytes"))
	require.Nil(t, load(t, minimal, Options{}).Config().Metrics)
}

func TestTheRegistryIsAskedAsConfigured(t *testing.T) {
	t.Parallel()
	w := newRegistryWorld(t)
	w.register("orders-value", sr.TypeAvro, moneyAvro)
	folder := t.TempDir()
	tokenFile := filepath.Join(folder, "token-file")
	require.NoError(t, os.WriteFile(tokenFile, []byte("from-a-file\n"), 0o600))
	for set, want := range map[string]string{
		"registry.token=hunter2":                                     "Bearer hunter2",
		"registry.token=${file:/secret}":                             "Bearer hunter2",
		"registry.token_file=" + tokenFile:                           "Bearer from-a-file",
		"registry={url: URL, username: me, password: hunter2}":       "Basic bWU6aHVudGVyMg==",
		"registry.url=[\"http://127.0.0.1:1\", URL]":                 "",
		"registry={url: [\"URL\"], username: me, password: \"007\"}": "Basic bWU6MDA3",
	} {
		var sent atomic.Value
		server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			sent.Store(r.Header.Get("Authorization"))
			w.fake.Handler().ServeHTTP(rw, r)
		}))
		t.Cleanup(server.Close)
		p := load(t, kafkaKeys+"registry: {url: \""+server.URL+"\"}\n"+avroIn+toOut, Options{
			Set: []string{strings.ReplaceAll(set, "URL", server.URL)}, ReadFile: files("/secret", "hunter2\n"),
		})
		require.NoError(t, p.Config().Handler.Handle(t.Context(), record("\x00\x00\x00\x00\x01\x02")), set)
		require.Equal(t, want, sent.Load(), set)
		require.NotContains(t, string(p.Redacted()), "hunter2")
		require.NotContains(t, string(p.RedactedJSON()), "hunter2")
		if strings.Contains(set, "token_file") {
			require.Contains(t, string(p.Redacted()), tokenFile, "where a secret is, is none")
		}
		if strings.Contains(set, "password") {
			require.Contains(t, string(p.RedactedJSON()), `"password":"***"`)
		}
		require.NoError(t, p.Close())
	}
}

func TestUseRegistryTakesThePlaceOfTheConfiguredOne(t *testing.T) {
	t.Parallel()
	w := newRegistryWorld(t)
	w.register("orders-value", sr.TypeAvro, moneyAvro)
	p := load(t, kafkaKeys+"registry: {url: \"http://localhost:1\", username: me, password: hunter2}\n"+avroIn+"steps: [{map: .cents}]\n"+toOut, Options{})
	p.UseRegistry(w.url)
	require.NoError(t, p.CheckRegistry(t.Context()))
	r := w.value("avro", "orders-value", `{"cents":1}`, wire.Prefix)
	require.NoError(t, p.Config().Handler.Handle(t.Context(), r))
	require.Equal(t, []string{"1"}, values(r.Outputs()))
	require.NoError(t, p.Close())
	load(t, minimal, Options{}).UseRegistry(w.url)
}
