package avro

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestResolution(t *testing.T) {
	t.Parallel()
	record := func(fields string) string {
		return `{"type": "record", "name": "R", "fields": [` + fields + `]}`
	}
	enum := func(more string) string { return `{"type": "enum", "name": "E", ` + more + `}` }
	for _, c := range []struct {
		name           string
		writer, reader string
		value          any
		want           any
	}{
		{"a field that was added", record(``), record(`{"name": "a", "type": ["null", "string"], "default": null}, {"name": "b", "type": "long", "default": 9007199254740993}`), map[string]any{}, map[string]any{"a": nil, "b": json.Number("9007199254740993")}},
		{"fields that were dropped", record(`{"name": "a", "type": {"type": "array", "items": "string"}}, {"name": "m", "type": {"type": "map", "values": "int"}}, {"name": "b", "type": "int"}`), record(`{"name": "b", "type": "int"}`), map[string]any{"a": []any{"x"}, "m": map[string]any{"k": 1}, "b": 1}, map[string]any{"b": kept(1)}},
		{"fields in another order", record(`{"name": "a", "type": "int"}, {"name": "b", "type": "string"}`), record(`{"name": "b", "type": "string"}, {"name": "n", "type": "int", "default": 7}, {"name": "a", "type": "int"}`), map[string]any{"a": 1, "b": "x"}, map[string]any{"a": kept(1), "b": "x", "n": kept(7)}},
		{"a field that was renamed", record(`{"name": "old", "type": "int"}`), record(`{"name": "new", "aliases": ["older", "old"], "type": "long"}`), map[string]any{"old": 1}, map[string]any{"new": kept(1)}},
		{"a name before an alias", record(`{"name": "a", "type": "int"}, {"name": "b", "type": "int"}`), record(`{"name": "c", "aliases": ["a", "b"], "type": "int"}, {"name": "a", "type": "int"}`), map[string]any{"a": 1, "b": 2}, map[string]any{"a": kept(1), "c": kept(2)}},
		{"a record that was renamed", `{"type": "record", "name": "x.Old", "fields": [{"name": "a", "type": "int"}]}`, `{"type": "record", "name": "n.New", "aliases": ["Older", "x.Old"], "fields": [{"name": "a", "type": "int"}]}`, map[string]any{"a": 1}, map[string]any{"a": kept(1)}},
		{"a namespace that was added", record(`{"name": "a", "type": "int"}`), `{"type": "record", "name": "n.R", "fields": [{"name": "a", "type": "int"}]}`, map[string]any{"a": 1}, map[string]any{"a": kept(1)}},
		{"int as long", `"int"`, `"long"`, -5, kept(-5)},
		{"int as float", `"int"`, `"float"`, 16777217, kept(16777216)},
		{"int as double", `"int"`, `"double"`, 16777217, kept(16777217)},
		{"long as double", `"long"`, `"double"`, json.Number("9007199254740993"), kept(9007199254740992)},
		{"float as double", `"float"`, `"double"`, 0.1, json.Number("0.10000000149011612")},
		{"string as bytes", `"string"`, `"bytes"`, "a", "YQ=="},
		{"bytes as string", `"bytes"`, `"string"`, "YQ==", "a"},
		{"int as date", `"int"`, `{"type": "int", "logicalType": "date"}`, 1, "1970-01-02"},
		{"into a union", `"int"`, `["null", "string", "double", "long"]`, 5, kept(5)},
		{"into a union that has the type", `"int"`, `["null", "double", "int"]`, 5, kept(5)},
		{"out of a union", `["null", "int"]`, `"int"`, 5, kept(5)},
		{"out of a union that has null", `["null", "int"]`, `"int"`, nil, nil},
		{"between unions", `["null", "int", "string"]`, `["string", "null", "long"]`, 5, kept(5)},
		{"symbols in another order", enum(`"symbols": ["A", "B"]`), enum(`"symbols": ["B", "C", "A"]`), "A", "A"},
		{"a symbol that is gone", enum(`"symbols": ["A", "B"]`), enum(`"symbols": ["B", "C"], "default": "C"`), "A", "C"},
		{"a symbol that is gone without a default", enum(`"symbols": ["A", "B"]`), enum(`"symbols": ["B", "C"]`), "A", nil},
		{"a symbol that is gone with a default that is none", enum(`"symbols": ["A", "B"]`), enum(`"symbols": ["B", "C"], "default": "Z"`), "A", nil},
		{"items", `{"type": "array", "items": "int"}`, `{"type": "array", "items": ["null", "long"]}`, []any{1, 2}, []any{kept(1), kept(2)}},
		{"values", `{"type": "map", "values": "int"}`, `{"type": "map", "values": "double"}`, map[string]any{"k": 1}, map[string]any{"k": kept(1)}},
		{"a recursive type", nodeSchema, `{"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}, {"name": "w", "type": "string", "default": "d"}]}`, map[string]any{"v": 1, "next": map[string]any{"v": 2, "next": nil}}, map[string]any{"w": "d", "next": map[string]any{"w": "d", "next": nil}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			writer, reader := parse(t, c.writer), parse(t, c.reader)
			data, err := writer.Encode(c.value)
			require.NoError(t, err)
			r := readerOf(t, writer, reader, Options{})
			got, err := r.Decode(data)
			tr := transcoder{cursor: cursor{data: data}, outMax: 1 << 20, fills: 1000}
			if c.want == nil {
				var decode *DecodeError
				require.ErrorAs(t, err, &decode)
				require.EqualError(t, tr.value(r.plan), err.Error())
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			require.NoError(t, tr.value(r.plan))
			again, err := readerOf(t, reader, nil, Options{}).Decode(tr.out)
			require.NoError(t, err)
			require.Equal(t, c.want, again, "Go values are read from the same")
		})
	}
}

func TestResolutionRefused(t *testing.T) {
	t.Parallel()
	const long = `{"type": "long", "logicalType": %q}`
	for _, c := range []struct{ writer, reader, want string }{
		{`"long"`, `"int"`, "the writer's long cannot be read as int"},
		{`"null"`, `["int", "string"]`, "the reader's union [int, string] has no branch for the writer's null"},
		{`["null", "string"]`, `"int"`, "the writer's string cannot be read as int"},
		{`{"type": "record", "name": "A", "fields": []}`, `{"type": "record", "name": "B", "fields": []}`, "the writer's record A is not the reader's record B, nor one of its aliases"},
		{`{"type": "record", "name": "A", "fields": []}`, `{"type": "record", "name": "A", "fields": [{"name": "x", "type": "int"}]}`, "x: the writer's record A does not have the field, and it has no default"},
		{`{"type": "record", "name": "A", "fields": []}`, `{"type": "record", "name": "A", "fields": [{"name": "x", "type": "int", "default": "1"}]}`, `x: the writer's record A does not have the field, and its default is wrong: want an int, got the string "1"`},
		{`{"type": "fixed", "name": "F", "size": 1}`, `{"type": "fixed", "name": "F", "size": 2}`, "the writer's fixed F has 1 bytes, the reader's 2"},
		{`{"type": "array", "items": {"type": "map", "values": "string"}}`, `{"type": "array", "items": {"type": "map", "values": "int"}}`, "[][]: the writer's string cannot be read as int"},
		{fmt.Sprintf(long, "timestamp-millis"), fmt.Sprintf(long, "timestamp-micros"), "the writer's long (timestamp-millis) cannot be read as long (timestamp-micros)"},
		{`{"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}`, `{"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 1}`, "the writer's decimal(4,2) cannot be read as decimal(4,1)"},
		{`{"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}`, `"string"`, "the writer's bytes (decimal) cannot be read as string"},
	} {
		_, err := NewReader(parse(t, c.writer), parse(t, c.reader), Options{})
		var schema *SchemaError
		require.ErrorAs(t, err, &schema)
		require.EqualError(t, err, "avro schema: "+c.want)
	}
}

func TestResolutionErrorsSayWhere(t *testing.T) {
	t.Parallel()
	writer := parse(t, `{"type": "record", "name": "R", "fields": [{"name": "items", "type": {"type": "array", "items": ["null", "string"]}}]}`)
	reader := parse(t, `{"type": "record", "name": "R", "fields": [{"name": "items", "type": {"type": "array", "items": "string"}}]}`)
	r := readerOf(t, writer, reader, Options{})
	data, err := writer.Encode(map[string]any{"items": []any{"a", nil}})
	require.NoError(t, err)
	_, err = r.Decode(data)
	require.EqualError(t, err, "byte 4: items[1]: the writer's null cannot be read as string")
	_, again := r.Decode(data)
	require.Equal(t, err, again, "an error does not change the plan")
	require.EqualError(t, r.Unmarshal(data, new(any)), err.Error())
}
