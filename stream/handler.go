package stream

import "context"

// Handler handles one record. It returns nil when the record is done, or a verdict: [Permanent], [Skip], [RetryAfter],
// [Unavailable], or any other error, which is retried.
//
// One instance is called by one goroutine at a time for each lane; a Handler shared by several lanes (Config.Handler)
// must be safe for concurrent use. The context is cancelled when the attempt's time is up, when the partition is taken
// away after its drain deadline, and when the processor aborts.
type Handler interface {
	Handle(ctx context.Context, r *Record) error
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(ctx context.Context, r *Record) error

// Handle calls f.
func (f HandlerFunc) Handle(ctx context.Context, r *Record) error { return f(ctx, r) }

// NewHandler makes the handler of one lane of one partition's incarnation. A handler that is an io.Closer is closed when
// the lane ends. After a panic the lane gets a new instance.
type NewHandler func(Partition) (Handler, error)

// Middleware wraps a handler.
type Middleware func(Handler) Handler

// Chain wraps h so that the first middleware is the outermost.
func Chain(h Handler, middleware ...Middleware) Handler {
	for i := len(middleware) - 1; i >= 0; i-- {
		h = middleware[i](h)
	}
	return h
}
