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
//
// It takes no batches, because one context cannot be in the spans of many records: see [TracingBatches].
func Tracing(start StartSpan) Middleware {
	return func(next Handler) Handler {
		return enclose(next, func(ctx context.Context, r *Record) error {
			ctx, end := start(ctx, r)
			if end == nil {
				return next.Handle(ctx, r)
			}
			return observe(func() error { return next.Handle(ctx, r) }, end)
		}, nil)
	}
}

// StartBatchSpan is a [StartSpan] for an attempt at all records of a batch, which may be of as many traces: a span can link to
// them. An error that names some of the records is a *[BatchError].
type StartBatchSpan func(ctx context.Context, records []*Record) (_ context.Context, end func(err error))

// TracingBatches puts one span around every attempt of what it wraps, as [Tracing] does. A record that is handled by itself
// is a batch of one.
func TracingBatches(start StartBatchSpan) Middleware {
	return Around(func(ctx context.Context, records []*Record, next func(context.Context) error) error {
		ctx, end := start(ctx, records)
		if end == nil {
			return next(ctx)
		}
		return observe(func() error { return next(ctx) }, end)
	})
}
