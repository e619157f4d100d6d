package jsonschema

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const moneySchema = `{"type": "object", "properties": {"amount": {"type": "number"}, "currency": {"$ref": "currency.json"}}, "required": ["amount"]}`

const currencySchema = `{"enum": ["EUR", "USD"]}`

func TestReferencesAreFoundByName(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		schema     string
		references []Reference
		keyword    string
	}{
		"relative": {
			`{"properties": {"price": {"$ref": "money.json"}}}`,
			[]Reference{{"currency.json", currencySchema}, {"money.json", moneySchema}},
			"currency.json#/enum",
		},
		"relative with a folder, and one beside the other": {
			`{"properties": {"price": {"$ref": "common/money.json"}}}`,
			[]Reference{{"common/currency.json", currencySchema}, {"common/money.json", moneySchema}},
			"common/currency.json#/enum",
		},
		"relative to one in a folder, and named without it": {
			`{"properties": {"price": {"$ref": "common/money.json"}}}`,
			[]Reference{{"currency.json", currencySchema}, {"common/money.json", moneySchema}},
			"common/currency.json#/enum",
		},
		"relative to an absolute $id": {
			`{"$id": "http://example.com/shop/order.json", "properties": {"price": {"$ref": "money.json"}}}`,
			[]Reference{{"currency.json", currencySchema}, {"money.json", moneySchema}},
			"http://example.com/shop/currency.json#/enum",
		},
		"absolute": {
			`{"properties": {"price": {"$ref": "http://example.com/money.json"}}}`,
			[]Reference{{"http://example.com/currency.json", currencySchema}, {"http://example.com/money.json", moneySchema}},
			"http://example.com/currency.json#/enum",
		},
		"a urn": {
			`{"properties": {"price": {"properties": {"currency": {"$ref": "urn:shop:currency"}}}}}`,
			[]Reference{{"urn:shop:currency", currencySchema}},
			"urn:shop:currency#/enum",
		},
		"a Java class": {
			`{"properties": {"price": {"properties": {"currency": {"$ref": "com.example.Currency"}}}}}`,
			[]Reference{{"com.example.Currency", currencySchema}},
			"com.example.Currency#/enum",
		},
		"a part of it": {
			`{"properties": {"price": {"properties": {"currency": {"$ref": "all.json#/definitions/currency"}}}}}`,
			[]Reference{{"all.json", `{"definitions": {"currency": ` + currencySchema + `}}`}},
			"all.json#/definitions/currency/enum",
		},
		"in another order than they build on each other": {
			`{"properties": {"price": {"$ref": "money.json"}}}`,
			[]Reference{{"money.json", moneySchema}, {"currency.json", currencySchema}, {"money.json", moneySchema}},
			"currency.json#/enum",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := parse(t, c.schema, c.references...)
			require.NoError(t, s.Check([]byte(`{"price": {"amount": 5, "currency": "EUR"}}`)))
			err := s.Check([]byte(`{"price": {"amount": 5, "currency": "ABC"}}`))
			require.EqualError(t, err, `byte 36: /price/currency: is none of "EUR", "USD" (`+c.keyword+`)`)
		})
	}
}

func TestReferencesAreFoundByTheirID(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		schema    string
		reference Reference
	}{
		"at the top":           {`{"$ref": "http://example.com/c.json"}`, Reference{"c", `{"$id": "http://example.com/c.json", "enum": ["EUR", "USD"]}`}},
		"at the top, relative": {`{"$ref": "ids/c.json"}`, Reference{"c", `{"$id": "ids/c.json", "enum": ["EUR", "USD"]}`}},
		"inside":               {`{"$ref": "http://example.com/c.json"}`, Reference{"c", `{"definitions": {"c": {"$id": "http://example.com/c.json", "enum": ["EUR", "USD"]}}}`}},
		"inside, relative to the one outside": {
			`{"$ref": "http://example.com/c.json"}`,
			Reference{"c", `{"$id": "http://example.com/all.json", "definitions": {"c": {"$id": "c.json", "enum": ["EUR", "USD"]}}}`},
		},
		"inside, in draft-04": {
			`{"$schema": "http://json-schema.org/draft-04/schema#", "$ref": "http://example.com/c.json"}`,
			Reference{"c", `{"$schema": "http://json-schema.org/draft-04/schema#", "definitions": {"c": {"id": "http://example.com/c.json", "enum": ["EUR", "USD"]}}}`},
		},
		"an anchor": {
			`{"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": "c#money"}`,
			Reference{"c", `{"$defs": {"c": {"$anchor": "money", "enum": ["EUR", "USD"]}}}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := parse(t, c.schema, c.reference)
			require.NoError(t, s.Check([]byte(`"EUR"`)))
			require.ErrorContains(t, s.Check([]byte(`"ABC"`)), "enum")
		})
	}
}

// TestADialectStays has a schema inside another one that is referred to from outside: tuples are 2020-12's.
func TestADialectStays(t *testing.T) {
	t.Parallel()
	s := parse(t, `{"$ref": "http://example.com/inner.json"}`, Reference{"outer", `{"$schema": "https://json-schema.org/draft/2020-12/schema",
		"$defs": {"inner": {"$id": "http://example.com/inner.json", "prefixItems": [{"type": "string"}]}}}`})
	require.NoError(t, s.Check([]byte(`["a"]`)))
	require.Error(t, s.Check([]byte(`[1]`)))
	s = parse(t, `{"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": "r"}`, Reference{"r", `{"prefixItems": [{"type": "string"}]}`})
	require.Error(t, s.Check([]byte(`[1]`)), "a reference without $schema is in the dialect of the schema")
}

func TestSchemasMayReferToEachOther(t *testing.T) {
	t.Parallel()
	s := parse(t, `{"$id": "http://example.com/node.json", "properties": {"children": {"$ref": "list.json"}}, "required": ["v"]}`,
		Reference{"list.json", `{"items": {"$ref": "http://example.com/node.json"}}`})
	require.NoError(t, s.Check([]byte(`{"v": 1, "children": [{"v": 2, "children": []}]}`)))
	require.EqualError(t, s.Check([]byte(`{"v": 1, "children": [{"v": 2, "children": [{}]}]}`)),
		`byte 44: /children/0/children/0: misses "v" (http://example.com/node.json#/required)`)
}

// TestNothingIsFetched has references to what exists, but is no reference of the schema.
func TestNothingIsFetched(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{"http://127.0.0.1:1/x.json", "https://example.com/x.json", "file:///etc/hostname", "/etc/hostname", "schema_test.go", "urn:x:y", "other.json"} {
		for _, text := range []string{`{"$ref": "` + uri + `"}`, `{"properties": {"a": {"$ref": "` + uri + `#/definitions/a"}}}`, `{"$schema": "` + uri + `"}`} {
			_, err := Parse(text, nil, Limits{})
			var schema *SchemaError
			require.ErrorAs(t, err, &schema)
			require.Empty(t, schema.Reference)
			var unknown *UnknownReferenceError
			require.ErrorAs(t, err, &unknown, text)
			require.Equal(t, strings.TrimPrefix(uri, "/"), strings.TrimPrefix(unknown.URI, "/"))
			require.ErrorContains(t, err, "register it")
			_, err = Parse(`{"$ref": "middle"}`, []Reference{{"middle", text}}, Limits{})
			require.ErrorAs(t, err, &schema)
			require.Equal(t, "middle", schema.Reference)
			require.ErrorAs(t, err, &unknown)
		}
	}
}

func TestUnusableSchemas(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text       string
		references []Reference
		want       string
	}{
		{``, nil, "json schema: not JSON: the value is empty"},
		{`{"type": "string"`, nil, "json schema: not JSON: byte 17: the document ends too early"},
		{`"string"`, nil, "json schema: a schema is an object or a boolean"},
		{`{"type": "strin"}`, nil, "json schema: #/type: not a valid schema: value must be one of 'array', 'boolean', 'integer', 'null', 'number', 'object', 'string'"},
		{`{"properties": {"a": {"minLength": -1}}}`, nil, "json schema: #/properties/a/minLength: not a valid schema: minimum: got -1, want 0"},
		{`{"$ref": "#/definitions/none"}`, nil, `json schema: json-pointer in "#/definitions/none" not found`},
		{`{"$ref": "#none"}`, nil, `json schema: anchor in "#none" not found in schema ""`},
		{`{"multipleOf": 0}`, nil, "json schema: #/multipleOf: not a valid schema: exclusiveMinimum: got 0, want 0"},
		{`{"$ref": "r"}`, []Reference{{"r", `{"type": 5}`}}, `json schema: reference "r": r#/type: not a valid schema:`},
		{`{}`, []Reference{{"r", `[]`}}, `json schema: reference "r": a schema is an object or a boolean`},
		{`{}`, []Reference{{"%zz", `{}`}}, `json schema: reference "%zz": its name is no URI: parse "%zz": invalid URL escape "%zz"`},
		{`{"pattern": "(?=a)"}`, nil, `json schema: the pattern "(?=a)" cannot be used: invalid or unsupported Perl syntax: ` + "`(?=`" + ` (lookaround and back references are not known, write it without them)`},
		{`{"patternProperties": {"(a)\\1": {}}}`, nil, "json schema: the pattern \"(a)\\\\1\" cannot be used: invalid escape sequence: `\\1`"},
		{`{"$schema": "http://json-schema.org/draft-03/schema#"}`, nil, `json schema: no schema is known as "http://json-schema.org/draft-03/schema"`},
	} {
		_, err := Parse(c.text, c.references, Limits{})
		require.ErrorContains(t, err, c.want)
		var schema *SchemaError
		require.ErrorAs(t, err, &schema)
	}
}
