package codec

import (
	"context"

	"github.com/troupe-go/troupe/codec/wire"
	"github.com/troupe-go/troupe/stream"
)

// typed decodes values into a Go type by the schema that each record names.
type typed[T any, C code] struct {
	source *source[C]
	fill   func(code C, path wire.Path, body []byte) (T, error)
}

func (d typed[T, C]) Decode(ctx context.Context, r *stream.Record) (value T, err error) {
	if r.Value == nil {
		return value, nil
	}
	schema, frame, err := d.source.open(ctx, ValueOf(r))
	if err != nil {
		return value, err
	}
	filled, err := d.fill(schema, frame.Path, frame.Body)
	if err != nil {
		return value, d.source.fault(&frame, err)
	}
	return filled, nil
}
