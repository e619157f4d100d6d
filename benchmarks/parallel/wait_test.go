package parallel

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWaitsEndWhenTheirTimeHasPassed(t *testing.T) {
	const latency = 5 * time.Millisecond
	w, err := newWaits(latency)
	require.NoError(t, err)
	defer w.close()
	var (
		mu       sync.Mutex
		shortest = time.Hour
		all      sync.WaitGroup
	)
	for range 300 {
		all.Go(func() {
			for range 20 {
				began := time.Now()
				w.wait()
				took := time.Since(began)
				mu.Lock()
				shortest = min(shortest, took)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	require.GreaterOrEqual(t, shortest, latency)
}

func TestNoLatencyIsNoWait(t *testing.T) {
	w, err := newWaits(0)
	require.NoError(t, err)
	w.wait()
	w.close()
}
