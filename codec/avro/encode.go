package avro

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
)

var errWritten = fmt.Errorf("the value is too large: %w", ErrLimit)

// encoder writes generic values by a schema.
type encoder struct {
	limits *Limits
	out    []byte
	depth  int
	// work is how many values may still be tried. A union that tries one branch after the other could otherwise take
	// exponential time, and values that share their parts could be of any size.
	work int
}

func mismatch(n *node, v any) error {
	return fmt.Errorf("want %s, got %s", n.wants(), kindOf(v))
}

// wants says what values a type takes.
func (n *node) wants() string {
	switch {
	case n.logical == logicalDecimal:
		return fmt.Sprintf("a decimal(%d,%d)", n.precision, n.scale)
	case n.logical == logicalDuration:
		return "a duration: an object of months, days and milliseconds"
	case n.logical.isTime():
		return fmt.Sprintf("a %s such as %q, or its number", n.logical, example(n.logical))
	}
	switch n.kind {
	case kindBytes:
		return "bytes in base64"
	case kindFixed:
		return fmt.Sprintf("%d bytes in base64", n.size)
	case kindRecord:
		return "an object for the record " + n.name
	case kindEnum:
		return "a symbol of the enum " + n.name
	case kindUnion:
		return "one of " + n.describeBranches()
	case kindInt, kindArray, kindNull, kindBoolean, kindLong, kindFloat, kindDouble, kindString, kindMap:
	}
	article := "a "
	if n.kind == kindInt || n.kind == kindArray {
		article = "an "
	}
	if n.kind == kindNull {
		article = ""
	}
	return article + n.kind.String()
}

// kindOf names a value's type in JSON's words.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return fmt.Sprintf("the string %q", clip(v))
	case json.Number:
		return clip(v.String())
	case int, int64, float64, *big.Int:
		return clip(fmt.Sprint(v))
	case []any:
		return "an array"
	case map[string]any:
		return "an object"
	case []byte:
		return "bytes"
	default:
		return fmt.Sprintf("a %T", v)
	}
}

func (e *encoder) value(n *node, v any) error {
	if e.work--; e.work < 0 || len(e.out) > e.limits.Bytes {
		return errWritten
	}
	switch n.kind {
	case kindNull:
		if v != nil {
			return mismatch(n, v)
		}
		return nil
	case kindBoolean:
		return e.boolean(n, v)
	case kindInt, kindLong:
		return e.integer(n, v)
	case kindFloat, kindDouble:
		return e.real(n, v)
	case kindString:
		text, ok := v.(string)
		if !ok {
			return mismatch(n, v)
		}
		return e.text(text)
	case kindBytes, kindFixed:
		return e.opaque(n, v)
	case kindEnum:
		symbol, ok := v.(string)
		if !ok {
			return mismatch(n, v)
		}
		index, known := n.symbolIndex[symbol]
		if !known {
			return fmt.Errorf("%q is not a symbol of the enum %s", clip(symbol), n.name)
		}
		e.out = binary.AppendVarint(e.out, int64(index))
		return nil
	case kindUnion:
		return e.union(n, v)
	case kindRecord, kindArray, kindMap:
		return e.nested(n, v)
	}
	panic("avro: unknown kind of node")
}

func (e *encoder) nested(n *node, v any) error {
	if e.depth++; e.depth > e.limits.Depth {
		return errTooDeep
	}
	defer func() { e.depth-- }()
	if n.kind == kindArray {
		values, ok := v.([]any)
		if !ok {
			return mismatch(n, v)
		}
		return e.array(n, values)
	}
	object, ok := v.(map[string]any)
	if !ok {
		return mismatch(n, v)
	}
	if n.kind == kindMap {
		return e.entries(n, object)
	}
	return e.record(n, object)
}

func (e *encoder) record(n *node, object map[string]any) error {
	used := 0
	for i := range n.fields {
		f := &n.fields[i]
		if v, found := object[f.name]; found {
			used++
			if err := e.value(f.node, v); err != nil {
				return within(err, f.name)
			}
			continue
		}
		if err := f.usable(); err != nil {
			return within(fmt.Errorf("the field is missing, and %w", err), f.name)
		}
		e.work -= f.value.cost
		e.out = append(e.out, f.value.data...)
	}
	if used == len(object) {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if n.fieldNamed(name) < 0 {
			return within(fmt.Errorf("the record %s has no such field", n.name), name)
		}
	}
	return nil
}

func (e *encoder) array(n *node, values []any) error {
	if len(values) > 0 {
		e.out = binary.AppendVarint(e.out, int64(len(values)))
		for i, v := range values {
			if err := e.value(n.items, v); err != nil {
				return within(err, indexStep(i))
			}
		}
	}
	e.out = append(e.out, 0)
	return nil
}

// entries writes a map by the order of its keys, so that a value always has the same bytes.
func (e *encoder) entries(n *node, object map[string]any) error {
	if len(object) > 0 {
		e.out = binary.AppendVarint(e.out, int64(len(object)))
		for _, key := range slices.Sorted(maps.Keys(object)) {
			if err := e.text(key); err != nil {
				return within(err, keyStep(key))
			}
			if err := e.value(n.items, object[key]); err != nil {
				return within(err, keyStep(key))
			}
		}
	}
	e.out = append(e.out, 0)
	return nil
}
