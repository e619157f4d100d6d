package e2e

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// door stands where the program thinks the broker is. While it is shut it hangs up on whoever comes.
type door struct {
	listener net.Listener
	to       string
	open     atomic.Bool
	knocks   atomic.Int64
	guests   sync.WaitGroup
}

func newDoor(t *testing.T, to string) *door {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	d := &door{listener: listener, to: strings.Split(to, ",")[0]}
	d.guests.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			d.knocks.Add(1)
			d.guests.Go(func() { d.receive(c) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		d.guests.Wait()
	})
	return d
}

func (d *door) receive(c net.Conn) {
	defer func() { _ = c.Close() }()
	if !d.open.Load() {
		return
	}
	broker, err := net.Dial("tcp", d.to)
	if err != nil {
		return
	}
	defer func() { _ = broker.Close() }()
	var there sync.WaitGroup
	there.Go(func() {
		_, _ = io.Copy(broker, c) // ends when either hangs up
		_ = broker.Close()
	})
	_, _ = io.Copy(c, broker)
	_ = c.Close()
	there.Wait()
}

func TestUnreachableBrokerIsToldOnceAnIntervalAndTriedOnAndOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.produce(orders(0, 0, 1)...)
	d := newDoor(t, w.brokers)
	w.brokers = d.listener.Addr().String()
	p := w.run("--set", "kafka.reconnect.backoff.ms=10", "--set", "kafka.reconnect.backoff.max.ms=50")

	eventually(t, "many attempts to connect", func() bool { return d.knocks.Load() >= 60 })
	p.event("client-trouble", nil)
	status, _ := p.get("/healthz")
	require.Equal(t, http.StatusOK, status, "a restart would bring no broker back")
	status, _ = p.get("/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	said := make(map[string]int)
	for _, e := range p.eventsOf("client-trouble") {
		said[e.Error]++
		require.Equal(t, 1, said[e.Error], "%q was told again within its interval", e.Error)
	}
	require.LessOrEqual(t, len(strings.Split(p.log(), "\n")), 12, "%d attempts made too many lines:\n%s", d.knocks.Load(), p.log())

	d.open.Store(true)
	p.untilReady()
	require.Equal(t, numbers(0, 1), w.values(w.out, 1))
	p.stop()
}

func TestStopWhileTheBrokerIsUnreachableIsClean(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.brokers = newDoor(t, w.brokers).listener.Addr().String()
	p := w.run("--set", "shutdown_timeout=10s")
	p.event("client-trouble", nil)
	p.stop()
}

func TestMissingTopicIsToldAndReadOnceItIsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.in = w.group + ".later"
	p := w.run("--set", "kafka.topic.metadata.refresh.interval.ms=200")
	trouble := p.event("client-trouble", func(e event) bool { return strings.Contains(e.Error, w.in) })
	require.Contains(t, strings.ToLower(trouble.Error), "unknown topic")
	status, _ := p.get("/healthz")
	require.Equal(t, http.StatusOK, status)

	w.createTopic(w.in, 1)
	w.produce(orders(0, 0, 1)...)
	require.Equal(t, numbers(0, 1), w.values(w.out, 1))
	p.stop()
}

func TestMissingPermissionIsToldAndTheProcessGoesOnTrying(t *testing.T) {
	t.Parallel()
	w, login := restrictedWorld(t)
	w.produce(orders(0, 0, 1)...)
	p := w.run(login...)
	trouble := p.event("client-trouble", func(e event) bool { return strings.Contains(e.Error, w.in) })
	require.Contains(t, strings.ToLower(trouble.Error), "authoriz")
	status, _ := p.get("/healthz")
	require.Equal(t, http.StatusOK, status)
	p.stop()
}

func TestWrongPasswordIsTold(t *testing.T) {
	t.Parallel()
	w, login := restrictedWorld(t)
	p := w.run(append(login, "--set", "kafka.sasl.password=wrong")...)
	trouble := p.event("client-trouble", func(e event) bool { return strings.Contains(strings.ToLower(e.Error), "authentication") })
	require.NotContains(t, trouble.Error, "wrong")
	status, _ := p.get("/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	p.stop()
}
