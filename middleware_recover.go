package troupe

import (
	"context"
	"runtime/debug"
)

// Recover turns a panic of what it wraps into a *[PanicError], for the middleware around it to see.
//
// A processor does not need it: it takes a panic for a failed attempt anyway, with the stack in the dead letter, and then
// gives the lane a new instance of NewHandler's, because the old one may be left half changed. With Recover the record fares
// the same, but the lane keeps its instance. Use it where that is cheaper and safe, or where middleware around it has a
// verdict of its own on panics, such as [Permanent]. A panic of a batch handler is every record's. Recover does not stop
// runtime.Goexit.
func Recover() Middleware {
	return func(next Handler) Handler {
		return enclose(next, func(ctx context.Context, r *Record) error {
			return recovering(func() error { return next.Handle(ctx, r) })
		}, func(ctx context.Context, next BatchHandler, records []*Record) error {
			return recovering(func() error { return next.HandleBatch(ctx, records) })
		})
	}
}

// recovering makes an attempt, and an error of its panic.
func recovering(attempt func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return attempt()
}
