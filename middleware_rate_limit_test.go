package troupe_test

import (
	"context"
	"math"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/internal/attempt"
)

// begun notes when which record reached the handler.
type begun struct {
	mu    sync.Mutex
	start time.Time
	order []int64
	times []time.Duration
}

func (b *begun) handle(_ context.Context, r *troupe.Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.order, b.times = append(b.order, r.Offset), append(b.times, time.Since(b.start))
	return nil
}

func TestRateLimitSpacesAttemptsBehindTheBurst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &begun{start: time.Now()}
		limited := troupe.RateLimit(2, 3)(troupe.HandlerFunc(b.handle))
		for i := range 6 {
			require.NoError(t, limited.Handle(t.Context(), &troupe.Record{Offset: int64(i)}))
		}
		require.Equal(t, []time.Duration{0, 0, 0, time.Second / 2, time.Second, 3 * time.Second / 2}, b.times)
		<-time.After(time.Hour)
		b.start, b.times = time.Now(), nil
		for range 4 {
			require.NoError(t, limited.Handle(t.Context(), &troupe.Record{}))
		}
		require.Equal(t, []time.Duration{0, 0, 0, time.Second / 2}, b.times, "a lull allows no more than the burst")
	})
}

// Several lanes have handlers of their own; one value of the middleware is one limit.
func TestRateLimitIsSharedByAllItWrapsAndServesInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &begun{start: time.Now()}
		limit := troupe.RateLimit(1, 1)
		var waiting sync.WaitGroup
		for i := range 20 {
			waiting.Go(func() {
				_ = limit(troupe.HandlerFunc(b.handle)).Handle(t.Context(), &troupe.Record{Offset: int64(i)})
			})
			synctest.Wait()
		}
		waiting.Wait()
		for i := range 20 {
			require.EqualValues(t, i, b.order[i])
			require.Equal(t, time.Duration(i)*time.Second, b.times[i])
		}
	})
}

// Those of a partition that is taken away must not leave holes in the rate of the others.
func TestRateLimitLosesNothingByThoseWhoLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &begun{start: time.Now()}
		limited := troupe.RateLimit(1, 1)(troupe.HandlerFunc(b.handle))
		require.NoError(t, limited.Handle(t.Context(), &troupe.Record{}))
		leaving, leave := context.WithCancel(t.Context())
		var left, stayed sync.WaitGroup
		for i := range 10 {
			left.Go(func() { require.Equal(t, context.Canceled, limited.Handle(leaving, &troupe.Record{Offset: -1})) })
			synctest.Wait()
			stayed.Go(func() { _ = limited.Handle(t.Context(), &troupe.Record{Offset: int64(i + 1)}) })
			synctest.Wait()
		}
		<-time.After(time.Second / 2)
		leave()
		left.Wait()
		require.Equal(t, time.Second/2, time.Since(b.start), "they leave at once")
		stayed.Wait()
		for i := range 11 {
			require.EqualValues(t, i, b.order[i])
			require.Equal(t, time.Duration(i)*time.Second, b.times[i])
		}
	})
}

func TestRateLimitTakesNoTokenForAContextThatHasEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &begun{start: time.Now()}
		limited := troupe.RateLimit(1, 1)(troupe.HandlerFunc(b.handle))
		ended, end := context.WithCancel(t.Context())
		end()
		require.Equal(t, context.Canceled, limited.Handle(ended, &troupe.Record{}))
		require.NoError(t, limited.Handle(t.Context(), &troupe.Record{}))
		require.Equal(t, []time.Duration{0}, b.times)
	})
}

func TestRateLimitOfNothingIsNone(t *testing.T) {
	t.Parallel()
	for _, perSecond := range []float64{0, -1, math.Inf(1), math.Inf(-1), math.NaN()} {
		t.Run(strconv.FormatFloat(perSecond, 'g', -1, 64), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				limited := troupe.RateLimit(perSecond, 1)(succeeds)
				for range 1000 {
					require.NoError(t, limited.Handle(t.Context(), &troupe.Record{}))
				}
				require.Zero(t, time.Since(began))
			})
		})
	}
}

// watch is an attempt's clock.
type watch struct {
	spent   time.Duration // while it ran
	since   time.Time
	stopped int
}

func (w *watch) Pause() (resume func()) {
	w.spent += time.Since(w.since)
	w.stopped++
	return func() {
		w.stopped--
		w.since = time.Now()
	}
}

func withClock(ctx context.Context, w *watch) context.Context {
	return context.WithValue(ctx, attempt.Key{}, attempt.Clock(w))
}

func TestRateLimitStopsTheAttemptsClockWhileItWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &watch{since: time.Now()}
		ctx := withClock(t.Context(), w)
		limited := troupe.RateLimit(1, 1)(troupe.HandlerFunc(func(context.Context, *troupe.Record) error {
			require.Zero(t, w.stopped, "the handler's own time counts")
			<-time.After(100 * time.Millisecond)
			return nil
		}))
		for range 3 {
			require.NoError(t, limited.Handle(ctx, &troupe.Record{}))
		}
		require.Equal(t, 200*time.Millisecond, w.spent, "two handlers before two waits")
		ending, end := context.WithCancel(ctx)
		time.AfterFunc(time.Millisecond, end)
		require.Equal(t, context.Canceled, limited.Handle(ending, &troupe.Record{}))
		require.Zero(t, w.stopped)
	})
}
