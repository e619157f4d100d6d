package jsonschema

import (
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/troupe-go/troupe/codec/document"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func parse(t testing.TB, text string, references ...Reference) *Schema {
	t.Helper()
	s, err := Parse(text, references, Limits{})
	require.NoError(t, err)
	return s
}

const orderSchema = `{
	"$schema": "http://json-schema.org/draft-07/schema#",
	"title": "Order",
	"type": "object",
	"properties": {
		"id": {"type": "integer", "minimum": 1},
		"customer": {"type": "string", "minLength": 1, "maxLength": 100},
		"email": {"type": ["string", "null"], "format": "email", "pattern": "@"},
		"quantity": {"type": "integer", "exclusiveMinimum": 0, "maximum": 1000},
		"price": {"type": "number", "multipleOf": 0.01},
		"discount": {"type": "number"},
		"paid": {"type": "boolean"},
		"status": {"enum": ["NEW", "SENT", "DONE"]},
		"placed": {"type": "string"},
		"tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": true}
	},
	"required": ["id", "customer"],
	"additionalProperties": false
}`

const orderDocument = `{"id": 1234567, "customer": "Ada Lovelace", "email": "ada@example.com", "quantity": 3, "price": 17.25, "discount": 0.5,
	"paid": true, "status": "SENT", "placed": "2024-02-29T13:37:00.123Z", "tags": ["new", "gift"]}`

func TestDecodeGivesTheDocument(t *testing.T) {
	t.Parallel()
	s := parse(t, orderSchema)
	want, err := document.Decode([]byte(orderDocument))
	require.NoError(t, err)
	got, err := s.Decode([]byte(orderDocument))
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.NoError(t, s.Check([]byte(orderDocument)))
	require.NoError(t, s.Validate(got))
	require.Equal(t, "Order", s.Title())
	require.Len(t, s.Text(), len(orderSchema), "the text as it came")
}

// TestFaults has documents that are JSON but not what their schema describes: what is said, and to which byte.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ schema, document, at, want string }{
		{orderSchema, `{"customer": "Ada"}`, `{`, `misses "id" (#/required)`},
		{orderSchema, `[]`, `[`, `want object, got array (#/type)`},
		{orderSchema, `{"id": 1.5, "customer": "Ada"}`, `1.5`, `/id: want integer, got number (#/properties/id/type)`},
		{orderSchema, `{"id": 0, "customer": "Ada"}`, `0`, `/id: is not at least 1 (#/properties/id/minimum)`},
		{orderSchema, `{"id": 1, "customer": ""}`, `""`, `/customer: has 0 characters, want 1 or more (#/properties/customer/minLength)`},
		{orderSchema, `{"id": 1, "customer": "` + strings.Repeat("ä", 101) + `"}`, `"ä`, `/customer: has 101 characters, want 100 at most (#/properties/customer/maxLength)`},
		{orderSchema, `{"id": 1, "customer": "A", "email": "a"}`, `"a"`, `/email: does not match @ (#/properties/email/pattern)`},
		{orderSchema, `{"id": 1, "customer": "A", "quantity": 0}`, `0`, `/quantity: is not more than 0 (#/properties/quantity/exclusiveMinimum)`},
		{orderSchema, `{"id": 1, "customer": "A", "quantity": 1001}`, `1001`, `/quantity: is not at most 1000 (#/properties/quantity/maximum)`},
		{orderSchema, `{"id": 1, "customer": "A", "price": 1.005}`, `1.005`, `/price: is not a multiple of 0.01 (#/properties/price/multipleOf)`},
		{orderSchema, `{"id": 1, "customer": "A", "status": "LOST"}`, `"LOST"`, `/status: is none of "NEW", "SENT", "DONE" (#/properties/status/enum)`},
		{orderSchema, `{"id": 1, "customer": "A", "tags": ["a", "b", "a"]}`, `["a"`, `/tags: items 0 and 2 are equal (#/properties/tags/uniqueItems)`},
		{orderSchema, `{"id": 1, "customer": "A", "note~/": [7]}`, `[7]`, `/note~0~1: is not allowed here (#/additionalProperties)`},
		{
			orderSchema, `{"tags": [1, "b", 2, 3, 4], "id": "x", "customer": "A"}`, `"x"`,
			`/id: want integer, got string (#/properties/id/type); /tags/0: want string, got number (#/properties/tags/items/type); /tags/2: want string, got number (#/properties/tags/items/type)`,
		},
		{orderSchema, `{"id": 0, "customer": "A", "id": 1, "id":	-5}`, `-5`, `/id: is not at least 1 (#/properties/id/minimum)`},
		{orderSchema, `{"i\u0064" : "x"  , "customer": "A"}`, `"x"`, `/id: want integer, got string (#/properties/id/type)`},
		{`{"const": 1}`, `2`, `2`, `is not 1 (#/const)`},
		{`{"const": {"a": [1]}}`, `{"a": [2]}`, `{`, `is not {"a":[1]} (#/const)`},
		{`{"minProperties": 1}`, `{}`, `{`, `has 0 properties, want 1 or more (#/minProperties)`},
		{`{"maxProperties": 0}`, `{"a": 1}`, `{`, `has 1 properties, want 0 at most (#/maxProperties)`},
		{`{"minItems": 1}`, `[]`, `[`, `has 0 items, want 1 or more (#/minItems)`},
		{`{"maxItems": 0}`, `[1]`, `[`, `has 1 items, want 0 at most (#/maxItems)`},
		{`{"contains": {"const": 1}}`, `[2]`, `[`, `has 0 of the items wanted, want 1 or more (#/contains)`},
		{`{"$schema": "https://json-schema.org/draft/2019-09/schema", "contains": {"const": 1}, "minContains": 2}`, `[1]`, `[`, `has 1 of the items wanted, want 2 or more (#/minContains)`},
		{`{"$schema": "https://json-schema.org/draft/2019-09/schema", "contains": {"const": 1}, "maxContains": 1}`, `[1, 1]`, `[`, `has 2 of the items wanted, want 1 at most (#/maxContains)`},
		{`{"propertyNames": {"maxLength": 2}}`, `{"abc": [5]}`, `[5]`, `/abc: has 3 characters, want 2 at most (#/propertyNames/maxLength)`},
		{`{"patternProperties": {"^n": {"type": "null"}}}`, `{"no": 5}`, `5`, `/no: want null, got number (#/patternProperties/%5En/type)`},
		{`{"dependencies": {"a": ["b"]}}`, `{"a": 1}`, `{`, `misses "b" (#/dependencies)`},
		{`{"dependencies": {"a": {"required": ["b"]}}}`, `{"a": 1}`, `{`, `misses "b" (#/dependencies/a/required)`},
		{`{"not": {"type": "null"}}`, `null`, `null`, `is what it must not be (#/not)`},
		{`{"if": {"type": "array"}, "then": {"minItems": 1}, "else": false}`, `[]`, `[`, `has 0 items, want 1 or more (#/then/minItems)`},
		{`{"if": {"type": "array"}, "then": {"minItems": 1}, "else": false}`, `5`, `5`, `is not allowed here (#/else)`},
		{`{"anyOf": [{"type": "null"}, {"type": "string"}]}`, `5`, `5`, `fits none of 2 alternatives (#/anyOf)`},
		{`{"anyOf": [{"type": "null"}, {"properties": {"a": {"type": "string"}}}]}`, `{"a": 5}`, `5`, `/a: want string, got number (#/anyOf/1/properties/a/type)`},
		{`{"oneOf": [{"type": "null"}, {"type": "string"}]}`, `5`, `5`, `fits none of 2 alternatives (#/oneOf)`},
		{`{"oneOf": [{"type": "number"}, {"minimum": 3}]}`, `5`, `5`, `fits alternatives 0 and 1, want just one (#/oneOf)`},
		{`{"allOf": [{"type": "integer"}, {"minimum": 3}]}`, `1`, `1`, `is not at least 3 (#/allOf/1/minimum)`},
		{`{"items": [{"type": "string"}], "additionalItems": false}`, `["a", true]`, `true`, `/1: is not allowed here (#/additionalItems)`},
		{`{"$ref": "#/definitions/a", "definitions": {"a": {"type": "string"}}}`, `5`, `5`, `want string, got number (#/definitions/a/type)`},
		{`{"$schema": "https://json-schema.org/draft/2020-12/schema", "allOf": [{"properties": {"a": true}}], "unevaluatedProperties": false}`, `{"a": 1, "b": [2]}`, `[2]`, `/b: is not allowed here (#/unevaluatedProperties)`},
		{`{"$schema": "https://json-schema.org/draft/2020-12/schema", "prefixItems": [true], "unevaluatedItems": {"type": "string"}}`, `[1, 2]`, `2`, `/1: want string, got number (#/unevaluatedItems/type)`},
		{`false`, `[1]`, `[`, `is not allowed here (#)`},
	} {
		s := parse(t, c.schema)
		value, err := s.Decode([]byte(c.document))
		require.Nil(t, value)
		var decode *DecodeError
		require.ErrorAs(t, err, &decode, c.document)
		require.Equal(t, c.want, decode.Err.Error(), c.document)
		require.True(t, strings.HasPrefix(c.document[decode.Position:], c.at), "%s: byte %d", c.document, decode.Position)
		var invalid *ValidationError
		require.ErrorAs(t, err, &invalid)
		plain, err := document.Decode([]byte(c.document))
		require.NoError(t, err)
		require.Equal(t, invalid, s.Validate(plain))
		_, err = s.Encode(plain)
		require.Equal(t, invalid, err)
	}
}

func TestWhatIsNoDocument(t *testing.T) {
	t.Parallel()
	s := parse(t, `{}`)
	for data, want := range map[string]struct {
		position int64
		err      error
	}{
		"":          {document.Whole, document.ErrEmpty},
		"[1":        {2, document.ErrTruncated},
		"[1] 2":     {4, document.ErrTrailing},
		"\"a\xff\"": {2, document.ErrUTF8},
		strings.Repeat("[", 501) + strings.Repeat("]", 501): {500, document.ErrDepth},
	} {
		_, err := s.Decode([]byte(data))
		var decode *DecodeError
		require.ErrorAs(t, err, &decode)
		require.Equal(t, want.position, decode.Position)
		require.ErrorIs(t, err, want.err)
		require.Equal(t, err, s.Check([]byte(data)))
	}
	_, err := s.Decode([]byte(`{"a":}`))
	require.ErrorContains(t, err, "byte 5: invalid character")
}

func TestNumbersAreExact(t *testing.T) {
	t.Parallel()
	s := parse(t, `{"type": "array", "items": {"type": "integer", "enum": [9007199254740993, 1e400, -5, 100]}}`)
	value, err := s.Decode([]byte(`[9007199254740993, 1.0e2, -5.0, 10E399]`))
	require.NoError(t, err)
	data, err := s.Encode(value)
	require.NoError(t, err)
	require.Equal(t, `[9007199254740993,1.0e2,-5.0,10E399]`, string(data))
	require.Error(t, s.Check([]byte(`[9007199254740992]`)))

	s = parse(t, `{"minimum": 9007199254740993, "maximum": 9007199254740993, "multipleOf": 0.1}`)
	require.NoError(t, s.Check([]byte("9007199254740993")))
	require.Error(t, s.Check([]byte("9007199254740992")))
	require.Error(t, s.Check([]byte("9007199254740993.00000000000000000001")))
}

func TestEncodeTakesNumbersOfPrograms(t *testing.T) {
	t.Parallel()
	s := parse(t, `{"items": {"type": "integer", "minimum": 5, "uniqueItems": true}, "uniqueItems": true}`)
	huge, ok := new(big.Int).SetString("123456789012345678901234567890", 10)
	require.True(t, ok)
	data, err := s.Encode([]any{5, int64(6), 7.0, huge, json.Number("8")})
	require.NoError(t, err)
	require.Equal(t, `[5,6,7,123456789012345678901234567890,8]`, string(data))
	_, err = s.Encode([]any{5.5})
	require.EqualError(t, err, "/0: want integer, got number (#/items/type)")
	_, err = s.Encode([]any{7, 7.0})
	require.EqualError(t, err, "items 0 and 1 are equal (#/uniqueItems)")
	_, err = s.Encode([]any{json.Number("x.5")})
	require.EqualError(t, err, "/0: not a number in JSON's form")
	_, err = s.Encode([]any{[]string{"a"}})
	require.EqualError(t, err, "/0: a []string has no JSON form")
}

func TestFormatIsAnAnnotation(t *testing.T) {
	t.Parallel()
	for _, draft := range []string{"http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2019-09/schema", "https://json-schema.org/draft/2020-12/schema"} {
		s := parse(t, `{"$schema": "`+draft+`", "format": "email", "contentEncoding": "base64", "contentMediaType": "application/json"}`)
		require.NoError(t, s.Check([]byte(`"neither an address nor base64"`)))
	}
}

func TestTitle(t *testing.T) {
	t.Parallel()
	require.Equal(t, "T", parse(t, `{"title": "T", "$ref": "#/definitions/a", "definitions": {"a": {"title": "A"}}}`).Title())
	require.Empty(t, parse(t, `{"properties": {"title": {"title": "inner"}}}`).Title())
	require.Empty(t, parse(t, `true`).Title())
}

func TestSchemasAreForConcurrentUse(t *testing.T) {
	t.Parallel()
	s := parse(t, orderSchema)
	var wg sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		wg.Go(func() {
			for range 50 {
				_, good := s.Decode([]byte(orderDocument))
				_, bad := s.Decode([]byte(`{"id": "x", "customer": "A"}`))
				if good != nil || bad == nil || bad.Error() != "byte 7: /id: want integer, got string (#/properties/id/type)" {
					errs[i] = errors.Join(good, bad, errors.New("the answers are wrong"))
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
}
