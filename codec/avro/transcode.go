package avro

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"
)

// transcoder turns the writer's bytes into the bytes that the reader's schema would have given. This is how a Go type is
// read through a reader's schema: the library that fills it then sees one schema only.
type transcoder struct {
	cursor
	out    []byte
	outMax int
	fills  int
	parts  [][2]int // where the fields of the records that are being written begin and end in out
}

func (t *transcoder) value(p *plan) error {
	if len(t.out) > t.outMax {
		return &DecodeError{Position: int64(t.pos), Err: fmt.Errorf("more than %d bytes in the reader's schema: %w", t.outMax, ErrLimit)}
	}
	switch p.action {
	case actRead:
		return t.read(p)
	case actRecord:
		return t.record(p)
	case actItems:
		return t.items(p)
	case actSymbol:
		index, err := p.symbol(&t.cursor)
		if err != nil {
			return err
		}
		t.out = binary.AppendVarint(t.out, int64(index))
		return nil
	case actUnion:
		at := t.pos
		index := t.long()
		branch := p.branches[index]
		if branch.action == actFail {
			return &DecodeError{Position: int64(at), Err: branch.err}
		}
		return t.value(branch)
	case actInto:
		t.out = binary.AppendVarint(t.out, int64(p.branch))
		return t.value(p.items)
	case actFail:
		return &DecodeError{Position: int64(t.pos), Err: p.err}
	}
	panic("avro: unknown action of a plan")
}

func (t *transcoder) read(p *plan) error {
	at := t.pos
	switch w, n := p.writer.kind, p.reader.kind; {
	case n == kindFloat && w != n:
		t.out = binary.LittleEndian.AppendUint32(t.out, math.Float32bits(float32(t.long())))
	case n == kindDouble && w == kindFloat:
		t.out = binary.LittleEndian.AppendUint64(t.out, math.Float64bits(float64(t.float())))
	case n == kindDouble && w != n:
		t.out = binary.LittleEndian.AppendUint64(t.out, math.Float64bits(float64(t.long())))
	case n == kindString && w == kindBytes:
		text := t.bytes()
		if !utf8.Valid(text) {
			return &DecodeError{Position: int64(at), Err: errPromotedUTF8}
		}
		t.out = append(t.out, t.data[at:t.pos]...)
	default:
		t.out = append(t.out, t.skip(p.writer)...)
	}
	return nil
}

func (t *transcoder) items(p *plan) error {
	for index := 0; ; {
		count := t.block()
		t.out = binary.AppendVarint(t.out, int64(count))
		if count == 0 {
			return nil
		}
		for range count {
			at := t.pos
			var key []byte
			if p.writer.kind == kindMap {
				key = t.bytes()
				t.out = append(t.out, t.data[at:t.pos]...)
			}
			if err := t.value(p.items); err != nil {
				if p.writer.kind == kindMap {
					return within(err, keyStep(string(key)))
				}
				return within(err, indexStep(index))
			}
			index++
		}
	}
}

// record writes the fields as the writer has them and puts them into the reader's order afterwards, if need be.
func (t *transcoder) record(p *plan) error {
	start, base := len(t.out), len(t.parts)
	t.parts = append(t.parts, make([][2]int, len(p.reader.fields))...)
	for i := range p.fields {
		f := &p.fields[i]
		if f.target < 0 {
			t.pass(p.writer.fields[i].node)
			continue
		}
		from := len(t.out)
		if err := t.value(f.plan); err != nil {
			return within(err, p.reader.fields[f.target].name)
		}
		t.parts[base+f.target] = [2]int{from, len(t.out)}
	}
	for _, i := range p.fills {
		f := &p.reader.fields[i]
		if t.fills -= f.value.cost; t.fills < 0 {
			return &DecodeError{Position: int64(t.pos), Err: errDefaults}
		}
		from := len(t.out)
		t.out = append(t.out, f.value.data...)
		t.parts[base+i] = [2]int{from, len(t.out)}
	}
	if !p.inOrder {
		end := len(t.out)
		for _, part := range t.parts[base:] {
			t.out = append(t.out, t.out[part[0]:part[1]]...)
		}
		t.out = append(t.out[:start], t.out[end:]...)
	}
	t.parts = t.parts[:base]
	return nil
}
