package jsonschema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// quick fails if something that takes part of a second did not end, with room for a busy machine and the race detector.
func quick(t *testing.T, start time.Time) {
	t.Helper()
	require.Less(t, time.Since(start), 2*time.Minute)
}

// nested puts a document into an array or an object, many times.
func nested(before, document, after string, depth int) string {
	return strings.Repeat(before, depth) + document + strings.Repeat(after, depth)
}

// TestExpensiveSchemas has schemas that take exponential or quadratic time, with the documents that show it: each must end
// soon, without an answer or with a fault.
func TestExpensiveSchemas(t *testing.T) {
	t.Parallel()
	const draft2020 = `"$schema": "https://json-schema.org/draft/2020-12/schema", `
	deep := nested(`{"a":`, `{}`, `}`, 400)
	list := nested(`[`, `1`, `]`, 400)
	items := `[` + strings.TrimSuffix(strings.Repeat(`{"a":[]},`, 50_000), ",") + `]`
	numbers := make([]string, 100_000)
	for i := range numbers {
		numbers[i] = fmt.Sprintf("%d.0", i)
	}
	for name, c := range map[string]struct{ schema, document, want string }{
		"anyOf twice a level":             {`{"required": ["b"], "properties": {"a": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}}}`, deep, "misses"},
		"anyOf twice a level, to the end": {`{"properties": {"a": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}}, "not": {"properties": {"a": {"type": "null"}}, "maxProperties": 0}}`, deep, "takes too long: over the limit"},
		"oneOf twice a level":             {`{"properties": {"a": {"oneOf": [{"$ref": "#"}, {"$ref": "#"}]}}}`, deep, "takes too long: over the limit"},
		"allOf twice a level":             {`{"properties": {"a": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}}`, deep, "takes too long: over the limit"},
		"properties and patterns":         {`{"properties": {"a": {"$ref": "#"}}, "patternProperties": {"a": {"$ref": "#"}}}`, deep, "takes too long: over the limit"},
		"patterns under not":              {`{"not": {"patternProperties": {"a": {"$ref": "#"}, "a+": {"$ref": "#"}, "a*": {"$ref": "#"}}}}`, deep, "takes too long: over the limit"},
		"not, twice a level":              {`{"properties": {"a": {"not": {"not": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}}}}`, deep, "takes too long: over the limit"},
		"if, then and else":               {`{"if": {"properties": {"a": {"$ref": "#"}}}, "then": {"properties": {"a": {"$ref": "#"}}}}`, deep, "takes too long: over the limit"},
		"items and contains":              {`{"items": {"$ref": "#"}, "contains": {"$ref": "#"}, "maxItems": 2}`, list, "takes too long: over the limit"},
		"dependencies":                    {`{"dependencies": {"a": {"properties": {"a": {"$ref": "#"}}}}, "properties": {"a": {"$ref": "#"}}}`, deep, "takes too long: over the limit"},
		"unevaluatedProperties": {
			`{` + draft2020 + `"anyOf": [{"properties": {"a": {"$ref": "#"}}}, {"properties": {"a": {"$ref": "#"}}}], "unevaluatedProperties": false}`, deep, "takes too long: over the limit",
		},
		"a dynamic reference twice a level": {
			`{` + draft2020 + `"$dynamicAnchor": "n", "properties": {"a": {"allOf": [{"$dynamicRef": "#n"}, {"$dynamicRef": "#n"}]}}}`, deep, "takes too long: over the limit",
		},
		"a cycle":                       {`{"anyOf": [{"$ref": "#"}]}`, `1`, "the schema refers to itself"},
		"a cycle of references":         {`{"$ref": "#/definitions/a", "definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"$ref": "#/definitions/a"}}}`, `1`, "the schema refers to itself"},
		"a cycle under not":             {`{"not": {"$ref": "#"}}`, `1`, "the schema refers to itself"},
		"a cycle that multiplies":       {`{"allOf": [{"not": {"$ref": "#"}}, {"not": {"$ref": "#"}}, {"not": {"$ref": "#"}}]}`, `1`, "the schema refers to itself"},
		"a cycle through if":            {`{"if": {"$ref": "#"}}`, `1`, "the schema refers to itself"},
		"unique arrays in one another":  {`{"uniqueItems": true, "items": {"$ref": "#"}}`, nested(`[`, `"`+strings.Repeat("a", 1_000_000)+`"`, `,[]]`, 400), ""},
		"equal items by the thousand":   {`{"uniqueItems": true}`, items, "items 0 and 1 are equal"},
		"numbers that are equal":        {`{"uniqueItems": true}`, `[` + strings.Join(numbers, ",") + `, 99999]`, "items 99999 and 100000 are equal"},
		"an error for each item":        {`{"items": {"type": "string"}}`, items, `/0: want string, got object (#/items/type); /1: want string`},
		"an error of each alternative":  {`{"items": {"anyOf": [{"type": "string"}, {"required": ["b"]}, {"properties": {"a": {"minItems": 1}}}]}}`, items, `/0/a: has 0 items, want 1 or more`},
		"a pattern on a long string":    {`{"pattern": "^(a|b|ab|ba)*(a{1,50}c)*$"}`, `"` + strings.Repeat("ab", 50_000) + `x"`, `pattern`},
		"many patterns on long strings": {`{"allOf": [` + strings.TrimSuffix(strings.Repeat(`{"pattern": "(a?){200}$"},`, 200), ",") + `]}`, `"` + strings.Repeat("a", 5_000) + `"`, "takes too long"},
		"a large exponent":              {`{"type": "integer"}`, `1e999999999`, "a number of more than 1000 digits: over the limit"},
		"a large negative exponent":     {`{"multipleOf": 0.1}`, `1e-999999999`, "a number of more than 1000 digits: over the limit"},
		"an exponent beyond all":        {`{"minimum": 1}`, `1e99999999999999999999999999`, "a number of more than 1000 digits: over the limit"},
		"large exponents by the dozen":  {`{"items": {"multipleOf": 1e-999}}`, `[` + strings.TrimSuffix(strings.Repeat("1e999,", 100_000), ",") + `]`, ""},
		"a number of many digits":       {`{"const": 5}`, strings.Repeat("7", 1_000_000), "over the limit"},
		"a property for each dependency": {
			`{"dependencies": {` + join(5000, `"a%d": ["a0"]`) + `}, "items": {"$ref": "#"}}`, `[{"a1": 1, "a0": 1}` + strings.Repeat(`,{}`, 10_000) + `]`, "over the limit",
		},
		"many required": {`{"items": {"required": [` + join(5000, `"a%d"`) + `]}}`, `[{}` + strings.Repeat(`,{}`, 10_000) + `]`, "misses"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Parse(c.schema, nil, Limits{Work: 1 << 19})
			require.NoError(t, err)
			start := time.Now()
			err = s.Check([]byte(c.document))
			quick(t, start)
			if c.want == "" {
				return
			}
			require.ErrorContains(t, err, c.want)
			require.Less(t, len(err.Error()), 2000)
			var decode *DecodeError
			require.ErrorAs(t, err, &decode)
			require.Less(t, decode.Position, int64(len(c.document)))
		})
	}
}

func join(count int, format string) string {
	parts := make([]string, count)
	for i := range parts {
		parts[i] = strings.ReplaceAll(format, "%d", strconv.Itoa(i))
	}
	return strings.Join(parts, ", ")
}

// TestWorkIsInProportionToTheDocument compares what a schema without bounds costs for documents of different sizes.
func TestWorkIsInProportionToTheDocument(t *testing.T) {
	t.Parallel()
	limits := Limits{}.withDefaults()
	require.Equal(t, 100_000, limits.budget(0))
	require.Equal(t, 100_000+128*1000, limits.budget(1000))
	require.Equal(t, 16<<20, limits.budget(16<<20))

	s, err := Parse(`{"properties": {"a": {"oneOf": [{"$ref": "#"}, {"$ref": "#"}]}}}`, nil, Limits{Work: 1000})
	require.NoError(t, err)
	var value any = map[string]any{}
	for range 100 {
		value = map[string]any{"a": value}
	}
	err = s.Validate(value)
	require.ErrorIs(t, err, ErrLimit)
	_, err = s.Encode(value)
	require.ErrorIs(t, err, ErrLimit)
}

// TestMillionsOfFaultsTakeNoMemory has a document of 16 MiB in which everything is wrong. The document itself takes some
// 20 bytes for each of its own.
func TestMillionsOfFaultsTakeNoMemory(t *testing.T) {
	s := parse(t, `{"items": {"type": "string", "minLength": 3}, "contains": {"type": "object"}, "allOf": [{"items": {"not": {"type": "number"}}}]}`)
	value := make([]any, 4<<20)
	for i := range value {
		value[i] = json.Number("1")
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := s.Validate(value)
	runtime.ReadMemStats(&after)
	require.ErrorContains(t, err, "/0: want string, got number")
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}

func TestDeepValues(t *testing.T) {
	t.Parallel()
	s := parse(t, `{"items": {"$ref": "#"}, "uniqueItems": true, "enum": [[[1]], [[2]]]}`)
	loop := []any{nil}
	loop[0] = loop
	require.ErrorContains(t, s.Validate(loop), "none of")
	for _, text := range []string{`{"items": {"$ref": "#"}}`, `{"uniqueItems": true}`, `{"additionalProperties": {"$ref": "#"}, "items": {"$ref": "#"}}`} {
		pair := []any{loop, loop}
		require.ErrorIs(t, parse(t, text).Validate(pair), ErrLimit, text)
	}

	limited, err := Parse(`{"items": {"$ref": "#"}}`, nil, Limits{Depth: 3})
	require.NoError(t, err)
	require.NoError(t, limited.Check([]byte(`[[["[[[\"[[", 1]]]`)))
	require.EqualError(t, limited.Check([]byte(`[[["\"[[", {}, []]]]`)), "byte 11: nested deeper than 3: over the limit")
	require.EqualError(t, limited.Check([]byte(`{"a": [[[]]]}`)), "byte 8: nested deeper than 3: over the limit")
}

// TestAChainOfSchemasOnEachLevel nests as many schemas in one another as are allowed, in a document as deep as is allowed.
func TestAChainOfSchemasOnEachLevel(t *testing.T) {
	t.Parallel()
	definitions := make([]string, 1500)
	for i := range definitions {
		definitions[i] = fmt.Sprintf(`"d%d": {"$ref": "#/definitions/d%d"}`, i, i+1)
	}
	schema := `{"items": {"$ref": "#/definitions/d0"}, "definitions": {` + strings.Join(definitions, ",") + `, "d1500": {"items": {"$ref": "#/definitions/d0"}}}}`
	s := parse(t, schema)
	require.NoError(t, s.Check([]byte(`[[[[]]]]`)))
	require.ErrorIs(t, s.Check([]byte(nested(`[`, ``, `]`, 500))), ErrLimit)
}

func TestBytesAreLimited(t *testing.T) {
	t.Parallel()
	s, err := Parse(`{}`, nil, Limits{Bytes: 10})
	require.NoError(t, err)
	require.NoError(t, s.Check([]byte(`"12345678"`)))
	require.EqualError(t, s.Check([]byte(`"123456789"`)), "byte 10: 11 bytes, 10 are allowed: over the limit")
	_, err = s.Encode("123456789")
	require.ErrorIs(t, err, ErrLimit)
}

// TestHostileSchemas has texts that are expensive to read, check or compile.
func TestHostileSchemas(t *testing.T) {
	t.Parallel()
	manyIDs := `{"definitions": {` + join(1100, `"a%d": {"$id": "http://example.com/%d"}`) + `}}`
	for name, c := range map[string]struct{ text, want string }{
		"too long":                       {`{"description": "` + strings.Repeat("a", 1<<20) + `"}`, "over the limit"},
		"too deep":                       {nested(`{"not":`, `{}`, `}`, 200), "nested deeper than 100"},
		"far too deep":                   {nested(`[`, ``, `]`, 100_000), "nested deeper than 500 levels"},
		"too many schemas":               {`{"allOf": [` + strings.TrimSuffix(strings.Repeat(`{},`, 100_000), ",") + `]}`, "too many objects and booleans"},
		"too many values":                {`{"enum": [` + strings.TrimSuffix(strings.Repeat(`1,`, 200_000), ",") + `]}`, "too many values"},
		"a long name above many schemas": {`{"properties": {"` + strings.Repeat("a", 500_000) + `": {"allOf": [` + strings.TrimSuffix(strings.Repeat(`{},`, 4000), ",") + `]}}}`, "too many bytes in the pointers"},
		"too many $id":                   {manyIDs, "too many $id"},
		"a long $id":                     {`{"$id": "http://example.com/` + strings.Repeat("a", 5000) + `"}`, "$id has 5019 bytes"},
		"a number of many digits":        {`{"minimum": 1e999999}`, "the number 1e999999 has more than 1000 digits"},
		"many numbers of many digits":    {`{"allOf": [` + strings.TrimSuffix(strings.Repeat(`{"minimum": 1e999, "multipleOf": 1e-999},`, 2000), ",") + `]}`, ""},
		"a repeated repetition":          {`{"pattern": "((a{100}){100}){100}"}`, "invalid repeat count"},
		"a large repetition":             {`{"pattern": "(` + strings.Repeat("abcdefghij", 100) + `){1000}"}`, "over the limit"},
		"a long pattern":                 {`{"pattern": "` + strings.Repeat("a", 5000) + `"}`, "5000 bytes, 4096 are allowed"},
		"many repetitions":               {`{"allOf": [` + join(3000, `{"pattern": "x{999}%d"}`) + `]}`, "states in all patterns together"},
		"many classes":                   {`{"pattern": "` + strings.Repeat(`\\pL`, 1000) + `"}`, "states, 50000 are allowed"},
		"nested brackets":                {`{"pattern": "` + nested("(", "a", ")", 2000) + `"}`, "expression nests too deeply"},
		"references to one place in many ways": {
			`{"x": [{"allOf": [` + join(1500, `{"type": "null"}`) + `]}], "allOf": [` + aliases(1500) + `]}`, "too many $ref with a number",
		},
		"references to places that are no schemas": {
			`{"allOf": [` + join(1000, `{"$ref": "#/x/%d"}`) + `], "x": [` + join(2900, `{"type": "null"}`) + `]}`, "",
		},
		"more of them": {
			`{"allOf": [` + join(1500, `{"$ref": "#/$defs/%d"}`) + `], "$defs": [` + join(2900, `{"type": "null"}`) + `]}`, "too many $ref to places other than definitions",
		},
		"many references to definitions": {
			`{"allOf": [` + join(2000, `{"$ref": "#/definitions/%d"}`) + `], "definitions": {` + join(2900, `"%d": {"items": {"type": "null"}}`) + `}}`, "too many objects",
		},
		"as many as there may be": {
			`{"allOf": [` + join(2000, `{"$ref": "#/definitions/%d"}`) + `], "definitions": {` + join(2900, `"%d": {"type": "null"}`) + `}}`, "",
		},
		"as deep as it may be in 2020-12": {nested(`{"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": {"a": `, `{}`, `}}`, 49), ""},
		"as deep as it may be in 2019-09": {`{"$schema": "https://json-schema.org/draft/2019-09/schema", "not": ` + nested(`{"items":`, `{}`, `}`, 97) + `}`, ""},
		"resources in one another":        {`{"$schema": "https://json-schema.org/draft/2020-12/schema", "not": ` + nested(`{"$id": "a/", "not":`, `{}`, `}`, 97) + `}`, ""},
		"everything is wrong":             {`{"allOf": [` + strings.TrimSuffix(strings.Repeat(`1,`, 90_000), ",") + `]}`, "not a valid schema: got number, want"},
		"a reference to itself": {
			`{"$ref": "#"}`, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := Parse(c.text, nil, Limits{})
			quick(t, start)
			t.Log(name, time.Since(start))
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
			require.Less(t, len(err.Error()), 1000)
			var schema *SchemaError
			require.ErrorAs(t, err, &schema)
		})
	}
}

// TestReferencesToOnePlaceInAFewWays has few enough of them to pass, and more schemas than there are in the text.
func TestReferencesToOnePlaceInAFewWays(t *testing.T) {
	t.Parallel()
	text := `{"x": [{"allOf": [` + join(100, `{"type": "null"}`) + `]}], "allOf": [` + aliases(50) + `]}`
	_, err := Parse(text, nil, Limits{SchemaNodes: 500})
	require.ErrorContains(t, err, "more than 1000 schemas: over the limit")
	_, err = Parse(text, nil, Limits{SchemaNodes: 3000})
	require.NoError(t, err)
}

// TestReferencesWithManyURIs has one large schema that is found beside hundreds of others.
func TestReferencesWithManyURIs(t *testing.T) {
	t.Parallel()
	large := Reference{"r.json", `{"definitions": {"a": {}, "b": {"allOf": [` + join(3000, `{"type": "null"}`) + `]}}}`}
	start := time.Now()
	_, err := Parse(`{"allOf": [`+join(500, `{"$id": "http://example.com/%d/", "allOf": [{"$ref": "r.json#/definitions/a"}]}`)+`]}`, []Reference{large}, Limits{})
	quick(t, start)
	require.ErrorContains(t, err, "too many URIs for the same schemas in $ref: over the limit")
	_, err = Parse(`{"allOf": [`+join(3, `{"$id": "http://example.com/%d/", "allOf": [{"$ref": "r.json#/definitions/a"}]}`)+`]}`, []Reference{large}, Limits{})
	require.NoError(t, err)
}

// aliases are references to the first item of an array, whose index Go reads with any zeros in front.
func aliases(count int) string {
	parts := make([]string, count)
	for i := range parts {
		parts[i] = `{"$ref": "#/x/` + strings.Repeat("0", i%1000+1) + `"}`
	}
	return strings.Join(parts, ",")
}

func TestTooManyReferences(t *testing.T) {
	t.Parallel()
	var references []Reference
	for i := range 300 {
		references = append(references, Reference{fmt.Sprintf("folder%d/r%d", i, i), `{}`})
	}
	_, err := Parse(`{}`, references, Limits{})
	require.ErrorIs(t, err, ErrLimit)
	start := time.Now()
	_, err = Parse(`{}`, references[:256], Limits{})
	require.NoError(t, err)
	quick(t, start)
	_, err = Parse(`{}`, []Reference{{strings.Repeat("a", 3000), `{}`}}, Limits{})
	require.ErrorIs(t, err, ErrLimit)
}

// TestPositionsTakeOnePass has a fault at the end of a long way.
func TestPositionsTakeOnePass(t *testing.T) {
	t.Parallel()
	var document bytes.Buffer
	for range 490 {
		document.WriteString(`{"b": "` + strings.Repeat("x", 10_000) + `", "a": `)
	}
	at := document.Len()
	document.WriteString(`5` + strings.Repeat(`}`, 490))
	s := parse(t, `{"type": "object", "properties": {"a": {"$ref": "#"}}}`)
	start := time.Now()
	err := s.Check(document.Bytes())
	quick(t, start)
	var decode *DecodeError
	require.ErrorAs(t, err, &decode)
	require.Equal(t, int64(at), decode.Position)
	require.Less(t, len(err.Error()), 500)
}
