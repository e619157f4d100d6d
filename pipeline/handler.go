package pipeline

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/codec/wire"
	"github.com/troupe-go/troupe/sink"
	"github.com/troupe-go/troupe/stream"
)

// The reasons a pipeline skips records for; they label metrics.
const (
	SkippedFiltered  = "filtered"
	SkippedTombstone = "tombstone"
)

// StepError is a step that failed on a record.
type StepError struct {
	Step int    // counted from 1; 0 is the output
	Kind string // filter, map, key, value
	Err  error
}

func (e *StepError) Error() string {
	if e.Step == 0 {
		return fmt.Sprintf("output %s: %v", e.Kind, e.Err)
	}
	return fmt.Sprintf("step %d (%s): %v", e.Step, e.Kind, e.Err)
}

func (e *StepError) Unwrap() error { return e.Err }

// decoder is a format as it is read.
type decoder interface {
	Name() string
	codec.Decoder
}

// decoding says how the records of a topic are read.
type decoding struct {
	value decoder
	key   decoder // nil: text, with invalid bytes replaced
}

type step struct {
	kind    string // filter or map
	program *program
}

// handler is a pipeline's work on one record: decode, run the steps, encode, hand over to the sink. It has no state of
// its own and is shared by all lanes.
type handler struct {
	topics     map[string]decoding // those with formats of their own
	fallback   decoding
	tombstones string
	steps      []step
	mapped     bool            // a step makes new values
	uses       map[string]bool // the variables that any program mentions
	key        *program        // nil keeps the input's key
	keys       side            // without a format, text as it is and anything else as JSON
	values     side            // without a format, JSON after a map, and else the input's bytes
	readable   bool            // the output is for people: values that tell a schema are written as JSON
	sink       sink.Sink
	limits     limits
}

// result is one value on its way through the steps, with the key that it gets in the end.
type result struct {
	value    any
	original bool // it still is the record's own value
	key      any
	keyKept  bool // it still is the record's own key
}

// Handle is called by the processor's lanes.
func (h *handler) Handle(ctx context.Context, r *stream.Record) error {
	messages, err := h.messages(ctx, r)
	if err != nil {
		return err
	}
	return h.sink.Write(ctx, r, messages)
}

// messages gives what a record becomes, without a topic.
func (h *handler) messages(ctx context.Context, r *stream.Record) ([]stream.Message, error) {
	from, ok := h.topics[r.Topic]
	if !ok {
		from = h.fallback
	}
	variables, err := h.variables(ctx, r, from)
	if err != nil {
		return nil, err
	}
	passing := r.Value == nil && h.tombstones != "steps"
	if passing && h.tombstones == "skip" {
		return nil, stream.Skip(SkippedTombstone)
	}
	results := []result{{original: true}}
	if r.Value != nil {
		if results[0].value, err = h.decode(ctx, r, from); err != nil {
			return nil, err
		}
	}
	// The programs' time begins here: a decoder may have had to wait for a schema.
	b := newBudget(ctx, h.limits, len(r.Value))
	if !passing {
		if results, err = h.runSteps(b, results, variables); err != nil {
			return nil, verdict(ctx, err)
		}
	}
	if len(results) == 0 {
		return nil, stream.Skip(SkippedFiltered)
	}
	if err := h.runKey(b, r, results, variables); err != nil {
		return nil, verdict(ctx, &StepError{Kind: "key", Err: err})
	}
	messages, err := h.encode(ctx, r, from, results)
	return messages, verdict(ctx, err)
}

// verdict marks what the record or the program is to blame for as final. An attempt whose context ended is neither, and
// neither is a schema registry that is away.
func verdict(ctx context.Context, err error) error {
	if err == nil || codec.Unavailable(err) || ctx.Err() != nil && !errors.Is(err, errBudget) {
		return err
	}
	return stream.Permanent(err)
}

// decode gives the record's value, or nil where nobody looks at it; it is checked either way.
func (h *handler) decode(ctx context.Context, r *stream.Record, from decoding) (value any, err error) {
	to := h.side(from)
	if len(h.steps) > 0 || h.key != nil || !to.keeps(from.value) {
		value, err = from.value.Decode(ctx, codec.ValueOf(r))
	} else {
		err = from.value.Check(ctx, codec.ValueOf(r))
	}
	return value, unreadable(r, wire.Value, err)
}

// unreadable says of which record a side cannot be decoded, which is final unless only the schema registry is away.
func unreadable(r *stream.Record, side wire.Side, err error) error {
	if err == nil || codec.Unavailable(err) {
		return err
	}
	return stream.Permanent(fmt.Errorf("%s of %s at offset %d: %w", side, r.Source(), r.Offset, err))
}

func (h *handler) runSteps(b *budget, results []result, variables []any) ([]result, error) {
	for i, s := range h.steps {
		var next []result
		for _, in := range results {
			err := b.run(s.program, in.value, variables, func(out any) bool {
				switch {
				case s.kind == "map":
					next = append(next, result{value: out})
					return true
				case out != nil && out != false:
					next = append(next, in)
				}
				return false // a filter's first result decides
			})
			if err != nil {
				return nil, &StepError{Step: i + 1, Kind: s.kind, Err: err}
			}
		}
		results = next
		b.results = 0
	}
	return results, nil
}

// variables gives the values of the variables in their order; those that no program mentions are left nil.
func (h *handler) variables(ctx context.Context, r *stream.Record, from decoding) ([]any, error) {
	key, err := decodeKey(ctx, r, from, h.uses["$key"])
	if err != nil {
		return nil, err
	}
	values := []any{key, nil, r.Topic, int(r.Partition), int(r.Offset), nil}
	if h.uses["$headers"] {
		headers := make(map[string]any, len(r.Headers))
		for _, header := range r.Headers {
			headers[header.Key] = text(header.Value)
		}
		values[1] = headers
	}
	if !r.Timestamp.IsZero() {
		values[5] = int(r.Timestamp.UnixMilli())
	}
	return values, nil
}

func decodeKey(ctx context.Context, r *stream.Record, from decoding, used bool) (any, error) {
	switch {
	case r.Key == nil:
		return nil, nil
	case from.key == nil && used:
		return text(r.Key), nil
	case from.key == nil:
		return nil, nil
	case from.key.Name() == codec.Raw{}.Name():
		return base64.StdEncoding.EncodeToString(r.Key), nil
	}
	key, err := from.key.Decode(ctx, codec.KeyOf(r))
	return key, unreadable(r, wire.Key, err)
}

// text shows bytes as text; null stays null.
func text(b []byte) any {
	if b == nil {
		return nil
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}
