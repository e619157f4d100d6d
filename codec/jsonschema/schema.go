package jsonschema

import (
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/codec/document"
)

// Reference is a schema that another one refers to. The name is the URI that $ref uses for it, absolute or relative to
// where the $ref stands.
type Reference struct {
	Name string
	Text string
}

// Schema is a compiled schema. It is safe for concurrent use.
type Schema struct {
	text    string
	title   string
	limits  Limits
	root    *node
	nodes   int
	dynamic bool // there are $dynamicRef or $recursiveRef
}

// Parse reads a schema. The references come in the order in which they build on each other; those of the same name and
// text count once. It fails with a *SchemaError.
func Parse(text string, references []Reference, limits Limits) (*Schema, error) {
	limits = limits.withDefaults()
	size := len(text)
	for _, reference := range references {
		size += len(reference.Text) + len(reference.Name)
	}
	if size > limits.SchemaBytes {
		return nil, &SchemaError{Err: fmt.Errorf("%d bytes with its references, %d are allowed: %w", size, limits.SchemaBytes, ErrLimit)}
	}
	source := source{limits: &limits, strays: map[string]struct{}{}}
	root, err := source.read(text)
	if err != nil {
		return nil, &SchemaError{Err: err}
	}
	var others []named
	seen := map[Reference]bool{}
	for _, reference := range references {
		if seen[reference] {
			continue
		}
		seen[reference] = true
		if len(seen) > referencesMax {
			return nil, &SchemaError{Err: fmt.Errorf("more than %d references: %w", referencesMax, ErrLimit)}
		}
		if len(reference.Name) > uriBytesMax {
			return nil, &SchemaError{Reference: reference.Name, Err: fmt.Errorf("a name of %d bytes, %d are allowed: %w", len(reference.Name), uriBytesMax, ErrLimit)}
		}
		other, err := source.read(reference.Text)
		if err != nil {
			return nil, &SchemaError{Reference: reference.Name, Err: err}
		}
		others = append(others, named{reference.Name, other})
	}
	s := &Schema{text: text, limits: limits}
	if object, ok := root.(map[string]any); ok {
		s.title, _ = object["title"].(string)
	}
	if err := s.compile(root, others); err != nil {
		return nil, err
	}
	return s, nil
}

// Text is what was parsed.
func (s *Schema) Text() string { return s.text }

// Title is the title at the top of the schema, by which Confluent's clients name the record; empty if there is none.
func (s *Schema) Title() string { return s.title }

// Check says whether data is exactly one document that the schema describes. It fails with a *DecodeError.
func (s *Schema) Check(data []byte) error {
	_, err := s.Decode(data)
	return err
}

// Decode reads exactly one document that the schema describes, as codec/document does. It fails with a *DecodeError.
func (s *Schema) Decode(data []byte) (any, error) {
	if len(data) > s.limits.Bytes {
		return nil, &DecodeError{Position: int64(s.limits.Bytes), Err: s.tooLong(len(data))}
	}
	if at, deep := s.tooDeep(data); deep {
		return nil, &DecodeError{Position: at, Err: fmt.Errorf("nested deeper than %d: %w", s.limits.Depth, ErrLimit)}
	}
	value, err := document.Decode(data)
	if err != nil {
		return nil, wrong(err)
	}
	if at, err := s.judge(value, s.limits.budget(len(data))); err != nil {
		return nil, &DecodeError{Position: locate(data, at), Err: err}
	}
	return value, nil
}

// tooDeep gives the position of the bracket that exceeds the limit, where that is less than codec/document's own. It need
// not care for syntax: the parser comes next.
func (s *Schema) tooDeep(data []byte) (int64, bool) {
	if s.limits.Depth >= document.DepthMax {
		return 0, false
	}
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			quoted = !quoted
		case '\\':
			i++
		case '{', '[':
			if !quoted {
				depth++
			}
		case '}', ']':
			if !quoted {
				depth--
			}
		}
		if depth > s.limits.Depth {
			return int64(i), true
		}
	}
	return 0, false
}

func wrong(err error) *DecodeError {
	var syntax *document.Error
	if errors.As(err, &syntax) {
		return &DecodeError{Position: syntax.Position, Err: syntax.Err}
	}
	return &DecodeError{Position: document.Whole, Err: err}
}

// Validate says whether the schema describes a value as Decode gives it, or one with the numbers that document.Encode also
// takes. It fails with a *ValidationError, or with another error where there is no answer within the limits.
func (s *Schema) Validate(value any) error {
	_, err := s.judge(value, s.limits.Work)
	return err
}

// Encode writes a value that the schema describes, as codec/document does. It fails as Validate does, or as
// document.Encode.
func (s *Schema) Encode(value any) ([]byte, error) {
	if err := s.Validate(value); err != nil {
		return nil, err
	}
	data, err := document.Encode(value)
	if err != nil {
		return nil, err
	}
	if len(data) > s.limits.Bytes {
		return nil, s.tooLong(len(data))
	}
	return data, nil
}

func (s *Schema) tooLong(size int) error {
	return fmt.Errorf("%d bytes, %d are allowed: %w", size, s.limits.Bytes, ErrLimit)
}

// judge validates a value, and gives the way to what is wrong in it.
func (s *Schema) judge(value any, budget int) ([]step, error) {
	r := run{limits: &s.limits, schema: s, left: budget, path: make([]step, 0, 8)}
	ok := r.valid(s.root, value, nil)
	if r.stopped != nil {
		return r.at, r.noAnswer()
	}
	if ok {
		return nil, nil
	}
	// The second walk may end early: that the value is wrong is known.
	second := run{limits: &s.limits, schema: s, left: budget, report: &report{most: faultsMax}}
	second.valid(s.root, value, nil)
	faults := second.report.faults
	if len(faults) == 0 {
		return nil, &ValidationError{Faults: []Fault{{Keyword: described(s.root.location), Message: "is not what the schema describes"}}}
	}
	invalid := &ValidationError{}
	for _, f := range faults {
		invalid.Faults = append(invalid.Faults, f.Fault)
	}
	return faults[0].at, invalid
}

func (r *run) noAnswer() error {
	if at := pointer(r.at); at != "" {
		return fmt.Errorf("%s: %w", at, r.stopped)
	}
	return r.stopped
}
