package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// numbers are the values of orders(_, first, n) as they come out.
func numbers(first, n int) []string {
	values := make([]string, n)
	for i := range values {
		values[i] = fmt.Sprintf(`{"n": %d}`, first+i)
	}
	return values
}

func TestRestartResumesAtTheCommittedOffset(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.produce(orders(0, 0, 10)...)
	p := w.run("--set", "commit.interval=100ms")
	p.untilCommitted(w, 0, 10)
	p.stop()
	require.Equal(t, int64(10), w.committed(0))

	w.produce(orders(0, 10, 5)...)
	p = w.run("--set", "commit.interval=100ms")
	started := p.event("started", nil)
	require.Equal(t, int64(10), started.Offset)
	require.Equal(t, "committed", started.Origin)
	p.untilCommitted(w, 0, 15)
	p.stop()
	require.Equal(t, numbers(0, 15), w.values(w.out, 15))
}

func TestEarliestReadsWhatWasThereBeforeTheGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.produce(orders(0, 0, 3)...)
	p := w.run("--set", "kafka.auto.offset.reset=earliest")
	started := p.event("started", nil)
	require.Equal(t, int64(0), started.Offset)
	require.Equal(t, "earliest", started.Origin)
	require.Equal(t, numbers(0, 3), w.values(w.out, 3))
	p.stop()
}

func TestLatestSkipsWhatWasThereAndKeepsWhatComesWhileDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.produce(orders(0, 0, 3)...)
	latest := []string{
		"--set", "kafka.auto.offset.reset=latest", "--set", "commit.interval=1h", "--set", "kafka.session.timeout.ms=6000",
	}

	// No record has come and the interval is long: only the position itself is there to be committed.
	p := w.run(latest...)
	started := p.event("started", nil)
	require.Equal(t, int64(3), started.Offset)
	require.Equal(t, "latest", started.Origin)
	first := p.untilCommitted(w, 0, 3)
	require.Zero(t, first.Records)
	require.NoError(t, p.command.Process.Kill())
	p.exit()

	w.produce(orders(0, 3, 2)...)
	p = w.run(latest...)
	started = p.event("started", nil)
	require.Equal(t, int64(3), started.Offset)
	require.Equal(t, "committed", started.Origin)
	require.Equal(t, numbers(3, 2), w.values(w.out, 2))
	p.stop()
}

func TestCommitEveryFiveHundredRecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	p := w.run("--set", "commit.interval=1h") // 500 records are the default
	p.event("started", nil)

	w.produce(orders(0, 0, 499)...)
	require.Len(t, w.values(w.out, 499), 499)
	require.Equal(t, int64(0), w.committed(0), "499 records are not enough")
	w.produce(orders(0, 499, 1)...)
	commit := p.untilCommitted(w, 0, 500)
	require.Equal(t, int64(500), commit.Records)
	require.Equal(t, int64(500), w.committed(0), "one beyond the last record")

	w.produce(orders(0, 500, 700)...)
	require.Len(t, w.values(w.out, 1200), 1200)
	for _, e := range p.eventsOf("committed") {
		require.True(t, e.Records == 0 || e.Records >= 500, "a commit of %d records", e.Records)
	}
	p.stop()
	require.Equal(t, int64(1200), w.committed(0))
	require.Len(t, w.values(w.out, 1200), 1200)
}

func TestCommitFiveSecondsAfterTheFirstRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	p := w.run() // 5 seconds are the default
	p.event("started", nil)
	produced := time.Now()
	w.produce(orders(0, 0, 3)...)
	commit := p.untilCommitted(w, 0, 3)
	require.Equal(t, int64(3), commit.Records, "all with one commit")
	require.GreaterOrEqual(t, commit.Time.Sub(produced), 5*time.Second)
	require.Less(t, commit.Time.Sub(produced), 20*time.Second)
	require.Equal(t, int64(3), w.committed(0), "one beyond the last record")
	p.stop()
}
