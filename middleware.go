package troupe

import (
	"context"
	"errors"
	"io"
	"runtime/debug"
)

// around is a handler that middleware has made of next. It is an io.Closer where next is one, so that an instance of
// NewHandler's is closed although its maker has put middleware around it.
func around(next Handler, handle HandlerFunc) Handler {
	if closer, ok := next.(io.Closer); ok {
		return closing{plain{handle}, closer}
	}
	return handle
}

// errGoexit stands for the outcome of a handler that has none.
var errGoexit = errors.New("the handler called runtime.Goexit")

// observe calls next and tells ended what came of it. A panic and runtime.Goexit go on where they were going, the panic
// with the stack that it had.
func observe(ctx context.Context, next Handler, r *Record, ended func(error)) (err error) {
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
	err = next.Handle(ctx, r)
	returned = true
	ended(err)
	return err
}
