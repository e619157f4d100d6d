package codec_test

import (
	"encoding/json"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/sr"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/codec/registry"
	"github.com/troupe-go/troupe/codec/wire"
	"github.com/troupe-go/troupe/stream"
)

const (
	moneyProto = `syntax = "proto3"; package common; message Money { int64 cents = 1; }`
	orderProto = `syntax = "proto3";
package shop;
import "common/money.proto";
message Customer { string name = 1; message Address { string city = 1; } }
message Order { int64 id = 1; common.Money total = 2; }`
	moneyJSON     = `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"cents":{"type":"integer"}},"required":["cents"]}`
	orderJSON     = `{"$schema":"http://json-schema.org/draft-07/schema#","title":"Order","type":"object","properties":{"total":{"$ref":"money.json"}},"required":["total"]}`
	moneyReferred = "common/money.proto"
)

func (w *world) registerShop() int {
	w.register(moneyReferred, sr.Schema{Schema: moneyProto, Type: sr.TypeProtobuf})
	return w.register("orders-value", sr.Schema{
		Schema: orderProto, Type: sr.TypeProtobuf,
		References: []sr.SchemaReference{{Name: moneyReferred, Subject: moneyReferred, Version: 1}},
	})
}

func TestProtobufIsReadByItsMessageIndexes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := int32(w.registerShop())
	order, err := wire.NewPath(1)
	require.NoError(t, err)
	address, err := wire.NewPath(0, 0)
	require.NoError(t, err)
	customer, err := wire.NewPath(0)
	require.NoError(t, err)
	nowhere, err := wire.NewPath(7)
	require.NoError(t, err)
	format := w.schemas.Protobuf()
	for _, c := range []struct {
		path wire.Path
		body []byte
		want any
	}{
		{order, []byte{0x08, 0x2a, 0x12, 0x02, 0x08, 0x05}, map[string]any{"id": "42", "total": map[string]any{"cents": "5"}}},
		{address, []byte{0x0a, 0x01, 'X'}, map[string]any{"city": "X"}},
		{customer, nil, map[string]any{}},
	} {
		data := append(wire.AppendPrefix(nil, id, c.path), c.body...)
		value, err := format.Decode(t.Context(), valueOf(data))
		require.NoError(t, err)
		require.Equal(t, c.want, value)
		require.NoError(t, format.Check(t.Context(), valueOf(data)))
	}
	_, err = format.Decode(t.Context(), valueOf(wire.AppendPrefix(nil, id, nowhere)))
	require.ErrorContains(t, err, "decode protobuf with schema id 2: ")
	_, err = format.Decode(t.Context(), valueOf(append(wire.AppendPrefix(nil, id, order), 0x08)))
	require.ErrorContains(t, err, "decode protobuf with schema id 2: byte 8: ")
	require.Equal(t, err.Error(), format.Check(t.Context(), valueOf(append(wire.AppendPrefix(nil, id, order), 0x08))).Error())
}

func TestProtobufIsWrittenByTheMessagesName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := int32(w.registerShop())
	for name, c := range map[string]struct {
		writing codec.Writing
		value   any
		indexes []int
	}{
		"first":  {codec.Writing{}, map[string]any{"name": "Ann"}, []int{0}},
		"named":  {codec.Writing{Message: "shop.Order"}, map[string]any{"id": "42"}, []int{1}},
		"nested": {codec.Writing{Message: "shop.Customer.Address"}, map[string]any{"city": "X"}, []int{0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			writer, err := w.schemas.ProtobufWriter(c.writing)
			require.NoError(t, err)
			require.NoError(t, writer.Prepare(t.Context(), orders))
			out, err := writer.Encode(t.Context(), orders, c.value)
			require.NoError(t, err)
			path, err := wire.NewPath(c.indexes...)
			require.NoError(t, err)
			require.Equal(t, wire.AppendPrefix(nil, id, path), out.Data[:len(wire.AppendPrefix(nil, id, path))])
			back, err := w.schemas.Protobuf().Decode(t.Context(), valueOf(out.Data))
			require.NoError(t, err)
			require.Equal(t, c.value, back)
		})
	}
	writer, err := w.schemas.ProtobufWriter(codec.Writing{Message: "shop.Nothing"})
	require.NoError(t, err)
	require.ErrorContains(t, writer.Prepare(t.Context(), orders), "encode protobuf with schema id 2: ")
}

func TestGeneratedTypesAreReadAndWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("orders-value", sr.Schema{Type: sr.TypeProtobuf, Schema: `syntax = "proto2"; package io.prometheus.client;
		message LabelPair { optional string name = 1; optional string value = 2; }`})
	writer, err := w.schemas.ProtobufWriter(codec.Writing{})
	require.NoError(t, err)
	sent := &dto.LabelPair{Name: proto.String("a"), Value: proto.String("b")}
	out, err := writer.Encode(t.Context(), orders, sent)
	require.NoError(t, err)
	r := &stream.Record{Topic: "orders", Value: out.Data}
	for name, s := range map[string]*codec.Schemas{"by its schema": w.schemas, "without a registry": nil} {
		got, err := codec.Proto[*dto.LabelPair](s).Decode(t.Context(), r)
		require.NoError(t, err, name)
		require.True(t, proto.Equal(sent, got), name)
		none, err := codec.Proto[*dto.LabelPair](s).Decode(t.Context(), &stream.Record{Topic: "orders"})
		require.NoError(t, err, name)
		require.Nil(t, none, name)
		_, err = codec.Proto[*dto.LabelPair](s).Decode(t.Context(), &stream.Record{Topic: "orders", Value: out.Data[:len(out.Data)-1]})
		require.ErrorContains(t, err, ": byte 10: ", name)
	}
	_, err = codec.Proto[*timestamppb.Timestamp](w.schemas).Decode(t.Context(), r)
	require.ErrorContains(t, err, "the message is a io.prometheus.client.LabelPair, not a google.protobuf.Timestamp")
	_, err = writer.Encode(t.Context(), orders, timestamppb.Now())
	require.ErrorContains(t, err, "google.protobuf.Timestamp")
}

func (w *world) registerMoney() int {
	w.register("money", sr.Schema{Schema: moneyJSON, Type: sr.TypeJSON})
	return w.register("orders-value", sr.Schema{
		Schema: orderJSON, Type: sr.TypeJSON, References: []sr.SchemaReference{{Name: "money.json", Subject: "money", Version: 1}},
	})
}

func TestJSONIsHeldToItsSchema(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.registerMoney()
	format := w.schemas.JSONSchema()
	good := framed(id, []byte(`{"total":{"cents":9007199254740993}}`)...)
	value, err := format.Decode(t.Context(), valueOf(good))
	require.NoError(t, err)
	require.Equal(t, map[string]any{"total": map[string]any{"cents": json.Number("9007199254740993")}}, value)
	bad := framed(id, []byte(`{"total":{"cents":"5"}}`)...)
	_, err = format.Decode(t.Context(), valueOf(bad))
	require.ErrorContains(t, err, "decode jsonschema with schema id 2: byte 23: ")
	require.ErrorContains(t, err, "/total/cents")
	require.Equal(t, err.Error(), format.Check(t.Context(), valueOf(bad)).Error())

	writer, err := w.schemas.JSONSchemaWriter(codec.Writing{})
	require.NoError(t, err)
	out, err := writer.Encode(t.Context(), orders, value)
	require.NoError(t, err)
	require.Equal(t, good, out.Data)
	_, err = writer.Encode(t.Context(), orders, map[string]any{})
	require.ErrorContains(t, err, "encode jsonschema with schema id 2: ")
	record, err := w.schemas.JSONSchemaWriter(codec.Writing{
		Draft: &registry.Schema{Text: moneyJSON}, Naming: registry.RecordName, Register: true,
	})
	require.NoError(t, err)
	require.ErrorContains(t, record.Prepare(t.Context(), orders), "has no name")
}

type sum struct {
	Total struct {
		Cents int64 `json:"cents"`
	} `json:"total"`
}

func TestJSONFillsGoTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.registerMoney()
	document := []byte(`{"total":{"cents":5}}`)
	for name, c := range map[string]struct {
		decoder stream.Decoder[sum]
		value   []byte
		wrong   []byte
	}{
		"by its schema": {codec.JSON[sum](w.schemas), framed(id, document...), framed(id, []byte(`{"total":{}}`)...)},
		"plain":         {codec.JSON[sum](nil), document, []byte(`{"total":{"cents":"x"}}`)},
		"no document":   {codec.JSON[sum](nil), document, []byte(`{"total":{"cents":1}} x`)},
	} {
		got, err := c.decoder.Decode(t.Context(), &stream.Record{Topic: "orders", Value: c.value})
		require.NoError(t, err, name)
		require.EqualValues(t, 5, got.Total.Cents, name)
		none, err := c.decoder.Decode(t.Context(), &stream.Record{Topic: "orders"})
		require.NoError(t, err, name)
		require.Zero(t, none, name)
		_, err = c.decoder.Decode(t.Context(), &stream.Record{Topic: "orders", Value: c.wrong})
		var decode *codec.DecodeError
		require.ErrorAs(t, err, &decode, name)
	}
	writer, err := w.schemas.JSONSchemaWriter(codec.Writing{})
	require.NoError(t, err)
	var value sum
	value.Total.Cents = 5
	out, err := writer.Encode(t.Context(), orders, value)
	require.NoError(t, err)
	require.Equal(t, framed(id, document...), out.Data)
}
