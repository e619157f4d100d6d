package troupe_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
)

// everyMiddleware is each of the package's own, made so that it changes nothing.
func everyMiddleware() map[string]troupe.Middleware {
	return map[string]troupe.Middleware{
		"RateLimit": troupe.RateLimit(1e6, 1000),
		"no limit":  troupe.RateLimit(0, 0),
		"Timeout":   troupe.Timeout(time.Minute),
		"no bound":  troupe.Timeout(0),
		"Recover":   troupe.Recover(),
		"Logging":   troupe.Logging(slog.New(slog.DiscardHandler)),
		"Tracing": troupe.Tracing(func(ctx context.Context, _ *troupe.Record) (context.Context, func(error)) {
			return ctx, func(error) {}
		}),
		"Tracing without an end": troupe.Tracing(func(ctx context.Context, _ *troupe.Record) (context.Context, func(error)) {
			return ctx, nil
		}),
	}
}

// closer is a handler of a lane's own.
type closer struct {
	troupe.HandlerFunc
	closed int
}

func (c *closer) Close() error {
	c.closed++
	return nil
}

func TestMiddlewarePassesOutputsVerdictsAndCloseThrough(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	verdicts := map[string]error{
		"none": nil, "error": cause, "permanent": troupe.Permanent(cause), "skip": troupe.Skip("reason"),
		"later": troupe.RetryAfter(cause, time.Minute), "unavailable": troupe.Unavailable(cause, "db"),
	}
	for name, middleware := range everyMiddleware() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for name, verdict := range verdicts {
				inner := &closer{HandlerFunc: func(_ context.Context, r *troupe.Record) error {
					r.Emit(troupe.Message{Topic: "out"})
					return verdict
				}}
				wrapped := middleware(inner)
				r := &troupe.Record{Topic: "in"}
				require.Equal(t, verdict, wrapped.Handle(t.Context(), r), name)
				require.Equal(t, []troupe.Message{{Topic: "out"}}, r.Outputs(), name)
				outer, ok := wrapped.(io.Closer)
				require.True(t, ok, name)
				require.NoError(t, outer.Close(), name)
				require.Equal(t, 1, inner.closed, name)
			}
			_, ok := middleware(succeeds).(io.Closer)
			require.False(t, ok, "there is nothing to close")
		})
	}
}

var succeeds = troupe.HandlerFunc(func(context.Context, *troupe.Record) error { return nil })

func TestRecoverTurnsAPanicIntoAnError(t *testing.T) {
	t.Parallel()
	panics := troupe.HandlerFunc(func(context.Context, *troupe.Record) error { panic("boom") })
	err := troupe.Recover()(panics).Handle(t.Context(), &troupe.Record{})
	var panicked *troupe.PanicError
	require.ErrorAs(t, fmt.Errorf("handling: %w", err), &panicked)
	require.Equal(t, "boom", panicked.Value)
	require.EqualError(t, err, "panic: boom")
	require.Contains(t, string(panicked.Stack), "TestRecoverTurnsAPanicIntoAnError", "the stack is the handler's")
}

// span is what a tracer was told.
type span struct {
	err   error
	ended int
}

func (s *span) start(ctx context.Context, _ *troupe.Record) (context.Context, func(error)) {
	return context.WithValue(ctx, spanKey{}, s), func(err error) {
		s.ended++
		s.err = err
	}
}

type spanKey struct{}

func TestTracingEndsTheSpanWithWhatTheHandlerReturned(t *testing.T) {
	t.Parallel()
	var s span
	failure := errors.New("failure")
	err := troupe.Tracing(s.start)(troupe.HandlerFunc(func(ctx context.Context, _ *troupe.Record) error {
		require.Same(t, &s, ctx.Value(spanKey{}))
		require.Zero(t, s.ended)
		return failure
	})).Handle(t.Context(), &troupe.Record{})
	require.Equal(t, failure, err)
	require.Equal(t, span{err: failure, ended: 1}, s)
}

func TestTracingEndsTheSpanOfAPanicThatGoesOn(t *testing.T) {
	t.Parallel()
	var s span
	traced := troupe.Tracing(s.start)(troupe.HandlerFunc(func(context.Context, *troupe.Record) error { return explode() }))
	err := troupe.Recover()(traced).Handle(t.Context(), &troupe.Record{})
	require.EqualError(t, s.err, "panic: boom")
	require.Equal(t, 1, s.ended)
	var panicked *troupe.PanicError
	require.ErrorAs(t, err, &panicked)
	require.Equal(t, "boom", panicked.Value)
	require.Contains(t, string(panicked.Stack), "explode", "the frames of the handler are still there")
}

func explode() error { panic("boom") }
