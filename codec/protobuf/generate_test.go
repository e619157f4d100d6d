package protobuf

import (
	"math"
	"math/rand/v2"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// generator makes payloads of any type: with fields in any order, more than once, in pieces, packed or not.
type generator struct{ *rand.Rand }

func newGenerator(seed uint64) generator { return generator{rand.New(rand.NewPCG(seed, 1))} }

func (g generator) message(d protoreflect.MessageDescriptor, depth int) []byte {
	switch d.FullName() {
	case "google.protobuf.Timestamp":
		return g.seconds(-62135596800, 253402300799, false)
	case "google.protobuf.Duration":
		return g.seconds(-315576000000, 315576000000, true)
	case "google.protobuf.FieldMask":
		return nest([]byte("a.b_c"), 1, 1)
	case "google.protobuf.Any":
		return g.any(depth)
	case "google.protobuf.Value":
		return g.value(d, depth)
	}
	var out []byte
	fields := d.Fields()
	for range fields.Len() {
		f := fields.Get(g.IntN(fields.Len()))
		if depth == 0 && f.Message() != nil {
			continue
		}
		for range 1 + g.IntN(3)/2 {
			out = g.field(out, f, depth)
		}
	}
	for i := range fields.Len() {
		if f := fields.Get(i); f.Cardinality() == protoreflect.Required {
			out = g.field(out, f, depth)
		}
	}
	if g.IntN(10) == 0 {
		out = protowire.AppendVarint(protowire.AppendTag(out, 10_000, protowire.VarintType), g.Uint64())
	}
	return out
}

func (g generator) seconds(first, last int64, signed bool) []byte {
	seconds := first + g.Int64N(last-first+1)
	nanos := int64(g.IntN(1_000_000_000))
	if g.IntN(2) == 0 {
		nanos = nanos / 1_000_000 * 1_000_000
	}
	if signed && seconds < 0 {
		nanos = -nanos
	}
	out := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(seconds))
	return protowire.AppendVarint(protowire.AppendTag(out, 2, protowire.VarintType), uint64(nanos))
}

func (g generator) any(depth int) []byte {
	if depth == 0 || g.IntN(3) == 0 {
		return anyOf("x/google.protobuf.Duration", g.seconds(-5, 5, true))
	}
	return anyOf("x/google.protobuf.Any", g.any(depth-1))
}

func (g generator) value(d protoreflect.MessageDescriptor, depth int) []byte {
	fields := d.Fields()
	if depth == 0 {
		return []byte("\x1a\x01s")
	}
	for {
		f := fields.Get(g.IntN(fields.Len()))
		if f.Kind() != protoreflect.DoubleKind {
			return g.field(nil, f, depth)
		}
	}
}

func (g generator) field(out []byte, f protoreflect.FieldDescriptor, depth int) []byte {
	if f.IsList() && f.Message() == nil && wireOf(f.Kind()) != protowire.BytesType && g.IntN(2) == 0 {
		var packed []byte
		for range g.IntN(4) {
			packed = g.scalar(packed, f)
		}
		return protowire.AppendBytes(protowire.AppendTag(out, f.Number(), protowire.BytesType), packed)
	}
	out = protowire.AppendTag(out, f.Number(), wireOf(f.Kind()))
	if f.Message() == nil {
		return g.scalar(out, f)
	}
	inner := g.message(f.Message(), max(depth-1, 0))
	if f.Kind() == protoreflect.GroupKind {
		return protowire.AppendTag(append(out, inner...), f.Number(), protowire.EndGroupType)
	}
	return protowire.AppendBytes(out, inner)
}

func (g generator) scalar(out []byte, f protoreflect.FieldDescriptor) []byte {
	number := g.Uint64() >> g.IntN(64)
	if g.IntN(4) == 0 {
		number = []uint64{0, 1, math.MaxUint64, 1 << 63, 1 << 32, math.MaxUint32, math.MaxInt32, math.Float64bits(math.NaN()), math.Float64bits(1e21)}[g.IntN(9)]
	}
	switch wire := wireOf(f.Kind()); {
	case wire == protowire.Fixed32Type:
		return protowire.AppendFixed32(out, uint32(number))
	case wire == protowire.Fixed64Type:
		return protowire.AppendFixed64(out, number)
	case wire == protowire.BytesType:
		return protowire.AppendString(out, []string{"", "a", "grü\n", "\x00", "a long string of more than 24 bytes"}[g.IntN(5)])
	case f.Kind() == protoreflect.EnumKind && g.IntN(2) == 0:
		number = uint64(f.Enum().Values().Get(g.IntN(f.Enum().Values().Len())).Number())
	}
	return protowire.AppendVarint(out, number)
}

// damage changes, cuts, repeats or inserts bytes.
func (g generator) damage(data []byte) []byte {
	data = append([]byte(nil), data...)
	if len(data) == 0 {
		return []byte{byte(g.Uint64())}
	}
	at := g.IntN(len(data))
	switch g.IntN(4) {
	case 0:
		data[at] = byte(g.Uint64())
	case 1:
		data = data[:at]
	case 2:
		data = append(data, data[at:]...)
	default:
		data = append(data[:at], append([]byte{byte(g.Uint64())}, data[at:]...)...)
	}
	return data
}
