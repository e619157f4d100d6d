package troupe

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/troupe-go/troupe/internal/attempt"
)

// Timeout bounds the time of what it wraps, which may be a part of a chain of middleware and handlers; for a whole attempt
// there is Config.Timeout. When d is over the context is cancelled, and an error that is then returned says so, is a
// context.DeadlineExceeded, and is retried; a verdict within it stays what it is. A handler that ignores its context is not
// ended by this: it goes on until Config.Timeout and Config.Stuck have their say. A batch has d as a whole. A d of zero or
// less is no bound.
func Timeout(d time.Duration) Middleware {
	return func(next Handler) Handler {
		if d <= 0 {
			return next
		}
		overran := fmt.Errorf("%w: the handler took longer than %s", context.DeadlineExceeded, d)
		return enclose(next, func(ctx context.Context, r *Record) error {
			bounded := newBoundedContext(ctx, d, overran)
			defer bounded.release()
			err := next.Handle(bounded, r)
			if err != nil && bounded.overran() {
				return fmt.Errorf("%w: %w", overran, err)
			}
			return err
		}, func(ctx context.Context, next BatchHandler, records []*Record) error {
			bounded := newBoundedContext(ctx, d, overran)
			defer bounded.release()
			err := next.HandleBatch(bounded, records)
			if err != nil && bounded.overran() {
				return eachOverran(err, len(records), overran)
			}
			return err
		})
	}
}

// eachOverran says of every record that failed in a batch of that size that the time was up.
func eachOverran(err error, size int, overran error) error {
	var partial *BatchError
	if !errors.As(err, &partial) || partial.Check(size) != nil {
		return fmt.Errorf("%w: %w", overran, err)
	}
	var each BatchError
	for _, index := range partial.Failed() {
		each.Fail(index, fmt.Errorf("%w: %w", overran, partial.Of(index)))
	}
	if attempted := partial.Attempted(size); attempted < size {
		each.StopAt(attempted)
	}
	return each.Err()
}

// boundedContext is a context with a timeout whose clock can be stopped, together with that of the attempt that it is a
// part of.
type boundedContext struct {
	context.Context
	outer   context.Context
	cancel  context.CancelCauseFunc
	overrun error // the cause when the time is up

	mu       sync.Mutex
	timer    *time.Timer
	due      time.Time     // while the clock runs
	left     time.Duration // while it is stopped
	pauses   int           // that have not ended
	released bool
}

func newBoundedContext(outer context.Context, d time.Duration, overrun error) *boundedContext {
	ctx, cancel := context.WithCancelCause(outer)
	c := &boundedContext{Context: ctx, outer: outer, cancel: cancel, overrun: overrun, due: time.Now().Add(d)}
	c.timer = time.AfterFunc(d, func() { cancel(overrun) })
	return c
}

// release ends the context with the call that it was for.
func (c *boundedContext) release() {
	c.mu.Lock()
	c.released = true
	c.timer.Stop()
	c.mu.Unlock()
	c.cancel(nil)
}

// overran says whether the context ended because its time was up, and not with the attempt.
func (c *boundedContext) overran() bool {
	return context.Cause(c.Context) == c.overrun //nolint:errorlint // this very error is the cause, or another is
}

// Deadline is the earlier of its own and the outer context's. It has none of its own while the clock is stopped.
func (c *boundedContext) Deadline() (time.Time, bool) {
	outer, has := c.outer.Deadline()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pauses > 0 || has && outer.Before(c.due) {
		return outer, has
	}
	return c.due, true
}

// Err says why the context ended.
func (c *boundedContext) Err() error {
	err := c.Context.Err()
	switch {
	case err == nil:
		return nil
	case c.overran():
		return context.DeadlineExceeded
	case c.outer.Err() != nil:
		return c.outer.Err()
	default:
		return err
	}
}

// Value offers the clock in place of the outer one.
func (c *boundedContext) Value(key any) any {
	if _, is := key.(attempt.Key); is {
		return c
	}
	return c.Context.Value(key)
}

// Pause stops this clock and the outer one, see [attempt.Clock].
func (c *boundedContext) Pause() (resume func()) {
	resumeOuter := func() {}
	if outer, ok := attempt.ClockOf(c.outer); ok {
		resumeOuter = outer.Pause()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pauses++; c.pauses == 1 {
		c.timer.Stop()
		c.left = time.Until(c.due)
	}
	return sync.OnceFunc(func() {
		c.resume()
		resumeOuter()
	})
}

func (c *boundedContext) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pauses--; c.pauses == 0 && !c.released {
		c.due = time.Now().Add(c.left)
		c.timer.Reset(c.left)
	}
}
