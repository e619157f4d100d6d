package avro

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// source is the JSON of a schema, reduced to what matters for reading and writing and checked against the limits, so that
// the library which parses it next meets nothing that could keep it busy or that it is pickier about than it needs be:
// documentation, sort orders, unknown properties and, at first, defaults.
type source struct {
	limits *Limits
	types  int // how many so far
}

// sourceField is a field of a record. It marshals without the default until that is known to be harmless.
type sourceField struct {
	Name    any             `json:"name"`
	Aliases any             `json:"aliases,omitempty"`
	Type    any             `json:"type"`
	Default json.RawMessage `json:"default,omitempty"`

	value    any
	hasValue bool
}

var errNotType = errors.New("a type is a name, an object or an array")

// read parses text, in which the types of earlier texts may be used.
func (s *source) read(text string) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	var document any
	if err := decoder.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = ErrTruncated
		}
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("not JSON: more after byte %d", decoder.InputOffset())
	}
	return s.reduce(document, 0)
}

func (s *source) reduce(v any, depth int) (any, error) {
	if depth > s.limits.SchemaDepth {
		return nil, fmt.Errorf("types nested deeper than %d: %w", s.limits.SchemaDepth, ErrLimit)
	}
	if s.types++; s.types > s.limits.SchemaTypes {
		return nil, fmt.Errorf("more than %d types: %w", s.limits.SchemaTypes, ErrLimit)
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case []any:
		branches := make([]any, len(v))
		for i, branch := range v {
			var err error
			if branches[i], err = s.reduce(branch, depth+1); err != nil {
				return nil, err
			}
		}
		return branches, nil
	case map[string]any:
		return s.object(v, depth)
	default:
		return nil, errNotType
	}
}

func (s *source) object(v map[string]any, depth int) (any, error) {
	out := make(map[string]any, len(v))
	for _, key := range []string{"name", "namespace", "aliases", "symbols"} {
		if value, found := v[key]; found && value != nil {
			out[key] = value
		}
	}
	if v["type"] == "enum" {
		// A default that is no symbol is none, as with the defaults of fields.
		symbols, _ := v["symbols"].([]any)
		if symbol, ok := v["default"].(string); ok && slices.Contains(symbols, any(symbol)) {
			out["default"] = symbol
		}
	}
	for _, key := range []string{"type", "items", "values"} {
		value, found := v[key]
		if !found {
			continue
		}
		reduced, err := s.reduce(value, depth+1)
		if err != nil {
			return nil, err
		}
		out[key] = reduced
		if key == "type" {
			s.types-- // it is this type
		}
	}
	if err := s.sizes(v, out); err != nil {
		return nil, err
	}
	if v["type"] == "record" || v["type"] == "error" {
		list, ok := v["fields"].([]any)
		if !ok {
			return nil, fmt.Errorf("the record %v has no array of fields", v["name"])
		}
		fields, err := s.fields(list, depth)
		if err != nil {
			return nil, fmt.Errorf("record %v: %w", v["name"], err)
		}
		out["fields"] = fields
	}
	return out, nil
}

// sizes takes over the numbers of a type.
func (s *source) sizes(v, out map[string]any) error {
	if v["type"] == "fixed" {
		size, ok := small(v["size"], s.limits.Bytes)
		if !ok {
			return fmt.Errorf("the fixed %v needs a size from 0 to %d", v["name"], s.limits.Bytes)
		}
		out["size"] = size
	}
	name, ok := v["logicalType"].(string)
	if !ok {
		return nil
	}
	out["logicalType"] = name
	if name != "decimal" {
		return nil
	}
	if v["scale"] == nil {
		v["scale"] = json.Number("0")
	}
	const precisionMax = decimalBytesMax * 2
	precision, ok := small(v["precision"], precisionMax)
	scale, ok2 := small(v["scale"], precision)
	if number, isNumber := v["precision"].(json.Number); isNumber && !ok && number[0] != '-' && number != "0" {
		return fmt.Errorf("a decimal's precision is %s, %d is the most that is read: %w", clip(number.String()), precisionMax, ErrLimit)
	}
	if !ok || !ok2 || precision == 0 {
		// The specification says to ignore a logical type that is not valid.
		delete(out, "logicalType")
		return nil
	}
	out["precision"], out["scale"] = precision, scale
	return nil
}

func small(v any, largest int) (int, bool) {
	number, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	i, err := strconv.Atoi(number.String())
	return i, err == nil && i >= 0 && i <= largest
}

func (s *source) fields(list []any, depth int) ([]*sourceField, error) {
	fields := make([]*sourceField, len(list))
	for i, v := range list {
		object, ok := v.(map[string]any)
		if !ok || object["type"] == nil {
			return nil, fmt.Errorf("field %d needs a name and a type", i)
		}
		reduced, err := s.reduce(object["type"], depth+1)
		if err != nil {
			return nil, fmt.Errorf("field %v: %w", object["name"], err)
		}
		f := &sourceField{Name: object["name"], Aliases: object["aliases"], Type: reduced}
		f.value, f.hasValue = object["default"]
		fields[i] = f
	}
	return fields, nil
}

// offerDefault puts the default into the JSON, for the library to fill in for Go types that lack the field. Only what the
// library reads as it is meant: no objects, which it expands in exponential time, no numbers beyond a double's digits,
// and of unions only the first branch.
func (f *sourceField) offerDefault(n *node) {
	if n.kind == kindUnion {
		// A null in a union of more than two makes the library panic.
		if len(n.branches) == 0 || f.value == nil && len(n.branches) != 2 {
			return
		}
		n = n.branches[0]
	}
	switch v := f.value.(type) {
	case nil:
		if n.kind != kindNull {
			return
		}
	case string:
		if n.kind != kindString && n.kind != kindEnum {
			return
		}
	case bool:
		if n.kind != kindBoolean {
			return
		}
	case json.Number:
		const exact = 1 << 53
		if i, err := strconv.ParseInt(v.String(), 10, 64); err != nil || i < -exact || i > exact {
			return
		}
		if n.kind != kindInt && n.kind != kindLong && n.kind != kindFloat && n.kind != kindDouble {
			return
		}
	case []any:
		if len(v) > 0 || n.kind != kindArray {
			return
		}
	case map[string]any:
		if len(v) > 0 || n.kind != kindMap {
			return
		}
	}
	// What was read as JSON can be written as JSON.
	f.Default, _ = json.Marshal(f.value)
}
