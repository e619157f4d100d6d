package jsonschema

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/troupe-go/troupe/codec/document"
)

// What the library takes more than linear time or memory for, besides what Limits bounds.
const (
	uriBytesMax     = 2048      // it joins a URI for each reference, and keeps one for each schema
	pointerBytesMax = 16 << 20  // it keeps the JSON pointer of each schema
	idsMax          = 1000      // it compares each schema with each of them
	strayNodesMax   = 4_000_000 // it copies what it knows of a text for a reference to a place where it expects no schema
	valuesMax       = 100_000   // it lists what is wrong with each of them
	aliasesMax      = 50        // it takes #/a/01 for another place than #/a/1, and compiles all that is in it once more
)

// source reads the texts of a schema and its references, and counts what is in all of them together, so that the library
// which compiles them next meets nothing that could keep it busy for long.
type source struct {
	limits *Limits

	nodes, values, pointers, ids, aliases int

	strays map[string]struct{}
	modern bool // of the text at hand: $defs has schemas
}

var errNotSchema = errors.New("a schema is an object or a boolean")

func (s *source) read(text string) (any, error) {
	value, err := document.Decode([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	switch v := value.(type) {
	case map[string]any:
		dialect, _ := v["$schema"].(string)
		s.modern = strings.Contains(dialect, "://json-schema.org/draft/20")
	case bool:
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
		s.reference(text)
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
		{"$ref to places other than definitions, for so many objects", len(s.strays) * s.nodes, strayNodesMax},
		{"$ref with a number that starts with a zero or a sign", s.aliases, aliasesMax},
	} {
		if bound.count > bound.max {
			return fmt.Errorf("too many %s: %w", bound.what, ErrLimit)
		}
	}
	return nil
}

// reference counts those that cost the library more than others. An index of an array in another form than the usual one
// may be a name, too.
func (s *source) reference(uri string) {
	_, fragment, _ := strings.Cut(uri, "#")
	if decoded, err := url.PathUnescape(fragment); err == nil {
		fragment = decoded
	}
	tokens := strings.Split(fragment, "/")
	if len(tokens) > 1 && !s.leadsToSchema(tokens[1:]) {
		s.strays[uri] = struct{}{}
	}
	for _, token := range tokens {
		if index, err := strconv.Atoi(token); err == nil && strconv.Itoa(index) != token {
			s.aliases++
			return
		}
	}
}

// leadsToSchema says whether the library expects a schema where a pointer leads to.
func (s *source) leadsToSchema(tokens []string) bool {
	for len(tokens) > 0 {
		switch tokens[0] {
		case "not", "if", "then", "else", "contains", "propertyNames", "additionalItems", "additionalProperties",
			"unevaluatedItems", "unevaluatedProperties":
			tokens = tokens[1:]
		case "items":
			tokens = tokens[1:]
			if len(tokens) > 0 && tokens[0] != "" && tokens[0][0] <= '9' {
				tokens = tokens[1:]
			}
		case "definitions", "properties", "patternProperties", "dependencies", "allOf", "anyOf", "oneOf":
			tokens = tokens[min(2, len(tokens)):]
		case "$defs", "dependentSchemas", "prefixItems":
			if !s.modern {
				return false
			}
			tokens = tokens[min(2, len(tokens)):]
		default:
			return false
		}
	}
	return true
}

// nodesIn counts the objects and booleans in a value.
func nodesIn(value any) int {
	count := 0
	switch v := value.(type) {
	case bool:
		count++
	case []any:
		for _, item := range v {
			count += nodesIn(item)
		}
	case map[string]any:
		count++
		for _, member := range v {
			count += nodesIn(member)
		}
	}
	return count
}
