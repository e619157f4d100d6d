package avro

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// defaultBytesMax bounds a default in its binary form. Defaults of records contain those of their fields, so a short
// schema could make one of any size.
const defaultBytesMax = 64 << 10

var (
	errDefaultSize  = fmt.Errorf("a default of more than %d bytes: %w", defaultBytesMax, ErrLimit)
	errDefaultCycle = errors.New("the default contains itself")
)

// defaultValue is the default of a field, kept as the bytes that a writer would have written, so that reading it again
// gives a new value each time.
type defaultValue struct {
	json any // as it is in the schema
	made bool
	busy bool

	data []byte
	text string
	cost int // what it takes from the budget for values that are filled in
	plan *plan
	err  error // why it is not a value of the field's type; other fields can be read nevertheless
}

// decode gives the generic value.
func (v *defaultValue) decode(times Times) any {
	d := decoder{cursor: cursor{data: v.data}, times: times, text: v.text}
	value, err := d.value(v.plan)
	if err != nil {
		panic("avro: a default does not resolve against its own type: " + err.Error())
	}
	return value
}

// usable says why a field's default cannot be used.
func (f *field) usable() error {
	if f.value == nil {
		return errors.New("it has no default")
	}
	if f.value.err != nil {
		return fmt.Errorf("its default is wrong: %w", f.value.err)
	}
	return nil
}

// makeDefault turns a default into bytes. A wrong one is no error by itself: registries keep many such schemas, and only
// who needs the default is concerned.
func (f *field) makeDefault(limits *Limits) {
	v := f.value
	switch {
	case v == nil || v.made:
		return
	case v.busy:
		v.err = errDefaultCycle
		return
	}
	v.busy = true
	m := defaultMaker{limits: limits}
	err := m.value(f.node, v.json, limits.Depth)
	v.busy, v.made = false, true
	if v.err == nil {
		v.err = err
	}
	if v.err != nil {
		return
	}
	v.data, v.text = m.out, string(m.out)
	c := checker{data: m.out, work: math.MaxInt, items: limits.Items, depth: limits.Depth}
	if v.err = c.value(f.node); v.err != nil {
		return
	}
	v.cost = math.MaxInt - c.work + len(m.out)/16
	v.plan, v.err = resolve(f.node, f.node)
}

// defaultMaker writes values in the form that the specification has for defaults: bytes are strings of the code points
// 0 to 255, and a union's default is of the first branch that takes it.
type defaultMaker struct {
	limits *Limits
	out    []byte
}

func (m *defaultMaker) value(n *node, v any, depth int) error {
	if len(m.out) > defaultBytesMax {
		return errDefaultSize
	}
	if depth == 0 {
		return errTooDeep
	}
	switch n.kind {
	case kindRecord:
		return m.record(n, v, depth-1)
	case kindArray, kindMap:
		return m.items(n, v, depth-1)
	case kindUnion:
		return m.union(n, v, depth-1)
	case kindBytes, kindFixed:
		return m.bytes(n, v)
	case kindEnum:
		index, known := n.symbolIndex[fmt.Sprint(v)]
		if _, ok := v.(string); !ok || !known {
			return mismatch(n, v)
		}
		m.out = binary.AppendVarint(m.out, int64(index))
		return nil
	case kindNull, kindBoolean, kindInt, kindLong, kindFloat, kindDouble, kindString:
		if n.kind == kindFloat || n.kind == kindDouble {
			if _, number := v.(json.Number); !number && !notFinite(v) {
				return mismatch(n, v)
			}
		}
		// A date's default is its number, not its text.
		plain := *n
		plain.logical = logicalNone
		e := encoder{limits: m.limits, out: m.out, work: m.limits.WorkBase}
		if err := e.value(&plain, v); err != nil {
			return err
		}
		m.out = e.out
		return nil
	}
	panic("avro: unknown kind of node")
}

func notFinite(v any) bool { return v == "NaN" || v == "Infinity" || v == "-Infinity" }

func (m *defaultMaker) record(n *node, v any, depth int) error {
	object, ok := v.(map[string]any)
	if !ok {
		return mismatch(n, v)
	}
	for i := range n.fields {
		f := &n.fields[i]
		if given, found := object[f.name]; found {
			if err := m.value(f.node, given, depth); err != nil {
				return within(err, f.name)
			}
			continue
		}
		f.makeDefault(m.limits)
		if err := f.usable(); err != nil {
			return within(err, f.name)
		}
		if m.out = append(m.out, f.value.data...); len(m.out) > defaultBytesMax {
			return errDefaultSize
		}
	}
	return nil
}

func (m *defaultMaker) items(n *node, v any, depth int) error {
	list, isList := v.([]any)
	object, isObject := v.(map[string]any)
	if n.kind == kindArray && !isList || n.kind == kindMap && !isObject {
		return mismatch(n, v)
	}
	if count := len(list) + len(object); count > 0 {
		m.out = binary.AppendVarint(m.out, int64(count))
	}
	for i, item := range list {
		if err := m.value(n.items, item, depth); err != nil {
			return within(err, indexStep(i))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		m.out = append(binary.AppendVarint(m.out, int64(len(key))), key...)
		if err := m.value(n.items, object[key], depth); err != nil {
			return within(err, keyStep(key))
		}
	}
	m.out = append(m.out, 0)
	return nil
}

func (m *defaultMaker) union(n *node, v any, depth int) error {
	start := len(m.out)
	var first error
	for i, branch := range n.branches {
		m.out = binary.AppendVarint(m.out[:start], int64(i))
		err := m.value(branch, v, depth)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		first = mismatch(n, v)
	}
	return first
}

func (m *defaultMaker) bytes(n *node, v any) error {
	text, ok := v.(string)
	if !ok {
		return mismatch(n, v)
	}
	size := utf8.RuneCountInString(text)
	if n.kind == kindFixed && size != n.size {
		return fmt.Errorf("want %d bytes, got %d", n.size, size)
	}
	if n.kind == kindBytes {
		m.out = binary.AppendVarint(m.out, int64(size))
	}
	for _, r := range text {
		if r > math.MaxUint8 {
			return errors.New("bytes in a default are written with the code points up to 255, not " + strconv.QuoteRune(r))
		}
		m.out = append(m.out, byte(r))
	}
	return nil
}
