package actors

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// attemptContext is the context of the attempts at a run of records. It is made once for the run, because a context with
// a timer for each record would cost more than most handlers; its deadline moves on with the records, and it is cancelled
// only when one of them overruns.
type attemptContext struct {
	context.Context
	cancel  context.CancelFunc
	timeout time.Duration
	started atomic.Int64 // of the present attempt, Unix nanoseconds
	overdue atomic.Bool
}

func newAttemptContext(parent context.Context, timeout time.Duration) *attemptContext {
	ctx, cancel := context.WithCancel(parent)
	return &attemptContext{Context: ctx, cancel: cancel, timeout: timeout}
}

// Deadline is when the present attempt's time is up.
func (c *attemptContext) Deadline() (time.Time, bool) {
	if c.timeout <= 0 {
		return c.Context.Deadline()
	}
	return time.Unix(0, c.started.Load()).Add(c.timeout), true
}

// Err says why the context ended.
func (c *attemptContext) Err() error {
	err := c.Context.Err()
	if err != nil && c.overdue.Load() {
		return context.DeadlineExceeded
	}
	return err
}

// expire cancels the present attempt because its time is up.
func (c *attemptContext) expire() {
	c.overdue.Store(true)
	c.cancel()
}

// errGoexit is the failure of a handler that called runtime.Goexit.
var errGoexit = errors.New("the handler called runtime.Goexit")

// panicError is a recovered panic of a handler.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// ErrorType names the error in dead letters.
func (e *panicError) ErrorType() string { return "panic" }

// call runs the handler and turns a panic into an error. When the handler calls runtime.Goexit, call does not return.
func call(ctx context.Context, h stream.Handler, r *stream.Record) (err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			err = &panicError{value: v, stack: debug.Stack()}
		}
	}()
	err = h.Handle(ctx, r)
	returned = true
	return err
}

// verdict reads what a handler returned. overran says that the attempt's context was cancelled because its time was up.
// An error is the user's code too, and may panic when it is read, as a nil pointer does; here is where that is found out.
func verdict(err error, overran bool, timeout time.Duration) (f messages.Failure) {
	defer func() {
		if v := recover(); v != nil {
			p := &panicError{value: fmt.Sprintf("the handler's error cannot be read: %v", v), stack: debug.Stack()}
			f = messages.Failure{Kind: messages.Panicked, Err: p, Stack: string(p.stack)}
		}
	}()
	_ = err.Error()
	var (
		panicked    *panicError
		permanent   *stream.PermanentError
		skip        *stream.SkipError
		later       *stream.RetryAfterError
		unavailable *stream.UnavailableError
	)
	switch {
	case errors.As(err, &panicked):
		return messages.Failure{Kind: messages.Panicked, Err: err, Stack: string(panicked.stack)}
	case errors.Is(err, errGoexit):
		return messages.Failure{Kind: messages.Panicked, Err: err}
	case errors.As(err, &permanent):
		return messages.Failure{Kind: messages.Refused, Err: err, Reason: ownReason(err)}
	case errors.As(err, &skip):
		return messages.Failure{Kind: messages.Skipped, Name: skip.Reason}
	case errors.As(err, &unavailable):
		return messages.Failure{Kind: messages.Unavailable, Err: err, Name: unavailable.Name}
	case overran:
		return messages.Failure{
			Kind: messages.TimedOut,
			Err:  fmt.Errorf("%w: the attempt took longer than %s: %w", context.DeadlineExceeded, timeout, err),
		}
	case errors.As(err, &later):
		return messages.Failure{Kind: messages.FailedLater, Err: err, After: later.After}
	default:
		return messages.Failure{Kind: messages.Failed, Err: err}
	}
}

// ownReason is the word that an error brings for the reason of its dead letter, as decoders' do. It is the user's code that
// says it, so it is asked here and nowhere else.
func ownReason(err error) string {
	var own interface{ DeadLetterReason() string }
	if errors.As(err, &own) {
		return own.DeadLetterReason()
	}
	return ""
}

// inVain says whether an attempt that failed after its incarnation's end tells nothing about its record.
func inVain(f messages.Failure) bool {
	switch f.Kind {
	case messages.Failed, messages.FailedLater, messages.Unavailable:
		return true
	case messages.Refused:
		return errors.Is(f.Err, context.Canceled)
	case messages.TimedOut, messages.Panicked, messages.Skipped, messages.OutputRefused, messages.StuckTooLong:
	}
	return false
}
