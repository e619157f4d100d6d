package jsonschema

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/codec/document"
)

// What the library takes more than linear time or memory for, besides what Limits bounds.
const (
	uriBytesMax     = 2048       // it joins a URI for each reference, and keeps one for each schema
	pointerBytesMax = 16 << 20   // it keeps the JSON pointer of each schema
	idsMax          = 1000       // it compares each schema with each of them
	refsNodesMax    = 20_000_000 // it copies what it knows of a text for a reference to a place where no schema is expected
	valuesMax       = 100_000    // it lists what is wrong with each of them
)

// source reads the texts of a schema and its references, and counts what is in all of them together, so that the library
// which compiles them next meets nothing that could keep it busy for long.
type source struct {
	limits *Limits

	nodes, values, pointers, ids, refs int
}

var errNotSchema = errors.New("a schema is an object or a boolean")

func (s *source) read(text string) (any, error) {
	value, err := document.Decode([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	switch value.(type) {
	case map[string]any, bool:
	default:
		return nil, errNotSchema
	}
	if err := s.measure(value, 0, 0); err != nil {
		return nil, err
	}
	return value, nil
}

// measure counts a value that is depth levels deep and has a pointer of so many bytes.
func (s *source) measure(value any, depth, pointer int) error {
	if depth > s.limits.SchemaDepth {
		return fmt.Errorf("nested deeper than %d: %w", s.limits.SchemaDepth, ErrLimit)
	}
	s.values++
	s.pointers += pointer
	switch v := value.(type) {
	case bool:
		s.nodes++
	case json.Number:
		return s.number(v)
	case []any:
		for _, item := range v {
			if err := s.measure(item, depth+1, pointer+8); err != nil {
				return err
			}
		}
	case map[string]any:
		s.nodes++
		if err := s.object(v, depth, pointer); err != nil {
			return err
		}
	}
	return s.within()
}

func (s *source) object(object map[string]any, depth, pointer int) error {
	for name, value := range object {
		if text, ok := value.(string); ok {
			if err := s.uri(name, text); err != nil {
				return err
			}
		}
		if err := s.measure(value, depth+1, pointer+1+len(name)); err != nil {
			return err
		}
	}
	return nil
}

func (s *source) uri(keyword, text string) error {
	switch keyword {
	case "$id", "id":
		s.ids++
	case "$ref", "$recursiveRef", "$dynamicRef":
		s.refs++
	case "$schema", "$anchor", "$dynamicAnchor":
	default:
		return nil
	}
	if len(text) > uriBytesMax {
		return fmt.Errorf("%s has %d bytes, %d are allowed: %w", keyword, len(text), uriBytesMax, ErrLimit)
	}
	return nil
}

func (s *source) number(number json.Number) error {
	d, err := parseDecimal(string(number))
	if err != nil {
		return err
	}
	if d.size() > s.limits.NumberDigits {
		return fmt.Errorf("the number %s has more than %d digits: %w", clip(string(number)), s.limits.NumberDigits, ErrLimit)
	}
	return nil
}

func (s *source) within() error {
	for _, bound := range []struct {
		what       string
		count, max int
	}{
		{"objects and booleans", s.nodes, s.limits.SchemaNodes},
		{"values", s.values, valuesMax},
		{"bytes in the pointers to all values", s.pointers, pointerBytesMax},
		{"$id", s.ids, idsMax},
		{"$ref for so many objects", s.refs * s.nodes, refsNodesMax},
	} {
		if bound.count > bound.max {
			return fmt.Errorf("too many %s: %w", bound.what, ErrLimit)
		}
	}
	return nil
}
