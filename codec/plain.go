package codec

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/codec/document"
)

// Raw is bytes as they are.
type Raw struct{}

// Name is "raw".
func (Raw) Name() string { return "raw" }

// Decode gives the data itself.
func (Raw) Decode(_ context.Context, p Part) (any, error) { return p.Data, nil }

// Check accepts everything.
func (Raw) Check(context.Context, Part) error { return nil }

// Encode takes bytes and text.
func (r Raw) Encode(_ context.Context, _ Target, value any) (Encoded, error) {
	switch v := value.(type) {
	case []byte:
		return Encoded{Data: v}, nil
	case string:
		return Encoded{Data: []byte(v)}, nil
	default:
		return Encoded{}, &EncodeError{Format: r.Name(), Err: fmt.Errorf("want bytes or text, got %s", document.Kind(value))}
	}
}

// String is text in UTF-8.
type String struct{}

// Name is "string".
func (String) Name() string { return "string" }

// Decode gives a string, and refuses bytes that are not UTF-8.
func (s String) Decode(ctx context.Context, p Part) (any, error) {
	if err := s.Check(ctx, p); err != nil {
		return nil, err
	}
	return string(p.Data), nil
}

// Check refuses bytes that are not UTF-8.
func (s String) Check(_ context.Context, p Part) error {
	if at, bad := document.InvalidUTF8(p.Data); bad {
		return &DecodeError{Format: s.Name(), Position: at, Err: document.ErrUTF8}
	}
	return nil
}

// Encode takes a string and nothing else: how a number or an object should look as text is for the pipeline to say.
func (s String) Encode(_ context.Context, _ Target, value any) (Encoded, error) {
	text, ok := value.(string)
	if !ok {
		return Encoded{}, &EncodeError{Format: s.Name(), Err: fmt.Errorf("want a string, got %s", document.Kind(value))}
	}
	return Encoded{Data: []byte(text)}, nil
}

// Document is one JSON document, without a schema.
type Document struct{}

// Name is "json".
func (Document) Name() string { return "json" }

// Decode reads exactly one document.
func (d Document) Decode(_ context.Context, p Part) (any, error) {
	value, err := document.Decode(p.Data)
	return value, d.fault(err)
}

// Check validates without decoding.
func (d Document) Check(_ context.Context, p Part) error { return d.fault(document.Check(p.Data)) }

func (d Document) fault(err error) error {
	if err == nil {
		return nil
	}
	position, reason := Whole, err
	var wrong *document.Error
	if errors.As(err, &wrong) {
		position, reason = wrong.Position, wrong.Err
	}
	return &DecodeError{Format: d.Name(), Position: position, Err: reason}
}

// Encode writes a compact document: the same value always gives the same bytes.
func (d Document) Encode(_ context.Context, _ Target, value any) (Encoded, error) {
	data, err := document.Encode(value)
	if err != nil {
		return Encoded{}, &EncodeError{Format: d.Name(), Err: err}
	}
	return Encoded{Data: data}, nil
}
