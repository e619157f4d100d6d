package actors

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/attempt"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// awaitLimit waits as for a rate limit that never lets the record through.
func awaitLimit(ctx context.Context) error {
	clock, _ := attempt.ClockOf(ctx)
	defer clock.Pause()()
	<-ctx.Done()
	return ctx.Err()
}

// A partition that is given away does not wait for a limit: that record, and those behind it, are as good as not begun.
func TestAnAttemptThatAwaitsALimitIsGivenBackAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(2, func(ctx context.Context, r *stream.Record) error {
			if r.Offset == 0 {
				return nil
			}
			return awaitLimit(ctx)
		})
		c := s.crew(t.Context(), 0)
		c.give(run(3))
		synctest.Wait()
		began := time.Now()
		c.callBack()
		synctest.Wait()
		require.Equal(t, []messages.Outcome{{Seq: 1, Attempted: 1}}, s.said())
		require.Zero(t, time.Since(began))
		require.Zero(t, s.env.Pool.Running())
		require.NoError(t, c.ctx.Err(), "the incarnation has not ended")
		c.close()
	})
}

// What comes to the limit only then is in time for it too.
func TestAnAttemptThatComesToALimitWhileThePartitionDrainsIsGivenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(2, func(ctx context.Context, _ *stream.Record) error {
			<-time.After(time.Second)
			return awaitLimit(ctx)
		})
		c := s.crew(t.Context(), 0)
		c.give(run(2))
		synctest.Wait()
		c.callBack()
		synctest.Wait()
		require.Empty(t, s.said(), "a handler at work is waited for")
		<-time.After(time.Second)
		synctest.Wait()
		require.Equal(t, []messages.Outcome{{Seq: 1}}, s.said())
		c.close()
	})
}

// Who waits behind other records is not begun when their handler returns.
func TestNoFurtherRecordIsBegunOnceTheWorkIsCalledBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(1, func(context.Context, *stream.Record) error {
			<-time.After(time.Millisecond) // a turn is ten
			return nil
		})
		c := s.crew(t.Context(), 0)
		c.give(run(5))
		synctest.Wait()
		c.callBack()
		<-time.After(time.Second)
		synctest.Wait()
		require.Equal(t, []messages.Outcome{{Seq: 1, Attempted: 1}}, s.said())
		c.close()
	})
}

// A partition that is halted for a while calls back and goes on later.
func TestWhatIsGivenAfterACallBackIsHandledAsBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(1, func(ctx context.Context, r *stream.Record) error {
			if r.Offset < 2 {
				return nil
			}
			clock, _ := attempt.ClockOf(ctx)
			defer clock.Pause()()
			select {
			case <-time.After(time.Second): // for the rate limit
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		c := s.crew(t.Context(), 0)
		c.give(works(0, 1))
		synctest.Wait()
		require.Equal(t, []messages.Outcome{{Seq: 1, Attempted: 1}}, s.said())
		c.callBack()
		c.give(run(3))
		<-time.After(2 * time.Second)
		synctest.Wait()
		attempted := 0
		for _, o := range s.said() {
			require.Empty(t, o.Exceptions)
			attempted += o.Attempted
		}
		require.Equal(t, 1+3, attempted)
		c.close()
	})
}

func TestOnlyAPanicThatNobodyRecoversCostsTheInstance(t *testing.T) {
	t.Parallel()
	recovered := &stream.PanicError{Value: "boom", Stack: []byte("the stack")}
	for name, c := range map[string]struct {
		fail  func() error
		kind  messages.FailureKind
		stack string
		made  int
	}{
		"panic":                    {func() error { panic("boom") }, messages.Panicked, "goroutine", 2},
		"recovered":                {func() error { return recovered }, messages.Panicked, "the stack", 1},
		"recovered and wrapped":    {func() error { return fmt.Errorf("handling: %w", recovered) }, messages.Panicked, "the stack", 1},
		"recovered, and permanent": {func() error { return stream.Permanent(recovered) }, messages.Refused, "the stack", 1},
		"recovered, and later":     {func() error { return stream.RetryAfter(recovered, 1) }, messages.FailedLater, "the stack", 1},
		"no panic":                 {func() error { return errors.New("failed") }, messages.Failed, "", 1},
		"an error without a value": {func() error { var none *unreadable; return none }, messages.Panicked, "goroutine", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := &instances{handle: func(_ context.Context, r *stream.Record) error {
					if r.Offset == 0 {
						return c.fail()
					}
					return nil
				}}
				s := newShop(1, nil)
				s.env.Settings.NewHandler = n.open
				crew := s.crew(t.Context(), 0)
				crew.give(works(0, 1))
				synctest.Wait()
				crew.give(works(1, 1))
				synctest.Wait()
				said := s.said()
				require.Len(t, said, 2)
				failure := said[0].Exceptions[0].Failure
				require.Equal(t, c.kind, failure.Kind)
				require.Contains(t, failure.Stack, c.stack)
				require.Equal(t, c.stack == "", failure.Stack == "")
				require.Equal(t, c.made, n.check(t, false))
				crew.close()
			})
		})
	}
}
