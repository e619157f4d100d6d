package troupe

import (
	"context"
	"errors"
	"io"
	"runtime/debug"
)

// Around makes a [Middleware] of a function that stands around every attempt, be it at one record or at all records of a
// batch. The function calls next, once or not at all, with its context or one made from that, and returns what is to become
// of the attempt, as a rule what next returned. For a batch that may be a *[BatchError], by which next has named the records
// that failed. The records are the handler's own.
//
// A middleware that needs other records around a batch than it was given, or calls the handler twice, returns a [Handler]
// that is a [BatchHandler] too. One that embeds the BatchHandler it wraps without a HandleBatch of its own is passed by.
func Around(around func(ctx context.Context, records []*Record, next func(context.Context) error) error) Middleware {
	return func(next Handler) Handler {
		return enclose(next, func(ctx context.Context, r *Record) error {
			return around(ctx, []*Record{r}, func(ctx context.Context) error { return next.Handle(ctx, r) })
		}, func(ctx context.Context, next BatchHandler, records []*Record) error {
			return around(ctx, records, func(ctx context.Context) error { return next.HandleBatch(ctx, records) })
		})
	}
}

// enclose is a handler that middleware has made of next: one is around its records, many around its batches. It is a
// BatchHandler where next is one, if many is not nil, and an io.Closer where next is one, so that an instance of NewHandler's
// is closed although its maker has put middleware around it.
func enclose(next Handler, one HandlerFunc, many func(ctx context.Context, next BatchHandler, records []*Record) error) Handler {
	closer, _ := next.(io.Closer)
	within, batches := next.(BatchHandler)
	if !batches || many == nil {
		return showing(one, nil, closer)
	}
	return showing(one, BatchHandlerFunc(func(ctx context.Context, records []*Record) error {
		return many(ctx, within, records)
	}), closer)
}

// errGoexit stands for the outcome of a handler that has none.
var errGoexit = errors.New("the handler called runtime.Goexit")

// observe makes an attempt and tells ended what came of it. A panic and runtime.Goexit go on where they were going, the panic
// with the stack that it had.
func observe(attempt func() error, ended func(error)) (err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		v := recover()
		if v == nil {
			ended(errGoexit)
			return
		}
		ended(&PanicError{Value: v, Stack: debug.Stack()})
		panic(v)
	}()
	err = attempt()
	returned = true
	ended(err)
	return err
}
