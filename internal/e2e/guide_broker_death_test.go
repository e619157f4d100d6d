//go:build !realkafka

package e2e

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStopWithDeadBrokerIsBoundedAndNamesWhatIsUnfinished(t *testing.T) {
	t.Parallel()
	w, kill := mortalWorld(t, 1)
	w.produce(orders(0, 0, 3)...)
	p := w.run("--set", "shutdown_timeout=5s", "--set", "drain_timeout=2s", "--set", "commit.interval=1h")
	require.Len(t, w.values(w.out, 3), 3)
	eventually(t, "three records done", func() bool { return p.statusNumber("ledger", "done") == 3 })
	kill()
	p.event("client-trouble", nil)

	began := time.Now()
	p.signal(syscall.SIGTERM)
	require.Equal(t, 1, p.exit())
	require.Less(t, time.Since(began), 15*time.Second)
	require.Contains(t, p.log(), "unfinished")
	require.Contains(t, p.log(), "commit")
	ended := p.event("stopped", nil)
	require.NotEmpty(t, ended.Unfinished)
}

func TestAbortWithDeadBrokerEndsAtOnce(t *testing.T) {
	t.Parallel()
	w, kill := mortalWorld(t, 1)
	w.produce(orders(0, 0, 3)...)
	p := w.run("--set", "shutdown_timeout=10m", "--set", "commit.interval=1h")
	require.Len(t, w.values(w.out, 3), 3)
	eventually(t, "three records done", func() bool { return p.statusNumber("ledger", "done") == 3 })
	kill()
	p.event("client-trouble", nil)
	p.signal(syscall.SIGTERM)
	p.untilAnswer("/readyz", func(_ int, body string) bool { return body == "stopping\n" })
	began := time.Now()
	p.signal(syscall.SIGTERM)
	require.Equal(t, 1, p.exit())
	require.Less(t, time.Since(began), 10*time.Second)
}
