package troupe

import "github.com/troupe-go/troupe/stream"

// What user code and engine share is defined in package stream and is the same type here.
type (
	Record           = stream.Record
	Message          = stream.Message
	Header           = stream.Header
	Partition        = stream.Partition
	Offset           = stream.Offset
	Handler          = stream.Handler
	HandlerFunc      = stream.HandlerFunc
	NewHandler       = stream.NewHandler
	BatchHandler     = stream.BatchHandler
	BatchHandlerFunc = stream.BatchHandlerFunc
	NewBatchHandler  = stream.NewBatchHandler
	BatchError       = stream.BatchError
	Middleware       = stream.Middleware
	OffsetStore      = stream.OffsetStore
	Event            = stream.Event
	EventTime        = stream.EventTime
	HeldKey          = stream.HeldKey
	Status           = stream.Status
	Metric           = stream.Metric
	PermanentError   = stream.PermanentError
	SkipError        = stream.SkipError
	RetryAfterError  = stream.RetryAfterError
	UnavailableError = stream.UnavailableError
	PanicError       = stream.PanicError
)
