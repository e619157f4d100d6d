package stream

import "context"

// Decoder turns a record's value into a T. It is safe for concurrent use.
type Decoder[T any] interface {
	// Decode of a null value gives the zero T. An error is final, unless it is an *UnavailableError.
	Decode(ctx context.Context, r *Record) (T, error)
}
