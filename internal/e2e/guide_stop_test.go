package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStopInTheMiddleFlushesCommitsAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	const n = 20_000
	w := newWorld(t, 1)
	w.produce(orders(0, 0, n)...)
	p := w.run("--set", "producer.linger.ms=50")
	p.event("committed", func(e event) bool { return e.Records > 0 })
	p.signal(syscall.SIGTERM)
	stopped := time.Now()
	require.Equal(t, 0, p.exit())
	require.Less(t, time.Since(stopped), 15*time.Second)

	committed := w.committed(0)
	require.Positive(t, committed)
	require.Equal(t, numbers(0, int(committed)), w.values(w.out, 0), "the outputs of what is committed, and no others")

	p = w.run()
	require.Len(t, w.values(w.out, n), n)
	p.stop()
	require.Equal(t, int64(n), w.committed(0))
	require.Equal(t, numbers(0, n), w.values(w.out, n))
}

func TestSecondSignalGivesUpWhatIsInFlight(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	allow := refuseWrites(t, w, w.out)
	w.produce(orders(0, 0, 3)...)
	p := w.run("--set", "shutdown_timeout=10m")
	p.event("cause-changed", func(e event) bool { return e.To == "output-unavailable" })
	p.signal(syscall.SIGTERM)
	p.event("cause-changed", func(e event) bool { return e.To == "draining" })
	p.signal(syscall.SIGTERM)
	require.Equal(t, 1, p.exit())
	require.Contains(t, p.log(), "unfinished")
	require.Contains(t, p.log(), w.in+"-0")
	require.Equal(t, int64(0), w.committed(0), "nothing that was not done is committed")

	allow()
	p = w.run()
	require.Len(t, w.values(w.out, 3), 3)
	p.stop()
}

func TestEventFileIsCompleteAtExit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.produce(orders(0, 0, 2)...)
	file := filepath.Join(t.TempDir(), "events.jsonl")
	p := w.start("run", w.file, "--events", file)
	require.Len(t, w.values(w.out, 2), 2)
	p.stop()

	written, err := os.ReadFile(file)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(string(written), "\n"), "\n")
	require.Contains(t, lines[0], `"event":"assigned"`)
	require.Contains(t, lines[len(lines)-1], `"event":"stopped"`)
	require.Contains(t, string(written), `"event":"committed","offsets":[{"topic":"`+w.in+`","partition":0,`)
}

func TestEmbeddedBrokerIsStartedWithThePipeline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.brokers = "127.0.0.1:1" // where nobody listens
	p := w.run("--embedded", "--set", "kafka.security.protocol=ssl")
	p.event("started", func(e event) bool { return e.Topic == w.in })
	p.untilReady()
	require.Contains(t, p.log(), "the embedded broker is ready")
	p.stop()
}
