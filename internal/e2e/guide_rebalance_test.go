package e2e

import (
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRevokeCommitsBeforeTheNextOwnerStarts(t *testing.T) {
	t.Parallel()
	const partitions, each = 4, 50
	w := newWorld(t, partitions)
	for partition := range int32(partitions) {
		w.produce(orders(partition, int(partition)*1000, each)...)
	}
	// Neither count nor time bring a commit about: only the revoke does.
	never := []string{"--set", "commit.interval=1h", "--set", "commit.records=1000000"}
	first := w.run(never...)
	require.Len(t, w.values(w.out, partitions*each), partitions*each)

	second := w.run(never...)
	revoked := first.event("revoked", func(e event) bool { return len(e.Partitions) > 0 })
	require.Zero(t, revoked.Abandoned)
	for _, moved := range revoked.Partitions {
		require.Equal(t, int64(each), w.committed(moved.Partition), "partition %d", moved.Partition)
		started := second.event("started", func(e event) bool { return e.Partition == moved.Partition })
		require.Equal(t, int64(each), started.Offset)
		require.Equal(t, "committed", started.Origin)
		require.False(t, started.Time.Before(commitOf(t, first, moved.Partition, each).Time), "committed before it was handed over")
	}

	for partition := range int32(partitions) {
		w.produce(orders(partition, int(partition)*1000+each, each)...)
	}
	require.Len(t, w.values(w.out, partitions*each*2), partitions*each*2)
	first.stop()
	second.stop()
	for partition := range int32(partitions) {
		require.Equal(t, int64(2*each), w.committed(partition))
	}
	values := w.values(w.out, partitions*each*2)
	slices.Sort(values)
	require.Len(t, slices.Compact(values), partitions*each*2, "no record was handled twice")
}

// commitOf gives the commit of an offset.
func commitOf(t *testing.T, p *process, partition int32, offset int64) event {
	t.Helper()
	for _, e := range p.eventsOf("committed") {
		if slices.ContainsFunc(e.Offsets, func(o at) bool { return o.Partition == partition && o.Offset == offset }) {
			return e
		}
	}
	require.Fail(t, "no such commit", "partition %d, offset %d", partition, offset)
	return event{}
}

func TestMemberWithoutPartitionsIsReadyAndTakesOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	first := w.run()
	first.untilReady()
	first.event("started", nil)
	second := w.run()
	second.untilReady()

	owned := func(p *process) int {
		return int(p.statusNumber("partitions"))
	}
	eventually(t, "one member with the partition and one without", func() bool { return owned(first)+owned(second) == 1 })
	status, _ := first.get("/healthz")
	require.Equal(t, http.StatusOK, status)
	status, _ = second.get("/healthz")
	require.Equal(t, http.StatusOK, status)

	owner, idle := first, second
	if owned(second) == 1 {
		owner, idle = second, first
	}
	status, _ = idle.get("/readyz")
	require.Equal(t, http.StatusOK, status)
	owner.stop()
	idle.event("started", nil)
	w.produce(orders(0, 0, 1)...)
	require.Equal(t, numbers(0, 1), w.values(w.out, 1))
	idle.stop()
}
