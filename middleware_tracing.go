package troupe

import "context"

// StartSpan begins a span for an attempt at a record. What wraps it is called with the returned context; end is called once
// with what the handler returned, a *[PanicError] where it panicked, on the handler's goroutine. A nil end is none.
//
// What a trace needs from the record is in its headers: see [Record.Header], and the example for W3C's traceparent.
type StartSpan func(ctx context.Context, r *Record) (_ context.Context, end func(err error))

// Tracing puts a span around every attempt of what it wraps, by whatever library start speaks to.
//
// The error of an attempt that the processor retries is as much an error of the span as one that ends in a dead letter;
// [Skip] is one too, which start can tell by errors.As with *[SkipError].
func Tracing(start StartSpan) Middleware {
	return func(next Handler) Handler {
		return around(next, func(ctx context.Context, r *Record) error {
			ctx, end := start(ctx, r)
			if end == nil {
				return next.Handle(ctx, r)
			}
			return observe(ctx, next, r, end)
		})
	}
}
