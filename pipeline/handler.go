package pipeline

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/troupe-go/troupe/codec"
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

// decoding says how the records of a topic are read.
type decoding struct {
	value codec.Format
	key   codec.Format // nil: text, with invalid bytes replaced
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
	format     codec.Format    // of results; nil keeps bytes, and is JSON after a map
	sink       sink.Sink
	limits     limits
}

// result is one value on its way through the steps.
type result struct {
	value    any
	original bool // it still is the record's own value
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
	variables, err := h.variables(r, from)
	if err != nil {
		return nil, stream.Permanent(err)
	}
	b := newBudget(ctx, h.limits, len(r.Value))
	passing := r.Value == nil && h.tombstones != "steps"
	if passing && h.tombstones == "skip" {
		return nil, stream.Skip(SkippedTombstone)
	}
	results := []result{{original: true}}
	if r.Value != nil {
		if results[0].value, err = h.decode(r, from); err != nil {
			return nil, stream.Permanent(err)
		}
	}
	if !passing {
		if results, err = h.runSteps(b, results, variables); err != nil {
			return nil, verdict(ctx, err)
		}
	}
	if len(results) == 0 {
		return nil, stream.Skip(SkippedFiltered)
	}
	messages, err := h.encode(b, r, from, results, variables)
	return messages, verdict(ctx, err)
}

// verdict marks what the record or the program is to blame for as final. An attempt whose context ended is neither.
func verdict(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil && !errors.Is(err, errBudget) {
		return err
	}
	return stream.Permanent(err)
}

// decode gives the record's value, or nil where nobody looks at it; it is checked either way.
func (h *handler) decode(r *stream.Record, from decoding) (any, error) {
	if len(h.steps) > 0 || h.key != nil || h.format != nil && h.format.Name() != from.value.Name() {
		return from.value.Decode(r.Topic, r.Value)
	}
	return nil, from.value.Check(r.Topic, r.Value)
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

func (h *handler) encode(b *budget, r *stream.Record, from decoding, results []result, variables []any) ([]stream.Message, error) {
	messages := make([]stream.Message, 0, len(results))
	size := 0
	for _, res := range results {
		key, err := h.resultKey(b, r, res, variables)
		if err != nil {
			return nil, &StepError{Kind: "key", Err: err}
		}
		value, err := h.resultValue(r, from, res)
		if err != nil {
			return nil, &StepError{Kind: "value", Err: err}
		}
		if size += len(value) + len(key); len(results) > 1 && size > h.limits.bytes {
			return nil, &StepError{Kind: "value", Err: fmt.Errorf("%w: the results have more than %d bytes", errBudget, h.limits.bytes)}
		}
		messages = append(messages, stream.Message{Key: key, Value: value, Headers: r.Headers, Timestamp: r.Timestamp})
	}
	return messages, nil
}

func (h *handler) resultValue(r *stream.Record, from decoding, res result) ([]byte, error) {
	format := h.format
	if format == nil && h.mapped {
		format = codec.JSON{}
	}
	if res.original && (r.Value == nil || format == nil || format.Name() == from.value.Name()) {
		return r.Value, nil
	}
	return format.Encode(r.Topic, res.value)
}

// resultKey runs the key's program. A tombstone has no value to take a key from: it keeps its own unless the program
// finds one in the variables.
func (h *handler) resultKey(b *budget, r *stream.Record, res result, variables []any) ([]byte, error) {
	if h.key == nil {
		return r.Key, nil
	}
	var keys []any
	err := b.run(h.key, res.value, variables, func(out any) bool {
		keys = append(keys, out)
		return len(keys) < 2
	})
	switch {
	case err != nil:
		return nil, err
	case len(keys) != 1:
		return nil, fmt.Errorf("the program must give exactly one result, and gave %s", map[bool]string{true: "more", false: "none"}[len(keys) > 1])
	}
	switch key := keys[0].(type) {
	case nil:
		if r.Value == nil && res.original {
			return r.Key, nil
		}
		return nil, nil
	case string:
		return []byte(key), nil
	default:
		return codec.JSON{}.Encode(r.Topic, key)
	}
}

// variables gives the values of the variables in their order; those that no program mentions are left nil.
func (h *handler) variables(r *stream.Record, from decoding) ([]any, error) {
	key, err := decodeKey(r, from, h.uses["$key"])
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

func decodeKey(r *stream.Record, from decoding, used bool) (any, error) {
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
	key, err := from.key.Decode(r.Topic, r.Key)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	return key, nil
}

// text shows bytes as text; null stays null.
func text(b []byte) any {
	if b == nil {
		return nil
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}
