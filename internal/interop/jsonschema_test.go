package interop

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/codec/document"
	"github.com/troupe-go/troupe/codec/registry"
	"github.com/troupe-go/troupe/codec/wire"
)

func TestJSONSchema(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	exchanges := as(formatJSON, jsonExchanges())
	w.fromPython(exchanges)
	w.toPython(exchanges)
}

const (
	draft07     = `"$schema": "http://json-schema.org/draft-07/schema#"`
	draft202012 = `"$schema": "https://json-schema.org/draft/2020-12/schema"`
)

func jsonExchanges() []exchange {
	money := reference{
		name: "money.json", text: `{` + draft07 + `, "title": "Money", "type": "object", "required": ["cents", "currency"],
			"properties": {"cents": {"type": "integer"}, "currency": {"$ref": "currency.json"}}}`,
		references: []reference{{name: "currency.json", text: `{` + draft07 + `, "enum": ["EUR", "PLN"]}`}},
	}
	modern := reference{
		name: "http://example.com/address.json",
		text: `{` + draft202012 + `, "$id": "http://example.com/address.json", "type": "object", "properties": {"street": {"type": "string"}}, "unevaluatedProperties": false}`,
	}
	return []exchange{
		{
			name: "draft-07",
			schema: `{` + draft07 + `, "title": "Order", "type": "object", "required": ["id"], "additionalProperties": false, "properties": {
				"id": {"type": "string", "minLength": 1}, "lines": {"type": "array", "items": {"$ref": "#/definitions/line"}}, "note": {"type": ["string", "null"]}},
				"definitions": {"line": {"type": "object", "properties": {"pieces": {"type": "integer", "minimum": 0}, "price": {"type": "number"}}}}}`,
			python: `[{"id": "1", "lines": [{"pieces": 2, "price": 9.99}, {}], "note": null}, {"id": "żółć 🎭", "note": "a\u0000\"\\"}]`,
		},
		{
			name: "2020-12",
			schema: `{` + draft202012 + `, "title": "Order", "type": "object", "properties": {
				"pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": false},
				"tree": {"$ref": "#/$defs/tree"}, "kind": {"const": "x"}}, "dependentRequired": {"pair": ["kind"]}, "unevaluatedProperties": false,
				"$defs": {"tree": {"type": "object", "properties": {"branches": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}}}}`,
			python: `[{"pair": ["a", 1], "kind": "x", "tree": {"branches": [{"branches": []}, {}]}}, {}]`,
		},
		{
			name:   "without a draft",
			schema: `{"type": "object", "properties": {"a": {"oneOf": [{"type": "string"}, {"type": "integer"}]}, "b": {"anyOf": [{"type": "null"}, {"type": "boolean"}]}}}`,
			python: `[{"a": "x", "b": null}, {"a": 5, "b": true}]`,
		},
		{
			name:   "numbers",
			schema: `{` + draft07 + `, "type": "array", "items": {"type": "number"}}`,
			python: `[[0, -1, 9007199254740993, 9223372036854775807, -9223372036854775808, 18446744073709551616, 0.1, -2.5, 1.0, 1e+300, 5e-324, 1.7976931348623157e+308]]`,
		},
		{name: "integers", schema: `{` + draft07 + `, "type": "integer"}`, python: `[1, 1.0, 9223372036854775807]`},
		{name: "string at the top", schema: `{` + draft07 + `, "type": "string"}`, python: `["", "x"]`},
		{name: "everything", schema: `{` + draft07 + `}`, python: `[true, {"a": [null]}, "x", 5]`},
		{
			name: "tombstones", schema: `{` + draft07 + `, "type": "object", "properties": {"a": {"type": "integer"}}}`,
			python: `[{"a": 1}, null, {}]`,
		},
		{name: "key", side: sideKey, schema: `{` + draft07 + `, "type": "object"}`, python: `[{"id": 1}]`},
		{
			name: "reference, and one of that", references: []reference{money},
			schema: `{` + draft07 + `, "title": "Order", "type": "object", "properties": {"total": {"$ref": "money.json"}, "paid": {"$ref": "money.json"}}}`,
			python: `[{"total": {"cents": 9223372036854775807, "currency": "PLN"}, "paid": {"cents": 0, "currency": "EUR"}}, {}]`,
		},
		{
			name: "reference by a URI", references: []reference{modern},
			schema: `{` + draft202012 + `, "title": "Person", "type": "object", "properties": {"home": {"$ref": "http://example.com/address.json"}}}`,
			python: `[{"home": {"street": "Ring"}}, {"home": {}}]`,
		},
	}
}

// What one side refuses to write because of the schema, the other refuses, too.
func TestJSONSchemaRefusesTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cases := map[string]struct{ schema, value string }{
		"type":        {`{` + draft07 + `, "type": "object", "properties": {"a": {"type": "integer"}}}`, `{"a": "x"}`},
		"required":    {`{` + draft07 + `, "required": ["a"]}`, `{}`},
		"additional":  {`{` + draft07 + `, "additionalProperties": false}`, `{"a": 1}`},
		"definition":  {`{` + draft202012 + `, "items": {"$ref": "#/$defs/x"}, "$defs": {"x": {"maximum": 5}}}`, `[6]`},
		"prefixItems": {`{` + draft202012 + `, "prefixItems": [{"type": "string"}]}`, `[1]`},
		"unevaluated": {`{` + draft202012 + `, "properties": {"a": true}, "unevaluatedProperties": false}`, `{"b": 1}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := w.on(t)
			topic := w.name + "." + name
			w.topics(topic)
			task := job{Topic: topic, Format: formatJSON, Registry: w.url, Schema: c.schema, Values: []json.RawMessage{json.RawMessage(c.value)}}
			require.Contains(t, python.produce(t, []job{task})[0].Error, "SerializationError")
			writer, err := w.writer(formatJSON, codec.Writing{Draft: &registry.Schema{Text: c.schema}, Register: true})
			require.NoError(t, err)
			value, err := document.Decode([]byte(c.value))
			require.NoError(t, err)
			_, err = writer.Encode(t.Context(), codec.Target{Topic: topic, Side: wire.Value}, value)
			var refused *codec.EncodeError
			require.ErrorAs(t, err, &refused)
			compared.add("jsonschema, refused", toPython, 1)
		})
	}
}
