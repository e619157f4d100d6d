package troupe

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/stream"
)

// Typed is a handler of decoded values; package codec has decoders. The decoder runs where the handler does: many records
// are decoded at once, and its time counts towards the attempt's. A record that cannot be decoded goes to the dead letters at
// once, and one whose decoder needs a dependency that is away waits for it. A null value is the zero T.
func Typed[T any](decoder stream.Decoder[T], handle func(ctx context.Context, value T, r *Record) error) Handler {
	return HandlerFunc(func(ctx context.Context, r *Record) error {
		value, err := decoder.Decode(ctx, r)
		if err == nil {
			return handle(ctx, value, r)
		}
		err = fmt.Errorf("value of %s at offset %d: %w", r.Source(), r.Offset, err)
		if away := new(UnavailableError); errors.As(err, &away) || ctx.Err() != nil {
			return err
		}
		return Permanent(err)
	})
}
