package avro

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fuzzed is a schema and another version of it, each read as the other.
type fuzzed struct {
	schema *Schema
	reader *Reader
	others []*Reader
}

const allTypes = `{"type": "record", "name": "All", "fields": [
	{"name": "n", "type": "null"}, {"name": "b", "type": "boolean"}, {"name": "i", "type": "int"}, {"name": "l", "type": "long"},
	{"name": "f", "type": "float"}, {"name": "d", "type": "double"}, {"name": "y", "type": "bytes"}, {"name": "s", "type": "string"},
	{"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["A", "B"]}}, {"name": "x", "type": {"type": "fixed", "name": "X", "size": 3}},
	{"name": "a", "type": {"type": "array", "items": "string"}}, {"name": "m", "type": {"type": "map", "values": ["null", "long"]}},
	{"name": "u", "type": ["null", "long", "string", "E", "All"]},
	{"name": "dec", "type": {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 4}},
	{"name": "date", "type": {"type": "int", "logicalType": "date"}}, {"name": "time", "type": {"type": "long", "logicalType": "time-micros"}},
	{"name": "ts", "type": {"type": "long", "logicalType": "timestamp-millis"}}, {"name": "nanos", "type": {"type": "long", "logicalType": "timestamp-nanos"}},
	{"name": "dur", "type": {"type": "fixed", "name": "Dur", "size": 12, "logicalType": "duration"}},
	{"name": "id", "type": {"type": "fixed", "name": "Id", "size": 16, "logicalType": "uuid"}}]}`

func fuzzedSchemas(f *testing.F) []fuzzed {
	f.Helper()
	var all []fuzzed
	for _, versions := range [][]string{
		{orderSchema, `{"type": "record", "name": "Order", "fields": [{"name": "tags", "type": {"type": "array", "items": ["null", "string"]}}, {"name": "client", "aliases": ["customer"], "type": "bytes"}, {"name": "new", "type": "string", "default": "n"}]}`},
		{nodeSchema, `{"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["Node", "null"]}, {"name": "w", "type": "int", "default": 1}]}`},
		{treeSchema, `{"type": "record", "name": "Tree", "fields": [{"name": "children", "type": {"type": "array", "items": ["null", "Tree"]}}]}`},
		{bagSchema, `{"type": "record", "name": "Bag", "fields": [{"name": "x", "type": "double"}]}`},
		{`{"type": "array", "items": "null"}`},
		{`{"type": "map", "values": {"type": "array", "items": "null"}}`},
		{`{"type": "array", "items": {"type": "record", "name": "R", "fields": []}}`, `{"type": "array", "items": {"type": "record", "name": "R", "fields": [{"name": "d", "type": "string", "default": "filled in"}]}}`},
		{allTypes, `{"type": "record", "name": "All", "fields": [{"name": "u", "type": ["string", "null", "double", "All"]}, {"name": "l", "type": "double"}, {"name": "y", "type": "string"}, {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["B", "C"], "default": "C"}}]}`},
	} {
		var schemas []*Schema
		for _, text := range versions {
			schemas = append(schemas, parse(f, text))
		}
		for i, s := range schemas {
			entry := fuzzed{schema: s, reader: readerOf(f, s, nil, Options{})}
			for j, other := range schemas {
				if i != j {
					if r, err := NewReader(s, other, Options{}); err == nil {
						entry.others = append(entry.others, r)
					}
				}
			}
			all = append(all, entry)
		}
	}
	return all
}

// quick fails if reading took longer than its size can explain, with room for a busy machine.
func quick(t *testing.T, start time.Time) {
	t.Helper()
	require.Less(t, time.Since(start), 10*time.Second)
}

func FuzzDecode(f *testing.F) {
	schemas := fuzzedSchemas(f)
	g := newGenerator(1)
	for i, s := range schemas {
		for range 3 {
			data, _ := g.value(s.schema.root)
			f.Add(uint8(i), data)
		}
		f.Add(uint8(i), bytes.Repeat([]byte{2}, 2000))
		f.Add(uint8(i), varints(1<<20, 0))
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		defer quick(t, time.Now())
		c := schemas[int(which)%len(schemas)]
		v, err := c.reader.Decode(data)
		require.Equal(t, err, c.schema.Check(data))
		for _, r := range c.others {
			got, err := r.Decode(data)
			var typed any
			if typedErr := r.Unmarshal(data, &typed); err == nil {
				require.NoError(t, typedErr, "%v", got)
			}
		}
		if err != nil {
			var decode *DecodeError
			require.ErrorAs(t, err, &decode)
			require.LessOrEqual(t, decode.Position, int64(len(data)))
			require.Less(t, len(err.Error()), 2000)
			require.Equal(t, err, c.reader.Unmarshal(data, new(any)))
			return
		}
		var typed any
		require.NoError(t, c.reader.Unmarshal(data, &typed), "what is checked is no surprise")
		if err := c.reader.Unmarshal(data, &struct{}{}); err != nil {
			require.NotErrorIs(t, err, ErrTrailing)
		}
		out, err := c.schema.Encode(v)
		if err != nil {
			require.ErrorContains(t, err, "digits of a decimal")
			return
		}
		again, err := c.reader.Decode(out)
		if len(out) < len(data) && errors.Is(err, ErrLimit) {
			return // numbers were written longer than they need be, and only so there were bytes enough for all values
		}
		require.NoError(t, err)
		require.Equal(t, v, again)
	})
}

func FuzzEncode(f *testing.F) {
	schemas := fuzzedSchemas(f)
	g := newGenerator(2)
	for i, s := range schemas {
		for range 3 {
			data, _ := g.value(s.schema.root)
			if v, err := s.reader.Decode(data); err == nil {
				document, err := json.Marshal(v)
				require.NoError(f, err)
				f.Add(uint8(i), document)
			}
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, document []byte) {
		decoder := json.NewDecoder(bytes.NewReader(document))
		decoder.UseNumber()
		var v any
		if decoder.Decode(&v) != nil {
			return
		}
		defer quick(t, time.Now())
		c := schemas[int(which)%len(schemas)]
		out, err := c.schema.Encode(v)
		if err != nil {
			var path *PathError
			require.ErrorAs(t, err, &path)
			return
		}
		again, err := c.reader.Decode(out)
		require.NoError(t, err, "what is written can be read")
		twice, err := c.schema.Encode(again)
		require.NoError(t, err)
		stable, err := c.reader.Decode(twice)
		require.NoError(t, err)
		require.Equal(t, again, stable)
	})
}

func FuzzSchema(f *testing.F) {
	for _, text := range []string{
		orderSchema, nodeSchema, treeSchema, bagSchema, allTypes, `"int"`, `["null", {"type": "string", "logicalType": "uuid"}]`, `{"type": {"type": "int"}}`,
		`{"type": "enum", "name": "E", "symbols": ["A"], "default": "B"}`, `{"type": "record", "name": "R", "fields": [{"name": "r", "type": "R", "default": {}}]}`,
		`{"type": ["null", "int"]}`, `{"type": "fixed", "name": "F", "size": 300, "logicalType": "decimal", "precision": 700, "scale": 3}`,
		`{"type": "record", "name": "a.R", "namespace": "b", "aliases": ["c"], "fields": [{"name": "f", "type": "a.R", "aliases": ["g"], "order": "ignore"}]}`,
		`{"type": "record", "name": "R", "fields": [{"name": "f", "type": ["null", "R"], "default": null}, {"name": "g", "type": "bytes", "default": "\u00ff"}]}`,
	} {
		f.Add(text, []byte{2, 4, 0})
	}
	f.Fuzz(func(t *testing.T, text string, data []byte) {
		defer quick(t, time.Now())
		s, err := Parse(text, nil, Limits{})
		if err != nil {
			var schema *SchemaError
			require.ErrorAs(t, err, &schema)
			return
		}
		r, err := NewReader(s, s, Options{})
		require.NoError(t, err, "a schema can read what it wrote")
		v, err := r.Decode(data)
		require.Equal(t, err, s.Check(data))
		var typed any
		typedErr := r.Unmarshal(data, &typed)
		if err == nil {
			require.NoError(t, typedErr)
			_, _ = s.Encode(v)
		}
		_, _ = s.Marshal(map[string]any{})
		_, _ = s.Encode(map[string]any{})
		if data, finite := newGenerator(uint64(len(text))).value(s.root); finite {
			require.NoError(t, s.Check(data))
		}
	})
}
