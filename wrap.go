package troupe

import (
	"context"
	"io"

	"github.com/troupe-go/troupe/stream"
)

// wrap puts the middleware around every handler that build makes. A handler of a lane's own is closed with the lane, and
// the middleware must not hide that; a shared handler is not the lane's to close.
func wrap(build NewHandler, middleware []Middleware, own bool) NewHandler {
	return func(p Partition) (Handler, error) {
		h, err := build(p)
		if err != nil || h == nil {
			return nil, err
		}
		wrapped := stream.Chain(h, middleware...)
		closer, ok := h.(io.Closer)
		if !own || !ok {
			return plain{wrapped}, nil
		}
		return closing{plain{wrapped}, closer}, nil
	}
}

// plain hides a Close of the handler.
type plain struct{ handler Handler }

func (p plain) Handle(ctx context.Context, r *Record) error { return p.handler.Handle(ctx, r) }

// closing shows the Close of the handler within.
type closing struct {
	plain
	io.Closer
}
