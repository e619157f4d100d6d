package protobuf

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// tenFields is the message that the package's speed is measured by.
const tenFields = `syntax = "proto3"; package shop; message Order { int64 id = 1; string customer = 2; optional string email = 3;
	int32 quantity = 4; double price = 5; float discount = 6; bool paid = 7; enum Status { NEW = 0; SENT = 1; DONE = 2; }
	Status status = 8; int64 placed = 9; repeated string tags = 10; }`

func tenFieldsOrder(b *testing.B) (*Message, map[string]any, []byte) {
	b.Helper()
	m := messageOf(b, tenFields)
	value := map[string]any{
		"id": "1234567", "customer": "Ada Lovelace", "email": "ada@example.com", "quantity": 3, "price": 17.25, "discount": 0.5,
		"paid": true, "status": "SENT", "placed": "1709213820123", "tags": []any{"new", "gift"},
	}
	data, err := m.Encode(value)
	if err != nil {
		b.Fatal(err)
	}
	return m, value, data
}

func measure(b *testing.B, size int, do func() error) {
	b.Helper()
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if err := do(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGeneric(b *testing.B) {
	m, value, data := tenFieldsOrder(b)
	b.Run("check", func(b *testing.B) {
		measure(b, len(data), func() error { return m.Check(data) })
	})
	b.Run("decode", func(b *testing.B) {
		measure(b, len(data), func() error {
			_, err := m.Decode(data)
			return err
		})
	})
	b.Run("decode by dynamicpb alone", func(b *testing.B) {
		measure(b, len(data), func() error { return proto.Unmarshal(data, dynamicpb.NewMessage(m.Descriptor())) })
	})
	b.Run("decode by dynamicpb and protojson", func(b *testing.B) {
		measure(b, len(data), func() error {
			_, err := libraryDecode(m, data)
			return err
		})
	})
	b.Run("encode", func(b *testing.B) {
		measure(b, len(data), func() error {
			_, err := m.Encode(value)
			return err
		})
	})
}

// BenchmarkCompiled reads a type that is compiled in, of about as many fields.
func BenchmarkCompiled(b *testing.B) {
	data, err := proto.Marshal(&descriptorpb.FieldDescriptorProto{
		Name: proto.String("quantity"), Number: proto.Int32(4), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
		Type: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), TypeName: proto.String(".shop.Order.Quantity"), Extendee: proto.String(".shop.Order"),
		DefaultValue: proto.String("17"), OneofIndex: proto.Int32(1), JsonName: proto.String("quantity"), Proto3Optional: proto.Bool(true),
	})
	if err != nil {
		b.Fatal(err)
	}
	target := &descriptorpb.FieldDescriptorProto{}
	typ := NewType(target.ProtoReflect().Descriptor(), Limits{})
	b.Run("library alone", func(b *testing.B) {
		measure(b, len(data), func() error { return proto.Unmarshal(data, target) })
	})
	b.Run("check and library", func(b *testing.B) {
		measure(b, len(data), func() error { return typ.Unmarshal(data, target) })
	})
	b.Run("without a Type", func(b *testing.B) {
		measure(b, len(data), func() error { return Unmarshal(data, target, Limits{}) })
	})
}

// BenchmarkParse says why schemas are to be kept.
func BenchmarkParse(b *testing.B) {
	for name, text := range map[string]string{"text": tenFields, "descriptor": encoded(b, parse(b, tenFields))} {
		b.Run(name, func(b *testing.B) {
			measure(b, len(text), func() error {
				_, err := Parse(text, nil, Limits{})
				return err
			})
		})
	}
}
