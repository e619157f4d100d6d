package stream

import "context"

// Handler handles one record. It returns nil when the record is done, or a verdict: [Permanent], [Skip], [RetryAfter],
// [Unavailable], or any other error, which is retried.
//
// One instance of NewHandler's is called by one goroutine at a time; a Handler that all share (Config.Handler) must be safe
// for concurrent use. The context is the attempt's, and is not to be used after it: it is cancelled when the attempt's time
// is up, when the partition is taken away after its drain deadline, and when the processor aborts.
type Handler interface {
	Handle(ctx context.Context, r *Record) error
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(ctx context.Context, r *Record) error

// Handle calls f.
func (f HandlerFunc) Handle(ctx context.Context, r *Record) error { return f(ctx, r) }

// NewHandler makes the handlers of one incarnation of a partition, as many as are ever at work there at once. Those that are
// an io.Closer are closed when the incarnation has ended. After a panic another instance takes the place of that one.
type NewHandler func(Partition) (Handler, error)

// Middleware wraps a handler. One that is a [BatchHandler] too it has to make a BatchHandler of: a handler of batches is not
// called by Handle.
type Middleware func(Handler) Handler

// Chain wraps h so that the first middleware is the outermost.
func Chain(h Handler, middleware ...Middleware) Handler {
	for i := len(middleware) - 1; i >= 0; i-- {
		h = middleware[i](h)
	}
	return h
}
