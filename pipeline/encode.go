package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/codec/wire"
	"github.com/troupe-go/troupe/stream"
)

// encoder is a format as it is written.
type encoder interface {
	Name() string
	codec.Encoder
}

// side says how the values or the keys of results are written.
type side struct {
	encoder encoder // nil where no format was asked for
	own     bool    // by a schema of its own, so that bytes of the same format are written anew as well
	to      codec.Target
}

// keeps says whether bytes that were read as a format stay as they are.
func (s side) keeps(from decoder) bool {
	return s.encoder == nil || !s.own && from != nil && s.encoder.Name() == from.Name()
}

func (s side) is(format string) bool { return s.encoder != nil && s.encoder.Name() == format }

// side is how values that were read like this are written.
func (h *handler) side(from decoding) side {
	s := h.values
	if s.encoder == nil && (h.mapped || h.readable && hasSchemas(from.value.Name())) {
		s.encoder = codec.Document{}
	}
	return s
}

// runKey gives each result its key. All programs run before anything is encoded, because an encoder may wait for a schema,
// which is not their time. A tombstone has no value to take a key from: it keeps its own unless the program finds one in the
// variables.
func (h *handler) runKey(b *budget, r *stream.Record, results []result, variables []any) error {
	for i := range results {
		res := &results[i]
		if h.key == nil {
			res.key, res.keyKept = variables[0], true
			continue
		}
		count := 0
		err := b.run(h.key, res.value, variables, func(out any) bool {
			res.key = out
			count++
			return count < 2
		})
		switch {
		case err != nil:
			return err
		case count == 0:
			return errors.New("the program must give exactly one result, and gave none")
		case count > 1:
			return errors.New("the program must give exactly one result, and gave more")
		}
		res.keyKept = res.key == nil && r.Value == nil && res.original
	}
	return nil
}

// written is a side of a result as bytes.
type written struct {
	codec.Encoded
	anew bool // they are not the record's own
}

func (h *handler) encode(ctx context.Context, r *stream.Record, from decoding, results []result) ([]stream.Message, error) {
	messages := make([]stream.Message, 0, len(results))
	size := 0
	for i := range results {
		key, err := h.encodeKey(ctx, r, from, &results[i])
		if err != nil {
			return nil, &StepError{Kind: "key", Err: err}
		}
		value, err := h.encodeValue(ctx, r, from, &results[i])
		if err != nil {
			return nil, &StepError{Kind: "value", Err: err}
		}
		if size += len(value.Data) + len(key.Data); len(results) > 1 && size > h.limits.bytes {
			return nil, &StepError{Kind: "value", Err: fmt.Errorf("%w: the results have more than %d bytes", errBudget, h.limits.bytes)}
		}
		messages = append(messages, stream.Message{
			Key: key.Data, Value: value.Data, Headers: headers(r.Headers, key, value), Timestamp: r.Timestamp,
		})
	}
	return messages, nil
}

func (h *handler) encodeValue(ctx context.Context, r *stream.Record, from decoding, res *result) (written, error) {
	s := h.side(from)
	if res.original && (r.Value == nil || s.keeps(from.value)) {
		return written{Encoded: codec.Encoded{Data: r.Value}}, nil
	}
	encoded, err := s.encoder.Encode(ctx, s.to, res.value)
	return written{encoded, true}, err
}

func (h *handler) encodeKey(ctx context.Context, r *stream.Record, from decoding, res *result) (written, error) {
	switch {
	case res.keyKept && (r.Key == nil || h.keys.keeps(from.key)):
		return written{Encoded: codec.Encoded{Data: r.Key}}, nil
	case res.key == nil:
		return written{anew: true}, nil
	}
	format := codec.Encoder(codec.Document{})
	if h.keys.encoder != nil {
		format = h.keys.encoder
	} else if _, isText := res.key.(string); isText {
		format = codec.String{}
	}
	encoded, err := format.Encode(ctx, h.keys.to, res.key)
	return written{encoded, true}, err
}

// headers are the record's own, but for those that told the schema of what is written anew.
func headers(own []stream.Header, key, value written) []stream.Header {
	if key.anew {
		own = withSchema(own, wire.Key, key.Header)
	}
	if value.anew {
		own = withSchema(own, wire.Value, value.Header)
	}
	return own
}

// withSchema replaces the header that tells a side's schema; one without a key is none.
func withSchema(own []stream.Header, side wire.Side, header stream.Header) []stream.Header {
	tells := func(h stream.Header) bool { return h.Key == side.Header() }
	if slices.ContainsFunc(own, tells) {
		own = slices.DeleteFunc(slices.Clone(own), tells)
	}
	if header.Key != "" {
		own = append(slices.Clip(own), header)
	}
	return own
}
