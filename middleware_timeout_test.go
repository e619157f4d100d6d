package troupe_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
)

// untilCancelled works until its context ends.
func untilCancelled(ctx context.Context, _ *troupe.Record) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestTimeoutCancelsTheHandlerAndSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		err := troupe.Timeout(5*time.Second)(troupe.HandlerFunc(func(ctx context.Context, _ *troupe.Record) error {
			due, ok := ctx.Deadline()
			require.True(t, ok)
			require.Equal(t, began.Add(5*time.Second), due)
			child, cancel := context.WithCancel(ctx)
			defer cancel()
			<-child.Done()
			require.Equal(t, context.DeadlineExceeded, ctx.Err())
			require.ErrorContains(t, context.Cause(child), "longer than 5s")
			return errors.New("query: broken off")
		})).Handle(t.Context(), &troupe.Record{})
		require.Equal(t, 5*time.Second, time.Since(began))
		require.EqualError(t, err, "context deadline exceeded: the handler took longer than 5s: query: broken off")
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestTimeoutLeavesVerdictsAndSuccessAsTheyAre(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		returning := func(err error) error {
			return troupe.Timeout(time.Second)(troupe.HandlerFunc(func(context.Context, *troupe.Record) error {
				<-time.After(time.Minute)
				return err
			})).Handle(t.Context(), &troupe.Record{})
		}
		require.NoError(t, returning(nil), "what is done is done")
		var unavailable *troupe.UnavailableError
		require.ErrorAs(t, returning(troupe.Unavailable(context.DeadlineExceeded, "db")), &unavailable)
		require.Equal(t, "db", unavailable.Name)
	})
}

func TestTimeoutDoesNotBlameTheHandlerForTheEndOfTheAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bounded := troupe.Timeout(time.Minute)(troupe.HandlerFunc(untilCancelled))
		ending, end := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, end)
		require.Equal(t, context.Canceled, bounded.Handle(ending, &troupe.Record{}))
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Equal(t, context.DeadlineExceeded, bounded.Handle(short, &troupe.Record{}), "without a word of a minute")
	})
}

func TestTimeoutIsEarlierThanTheOuterDeadlineOrNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		outer, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		want, _ := outer.Deadline()
		require.NoError(t, troupe.Timeout(time.Minute)(troupe.HandlerFunc(func(ctx context.Context, _ *troupe.Record) error {
			due, ok := ctx.Deadline()
			require.True(t, ok)
			require.Equal(t, want, due)
			return nil
		})).Handle(outer, &troupe.Record{}))
	})
}

// A limit within the bound makes the handler wait; that is not what the bound is for.
func TestTimeoutDoesNotRunWhileARateLimitWithinWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &watch{since: time.Now()}
		ctx := withClock(t.Context(), w)
		chain := troupe.Timeout(3 * time.Second)(troupe.Timeout(2 * time.Second)(troupe.RateLimit(0.1, 1)(
			troupe.HandlerFunc(func(ctx context.Context, _ *troupe.Record) error {
				due, _ := ctx.Deadline()
				require.Equal(t, 2*time.Second, time.Until(due), "all of its time is left")
				<-time.After(time.Second)
				return ctx.Err()
			}))))
		require.NoError(t, chain.Handle(ctx, &troupe.Record{}))
		require.NoError(t, chain.Handle(ctx, &troupe.Record{}), "after a wait of 9 s")
		require.Equal(t, time.Second, w.spent, "the attempt's own clock stood still too")
		require.Zero(t, w.stopped)

		slow := troupe.Timeout(2 * time.Second)(troupe.RateLimit(0.1, 1)(troupe.HandlerFunc(untilCancelled)))
		for range 2 {
			require.ErrorContains(t, slow.Handle(ctx, &troupe.Record{}), "longer than 2s", "it runs on behind the wait")
		}
	})
}
