package actors

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/internal/attempt"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// attemptContext is the context of the attempts of a seat. It is made once for many of them, because a context with a timer
// for each record would cost more than most handlers; its deadline moves on with the attempts, and it is cancelled only when
// one of them overruns.
type attemptContext struct {
	context.Context
	cancel  context.CancelFunc
	seat    *seat
	since   uint64 // the seat's attempts before
	timeout time.Duration
	started atomic.Int64 // of the present attempt, Unix nanoseconds; 0 while its clock is stopped
	overdue atomic.Bool
}

func newAttemptContext(s *seat) *attemptContext {
	ctx, cancel := context.WithCancel(s.crew.ctx)
	return &attemptContext{Context: ctx, cancel: cancel, seat: s, since: s.attempts, timeout: s.crew.env.Settings.Timeout}
}

// Deadline is when the present attempt's time is up.
func (c *attemptContext) Deadline() (time.Time, bool) {
	started := c.started.Load()
	if c.timeout <= 0 || started == 0 {
		return c.Context.Deadline()
	}
	return time.Unix(0, started).Add(c.timeout), true
}

// Err says why the context ended.
func (c *attemptContext) Err() error {
	err := c.Context.Err()
	if err != nil && c.overdue.Load() {
		return context.DeadlineExceeded
	}
	return err
}

// Value offers the attempt's clock.
func (c *attemptContext) Value(key any) any {
	if _, is := key.(attempt.Key); is {
		return c
	}
	return c.Context.Value(key)
}

// Pause stops the clock of the present attempt, see [attempt.Clock].
func (c *attemptContext) Pause() (resume func()) { return c.seat.pause(c) }

// expire cancels the present attempt because its time is up.
func (c *attemptContext) expire() {
	c.overdue.Store(true)
	c.cancel()
}

// The failures of user code that called runtime.Goexit.
var (
	errGoexit     = errors.New("the handler called runtime.Goexit")
	errOpenGoexit = errors.New("NewHandler called runtime.Goexit")
)

// crash is a panic that no middleware has recovered.
type crash struct{ *stream.PanicError }

func newCrash(value any) crash {
	return crash{&stream.PanicError{Value: value, Stack: debug.Stack()}}
}

func (c crash) Unwrap() error { return c.PanicError }

// broke says whether a failure may have left the handler half changed. A panic that middleware has recovered is its affair.
func broke(f messages.Failure) bool {
	_, crashed := f.Err.(crash)                                           //nolint:errorlint // only as call and judge give it, and the chain is the user's code
	return f.Kind == messages.Panicked && (crashed || f.Err == errGoexit) //nolint:errorlint // likewise
}

// call runs the handler and turns a panic into an error. When the handler calls runtime.Goexit, call does not return.
func call(ctx context.Context, h stream.Handler, r *stream.Record) (err error) {
	returned := false
	defer catch(&returned, &err)
	err = h.Handle(ctx, r)
	returned = true
	return err
}

// catch is deferred, and makes an error of a panic if the handler has not returned.
func catch(returned *bool, err *error) {
	if *returned {
		return
	}
	if v := recover(); v != nil { //nolint:revive // catch is what is deferred
		*err = newCrash(v)
	}
}

// judge reads what a handler returned. overran says that the attempt's context was cancelled because its time was up. With
// vain the failure tells nothing about the record if the incarnation has ended. An error is the user's code too, and may
// panic when it is read, as a nil pointer does; here is where that is found out.
func judge(err error, overran bool, timeout time.Duration) (f messages.Failure, vain bool) {
	defer func() {
		if v := recover(); v != nil {
			p := newCrash(fmt.Sprintf("the handler's error cannot be read: %v", v))
			f, vain = messages.Failure{Kind: messages.Panicked, Err: p, Stack: string(p.Stack)}, false
		}
	}()
	f = verdict(err, overran, timeout)
	var panicked *stream.PanicError
	if errors.As(err, &panicked) {
		f.Stack = string(panicked.Stack)
	}
	return f, inVain(f)
}

func verdict(err error, overran bool, timeout time.Duration) messages.Failure {
	_ = err.Error()
	var (
		panicked    *stream.PanicError
		permanent   *stream.PermanentError
		skip        *stream.SkipError
		later       *stream.RetryAfterError
		unavailable *stream.UnavailableError
	)
	switch {
	case errors.As(err, &permanent):
		return messages.Failure{Kind: messages.Refused, Err: err, Reason: ownReason(err)}
	case errors.As(err, &skip):
		return messages.Failure{Kind: messages.Skipped, Name: skip.Reason}
	case errors.As(err, &unavailable):
		return messages.Failure{Kind: messages.Unavailable, Err: err, Name: unavailable.Name}
	case errors.Is(err, errGoexit), errors.As(err, &panicked) && !errors.As(err, &later):
		return messages.Failure{Kind: messages.Panicked, Err: err}
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
	case messages.TimedOut, messages.Panicked, messages.Skipped, messages.OutputRefused, messages.StuckTooLong,
		messages.KeyHeld:
	}
	return false
}
