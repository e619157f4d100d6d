package jsonschema

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/troupe-go/troupe/codec/document"
)

// fuzzedSchemas has every keyword, and what refers to itself in every way.
func fuzzedSchemas() []string {
	return []string{
		orderSchema,
		`{"anyOf": [{"type": "null"}, {"properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}, "additionalProperties": false}, {"items": {"$ref": "#"}, "uniqueItems": true, "maxItems": 5}]}`,
		`{"properties": {"a": {"oneOf": [{"$ref": "#"}, {"$ref": "#"}]}}, "patternProperties": {"^b+$": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}, "items": {"$ref": "#"}}`,
		`{"$schema": "https://json-schema.org/draft/2020-12/schema", "$dynamicAnchor": "n", "anyOf": [{"properties": {"a": {"$dynamicRef": "#n"}}}, {"prefixItems": [{"$dynamicRef": "#n"}], "contains": {"type": "number"}, "minContains": 2}, {"type": "string"}], "unevaluatedProperties": {"type": "boolean"}, "unevaluatedItems": {"type": "number"}}`,
		`{"$schema": "https://json-schema.org/draft/2019-09/schema", "$recursiveAnchor": true, "dependentSchemas": {"a": {"$recursiveRef": "#"}}, "dependentRequired": {"b": ["a"]}, "properties": {"c": {"$recursiveRef": "#"}}, "unevaluatedProperties": false}`,
		`{"$schema": "http://json-schema.org/draft-04/schema#", "items": [{"type": "integer", "minimum": -5, "exclusiveMinimum": true, "multipleOf": 0.25}, {"type": "string", "pattern": "^(a|b|ab)*$", "minLength": 2, "maxLength": 1000}], "additionalItems": {"enum": [1, "a", null, [1.0], {"a": 1e2}]}}`,
		`{"if": {"type": "array"}, "then": {"contains": {"const": {"a": [1, 2]}}, "items": {"$ref": "#"}}, "else": {"propertyNames": {"maxLength": 3}, "not": {"required": ["not"]}, "dependencies": {"a": ["b"], "b": {"minProperties": 3}}}}`,
		`{"type": ["integer", "array", "object"], "maximum": 1e20, "exclusiveMaximum": 1e19, "items": {"$ref": "#"}, "additionalProperties": {"$ref": "#"}, "maxProperties": 3}`,
	}
}

func FuzzDecode(f *testing.F) {
	var schemas []*Schema
	for _, text := range fuzzedSchemas() {
		schemas = append(schemas, parse(f, text))
	}
	g := newGenerator(1)
	for i := range schemas {
		for range 4 {
			data, err := document.Encode(g.value(4))
			require.NoError(f, err)
			f.Add(uint8(i), data)
		}
		f.Add(uint8(i), []byte(orderDocument))
		f.Add(uint8(i), []byte(`{"a":{"a":{"a":{"b":{"a":[[1e999999999],[1.0,1]]}}}}}`))
		f.Add(uint8(i), []byte(`[-1.25,"abab",[1],{"a":100},null,"\ud800",{"\u0061":1,"a":2}]`))
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		defer quick(t, time.Now())
		s := schemas[int(which)%len(schemas)]
		want, wantErr := document.Decode(data)
		value, err := s.Decode(data)
		if err != nil {
			checkRefusal(t, data, err, wantErr)
			return
		}
		require.NoError(t, wantErr)
		require.Equal(t, want, value)
		require.NoError(t, s.Check(data))
		out, err := s.Encode(value)
		require.NoError(t, err)
		again, err := s.Decode(out)
		require.NoError(t, err)
		require.Equal(t, value, again)
	})
}

// checkRefusal looks at what a document was refused with: what is not JSON, as codec/document does; what is, with a
// position that something starts at.
func checkRefusal(t *testing.T, data []byte, err, plain error) {
	t.Helper()
	var decode *DecodeError
	require.ErrorAs(t, err, &decode)
	require.Less(t, len(err.Error()), 2000)
	if plain != nil {
		require.Equal(t, plain.Error(), err.Error())
		return
	}
	var invalid *ValidationError
	require.True(t, errors.As(err, &invalid) || errors.Is(err, ErrLimit) || errors.Is(err, ErrCycle), "%v", err)
	var part any
	rest := json.NewDecoder(bytes.NewReader(data[decode.Position:]))
	rest.UseNumber()
	require.NoError(t, rest.Decode(&part), "a value starts there")
}

func FuzzParse(f *testing.F) {
	for _, text := range fuzzedSchemas() {
		f.Add(text, []byte(orderDocument))
	}
	for seed := range uint64(20) {
		g := newGenerator(seed)
		text, err := document.Encode(g.root())
		require.NoError(f, err)
		data, err := document.Encode(g.value(3))
		require.NoError(f, err)
		f.Add(string(text), data)
	}
	f.Add(`{"$ref": "other#/definitions/0", "$id": "http://example.com/a/b"}`, []byte(`{}`))
	f.Add(`{"$ref": "#/a/00", "a": [{"$ref": "#/a/+0"}], "$defs": {"x": {"$anchor": "x"}}}`, []byte(`1`))
	f.Add(`{"allOf": [{"$id": "x/", "allOf": [{"$ref": "other"}]}, {"$ref": "http://json-schema.org/draft-07/schema#"}]}`, []byte(`{"type": "string"}`))
	f.Add(`{"pattern": "\\u0041(a{2,30}){3}|[^\\W\\d]*\\pL$", "multipleOf": 1e-9, "$schema": "http://json-schema.org/draft-06/schema"}`, []byte(`"A"`))
	other := Reference{Name: "other", Text: `{"$id": "http://example.com/other", "definitions": {"0": {"$ref": "other"}, "1": {"$id": "inner", "$ref": "#"}}, "items": {"$ref": "#"}}`}
	f.Fuzz(func(t *testing.T, text string, data []byte) {
		defer quick(t, time.Now())
		s, err := Parse(text, []Reference{other}, Limits{})
		if err != nil {
			var schema *SchemaError
			require.ErrorAs(t, err, &schema)
			require.Less(t, len(err.Error()), 1000)
			return
		}
		value, err := s.Decode(data)
		if err != nil {
			_, plain := document.Decode(data)
			checkRefusal(t, data, err, plain)
			return
		}
		_, err = s.Encode(value)
		require.NoError(t, err)
	})
}
