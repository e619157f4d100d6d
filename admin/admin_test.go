package admin

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/internal/meter"
	"github.com/troupe-go/troupe/stream"
)

var update = flag.Bool("update", false, "write golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// fakeProcessor shows what a test sets and records what it is told to do.
type fakeProcessor struct {
	mu       sync.Mutex
	shown    stream.Status
	meter    *meter.Meter
	calls    []string
	fail     error
	onAct    func() // runs inside Pause and Resume
	onRead   func() // runs inside Metrics
	extra    []stream.Metric
	forgetOn bool // Pause and Resume find the partition gone
}

func (p *fakeProcessor) Status() stream.Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shown
}

func (p *fakeProcessor) Metrics() []stream.Metric {
	if p.onRead != nil {
		p.onRead()
	}
	return append(p.meter.Snapshot(p.Status()), p.extra...)
}

func (p *fakeProcessor) Pause(partitions ...stream.Partition) error {
	return p.act("pause", partitions)
}

func (p *fakeProcessor) Resume(partitions ...stream.Partition) error {
	return p.act("resume", partitions)
}

func (p *fakeProcessor) HeldKeys() []stream.HeldKey {
	zero := stream.Partition{Topic: "orders.placed", Number: 3}
	return []stream.HeldKey{
		{Partition: zero, ID: "00000000000000ff", Key: []byte("customer-7"), Since: noon, Offset: 42},
		{Partition: zero, ID: "0000000000000100", Since: noon, Offset: -1},
	}
}

func (p *fakeProcessor) ReleaseKeys(partition stream.Partition, ids ...string) error {
	return p.act("release "+strings.Join(ids, "+"), []stream.Partition{partition})
}

func (p *fakeProcessor) act(what string, partitions []stream.Partition) error {
	if p.onAct != nil {
		p.onAct()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, partition := range partitions {
		p.calls = append(p.calls, what+" "+partition.String())
	}
	if p.forgetOn {
		p.shown.Partitions = nil
	}
	return p.fail
}

func (p *fakeProcessor) called() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

func newFake() *fakeProcessor {
	stuck := stream.PartitionStatus{
		Partition: stream.Partition{Topic: "orders.placed", Number: 3}, Epoch: 17, Cause: stream.HandlerStuck,
		Since: noon.Add(-time.Minute), Detail: "ignores its cancelled context",
		Start: 100, Watermark: 105, Committed: 104, End: 200, LagSeconds: 90, HeldBytes: 4096,
		Oldest: &stream.Oldest{Offset: 105, Attempt: 2, State: stream.Stuck, Since: noon.Add(-90 * time.Second), LastError: "timed out"},
	}
	stuck.Ledger.Received = 8
	stuck.Ledger.States[stream.Done] = 5
	stuck.Ledger.States[stream.Stuck] = 1
	stuck.Ledger.States[stream.Queued] = 2
	fresh := stream.PartitionStatus{
		Partition: stream.Partition{Topic: "orders.placed", Number: 4}, Epoch: 18, Start: -1, Watermark: -1, Committed: -1, End: -1,
	}
	return &fakeProcessor{
		meter: meter.New(meter.Build{Version: "1.2.3", GoVersion: "go1.26", Client: "confluent"}),
		shown: stream.Status{
			Name: "order-processor", Phase: stream.Active, Joined: true, Started: noon.Add(-time.Hour),
			Partitions: []stream.PartitionStatus{stuck, fresh},
			Circuits: []stream.CircuitStatus{
				{Name: "payments", Open: true, Since: noon.Add(-time.Second), Waiting: 4, LastError: "connection refused"},
			},
			MemoryUsed: 4096, MemoryLimit: 1 << 20, InFlight: 1,
		},
	}
}

func newServer(p Processor, o Options) *Server {
	o.Now = func() time.Time { return noon }
	o.Logger = slog.New(slog.DiscardHandler)
	if o.Version == "" {
		o.Version = "1.2.3"
	}
	return New(p, o)
}

// request is one that arrived at a loopback address, with a Host that a local client sends.
func request(method, path string, body io.Reader) *http.Request {
	r := httptest.NewRequestWithContext(arrivedAt("127.0.0.1"), method, path, body)
	r.Host = "localhost:8080"
	return r
}

func arrivedAt(ip string) context.Context {
	return context.WithValue(context.Background(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.ParseIP(ip), Port: 8080}))
}

func ask(s *Server, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func get(s *Server, path string) *httptest.ResponseRecorder {
	return ask(s, request(http.MethodGet, path, nil))
}

func errorOf(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	var body map[string]string
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
	require.Len(t, body, 1)
	require.NotEmpty(t, body["error"])
	return body["error"]
}

func TestHealthzNamesWhatStandsStill(t *testing.T) {
	t.Parallel()
	p := newFake()
	s := newServer(p, Options{})
	w := get(s, "/healthz")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "ok\n", w.Body.String())

	p.shown.Faults = []string{"poller-0 has not polled for 61s", "committer-0 does not answer"}
	w = get(s, "/healthz")
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "poller-0 has not polled for 61s\ncommitter-0 does not answer\n", w.Body.String())
}

func TestHealthzIgnoresDependenciesThatAreDown(t *testing.T) {
	t.Parallel()
	p := newFake()
	p.shown.Joined = false
	p.shown.Phase = stream.Starting
	require.Equal(t, http.StatusOK, get(newServer(p, Options{}), "/healthz").Code)
}

func TestReadyzOnlyWhileJoinedAndRunning(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		phase  stream.Phase
		joined bool
		code   int
		body   string
	}{
		{stream.Active, true, 200, "ok\n"},
		{stream.Active, false, 503, "not a member of the consumer group at present\n"},
		{stream.Starting, false, 503, "starting: has not joined the consumer group yet\n"},
		{stream.Starting, true, 503, "starting: has not joined the consumer group yet\n"},
		{stream.Stopping, true, 503, "stopping\n"},
		{stream.Stopped, true, 503, "stopped\n"},
	} {
		p := newFake()
		p.shown.Phase, p.shown.Joined = c.phase, c.joined
		w := get(newServer(p, Options{}), "/readyz")
		require.Equal(t, c.code, w.Code, "%v %v", c.phase, c.joined)
		require.Equal(t, c.body, w.Body.String())
	}
}

func TestStatusShowsTheWhole(t *testing.T) {
	t.Parallel()
	w := get(newServer(newFake(), Options{}), "/api/v1/status")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.JSONEq(t, `{
		"name": "order-processor", "version": "1.2.3", "phase": "running", "started": "2026-03-04T11:00:00Z",
		"uptime_seconds": 3600, "joined": true, "ready": true, "healthy": true, "faults": [], "in_flight": 1,
		"memory": {"used_bytes": 4096, "outputs_bytes": 0, "dead_letters_bytes": 0, "limit_bytes": 1048576}, "partitions": 2, "causes": {"handler-stuck": 1, "idle": 1},
		"received": 8, "lag": 96, "lag_unknown": 1,
		"ledger": {"queued": 2, "running": 0, "stuck": 1, "retrying": 0, "parked": 0, "publishing": 0, "storing": 0,
			"dead-lettering": 0, "done": 5, "abandoned": 0},
		"circuits": [{"name": "payments", "open": true, "since": "2026-03-04T11:59:59Z", "waiting": 4, "last_error": "connection refused"}]
	}`, w.Body.String())
}

func TestPartitionsShowWhereRecordsAre(t *testing.T) {
	t.Parallel()
	w := get(newServer(newFake(), Options{}), "/api/v1/partitions")
	require.Equal(t, http.StatusOK, w.Code)
	require.JSONEq(t, `{"partitions": [
		{"topic": "orders.placed", "partition": 3, "epoch": 17, "cause": "handler-stuck", "since": "2026-03-04T11:59:00Z",
			"detail": "ignores its cancelled context", "received": 8,
			"ledger": {"queued": 2, "running": 0, "stuck": 1, "retrying": 0, "parked": 0, "publishing": 0, "storing": 0,
				"dead-lettering": 0, "done": 5, "abandoned": 0},
			"start": 100, "watermark": 105, "committed": 104, "end": 200, "lag": 96, "lag_seconds": 90, "held_bytes": 4096,
			"oldest": {"offset": 105, "age_seconds": 90, "attempt": 2, "state": "stuck", "last_error": "timed out"}},
		{"topic": "orders.placed", "partition": 4, "epoch": 18, "cause": "idle", "since": null, "received": 0,
			"ledger": {"queued": 0, "running": 0, "stuck": 0, "retrying": 0, "parked": 0, "publishing": 0, "storing": 0,
				"dead-lettering": 0, "done": 0, "abandoned": 0},
			"start": null, "watermark": null, "committed": null, "end": null, "lag": null, "lag_seconds": 0, "held_bytes": 0,
			"oldest": null}
	]}`, w.Body.String())
}

func TestPauseAndResumeReachTheProcessor(t *testing.T) {
	t.Parallel()
	p := newFake()
	s := newServer(p, Options{})
	w := ask(s, request(http.MethodPost, "/api/v1/partitions/orders.placed/3/pause", nil))
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.JSONEq(t, `{"topic": "orders.placed", "partition": 3, "paused": true}`, w.Body.String())
	w = ask(s, request(http.MethodPost, "/api/v1/partitions/orders.placed/3/resume", strings.NewReader("{}")))
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.JSONEq(t, `{"topic": "orders.placed", "partition": 3, "paused": false}`, w.Body.String())
	require.Equal(t, []string{"pause orders.placed-3", "resume orders.placed-3"}, p.called())
}

func TestPauseIsRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, method, path string
		prepare            func(*fakeProcessor)
		body               string
		code               int
		says               string
		calls              int
	}{
		{name: "another topic", path: "/api/v1/partitions/orders/3/pause", code: 404, says: "orders-3 is not assigned"},
		{name: "another number", path: "/api/v1/partitions/orders.placed/9/pause", code: 404, says: "orders.placed-9 is not assigned"},
		{name: "no number", path: "/api/v1/partitions/orders.placed/three/pause", code: 400, says: "whole number"},
		{name: "negative", path: "/api/v1/partitions/orders.placed/-3/pause", code: 400, says: "whole number"},
		{name: "beyond 32 bits", path: "/api/v1/partitions/orders.placed/4294967299/pause", code: 400, says: "whole number"},
		{name: "body too large", path: "/api/v1/partitions/orders.placed/3/pause", body: strings.Repeat("x", bodyBytesMax+1), code: 413, says: "no body"},
		{
			name: "processor refuses", path: "/api/v1/partitions/orders.placed/3/pause", code: 409, calls: 1,
			prepare: func(p *fakeProcessor) { p.fail = errors.New("the processor is stopping") },
			says:    "pausing orders.placed-3: the processor is stopping",
		},
		{
			name: "lost meanwhile", path: "/api/v1/partitions/orders.placed/3/resume", code: 404, calls: 1,
			prepare: func(p *fakeProcessor) { p.fail, p.forgetOn = errors.New("not assigned"), true },
			says:    "orders.placed-3 is not assigned",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newFake()
			if c.prepare != nil {
				c.prepare(p)
			}
			w := ask(newServer(p, Options{}), request(http.MethodPost, c.path, strings.NewReader(c.body)))
			require.Equal(t, c.code, w.Code)
			require.Contains(t, errorOf(t, w), c.says)
			require.Len(t, p.called(), c.calls)
		})
	}
}

func TestOtherMethodsAreRefusedWithAllow(t *testing.T) {
	t.Parallel()
	p := newFake()
	s := newServer(p, Options{})
	for path, allow := range map[string]string{
		"/healthz":           "GET, HEAD",
		"/metrics":           "GET, HEAD",
		"/":                  "GET, HEAD",
		"/api/v1/partitions": "GET, HEAD",
		"/api/v1/partitions/orders.placed/3/pause":  "POST",
		"/api/v1/partitions/orders.placed/3/resume": "POST",
	} {
		method := http.MethodDelete
		w := ask(s, request(method, path, nil))
		require.Equal(t, http.StatusMethodNotAllowed, w.Code, path)
		require.Equal(t, allow, w.Header().Get("Allow"), path)
		require.Contains(t, errorOf(t, w), "only")
	}
	require.Equal(t, http.StatusMethodNotAllowed, get(s, "/api/v1/partitions/orders.placed/3/pause").Code)
	require.Empty(t, p.called())
	require.Equal(t, http.StatusOK, ask(s, request(http.MethodHead, "/readyz", nil)).Code)
}

func TestConfigIsShownOnlyWhereThereIsOne(t *testing.T) {
	t.Parallel()
	w := get(newServer(newFake(), Options{}), "/api/v1/config")
	require.Equal(t, http.StatusNotFound, w.Code)
	require.Contains(t, errorOf(t, w), "not configured by a file")

	w = get(newServer(newFake(), Options{Config: []byte("name: orders\n")}), "/api/v1/config")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "name: orders\n", w.Body.String())
	require.Contains(t, w.Header().Get("Content-Type"), "yaml")
}

func TestIndexListsEndpointsThatAnswer(t *testing.T) {
	t.Parallel()
	s := newServer(newFake(), Options{Config: []byte("name: orders\n")})
	w := get(s, "/")
	require.Equal(t, http.StatusOK, w.Code)
	var index struct {
		Name      string
		Version   string
		Endpoints []struct{ Method, Path, About string }
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &index))
	require.Equal(t, "order-processor", index.Name)
	require.Equal(t, "1.2.3", index.Version)
	require.Len(t, index.Endpoints, 11)
	for _, e := range index.Endpoints {
		path := strings.NewReplacer("{topic}", "orders.placed", "{partition}", "3").Replace(e.Path)
		require.Equal(t, http.StatusOK, ask(s, request(e.Method, path, strings.NewReader(`{"all": true}`))).Code, path)
		require.NotEmpty(t, e.About)
	}
	w = get(s, "/nothing/here")
	require.Equal(t, http.StatusNotFound, w.Code)
	require.Contains(t, errorOf(t, w), "/ lists them")
}

func TestHandlerCanBeMountedBelowAPath(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.Handle("/troupe/", http.StripPrefix("/troupe", newServer(newFake(), Options{}).Handler()))
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, request(http.MethodGet, "/troupe/api/v1/status", nil))
	require.Equal(t, http.StatusOK, w.Code)
}
