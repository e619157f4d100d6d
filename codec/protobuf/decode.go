package protobuf

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// sharedTextMax is the size up to which all strings of a payload share one copy of it. With larger ones, a string that
// is kept would keep too much alive.
const sharedTextMax = 4 << 10

// decoder builds the generic value of a payload that a checker has accepted. The memory for it is linear in the size of
// the payload: nothing is allocated by the size of a type, only by what is there.
type decoder struct {
	cursor
	text   string          // data as a string, if it is to be shared
	words  strings.Builder // the digits of many numbers, so that each is not an allocation of its own
	groups []span          // what the checker noted
	work   int             // what the checker left, for the payloads inside of Any
	depth  int
	loose  bool // required fields may be missing, as they may in an Any
}

// piece is one occurrence of a message. All occurrences of a field that is no list are one message together: the
// concatenation of the pieces. They are gathered, so that their parts need not be merged.
type piece struct {
	field *field
	span
}

// building is a message's value while it is read.
type building struct {
	values map[string]any
	pieces []piece
	// chosen has the field of each oneof that was set last.
	chosen [8]choice
	others map[int32]choice
}

// choice is the field of a oneof that is set. Pieces before since are those of an earlier time when it was.
type choice struct {
	field *field
	since int
}

// choose makes f the one of its oneof.
func (b *building) choose(f *field) {
	var old choice
	few := int(f.oneof) < len(b.chosen)
	if few {
		old = b.chosen[f.oneof]
	} else {
		old = b.others[f.oneof]
	}
	if old.field == f {
		return
	}
	if old.field != nil {
		delete(b.values, old.field.name)
	}
	now := choice{field: f, since: len(b.pieces)}
	if few {
		b.chosen[f.oneof] = now
		return
	}
	if b.others == nil {
		b.others = map[int32]choice{}
	}
	b.others[f.oneof] = now
}

// stale says whether a piece is of a oneof that was set otherwise since.
func (b *building) stale(i int) bool {
	f := b.pieces[i].field
	if f.oneof < 0 {
		return false
	}
	var now choice
	if int(f.oneof) < len(b.chosen) {
		now = b.chosen[f.oneof]
	} else {
		now = b.others[f.oneof]
	}
	return now.field != f || i < now.since
}

// message reads a message of any type.
func (d *decoder) message(n *message, pieces []piece) (any, error) {
	n.ready()
	d.depth--
	value, err := d.form(n, pieces)
	d.depth++
	return value, err
}

// object reads a message whose JSON form is an object of its fields.
func (d *decoder) object(n *message, pieces []piece) (map[string]any, error) {
	size := 0
	for i := range pieces {
		size += pieces[i].end - pieces[i].start
	}
	var first [4]piece
	b := building{values: make(map[string]any, min(len(n.few), size/2)), pieces: first[:0]}
	for i := range pieces {
		d.pos = pieces[i].start
		for d.pos < pieces[i].end {
			if err := d.field(n, &b, pieces[i].end); err != nil {
				return nil, err
			}
		}
	}
	if len(b.pieces) > 0 {
		if err := d.assemble(&b); err != nil {
			return nil, err
		}
	}
	if d.loose {
		return b.values, nil
	}
	for _, f := range n.required {
		if _, found := b.values[f.name]; !found {
			return nil, within(d.fail(pieces, ErrMissing), f.name)
		}
	}
	return b.values, nil
}

// assemble reads the messages of which all pieces are gathered.
func (d *decoder) assemble(b *building) error {
	kept := b.pieces
	if slices.ContainsFunc(kept, func(p piece) bool { return p.field.oneof >= 0 }) {
		kept = make([]piece, 0, len(b.pieces))
		for i := range b.pieces {
			if !b.stale(i) {
				kept = append(kept, b.pieces[i])
			}
		}
	}
	byNumber := func(i, j int) bool { return kept[i].field.number < kept[j].field.number }
	if len(kept) > 1 && !sort.SliceIsSorted(kept, byNumber) {
		sort.SliceStable(kept, byNumber)
	}
	for start := 0; start < len(kept); {
		f := kept[start].field
		end := start + 1
		for end < len(kept) && kept[end].field == f {
			end++
		}
		value, err := d.message(f.message, kept[start:end])
		if err != nil {
			return within(err, f.name)
		}
		b.values[f.name] = value
		start = end
	}
	return nil
}

// field reads one field into b.
func (d *decoder) field(n *message, b *building, end int) error {
	number, wire := d.tag()
	f := n.field(number)
	if f == nil {
		d.pass(wire)
		return nil
	}
	if f.oneof >= 0 {
		b.choose(f)
	}
	switch {
	case f.mapped:
		return d.entry(f, b)
	case f.list:
		return d.list(f, b, wire, end)
	case f.message != nil:
		b.pieces = append(b.pieces, d.piece(f))
		return nil
	}
	value, zero := d.scalar(f)
	if zero && f.implicit {
		delete(b.values, f.name)
		return nil
	}
	b.values[f.name] = value
	return nil
}

// piece passes over a message or a group behind its tag.
func (d *decoder) piece(f *field) piece {
	if f.wire == protowire.BytesType {
		return piece{field: f, span: d.bytes()}
	}
	i := sort.Search(len(d.groups), func(i int) bool { return d.groups[i].start >= d.pos })
	found := d.groups[i]
	d.pos = found.end
	d.tag()
	return piece{field: f, span: found}
}

// list reads the field, and those of the same number that follow.
func (d *decoder) list(f *field, b *building, wire protowire.Type, end int) error {
	values, _ := b.values[f.name].([]any)
	for {
		switch {
		case wire != f.wire:
			part := d.bytes()
			next := d.pos
			values = slices.Grow(values, f.count(d.data[part.start:part.end]))
			for d.pos = part.start; d.pos < next; {
				value, _ := d.scalar(f)
				values = append(values, value)
			}
		case f.message != nil:
			one := [1]piece{d.piece(f)}
			next := d.pos
			value, err := d.message(f.message, one[:])
			if err != nil {
				return within(within(err, indexStep(len(values))), f.name)
			}
			d.pos = next
			values = append(values, value)
		default:
			value, _ := d.scalar(f)
			values = append(values, value)
		}
		if d.pos >= end {
			break
		}
		here := d.pos
		number, again := d.tag()
		if number != f.number {
			d.pos = here
			break
		}
		wire = again
	}
	if len(values) > 0 {
		b.values[f.name] = values
	}
	return nil
}

// count is how many values a packed part has.
func (f *field) count(part []byte) int {
	if f.size > 0 {
		return len(part) / f.size
	}
	count := 0
	for _, b := range part {
		if b < 0x80 {
			count++
		}
	}
	return count
}

// entry reads an entry of a map. Of a key that comes twice the last value counts.
func (d *decoder) entry(f *field, b *building) error {
	f.message.ready()
	keys, items := f.message.field(1), f.message.field(2)
	key, value := keys.key(0, ""), any(nil)
	if items.message == nil {
		value = items.zero()
	}
	var first [1]piece
	pieces := first[:0]
	part := d.piece(f)
	next := d.pos
	for d.pos = part.start; d.pos < part.end; {
		number, wire := d.tag()
		switch {
		case number == 1:
			key = d.key(keys)
		case number == 2 && items.message != nil:
			pieces = append(pieces, d.piece(items))
		case number == 2:
			value, _ = d.scalar(items)
		default:
			d.pass(wire)
		}
	}
	if items.message != nil {
		if len(pieces) == 0 {
			pieces = append(pieces, piece{span: span{part.end, part.end}})
		}
		var err error
		if value, err = d.message(items.message, pieces); err != nil {
			return within(within(err, keyStep(key)), f.name)
		}
	}
	d.pos = next
	values, _ := b.values[f.name].(map[string]any)
	if values == nil {
		values = map[string]any{}
		b.values[f.name] = values
	}
	values[key] = value
	return nil
}

// key reads the key of an entry as the name that it has in JSON.
func (d *decoder) key(f *field) string {
	bits, text := d.raw(f)
	return f.key(bits, text)
}

func (f *field) key(bits uint64, text string) string {
	value, _ := (&decoder{}).scalarOf(f, bits, text)
	switch v := value.(type) {
	case string: // 64-bit numbers too
		return v
	case json.Number:
		return v.String()
	default:
		return strconv.FormatBool(bits != 0)
	}
}

// raw reads a scalar: numbers as 64 bits, signed ones extended, and text.
func (d *decoder) raw(f *field) (bits uint64, text string) {
	switch f.kind {
	case protoreflect.StringKind:
		return 0, d.string()
	case protoreflect.BoolKind:
		if d.varint() != 0 {
			return 1, ""
		}
		return 0, ""
	case protoreflect.Int32Kind, protoreflect.EnumKind:
		return uint64(int32(d.varint())), ""
	case protoreflect.Sint32Kind:
		v := d.varint()
		return uint64(int32(protowire.DecodeZigZag(v & math.MaxUint32))), ""
	case protoreflect.Uint32Kind:
		return uint64(uint32(d.varint())), ""
	case protoreflect.Int64Kind, protoreflect.Uint64Kind:
		return d.varint(), ""
	case protoreflect.Sint64Kind:
		return uint64(protowire.DecodeZigZag(d.varint())), ""
	case protoreflect.Sfixed32Kind:
		return uint64(int32(d.fixed32())), ""
	case protoreflect.Fixed32Kind, protoreflect.FloatKind:
		return uint64(d.fixed32()), ""
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return d.fixed64(), ""
	case protoreflect.BytesKind, protoreflect.MessageKind, protoreflect.GroupKind:
	}
	panic("protobuf: no scalar with a text of its own")
}

// scalar reads a value that is no message, and says whether it is the zero of its kind.
func (d *decoder) scalar(f *field) (value any, zero bool) {
	if f.kind == protoreflect.BytesKind {
		part := d.bytes()
		return base64.StdEncoding.EncodeToString(d.data[part.start:part.end]), part.start == part.end
	}
	bits, text := d.raw(f)
	return d.scalarOf(f, bits, text)
}

func (d *decoder) scalarOf(f *field, bits uint64, text string) (value any, zero bool) {
	var buffer [32]byte
	switch f.kind {
	case protoreflect.StringKind, protoreflect.BytesKind:
		return text, text == ""
	case protoreflect.BoolKind:
		return bits != 0, bits == 0
	case protoreflect.EnumKind:
		if f.enum.FullName() == "google.protobuf.NullValue" {
			return nil, bits == 0
		}
		if known := f.enum.Values().ByNumber(protoreflect.EnumNumber(int32(bits))); known != nil {
			return string(known.Name()), bits == 0
		}
		value = json.Number(d.keep(strconv.AppendInt(buffer[:0], int64(bits), 10)))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		value = json.Number(d.keep(strconv.AppendInt(buffer[:0], int64(bits), 10)))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		value = json.Number(d.keep(strconv.AppendUint(buffer[:0], bits, 10)))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		value = d.keep(strconv.AppendInt(buffer[:0], int64(bits), 10))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		value = d.keep(strconv.AppendUint(buffer[:0], bits, 10))
	case protoreflect.FloatKind:
		value = d.real(float64(math.Float32frombits(uint32(bits))), 32)
	case protoreflect.DoubleKind:
		value = d.real(math.Float64frombits(bits), 64)
	case protoreflect.MessageKind, protoreflect.GroupKind:
		panic("protobuf: a message is no scalar")
	}
	return value, bits == 0
}

func (d *decoder) string() string {
	part := d.bytes()
	if d.text != "" {
		return d.text[part.start:part.end]
	}
	return string(d.data[part.start:part.end])
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

// fail reports what is wrong with a message that lies at pieces.
func (d *decoder) fail(pieces []piece, err error) error {
	at := len(d.data)
	if len(pieces) > 0 {
		at = pieces[0].start
	}
	return &DecodeError{Position: int64(at), Err: err}
}

// appendFloat writes the shortest text that reads back as the same number, as JSON is written elsewhere in this project
// (ECMA-262, Number::toString). A 32-bit number needs fewer digits.
func appendFloat(out []byte, f float64, bits int) []byte {
	format := byte('f')
	abs := math.Abs(f)
	if abs != 0 && (bits == 64 && (abs < 1e-6 || abs >= 1e21) || bits == 32 && (float32(abs) < 1e-6 || float32(abs) >= 1e21)) {
		format = 'e'
	}
	start := len(out)
	out = strconv.AppendFloat(out, f, format, -1, bits)
	if n := len(out); format == 'e' && n-start >= 4 && out[n-4] == 'e' && out[n-3] == '-' && out[n-2] == '0' {
		out[n-2] = out[n-1] // 1e-07 is written 1e-7
		out = out[:n-1]
	}
	return out
}
