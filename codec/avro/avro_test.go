package avro

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func parse(t testing.TB, text string, references ...Reference) *Schema {
	t.Helper()
	s, err := Parse(text, references, Limits{})
	require.NoError(t, err, text)
	return s
}

func readerOf(t testing.TB, writer, reader *Schema, options Options) *Reader {
	t.Helper()
	r, err := NewReader(writer, reader, options)
	require.NoError(t, err)
	return r
}

// typeCases has each type with values and their bytes. Decode gives the value, and Encode the bytes.
func typeCases() []struct {
	schema string
	values map[string]any // by the bytes
} {
	type values = map[string]any
	number := func(text string) json.Number { return json.Number(text) }
	return []struct {
		schema string
		values map[string]any
	}{
		{`"null"`, values{"": nil}},
		{`"boolean"`, values{"\x00": false, "\x01": true}},
		{`"int"`, values{"\x00": number("0"), "\x01": number("-1"), "\xfe\xff\xff\xff\x0f": number("2147483647"), "\xff\xff\xff\xff\x0f": number("-2147483648")}},
		{`"long"`, values{
			"\x80\x01": number("64"), "\x82\x80\x80\x80\x80\x80\x80\x20": number("9007199254740993"),
			"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01": number("9223372036854775807"), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01": number("-9223372036854775808"),
		}},
		{`"float"`, values{
			"\xcd\xcc\xcc\x3d": number("0.1"), "\x00\x00\x00\x80": number("-0"), "\x00\x00\xc0\x7f": "NaN",
			"\x00\x00\x80\x7f": "Infinity", "\x00\x00\x80\xff": "-Infinity", "\x01\x00\x00\x00": number("1e-45"), "\xff\xff\x7f\x7f": number("3.4028235e+38"),
		}},
		{`"double"`, values{
			"\x9a\x99\x99\x99\x99\x99\xb9\x3f": number("0.1"), "\x00\x00\x00\x00\x00\x00\xf0\x3f": number("1"), "\x01\x00\x00\x00\x00\x00\xf8\x7f": "NaN",
			"\x00\x00\x00\x00\x00\x00\xf0\xff": "-Infinity",
		}},
		{`"bytes"`, values{"\x00": "", "\x04\xff\x00": "/wA="}},
		{`"string"`, values{"\x00": "", "\x0agr\xc3\xbc\n": "grü\n"}},
		{`{"type": "array", "items": "int"}`, values{"\x00": []any{}, "\x04\x02\x04\x00": []any{number("1"), number("2")}}},
		{`{"type": "map", "values": "int"}`, values{"\x00": map[string]any{}, "\x04\x02a\x02\x02b\x04\x00": map[string]any{"a": number("1"), "b": number("2")}}},
		{`{"type": "enum", "name": "E", "symbols": ["A", "B"]}`, values{"\x00": "A", "\x02": "B"}},
		{`{"type": "fixed", "name": "F", "size": 2}`, values{"\xff\x00": "/wA="}},
		{`{"type": "fixed", "name": "F", "size": 0}`, values{"": ""}},
		{`["null", "long", "string", {"type": "array", "items": "boolean"}]`, values{"\x00": nil, "\x02\x02": number("1"), "\x04\x02a": "a", "\x06\x02\x01\x00": []any{true}}},
		{`{"type": "record", "name": "R", "fields": []}`, values{"": map[string]any{}}},
		{`{"type": "record", "name": "L", "fields": [{"name": "v", "type": "int"}, {"name": "next", "type": ["null", "L"]}]}`, values{
			"\x02\x02\x04\x00": map[string]any{"v": number("1"), "next": map[string]any{"v": number("2"), "next": nil}},
		}},
		{`{"type": "bytes", "logicalType": "decimal", "precision": 30, "scale": 2}`, values{
			"\x04\x04\xe2": number("12.50"), "\x02\xff": number("-0.01"), "\x02\x00": number("0.00"), "\x04\xff\x38": number("-2.00"),
			"\x14\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00": number("47223664828696452136.96"), "\x14\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00": number("-47223664828696452136.96"),
		}},
		{`{"type": "fixed", "name": "D", "size": 4, "logicalType": "decimal", "precision": 9, "scale": 0}`, values{"\x00\x00\x00\x07": number("7"), "\xff\xff\xff\xf9": number("-7")}},
		{`{"type": "int", "logicalType": "date"}`, values{"\x00": "1970-01-01", "\x01": "1969-12-31", "\xce\x9a\x02": "2019-07-10"}},
		{`{"type": "int", "logicalType": "time-millis"}`, values{"\x02": "00:00:00.001", "\xfe\xef\xb2\x52": "23:59:59.999", "\x01": number("-1")}},
		{`{"type": "long", "logicalType": "time-micros"}`, values{"\x02": "00:00:00.000001"}},
		{`{"type": "long", "logicalType": "timestamp-millis"}`, values{
			"\x01": "1969-12-31T23:59:59.999Z", "\x00": "1970-01-01T00:00:00.000Z", "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01": number("9223372036854775807"),
		}},
		{`{"type": "long", "logicalType": "timestamp-micros"}`, values{"\x02": "1970-01-01T00:00:00.000001Z"}},
		{`{"type": "long", "logicalType": "timestamp-nanos"}`, values{"\x02": "1970-01-01T00:00:00.000000001Z", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01": "1677-09-21T00:12:43.145224192Z"}},
		{`{"type": "long", "logicalType": "local-timestamp-millis"}`, values{"\x02": "1970-01-01T00:00:00.001"}},
		{`{"type": "long", "logicalType": "local-timestamp-micros"}`, values{"\x02": "1970-01-01T00:00:00.000001"}},
		{`{"type": "long", "logicalType": "local-timestamp-nanos"}`, values{"\x02": "1970-01-01T00:00:00.000000001"}},
		{`{"type": "string", "logicalType": "uuid"}`, values{"\x02x": "x"}},
		{`{"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"}`, values{"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff": "00112233-4455-6677-8899-aabbccddeeff"}},
		{`{"type": "fixed", "name": "P", "size": 12, "logicalType": "duration"}`, values{
			"\x01\x00\x00\x00\x02\x00\x00\x00\xff\xff\xff\xff": map[string]any{"months": number("1"), "days": number("2"), "milliseconds": number("4294967295")},
		}},
		// What is no valid logical type is the type below it.
		{`{"type": "bytes", "logicalType": "decimal", "precision": 2, "scale": 3}`, values{"\x02\x01": "AQ=="}},
		{`{"type": "fixed", "name": "D", "size": 1, "logicalType": "decimal", "precision": 3}`, values{"\x01": "AQ=="}},
		{`{"type": "string", "logicalType": "timestamp-millis"}`, values{"\x02a": "a"}},
		{`{"type": "long", "logicalType": "date"}`, values{"\x02": number("1")}},
	}
}

func TestTypes(t *testing.T) {
	t.Parallel()
	for _, c := range typeCases() {
		s := parse(t, c.schema)
		r := readerOf(t, s, nil, Options{})
		for data, want := range c.values {
			got, err := r.Decode([]byte(data))
			require.NoError(t, err, "%s: %x", c.schema, data)
			require.Equal(t, want, got, "%s: %x", c.schema, data)
			out, err := s.Encode(want)
			require.NoError(t, err, "%s: %v", c.schema, want)
			if want != "NaN" {
				require.Equal(t, data, string(out), "%s: %v", c.schema, want)
			}
			for cut := range len(data) {
				_, err := r.Decode([]byte(data[:cut]))
				require.ErrorIs(t, err, ErrTruncated, "%s: %x", c.schema, data[:cut])
			}
			_, err = r.Decode([]byte(data + "\x00"))
			require.ErrorIs(t, err, ErrTrailing, "%s", c.schema)
		}
	}
}

func TestTimesAsNumbers(t *testing.T) {
	t.Parallel()
	for _, logical := range []string{"timestamp-millis", "time-micros", "local-timestamp-nanos"} {
		s := parse(t, fmt.Sprintf(`{"type": "long", "logicalType": %q}`, logical))
		v, err := readerOf(t, s, nil, Options{Times: TimesNumber}).Decode([]byte{2})
		require.NoError(t, err)
		require.Equal(t, json.Number("1"), v)
	}
}

// TestEncodeTakesOtherForms has the values that Encode takes besides those that Decode gives.
func TestEncodeTakesOtherForms(t *testing.T) {
	t.Parallel()
	huge := new(big.Int).Lsh(big.NewInt(1), 80)
	for _, c := range []struct {
		schema string
		value  any
		same   any // as what Decode gives afterwards
	}{
		{`"int"`, 5, json.Number("5")},
		{`"int"`, int64(-5), json.Number("-5")},
		{`"long"`, 5.0, json.Number("5")},
		{`"long"`, json.Number("5.00"), json.Number("5")},
		{`"long"`, json.Number("-92233720368547758.08e2"), json.Number("-9223372036854775808")},
		{`"long"`, json.Number("0e999999999999"), json.Number("0")},
		{`"long"`, big.NewInt(7), json.Number("7")},
		{`"double"`, 3, json.Number("3")},
		{`"double"`, huge, json.Number("1.2089258196146292e+24")},
		{`"double"`, math.Inf(-1), "-Infinity"},
		{`"float"`, 0.1, json.Number("0.1")},
		{`"bytes"`, []byte("a"), "YQ=="},
		{`{"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}`, "1.5", json.Number("1.50")},
		{`{"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}`, json.Number("15e-1"), json.Number("1.50")},
		{`{"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}`, 99.99, json.Number("99.99")},
		{`{"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}`, 3, json.Number("3.00")},
		{`{"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}`, []byte{1}, json.Number("0.01")},
		{`{"type": "int", "logicalType": "date"}`, 1, "1970-01-02"},
		{`{"type": "int", "logicalType": "time-millis"}`, "13:37:00", "13:37:00.000"},
		{`{"type": "long", "logicalType": "timestamp-millis"}`, "2024-02-29T13:37:00+01:00", "2024-02-29T12:37:00.000Z"},
		{`{"type": "long", "logicalType": "timestamp-millis"}`, "2024-02-29T13:37:00.120000Z", "2024-02-29T13:37:00.120Z"},
		{`{"type": "long", "logicalType": "timestamp-micros"}`, json.Number("-1"), "1969-12-31T23:59:59.999999Z"},
		{`{"type": "long", "logicalType": "local-timestamp-millis"}`, "2024-02-29T13:37:00", "2024-02-29T13:37:00.000"},
		{`["null", {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}, "long"]`, 1.25, json.Number("1.25")},
		{`["double", "long"]`, json.Number("5"), json.Number("5")},
		{`["bytes", "string"]`, "YQ==", "YQ=="},
		{`["string", "long"]`, map[string]any{"long": 5}, json.Number("5")},
	} {
		s := parse(t, c.schema)
		data, err := s.Encode(c.value)
		require.NoError(t, err, "%s: %v", c.schema, c.value)
		got, err := readerOf(t, s, nil, Options{}).Decode(data)
		require.NoError(t, err)
		require.Equal(t, c.same, got, "%s: %v", c.schema, c.value)
	}
}

func TestEncodeChoosesBranches(t *testing.T) {
	t.Parallel()
	const records = `[
		{"type": "record", "name": "A", "fields": [{"name": "x", "type": "int"}]},
		{"type": "record", "name": "n.B", "fields": [{"name": "x", "type": "int"}, {"name": "y", "type": "int", "default": 0}]}]`
	for _, c := range []struct {
		schema string
		value  any
		branch byte
	}{
		{`["null", "double", "long"]`, json.Number("1"), 2},
		{`["null", "double", "long"]`, json.Number("1.5"), 1},
		{`["null", "double", "int"]`, json.Number("3000000000"), 1},
		{`["float", "double"]`, json.Number("1e300"), 1},
		{`["null", "bytes", "string"]`, "YQ==", 2},
		{`["null", "bytes", "int"]`, "YQ==", 1},
		{`["null", {"type": "enum", "name": "E", "symbols": ["A"]}, "string"]`, "A", 1},
		{`["null", {"type": "enum", "name": "E", "symbols": ["A"]}, "string"]`, "B", 2},
		{`["null", {"type": "long", "logicalType": "timestamp-millis"}, "string"]`, "2024-02-29T13:37:00Z", 1},
		{`["null", {"type": "long", "logicalType": "timestamp-millis"}, "string"]`, "later", 2},
		{`["null", {"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"}, "string"]`, "00112233-4455-6677-8899-aabbccddeeff", 1},
		{records, map[string]any{"x": 1}, 0},
		{records, map[string]any{"x": 1, "y": 2}, 1},
		{records, map[string]any{"n.B": map[string]any{"x": 1}}, 1},
		{`[{"type": "map", "values": "long"}, "long"]`, map[string]any{"long": 1}, 0},
		{`["float", "string"]`, "NaN", 1},
		{`["float", "int"]`, "NaN", 0},
	} {
		data, err := parse(t, c.schema).Encode(c.value)
		require.NoError(t, err, "%s: %v", c.schema, c.value)
		require.Equal(t, c.branch*2, data[0], "%s: %v", c.schema, c.value)
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	const item = `{"type": "record", "name": "O", "fields": [{"name": "items", "type": {"type": "array", "items":
		{"type": "record", "name": "I", "fields": [{"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}}]}}}]}`
	order := func(price any) any {
		return map[string]any{"items": []any{map[string]any{"price": 1}, map[string]any{"price": price}}}
	}
	for _, c := range []struct {
		schema string
		value  any
		want   string
	}{
		{item, order("1.234"), "items[1].price: 1.234 has more than 2 digits behind the point"},
		{item, order(100), "items[1].price: 100 has more than the 4 digits of a decimal(4,2)"},
		{item, order(json.Number("1e999999999")), "items[1].price: 1e999999999 has more than the 4 digits of a decimal(4,2)"},
		{item, order("x"), `items[1].price: want a decimal(4,2), got the string "x"`},
		{item, map[string]any{}, "items: the field is missing, and it has no default"},
		{item, map[string]any{"items": []any{}, "b": 1, "a": 2}, "a: the record O has no such field"},
		{item, map[string]any{"items": nil}, "items: want an array, got null"},
		{item, []any{}, "want an object for the record O, got an array"},
		{`{"type": "map", "values": "int"}`, map[string]any{"k": "v"}, `["k"]: want an int, got the string "v"`},
		{`"int"`, json.Number("2147483648"), "2147483648 is out of the range of an int"},
		{`"int"`, 1.5, "1.5 is not a whole number"},
		{`"long"`, json.Number("9223372036854775808"), "9223372036854775808 is out of the range of a long"},
		{`"long"`, json.Number("1e999999999999999999999"), "1e999999999999999999999 is out of the range of a long"},
		{`"long"`, json.Number("0.1"), "0.1 is not a whole number"},
		{`"long"`, 9.3e18, "9.3e+18 is out of the range of a long"},
		{`"long"`, math.Inf(1), "+Inf is not a whole number"},
		{`"long"`, true, "want a long, got a boolean"},
		{`"float"`, 1e300, "1e+300 is out of the range of a float"},
		{`"double"`, json.Number("1e400"), "1e400 is out of the range of a double"},
		{`"double"`, json.Number("Infinity"), `"Infinity" is not a number`},
		{`"string"`, json.Number("1"), "want a string, got 1"},
		{`"string"`, "a\xff", `the string "a\xff" is not valid UTF-8`},
		{`"bytes"`, "?", `want bytes in base64, got the string "?"`},
		{`{"type": "fixed", "name": "F", "size": 2}`, "YQ==", "want the 2 bytes of the fixed F, got 1"},
		{`{"type": "enum", "name": "E", "symbols": ["A"]}`, "B", `"B" is not a symbol of the enum E`},
		{`["null", "long"]`, "x", `want one of [null, long], got the string "x"`},
		{`["null", "int"]`, json.Number("3e9"), "3e9 is out of the range of an int"},
		{`["int", "long"]`, 1.5, "no branch of [int, long] takes 1.5; the first says: 1.5 is not a whole number"},
		{`{"type": "long", "logicalType": "timestamp-millis"}`, "2024-02-29", `want a timestamp-millis such as 2023-11-14T22:13:20.123Z, got "2024-02-29"`},
		{`{"type": "long", "logicalType": "timestamp-millis"}`, "2024-02-29T13:37:00.1234Z", `"2024-02-29T13:37:00.1234Z" has more digits than a timestamp-millis`},
		{`{"type": "long", "logicalType": "timestamp-nanos"}`, "2300-01-01T00:00:00Z", `"2300-01-01T00:00:00Z" is out of the range of a timestamp-nanos`},
		{`{"type": "int", "logicalType": "date"}`, "2023-02-29", `want a date such as 2023-11-14, got "2023-02-29"`},
		{`{"type": "int", "logicalType": "time-millis"}`, "25:00:00", `want a time-millis such as 22:13:20.123, got "25:00:00"`},
		{`{"type": "fixed", "name": "P", "size": 12, "logicalType": "duration"}`, map[string]any{"months": 1, "days": -1, "milliseconds": 0}, "days: -1 is out of the range of 32 bits without a sign"},
		{`{"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"}`, "00112233445566778899aabbccddeeff", `want a uuid, got "00112233445566778899aabbccddeeff"`},
		{`"int"`, struct{}{}, "want an int, got a struct {}"},
	} {
		_, err := parse(t, c.schema).Encode(c.value)
		var path *PathError
		require.ErrorAs(t, err, &path, "%s: %v", c.schema, c.value)
		require.EqualError(t, err, c.want, "%s: %v", c.schema, c.value)
	}
}

func TestEncodeIsBounded(t *testing.T) {
	t.Parallel()
	// Each level tries the second branch after the first has failed at the bottom: 2^n tries without a bound.
	const trap = `{"type": "record", "name": "T", "fields": [{"name": "v", "type": [
		"null", {"type": "record", "name": "A", "fields": [{"name": "t", "type": "T"}]},
		{"type": "record", "name": "B", "fields": [{"name": "t", "type": "T"}]}]}]}`
	v := any(map[string]any{"v": "not null"})
	for range 100 {
		v = map[string]any{"v": map[string]any{"t": v}}
	}
	_, err := parse(t, trap).Encode(v)
	require.ErrorIs(t, err, ErrLimit)

	shared := any(nil)
	for range 60 {
		shared = []any{shared, shared}
	}
	_, err = parse(t, `{"type": "record", "name": "N", "fields": [{"name": "n", "type": {"type": "array", "items": {"type": "array", "items": "N"}}}]}`).Encode(map[string]any{"n": shared})
	require.Error(t, err)
	nested := `"null"`
	for range 60 {
		nested = `{"type": "array", "items": ` + nested + `}`
	}
	_, err = parse(t, nested).Encode(shared)
	require.ErrorIs(t, err, ErrLimit)
	deep := any(nil)
	for range 501 {
		deep = map[string]any{"next": deep}
	}
	_, err = parse(t, `{"type": "record", "name": "L", "fields": [{"name": "next", "type": ["null", "L"]}]}`).Encode(deep)
	require.ErrorIs(t, err, ErrLimit)
	require.Less(t, len(err.Error()), 1000)
}

func TestEncodeFillsDefaultsIn(t *testing.T) {
	t.Parallel()
	s := parse(t, `{"type": "record", "name": "R", "fields": [
		{"name": "l", "type": "long", "default": 9007199254740993},
		{"name": "b", "type": "bytes", "default": "\u00ff\u0001"},
		{"name": "u", "type": ["null", "string"], "default": null},
		{"name": "w", "type": ["null", "string"], "default": "second"},
		{"name": "r", "type": {"type": "record", "name": "I", "fields": [{"name": "x", "type": "int", "default": 7}, {"name": "y", "type": "double"}]}, "default": {"y": 1.5}},
		{"name": "a", "type": {"type": "array", "items": "int"}, "default": [1, 2]},
		{"name": "m", "type": {"type": "map", "values": "int"}, "default": {"k": 1}},
		{"name": "d", "type": {"type": "int", "logicalType": "date"}, "default": 1},
		{"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["A", "B"]}, "default": "B"},
		{"name": "f", "type": {"type": "fixed", "name": "F", "size": 1}, "default": "\u0000"}
	]}`)
	data, err := s.Encode(map[string]any{})
	require.NoError(t, err)
	got, err := readerOf(t, s, nil, Options{}).Decode(data)
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"l": json.Number("9007199254740993"), "b": "/wE=", "u": nil, "w": "second", "r": map[string]any{"x": json.Number("7"), "y": json.Number("1.5")},
		"a": []any{json.Number("1"), json.Number("2")}, "m": map[string]any{"k": json.Number("1")}, "d": "1970-01-02", "e": "B", "f": "AA==",
	}, got)
}

func TestWrongDefaultsMatterToWhoNeedsThem(t *testing.T) {
	t.Parallel()
	for fields, want := range map[string]string{
		`{"name": "x", "type": ["string", "int"], "default": null}`:                                                                    "x: the field is missing, and its default is wrong: want a string, got null",
		`{"name": "x", "type": "int", "default": "1"}`:                                                                                 `x: the field is missing, and its default is wrong: want an int, got the string "1"`,
		`{"name": "x", "type": "bytes", "default": "\u0100"}`:                                                                          "x: the field is missing, and its default is wrong: bytes in a default are written with the code points up to 255, not 'Ā'",
		`{"name": "x", "type": {"type": "fixed", "name": "F", "size": 2}, "default": "a"}`:                                             "x: the field is missing, and its default is wrong: want 2 bytes, got 1",
		`{"name": "x", "type": {"type": "enum", "name": "E", "symbols": ["A"]}, "default": "B"}`:                                       `x: the field is missing, and its default is wrong: want a symbol of the enum E, got the string "B"`,
		`{"name": "x", "type": {"type": "record", "name": "I", "fields": [{"name": "x", "type": "R", "default": {}}]}, "default": {}}`: "x: the field is missing, and its default is wrong: x: its default is wrong: the default contains itself",
	} {
		s := parse(t, `{"type": "record", "name": "R", "fields": [`+fields+`]}`)
		_, err := s.Encode(map[string]any{})
		require.EqualError(t, err, want)
		_, err = readerOf(t, s, nil, Options{}).Decode(nil)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "default", "who reads does not care")
	}
}

func TestSchemaWithReferences(t *testing.T) {
	t.Parallel()
	money := Reference{Name: "money.avsc", Text: `{"type": "record", "name": "Money", "namespace": "shop", "fields": [{"name": "cents", "type": "long"}]}`}
	item := Reference{Name: "item.avsc", Text: `{"type": "record", "name": "Item", "namespace": "shop", "fields": [{"name": "price", "type": "Money"}]}`}
	const text = `{"type": "record", "name": "Order", "namespace": "shop", "fields": [{"name": "items", "type": {"type": "array", "items": "shop.Item"}}, {"name": "total", "type": "Money"}]}`
	s := parse(t, text, money, item, money)
	require.Equal(t, "shop.Order", s.Name())
	require.Equal(t, "record", s.Type())
	require.Zero(t, strings.Compare(text, s.Text()))
	data, err := s.Encode(map[string]any{"items": []any{map[string]any{"price": map[string]any{"cents": 1}}}, "total": map[string]any{"cents": 1}})
	require.NoError(t, err)
	require.Equal(t, []byte{2, 2, 0, 2}, data)
	var order struct {
		Total struct {
			Cents int64 `avro:"cents"`
		} `avro:"total"`
	}
	require.NoError(t, readerOf(t, s, nil, Options{}).Unmarshal(data, &order))
	require.Equal(t, int64(1), order.Total.Cents)

	_, err = Parse(text, nil, Limits{})
	require.EqualError(t, err, "avro schema: unknown type: shop.Item", "schemas share nothing")
	_, err = Parse(text, []Reference{item, money}, Limits{})
	require.EqualError(t, err, `avro schema: reference "item.avsc": unknown type: Money`)
	other := Reference{Name: "other.avsc", Text: `{"type": "fixed", "name": "shop.Money", "size": 1}`}
	_, err = Parse(text, []Reference{money, other, item}, Limits{})
	require.EqualError(t, err, `avro schema: reference "other.avsc": the type shop.Money is defined twice`)
}

func TestSchemaRefused(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"type": "array", "items": `, 70) + `"int"` + strings.Repeat("}", 70)
	wide := `["null"` + strings.Repeat(`, {"type": "array", "items": "int"}`, 10_000) + `]`
	for text, want := range map[string]string{
		``:                                 "avro schema: not JSON: the payload ends too early",
		`{`:                                "avro schema: not JSON: the payload ends too early",
		`int`:                              "avro schema: not JSON: invalid character 'i' looking for beginning of value",
		`"int" 1`:                          "avro schema: not JSON: more after byte 7",
		`"what"`:                           "avro schema: unknown type: what",
		`7`:                                "avro schema: a type is a name, an object or an array",
		`null`:                             "avro schema: a type is a name, an object or an array",
		`{"type": "record", "name": "R"}`:  "avro schema: the record R has no array of fields",
		`{"type": "record", "fields": []}`: "avro schema: non-empty name key required",
		`{"type": "record", "name": "R", "fields": [{"name": "a"}]}`:                 "avro schema: record R: field 0 needs a name and a type",
		`{"type": "record", "name": "R", "fields": [{"name": "a", "type": [null]}]}`: "avro schema: record R: field a: a type is a name, an object or an array",
		`["int", "int"]`: "avro schema: union type must be unique",
		`[["int"]]`:      "avro schema: union type cannot be a union",
		`{"type": "fixed", "name": "F", "size": 99999999}`:                                        "avro schema: the fixed F needs a size from 0 to 16777216",
		`{"type": "fixed", "name": "F", "size": 1.5}`:                                             "avro schema: the fixed F needs a size from 0 to 16777216",
		`{"type": "bytes", "logicalType": "decimal", "precision": 1000000000, "scale": 99999999}`: "avro schema: a decimal's precision is 1000000000, 1024 is the most that is read: over the limit",
		deep:                                 "avro schema: types nested deeper than 64: over the limit",
		wide:                                 "avro schema: more than 10000 types: over the limit",
		strings.Repeat(" ", 1<<20) + `"int"`: "avro schema: 1048581 bytes with its references, 1048576 are allowed: over the limit",
	} {
		_, err := Parse(text, nil, Limits{})
		var schema *SchemaError
		require.ErrorAs(t, err, &schema, "%.100s", text)
		require.EqualError(t, err, want, "%.100s", text)
	}
}

// kept is a number as Decode gives it.
func kept(v int64) json.Number { return json.Number(fmt.Sprint(v)) }
