package interop

import (
	"context"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/codec/registry"
	"github.com/troupe-go/troupe/codec/wire"
	"github.com/troupe-go/troupe/stream"
)

type typedOrder struct {
	ID    int64     `avro:"id" json:"id"`
	Note  *string   `avro:"note" json:"note"`
	Price *big.Rat  `avro:"price" json:"-"`
	At    time.Time `avro:"at" json:"at"`
	Tags  []string  `avro:"tags" json:"tags"`
}

// typed exchanges one value of T: a handler gets it as Python has written it, and Python reads what the writer makes of it.
func typed[T any](w *world, x *exchange, decoder stream.Decoder[T], value T, same func(t *testing.T, want, got T)) {
	w.t.Helper()
	topic := w.name + "." + x.format
	w.topics(topic)
	task := w.task(x, topic, nil)
	task.Values = list(w.t, x.python)
	require.Empty(w.t, python.produce(w.t, []job{task})[0].Error)

	var got []T
	handler := troupe.Typed(decoder, func(_ context.Context, value T, _ *troupe.Record) error {
		got = append(got, value)
		return nil
	})
	require.NoError(w.t, handler.Handle(w.t.Context(), w.read(map[string]int{topic: 1})[topic][0]))
	require.Len(w.t, got, 1)
	same(w.t, value, got[0])
	compared.add("typed handlers, "+x.format, toTroupe, 1)

	writing := codec.Writing{Message: x.message}
	if x.schema != "" {
		writing.Draft = &registry.Schema{Text: x.schema}
	}
	writer, err := w.writer(x.format, writing)
	require.NoError(w.t, err)
	encoded, err := writer.Encode(w.t.Context(), codec.Target{Topic: topic, Side: wire.Value}, value)
	require.NoError(w.t, err)
	w.produce(topic, sideValue, encoded)
	task.Values, task.Schema, task.Count = nil, "", 2
	if x.format == formatProtobuf {
		task.Registry = "" // Python cannot read by a schema that it has built in
	}
	result := python.consume(w.t, []job{task})[0]
	require.Empty(w.t, result.Error)
	requireSameText(w.t, list(w.t, x.python)[0], result.Values[1])
	compared.add("typed handlers, "+x.format, toPython, 1)
}

func TestTypedHandlers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	note := "x"
	order := typedOrder{
		ID: 9007199254740993, Note: &note, Price: big.NewRat(-12345, 100), Tags: []string{"a", ""},
		At: time.Date(2024, 2, 29, 13, 37, 0, 123_000_000, time.UTC),
	}
	sameOrder := func(t *testing.T, want, got typedOrder) {
		t.Helper()
		require.True(t, want.At.Equal(got.At), got.At)
		got.At = want.At
		if want.Price != nil {
			require.Zero(t, want.Price.Cmp(got.Price), got.Price)
			got.Price = want.Price
		}
		require.Equal(t, want, got)
	}
	typed(w, &exchange{
		format: formatAvro,
		schema: `{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "long"}, {"name": "note", "type": ["null", "string"]},
			{"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
			{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}}, {"name": "tags", "type": {"type": "array", "items": "string"}}]}`,
		python: `[{"id": 9007199254740993, "note": "x", "price": {"$decimal": "-123.45"}, "at": {"$datetime": "2024-02-29T13:37:00.123000+00:00"}, "tags": ["a", ""]}]`,
	}, codec.Avro[typedOrder](w.schemas, codec.AvroOptions{}), order, sameOrder)

	order.Price = nil
	typed(w, &exchange{
		format: formatJSON,
		schema: `{` + draft202012 + `, "type": "object", "required": ["id"], "properties": {"at": {"type": "string"}}}`,
		python: `[{"id": 9007199254740993, "note": "x", "at": "2024-02-29T13:37:00.123Z", "tags": ["a", ""]}]`,
	}, codec.JSON[typedOrder](w.schemas), order, sameOrder)

	generated, err := structpb.NewStruct(map[string]any{"a": nil, "b": []any{1.5, "x", map[string]any{}}})
	require.NoError(t, err)
	typed(w, &exchange{
		format: formatProtobuf, message: "google.protobuf.Struct", python: `[{"a": null, "b": [1.5, "x", {}]}]`,
	}, codec.Proto[*structpb.Struct](w.schemas), generated, func(t *testing.T, want, got *structpb.Struct) {
		t.Helper()
		require.True(t, proto.Equal(want, got), got)
	})
}
