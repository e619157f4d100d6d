package codec

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/troupe-go/troupe/codec/document"
	"github.com/troupe-go/troupe/codec/wire"
	"github.com/troupe-go/troupe/stream"
)

// JSON decodes values into a Go type, as encoding/json does, but with numbers as json.Number where the type is any. With
// Schemas the values are those of format jsonschema, checked against the schema that each record names; with nil they are
// documents and nothing else. It fails with a *DecodeError or a *stream.UnavailableError. A null value gives the zero T.
func JSON[T any](s *Schemas) stream.Decoder[T] {
	if s == nil {
		return plainJSON[T]{}
	}
	return typed[T, *jsonCode]{newSource(s.resolver, jsonLanguage()), func(c *jsonCode, path wire.Path, body []byte) (value T, err error) {
		if err := c.check(path, body); err != nil {
			return value, err
		}
		err = unmarshalJSON(body, &value)
		return value, err
	}}
}

type plainJSON[T any] struct{}

func (plainJSON[T]) Decode(ctx context.Context, r *stream.Record) (value T, err error) {
	if r.Value == nil {
		return value, nil
	}
	if err := (Document{}).Check(ctx, ValueOf(r)); err != nil {
		return value, err
	}
	if err := unmarshalJSON(r.Value, &value); err != nil {
		return value, &DecodeError{Format: Document{}.Name(), Position: Whole, Err: err}
	}
	return value, nil
}

// unmarshalJSON fills a Go value from a document that was checked.
func unmarshalJSON(data []byte, target any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	return decoder.Decode(target)
}

// marshalJSON gives the generic form of a Go value.
func marshalJSON(value any) (any, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return document.Decode(data)
}
