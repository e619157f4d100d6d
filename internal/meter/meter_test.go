package meter

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/stream"
)

func sorted(values []float64) []float64 {
	slices.Sort(values)
	return values
}

func find(t *testing.T, metrics []stream.Metric, name string) stream.Metric {
	t.Helper()
	for _, m := range metrics {
		if m.Name == name {
			return m
		}
	}
	require.Fail(t, "no such metric", name)
	return stream.Metric{}
}

// values maps the members' labels, joined by a slash, to their values.
func values(m stream.Metric) map[string]float64 {
	out := make(map[string]float64, len(m.Values))
	for _, v := range m.Values {
		out[strings.Join(v.LabelValues, "/")] = v.Value
	}
	return out
}

func busyStatus() stream.Status {
	running := stream.PartitionStatus{
		Partition: stream.Partition{Topic: "orders", Number: 2}, Cause: stream.HandlerStuck,
		Start: 100, Watermark: 130, Committed: 120, End: 500, LagSeconds: 12.5,
	}
	running.Ledger.Received = 40
	running.Ledger.States[stream.Done] = 30
	running.Ledger.States[stream.Queued] = 9
	running.Ledger.States[stream.Stuck] = 1
	fresh := stream.PartitionStatus{
		Partition: stream.Partition{Topic: "orders", Number: 10}, Cause: stream.StartOffsetUnavailable,
		Start: -1, Watermark: -1, Committed: -1, End: -1,
	}
	return stream.Status{
		Partitions: []stream.PartitionStatus{running, fresh},
		Circuits:   []stream.CircuitStatus{{Name: "payments", Open: true}, {Name: "stock"}},
		MemoryUsed: 7, MemoryOutputs: 2, MemoryDeadLetters: 1,
		MemoryLimit: 9,
		InFlight:    3,
	}
}

func TestMetricsAreSortedAndWellFormed(t *testing.T) {
	t.Parallel()
	m := New(Build{Version: "1.2.3", GoVersion: "go1.26", Client: "confluent"})
	for _, topic := range []string{"z", "a", "m"} {
		m.ConsumerRecords(topic).Inc()
		m.DeadLetters(topic, "timeout").Inc()
		m.DeadLetters(topic, "decode").Inc()
		m.ProducerRecords(topic, ProducerRefused).Inc()
	}
	metrics := m.Snapshot(busyStatus())
	require.True(t, slices.IsSortedFunc(metrics, func(a, b stream.Metric) int { return strings.Compare(a.Name, b.Name) }))
	require.Equal(t, metrics, m.Snapshot(busyStatus()))
	for i, metric := range metrics {
		require.NotEmpty(t, metric.Help, metric.Name)
		require.True(t, i == 0 || metrics[i-1].Name != metric.Name, metric.Name)
		for _, v := range metric.Values {
			require.Len(t, v.LabelValues, len(metric.Labels), metric.Name)
		}
	}
	require.Equal(t, map[string]float64{
		"a/decode": 1, "a/timeout": 1, "m/decode": 1, "m/timeout": 1, "z/decode": 1, "z/timeout": 1,
	}, values(find(t, metrics, "dead_letters_total")))
	require.Equal(t, map[string]float64{"1.2.3/go1.26/confluent": 1}, values(find(t, metrics, "build_info")))
}

func TestKnownWordsBeginAtZero(t *testing.T) {
	t.Parallel()
	metrics := New(Build{}).Metrics()
	require.Equal(t, map[string]float64{"assigned": 0, "revoked": 0, "lost": 0}, values(find(t, metrics, "consumer_rebalances_total")))
	require.Equal(t, map[string]float64{"": 0}, values(find(t, metrics, "events_dropped_total")))
	require.Empty(t, find(t, metrics, "consumer_records_total").Values)
}

func TestUnknownWordsAreCountedAsOther(t *testing.T) {
	t.Parallel()
	m := New(Build{})
	m.Retries("connect: connection refused at offset 17").Inc()
	m.DeadLetters("orders", "customer-4711").Inc()
	m.DeadLetters("orders", "another key").Inc()
	m.ActorRestarts("lane").Inc()
	metrics := m.Metrics()
	require.InDelta(t, 1, values(find(t, metrics, "retries_total"))[Other], 0)
	require.Equal(t, map[string]float64{"orders/other": 2}, values(find(t, metrics, "dead_letters_total")))
	require.NotContains(t, values(find(t, metrics, "actor_restarts_total")), Other)
}

func TestCountersNeverFall(t *testing.T) {
	t.Parallel()
	c := New(Build{}).StaleMessages()
	c.Add(3)
	c.Add(-2)
	require.Equal(t, int64(3), c.Value())
}

func TestTheSameLabelsGiveTheSameCounter(t *testing.T) {
	t.Parallel()
	m := New(Build{})
	require.Same(t, m.ConsumerBytes("a"), m.ConsumerBytes("a"))
	require.NotSame(t, m.ConsumerBytes("a"), m.ConsumerBytes("b"))
	require.NotSame(t, m.ConsumerBytes("a"), m.ConsumerRecords("a"))
}

func TestStatusMetricsFollowTheStatus(t *testing.T) {
	t.Parallel()
	metrics := StatusMetrics(busyStatus())
	for name, want := range map[string]map[string]float64{
		"consumer_lag_records":         {"orders/2": 380},
		"consumer_lag_seconds":         {"orders/2": 12.5, "orders/10": 0},
		"consumer_assigned_partitions": {"": 2},
		"commit_gap_records":           {"orders/2": 10},
		"partition_cause":              {"orders/2/handler-stuck": 1, "orders/10/start-offset-unavailable": 1},
		"inflight_records":             {"": 3},
		"memory_bytes":                 {"used": 7, "records": 4, "outputs": 2, "dead-letters": 1, "limit": 9},
		"circuit_state":                {"payments": 1, "stock": 0},
	} {
		require.Equal(t, want, values(find(t, metrics, name)), name)
	}
	ledger := values(find(t, metrics, "ledger_records"))
	require.Len(t, ledger, 2*stream.StateCount)
	require.InDelta(t, 30, ledger["orders/2/done"], 0)
	sum := 0.0
	for labels, n := range ledger {
		if strings.HasPrefix(labels, "orders/2/") {
			sum += n
		}
	}
	require.InDelta(t, 40, sum, 0, "the states add up to what was received")
}

func TestCommitGapCountsFromTheStartBeforeTheFirstCommit(t *testing.T) {
	t.Parallel()
	status := stream.Status{Partitions: []stream.PartitionStatus{
		{Partition: stream.Partition{Topic: "a"}, Start: 50, Watermark: 57, Committed: -1},
		{Partition: stream.Partition{Topic: "b"}, Start: 50, Watermark: 57, Committed: 60},
	}}
	require.Equal(t, map[string]float64{"a/0": 7, "b/0": 0}, values(find(t, StatusMetrics(status), "commit_gap_records")))
}
