package formats

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"

	hamba "github.com/hamba/avro/v2"
	library "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/codec/avro"
	"github.com/troupe-go/troupe/codec/document"
	"github.com/troupe-go/troupe/codec/jsonschema"
	"github.com/troupe-go/troupe/codec/protobuf"
	"github.com/troupe-go/troupe/codec/registry"
	"github.com/troupe-go/troupe/codec/wire"
	"github.com/troupe-go/troupe/stream"
)

// Pair is two ways to decode the same bytes.
type Pair struct {
	Name        string
	Alone, Ours string // what the two are
	alone, ours func() error
}

const (
	avroText = `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"customer","type":"string"},
		{"name":"email","type":["null","string"],"default":null},{"name":"quantity","type":"int"},{"name":"price","type":"double"},
		{"name":"discount","type":"float"},{"name":"paid","type":"boolean"},
		{"name":"status","type":{"type":"enum","name":"Status","symbols":["NEW","SENT","DONE"]}},
		{"name":"placed","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"tags","type":{"type":"array","items":"string"}}]}`
	protoText = `syntax = "proto3"; package shop; message Order { int64 id = 1; string customer = 2; optional string email = 3;
		int32 quantity = 4; double price = 5; float discount = 6; bool paid = 7; enum Status { NEW = 0; SENT = 1; DONE = 2; }
		Status status = 8; int64 placed = 9; repeated string tags = 10; }`
	jsonText = `{"$schema":"http://json-schema.org/draft-07/schema#","title":"Order","type":"object","additionalProperties":false,
		"required":["id","customer","quantity","price"],"properties":{"id":{"type":"integer"},"customer":{"type":"string","minLength":1},
		"email":{"type":["null","string"]},"quantity":{"type":"integer","minimum":1},"price":{"type":"number","minimum":0},
		"discount":{"type":"number"},"paid":{"type":"boolean"},"status":{"enum":["NEW","SENT","DONE"]},"placed":{"type":"string"},
		"tags":{"type":"array","items":{"type":"string"}}}}`
	orderText = `{"id":1234567,"customer":"Ada Lovelace","email":"ada@example.com","quantity":3,"price":17.25,"discount":0.5,
		"paid":true,"status":"SENT","placed":"2024-02-29T13:37:00.123Z","tags":["new","gift"]}`
)

type order struct {
	ID       int64    `avro:"id"`
	Customer string   `avro:"customer"`
	Email    *string  `avro:"email"`
	Quantity int      `avro:"quantity"`
	Price    float64  `avro:"price"`
	Discount float32  `avro:"discount"`
	Paid     bool     `avro:"paid"`
	Status   string   `avro:"status"`
	Placed   int64    `avro:"placed"`
	Tags     []string `avro:"tags"`
}

// Pairs are all of them. Release ends what they need.
func Pairs(ctx context.Context) (pairs []Pair, release func(), err error) {
	release = func() {}
	for _, of := range []func() ([]Pair, error){avroPairs, protobufPairs, jsonPairs} {
		some, err := of()
		if err != nil {
			return nil, release, err
		}
		pairs = append(pairs, some...)
	}
	whole, release, err := recordPair(ctx)
	return append(pairs, whole), release, err
}

// encodedOrder is the order in Avro, with the schemas that hamba and we have made of its text.
func encodedOrder() (ours *avro.Schema, alone hamba.Schema, data []byte, err error) {
	value, err := document.Decode([]byte(orderText))
	if err == nil {
		ours, err = avro.Parse(avroText, nil, avro.Limits{})
	}
	if err == nil {
		alone, err = hamba.ParseWithCache(avroText, "", &hamba.SchemaCache{})
	}
	if err == nil {
		data, err = ours.Encode(value)
	}
	return ours, alone, data, err
}

func avroPairs() ([]Pair, error) {
	schema, alone, data, err := encodedOrder()
	if err != nil {
		return nil, fmt.Errorf("avro: %w", err)
	}
	reader, err := avro.NewReader(schema, nil, avro.Options{})
	if err != nil {
		return nil, fmt.Errorf("avro: %w", err)
	}
	return []Pair{
		{
			"avro, into a struct", "hamba", "check, then hamba",
			func() error { var o order; return hamba.Unmarshal(alone, data, &o) },
			func() error { var o order; return reader.Unmarshal(data, &o) },
		},
		{
			"avro, generic", "hamba", "check and decode",
			func() error { var v any; return hamba.Unmarshal(alone, data, &v) },
			func() error { _, err := reader.Decode(data); return err },
		},
	}, nil
}

// recordPair is all that a typed handler's record goes through.
func recordPair(ctx context.Context) (pair Pair, release func(), err error) {
	_, alone, body, err := encodedOrder()
	if err != nil {
		return Pair{}, func() {}, fmt.Errorf("avro: %w", err)
	}
	fake := srfake.NewRegistry()
	server := httptest.NewServer(fake.Handler())
	resolver, err := registry.New(registry.Config{URLs: []string{server.URL}})
	if err != nil {
		server.Close()
		return Pair{}, func() {}, err
	}
	release = func() {
		resolver.Close()
		server.Close()
	}
	id, _, err := fake.RegisterSchema("orders-value", sr.Schema{Schema: avroText})
	if err != nil {
		return Pair{}, release, fmt.Errorf("register the schema: %w", err)
	}
	decoder := codec.Avro[order](codec.NewSchemas(resolver), codec.AvroOptions{})
	record := &stream.Record{Topic: "orders", Value: append(wire.AppendPrefix(nil, int32(id), wire.Path{}), body...)}
	return Pair{
		"avro, a record into a struct", "hamba, of the body", "frame, schema, check, then hamba",
		func() error { var o order; return hamba.Unmarshal(alone, body, &o) },
		func() error { _, err := decoder.Decode(ctx, record); return err },
	}, release, nil
}

func protobufPairs() ([]Pair, error) {
	value, err := document.Decode([]byte(strings.Replace(orderText, `"2024-02-29T13:37:00.123Z"`, `"1709213820123"`, 1)))
	if err != nil {
		return nil, err
	}
	schema, err := protobuf.Parse(protoText, nil, protobuf.Limits{})
	if err != nil {
		return nil, fmt.Errorf("protobuf: %w", err)
	}
	message, err := schema.Message(nil)
	if err != nil {
		return nil, fmt.Errorf("protobuf: %w", err)
	}
	data, err := message.Encode(value)
	if err != nil {
		return nil, fmt.Errorf("protobuf: %w", err)
	}
	field := &descriptorpb.FieldDescriptorProto{
		Name: proto.String("customer"), Extendee: proto.String("e"), Number: proto.Int32(7), TypeName: proto.String(".shop.Order"),
		Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), Type: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(),
		DefaultValue: proto.String("none"), OneofIndex: proto.Int32(3), JsonName: proto.String("customerName"), Proto3Optional: proto.Bool(true),
	}
	generated, err := proto.Marshal(field)
	if err != nil {
		return nil, fmt.Errorf("protobuf: %w", err)
	}
	kind := protobuf.NewType(field.ProtoReflect().Descriptor(), protobuf.Limits{})
	return []Pair{
		{
			"protobuf, into a generated type", "proto.Unmarshal", "check, then proto.Unmarshal",
			func() error { return proto.Unmarshal(generated, &descriptorpb.FieldDescriptorProto{}) },
			func() error { return kind.Unmarshal(generated, &descriptorpb.FieldDescriptorProto{}) },
		},
		{
			"protobuf, generic", "dynamicpb, protojson and encoding/json", "check and decode",
			func() error {
				m := dynamicpb.NewMessage(message.Descriptor())
				if err := proto.Unmarshal(data, m); err != nil {
					return err
				}
				text, err := protojson.Marshal(m)
				if err == nil {
					_, err = document.Decode(text)
				}
				return err
			},
			func() error { _, err := message.Decode(data); return err },
		},
	}, nil
}

func jsonPairs() ([]Pair, error) {
	text, err := library.UnmarshalJSON(strings.NewReader(jsonText))
	if err != nil {
		return nil, fmt.Errorf("jsonschema: %w", err)
	}
	compiler := library.NewCompiler()
	if err := compiler.AddResource("order.json", text); err != nil {
		return nil, fmt.Errorf("jsonschema: %w", err)
	}
	alone, err := compiler.Compile("order.json")
	if err != nil {
		return nil, fmt.Errorf("jsonschema: %w", err)
	}
	schema, err := jsonschema.Parse(jsonText, nil, jsonschema.Limits{})
	if err != nil {
		return nil, fmt.Errorf("jsonschema: %w", err)
	}
	data := []byte(orderText)
	return []Pair{
		{
			"jsonschema", "santhosh-tekuri/jsonschema", "decode and check",
			func() error {
				value, err := library.UnmarshalJSON(strings.NewReader(orderText))
				if err == nil {
					err = alone.Validate(value)
				}
				return err
			},
			func() error { _, err := schema.Decode(data); return err },
		},
		{
			"jsonschema, beside no schema", "a document alone", "decode and check",
			func() error { _, err := document.Decode(data); return err },
			func() error { _, err := schema.Decode(data); return err },
		},
	}, nil
}
