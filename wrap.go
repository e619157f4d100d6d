package troupe

import (
	"context"
	"io"

	"github.com/troupe-go/troupe/stream"
)

// newHandler makes the handlers of a checked Config, with the middleware around them.
func (c Config) newHandler() NewHandler {
	switch {
	case c.NewHandler != nil:
		return wrap(c.NewHandler, c.Middleware, true)
	case c.NewBatchHandler != nil:
		return wrap(func(p Partition) (Handler, error) {
			h, err := c.NewBatchHandler(p)
			if err != nil || h == nil {
				return nil, err
			}
			return stream.Batched(h), nil
		}, c.Middleware, true)
	case c.BatchHandler != nil:
		h := stream.Batched(c.BatchHandler)
		return wrap(func(Partition) (Handler, error) { return h, nil }, c.Middleware, false)
	default:
		return wrap(func(Partition) (Handler, error) { return c.Handler, nil }, c.Middleware, false)
	}
}

// wrap puts the middleware around every handler that build makes. A handler of a lane's own is closed with the lane, and
// the middleware must not hide that; a shared handler is not the lane's to close.
func wrap(build NewHandler, middleware []Middleware, own bool) NewHandler {
	return func(p Partition) (Handler, error) {
		h, err := build(p)
		if err != nil || h == nil {
			return nil, err
		}
		wrapped := stream.Chain(h, middleware...)
		if wrapped == nil {
			return nil, nil //nolint:nilnil // which whoever asks reports
		}
		batches, _ := wrapped.(BatchHandler)
		var closer io.Closer
		if own {
			closer, _ = h.(io.Closer)
		}
		return showing(wrapped, batches, closer), nil
	}
}

// showing is a handler that can do beside Handle what is not nil, and nothing else that h could.
func showing(h Handler, batches BatchHandler, closer io.Closer) Handler {
	shown := plain{h}
	switch {
	case batches != nil && closer != nil:
		return closingBatching{batching{shown, batches}, closer}
	case batches != nil:
		return batching{shown, batches}
	case closer != nil:
		return closing{shown, closer}
	default:
		return shown
	}
}

// plain hides what else the handler can do.
type plain struct{ handler Handler }

func (p plain) Handle(ctx context.Context, r *Record) error { return p.handler.Handle(ctx, r) }

// closing shows the Close of the handler within.
type closing struct {
	plain
	io.Closer
}

// batching shows that the handler takes batches.
type batching struct {
	plain
	BatchHandler
}

// closingBatching shows both.
type closingBatching struct {
	batching
	io.Closer
}
