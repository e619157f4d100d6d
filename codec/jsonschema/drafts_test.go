package jsonschema

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDraftsDiffer has what one draft takes and another one refuses.
func TestDraftsDiffer(t *testing.T) {
	t.Parallel()
	const (
		draft4    = "http://json-schema.org/draft-04/schema#"
		draft6    = "http://json-schema.org/draft-06/schema#"
		draft7    = "http://json-schema.org/draft-07/schema#"
		draft2019 = "https://json-schema.org/draft/2019-09/schema"
		draft2020 = "https://json-schema.org/draft/2020-12/schema"
	)
	for _, c := range []struct {
		keywords, document string
		refusedBy          []string
	}{
		{`"minimum": 1, "exclusiveMinimum": true`, `1`, []string{draft4}},
		{`"const": 1`, `2`, []string{draft6, draft7, draft2019, draft2020, ""}},
		{`"if": true, "then": false`, `2`, []string{draft7, draft2019, draft2020, ""}},
		{`"dependentRequired": {"a": ["b"]}`, `{"a": 1}`, []string{draft2019, draft2020}},
		{`"unevaluatedProperties": false`, `{"a": 1}`, []string{draft2019, draft2020}},
		{`"items": [{"type": "string"}]`, `[1]`, []string{draft4, draft6, draft7, draft2019, ""}},
		{`"prefixItems": [{"type": "string"}]`, `[1]`, []string{draft2020}},
		{`"$ref": "#/definitions/a", "definitions": {"a": {}}, "type": "string"`, `1`, []string{draft2019, draft2020}},
		{`"type": "integer"`, `1.5`, []string{draft4, draft6, draft7, draft2019, draft2020, ""}},
	} {
		for _, draft := range []string{draft4, draft6, draft7, draft2019, draft2020, ""} {
			text := `{` + c.keywords + `}`
			if draft != "" {
				text = `{"$schema": "` + draft + `", ` + c.keywords + `}`
			}
			s, err := Parse(text, nil, Limits{})
			if err != nil {
				require.ErrorContains(t, err, "not a valid schema", text)
				continue
			}
			refused := s.Check([]byte(c.document)) != nil
			require.Equal(t, contains(c.refusedBy, draft), refused, text)
		}
	}
}

func contains(drafts []string, draft string) bool {
	for _, d := range drafts {
		if d == draft {
			return true
		}
	}
	return false
}

// TestDynamicReferences has a tree that may be extended: what its nodes are is for the outermost schema to say.
func TestDynamicReferences(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ schema, tree string }{
		"2020-12": {
			`{"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "http://example.com/strict", "$dynamicAnchor": "node", "$ref": "tree", "unevaluatedProperties": false}`,
			`{"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "http://example.com/tree", "$dynamicAnchor": "node", "properties": {"v": true, "children": {"items": {"$dynamicRef": "#node"}}}}`,
		},
		"2019-09": {
			`{"$schema": "https://json-schema.org/draft/2019-09/schema", "$id": "http://example.com/strict", "$recursiveAnchor": true, "$ref": "tree", "unevaluatedProperties": false}`,
			`{"$schema": "https://json-schema.org/draft/2019-09/schema", "$id": "http://example.com/tree", "$recursiveAnchor": true, "properties": {"v": true, "children": {"items": {"$recursiveRef": "#"}}}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree := parse(t, c.tree)
			strict := parse(t, c.schema, Reference{"http://example.com/tree", c.tree})
			for _, s := range []*Schema{tree, strict} {
				require.NoError(t, s.Check([]byte(`{"children": [{"v": 1, "children": [{"v": 2}]}]}`)))
			}
			misspelt := []byte(`{"children": [{"v": 1, "children": [{"w": 2}]}]}`)
			require.NoError(t, tree.Check(misspelt))
			require.EqualError(t, strict.Check(misspelt), "byte 42: /children/0/children/0/w: is not allowed here (#/unevaluatedProperties)")
		})
	}
}

// TestUnevaluated says what counts as evaluated.
func TestUnevaluated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		keywords, document string
		valid              bool
	}{
		{`"anyOf": [{"properties": {"a": true}}, {"properties": {"b": true}}], "unevaluatedProperties": false`, `{"a": 1, "b": 1}`, true},
		{`"anyOf": [{"properties": {"a": true}}, {"properties": {"b": {"type": "null"}}}], "unevaluatedProperties": false`, `{"a": 1, "b": 1}`, false},
		{`"oneOf": [{"required": ["a"], "properties": {"a": true}}, {"required": ["b"], "properties": {"b": true}}], "unevaluatedProperties": false`, `{"a": 1}`, true},
		{`"not": {"not": {"properties": {"a": true}}}, "unevaluatedProperties": false`, `{"a": 1}`, false},
		{`"if": {"properties": {"a": {"const": 1}}}, "then": {"properties": {"b": true}}, "unevaluatedProperties": false`, `{"a": 1, "b": 1}`, true},
		{`"if": {"properties": {"a": {"const": 2}}}, "then": {"properties": {"b": true}}, "unevaluatedProperties": false`, `{"a": 1}`, false},
		{`"dependentSchemas": {"a": {"properties": {"a": true}}}, "unevaluatedProperties": false`, `{"a": 1}`, true},
		{`"patternProperties": {"^a": true}, "unevaluatedProperties": {"type": "string"}`, `{"ab": 1, "b": "s"}`, true},
		{`"$ref": "#/$defs/a", "$defs": {"a": {"properties": {"a": true}}}, "unevaluatedProperties": false`, `{"a": 1}`, true},
		{`"allOf": [{"additionalProperties": true}], "unevaluatedProperties": false`, `{"a": 1}`, true},
		{`"allOf": [{"unevaluatedProperties": true}], "unevaluatedProperties": false`, `{"a": 1}`, true},
		{`"properties": {"a": {"properties": {"x": true}}}, "unevaluatedProperties": false`, `{"a": {"x": 1, "y": 1}}`, true},
		{`"allOf": [{"properties": {"a": true}}, {"unevaluatedProperties": false}]`, `{"a": 1}`, false},
		{`"prefixItems": [true], "contains": {"const": 5}, "unevaluatedItems": false`, `[1, 5, 5]`, true},
		{`"prefixItems": [true], "contains": {"const": 5}, "unevaluatedItems": false`, `[1, 5, 6]`, false},
		{`"allOf": [{"items": true}], "unevaluatedItems": false`, `[1]`, true},
		{`"anyOf": [{"prefixItems": [true, true]}, {"prefixItems": [true]}], "unevaluatedItems": false`, `[1, 2]`, true},
	} {
		text := `{"$schema": "https://json-schema.org/draft/2020-12/schema", ` + c.keywords + `}`
		require.Equal(t, c.valid, parse(t, text).Check([]byte(c.document)) == nil, "%s %s", text, c.document)
	}
}
