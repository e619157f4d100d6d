package admin

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/stream"
)

// scrape has every family measured at least once.
func scrape(t *testing.T, p *fakeProcessor) string {
	t.Helper()
	p.meter.ConsumerRecords("orders.placed").Add(8)
	p.meter.ConsumerBytes("orders.placed").Add(4096)
	p.meter.DeadLetters("orders.placed", "decode").Inc()
	p.meter.ProducerRecords("orders.enriched", "acknowledged").Add(5)
	p.meter.ProcessDuration("done").ObserveN(0.002, 5)
	w := get(newServer(p, Options{}), "/metrics")
	require.Equal(t, http.StatusOK, w.Code)
	return w.Body.String()
}

func TestMetricNamesAreAsPromised(t *testing.T) {
	t.Parallel()
	var names bytes.Buffer
	for line := range strings.Lines(scrape(t, newFake())) {
		if declared, ok := strings.CutPrefix(line, "# TYPE "); ok && strings.HasPrefix(declared, Prefix) {
			names.WriteString(declared)
		}
	}
	path := filepath.Join("testdata", "metrics.golden")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, names.Bytes(), 0o644))
	}
	golden, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(golden), names.String(), "names are a promise to dashboards and alerts; go test ./admin -update accepts a change")
}

func TestMetricsPassPrometheusLinter(t *testing.T) {
	t.Parallel()
	problems, err := promlint.New(strings.NewReader(scrape(t, newFake()))).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestMetricsCarryTheProcessorsValues(t *testing.T) {
	t.Parallel()
	body := scrape(t, newFake())
	for _, line := range []string{
		`troupe_consumer_records_total{topic="orders.placed"} 8`,
		`troupe_consumer_lag_records{partition="3",topic="orders.placed"} 96`,
		`troupe_partition_cause{cause="handler-stuck",partition="3",topic="orders.placed"} 1`,
		`troupe_ledger_records{partition="3",state="done",topic="orders.placed"} 5`,
		`troupe_circuit_state{name="payments"} 1`,
		`troupe_build_info{client="confluent",goversion="go1.26",version="1.2.3"} 1`,
		`troupe_process_duration_seconds_bucket{result="done",le="0.001"} 0`,
		`troupe_process_duration_seconds_bucket{result="done",le="0.0025"} 5`,
		`troupe_process_duration_seconds_bucket{result="done",le="+Inf"} 5`,
		`troupe_process_duration_seconds_count{result="done"} 5`,
		`troupe_process_duration_seconds_sum{result="done"} 0.01`,
	} {
		require.Contains(t, body, line+"\n")
	}
	require.Contains(t, body, "\ngo_goroutines ")
	require.NotContains(t, body, `consumer_lag_records{partition="4"`, "a lag that is not known is left out")
}

func TestAFaultyFamilyDoesNotBlindTheRest(t *testing.T) {
	t.Parallel()
	p := newFake()
	p.extra = []stream.Metric{{
		Name: "broken_total", Help: "One label too many.", Kind: stream.Counter, Labels: []string{"a"},
		Values: []stream.MetricValue{{LabelValues: []string{"1", "2"}}},
	}}
	p.shown.Circuits[0].Name = "pay\xffments"
	body := scrape(t, p)
	require.Contains(t, body, "troupe_consumer_records_total{")
	require.Contains(t, body, "troupe_circuit_state{name=\"pay\uFFFDments\"} 1\n")
	require.NotContains(t, body, "broken_total{")
}

func TestAPanicInMetricsCostsOnlyTheProcessorsOwn(t *testing.T) {
	t.Parallel()
	p := newFake()
	p.onRead = func() { panic("a bug") }
	body := scrape(t, p)
	require.Contains(t, body, "\ngo_goroutines ")
	require.NotContains(t, body, "\n"+Prefix)
}
