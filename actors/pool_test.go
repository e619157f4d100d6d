package actors

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// Work comes and is called back while turns end and slots change hands: whatever was offered and taken back, each Work is
// answered.
func TestNoWorkIsForgottenHoweverItComes(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Log("seed", seed)
	s := newShop(3, func(_ context.Context, r *stream.Record) error {
		if r.Offset%64 == 0 {
			runtime.Gosched()
		}
		return nil
	})
	var done sync.WaitGroup
	for number := range int32(4) {
		ready := make(chan struct{}, 1)
		c := newCrew(t.Context(), s.env, stream.Partition{Topic: "orders", Number: number}, func() {
			select {
			case ready <- struct{}{}:
			default:
			}
			runtime.Gosched() // others come between the end of a Work and the end of its turn
		})
		defer c.close()
		done.Go(func() { exchange(t, c, ready, rand.New(rand.NewPCG(seed, uint64(number)))) })
	}
	done.Wait()
	require.Eventually(t, func() bool { return s.env.Pool.Running() == 0 }, time.Minute, time.Millisecond)
	require.Zero(t, s.env.Pool.turns.Waiting(), "no offer is left")
}

// exchange gives Works of a record each, a few at a time, and awaits their outcomes.
func exchange(t *testing.T, c *crew, ready <-chan struct{}, random *rand.Rand) {
	tooLate := time.NewTimer(time.Minute)
	defer tooLate.Stop()
	var before []messages.Outcome
	given, open := 0, 0
	for given < 50_000 || open > 0 {
		if n := min(random.IntN(4)+1-open, 50_000-given); n > 0 {
			c.give(works(given, n))
			given += n
			open += n
		}
		if random.IntN(100) == 0 {
			c.callBack()
		}
		if open == 0 {
			continue
		}
		select {
		case <-ready:
			before = c.collect(before)
			open -= len(before)
		case <-tooLate.C:
			running, waiting := c.count()
			t.Errorf("%d of %d Works are not answered: %d run, %d wait", open, given, running, waiting)
			return
		}
	}
}
