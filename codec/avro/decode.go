package avro

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// sharedTextMax is the size up to which all strings of a payload share one copy of it. With larger ones, a string that
// is kept would keep too much alive.
const sharedTextMax = 4 << 10

var (
	errDefaults     = fmt.Errorf("too many values filled in from defaults: %w", ErrLimit)
	errPromotedUTF8 = fmt.Errorf("bytes cannot be the reader's string: %w", ErrUTF8)
)

// decoder builds the generic value of a payload that a checker has accepted.
type decoder struct {
	cursor
	times   Times
	text    string          // data as a string, if it is to be shared
	words   strings.Builder // the digits of many numbers, so that each is not an allocation of its own
	scratch []byte          // for decimals, which may be long
	fills   int             // how many values may still be filled in from defaults
}

func newDecoder(data []byte, times Times, fills int) decoder {
	d := decoder{cursor: cursor{data: data}, times: times, fills: fills}
	if len(data) <= sharedTextMax {
		d.text = string(data)
	}
	return d
}

// value reads the next value. What can still be wrong is what only the reader's schema makes wrong.
func (d *decoder) value(p *plan) (any, error) {
	switch p.action {
	case actRead:
		return d.read(p)
	case actRecord:
		return d.record(p)
	case actItems:
		if p.writer.kind == kindArray {
			return d.array(p)
		}
		return d.entries(p)
	case actSymbol:
		index, err := p.symbol(&d.cursor)
		if err != nil {
			return nil, err
		}
		return p.reader.symbols[index], nil
	case actUnion:
		at := d.pos
		branch := p.branches[d.long()]
		if branch.action == actFail {
			return nil, &DecodeError{Position: int64(at), Err: branch.err}
		}
		return d.value(branch)
	case actInto:
		return d.value(p.items)
	case actFail:
		return nil, &DecodeError{Position: int64(d.pos), Err: p.err}
	}
	panic("avro: unknown action of a plan")
}

// symbol reads the writer's symbol and gives the reader's index of it.
func (p *plan) symbol(c *cursor) (int, error) {
	at := c.pos
	written := c.long()
	index := p.symbols[written]
	if index < 0 {
		err := fmt.Errorf("the reader's enum %s does not have the symbol %s, nor a default", p.reader.name, p.writer.symbols[written])
		return 0, &DecodeError{Position: int64(at), Err: err}
	}
	return index, nil
}

func (d *decoder) record(p *plan) (any, error) {
	record := make(map[string]any, len(p.reader.fields))
	for i := range p.fields {
		f := &p.fields[i]
		if f.target < 0 {
			d.pass(p.writer.fields[i].node)
			continue
		}
		name := p.reader.fields[f.target].name
		value, err := d.value(f.plan)
		if err != nil {
			return nil, within(err, name)
		}
		record[name] = value
	}
	for _, i := range p.fills {
		f := &p.reader.fields[i]
		if d.fills -= f.value.cost; d.fills < 0 {
			return nil, &DecodeError{Position: int64(d.pos), Err: errDefaults}
		}
		record[f.name] = f.value.decode(d.times)
	}
	return record, nil
}

func (d *decoder) array(p *plan) (any, error) {
	values := []any{}
	for count := d.block(); count > 0; count = d.block() {
		if len(values) == 0 {
			values = make([]any, 0, count)
		}
		for range count {
			value, err := d.value(p.items)
			if err != nil {
				return nil, within(err, indexStep(len(values)))
			}
			values = append(values, value)
		}
	}
	return values, nil
}

// entries reads a map. Of a key that comes twice the last value counts, as in JSON.
func (d *decoder) entries(p *plan) (any, error) {
	var entries map[string]any
	for count := d.block(); count > 0; count = d.block() {
		if entries == nil {
			entries = make(map[string]any, count)
		}
		for range count {
			key := d.string()
			value, err := d.value(p.items)
			if err != nil {
				return nil, within(err, keyStep(key))
			}
			entries[key] = value
		}
	}
	if entries == nil {
		entries = map[string]any{}
	}
	return entries, nil
}

func (d *decoder) string() string {
	length := int(d.long())
	start := d.pos
	d.pos += length
	if d.text != "" {
		return d.text[start:d.pos]
	}
	return string(d.data[start:d.pos])
}

func (d *decoder) read(p *plan) (any, error) {
	switch p.writer.kind {
	case kindNull:
		return nil, nil
	case kindBoolean:
		return d.boolean(), nil
	case kindInt, kindLong:
		return d.integer(p.reader), nil
	case kindFloat:
		f := d.float()
		if p.reader.kind == kindDouble {
			return d.real(float64(f), 64), nil
		}
		return d.real(float64(f), 32), nil
	case kindDouble:
		return d.real(d.double(), 64), nil
	case kindString:
		if p.reader.kind == kindBytes {
			return base64.StdEncoding.EncodeToString(d.bytes()), nil
		}
		return d.string(), nil
	case kindBytes:
		if p.reader.kind == kindString {
			return d.promoted()
		}
		return d.opaque(p.reader, d.bytes()), nil
	case kindFixed:
		return d.opaque(p.reader, d.take(p.writer.size)), nil
	case kindRecord, kindEnum, kindArray, kindMap, kindUnion:
	}
	panic("avro: a value with parts has an action of its own")
}

// promoted reads bytes as the reader's string.
func (d *decoder) promoted() (any, error) {
	at := d.pos
	text := d.bytes()
	if !utf8.Valid(text) {
		return nil, &DecodeError{Position: int64(at), Err: errPromotedUTF8}
	}
	return string(text), nil
}

// integer reads an int or a long as the reader's number, date or time.
func (d *decoder) integer(n *node) any {
	v := d.long()
	if n.kind == kindFloat {
		return d.real(float64(float32(v)), 32)
	}
	if n.kind == kindDouble {
		return d.real(float64(v), 64)
	}
	var buffer [40]byte
	if n.logical != logicalNone && d.times == TimesText {
		if text, ok := appendTime(buffer[:0], n.logical, v); ok {
			return d.keep(text)
		}
	}
	return json.Number(d.keep(strconv.AppendInt(buffer[:0], v, 10)))
}

func (d *decoder) real(f float64, bits int) any {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	var buffer [32]byte
	return json.Number(d.keep(appendFloat(buffer[:0], f, bits)))
}

// opaque turns the bytes of a bytes or a fixed into what they mean.
func (d *decoder) opaque(n *node, data []byte) any {
	if n.logical == logicalDecimal {
		d.scratch = appendDecimal(d.scratch[:0], data, n.scale)
		return json.Number(d.keep(d.scratch))
	}
	if n.logical == logicalDuration {
		return durationOf(data)
	}
	if n.logical == logicalUUID {
		var buffer [36]byte
		return d.keep(appendUUID(buffer[:0], data))
	}
	return base64.StdEncoding.EncodeToString(data)
}

// keep makes a string of the text. Strings of a strings.Builder stay as they are while it grows by appending; when it is
// full, another chunk is begun.
func (d *decoder) keep(text []byte) string {
	const chunk = 64
	if d.words.Cap()-d.words.Len() < len(text) {
		size := max(len(text), min(chunk, len(d.data)*2), min(2*d.words.Cap(), 1024))
		d.words.Reset()
		d.words.Grow(size)
	}
	start := d.words.Len()
	d.words.Write(text)
	return d.words.String()[start:]
}
