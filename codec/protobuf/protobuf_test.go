package protobuf

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/troupe-go/troupe/codec/document"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func parse(t testing.TB, text string, references ...Reference) *Schema {
	t.Helper()
	s, err := Parse(text, references, Limits{})
	require.NoError(t, err, text)
	return s
}

func messageOf(t testing.TB, text string, references ...Reference) *Message {
	t.Helper()
	m, err := parse(t, text, references...).Message(nil)
	require.NoError(t, err)
	return m
}

// encoded gives a schema's file as some clients register it.
func encoded(t testing.TB, s *Schema) string {
	t.Helper()
	data, err := proto.Marshal(protodesc.ToFileDescriptorProto(s.file))
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(data)
}

// libraryDecode is what the package would be without a decoder of its own. The library panics on some entries of maps.
func libraryDecode(m *Message, data []byte) (value any, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			value, err = nil, fmt.Errorf("panic: %v", fault)
		}
	}()
	message := dynamicpb.NewMessage(m.Descriptor())
	if err := (proto.UnmarshalOptions{Resolver: m.schema.types}).Unmarshal(data, message); err != nil {
		return nil, err
	}
	text, err := protojson.MarshalOptions{Resolver: m.schema.types}.Marshal(message)
	if err != nil {
		return nil, err
	}
	return document.Decode(text)
}

// fromJSON reads a generic value.
func fromJSON(t testing.TB, text string) any {
	t.Helper()
	value, err := document.Decode([]byte(text))
	require.NoError(t, err, text)
	return value
}

// form is a value with its bytes in JSON, both of which are read and written.
type form struct {
	json string
	data string
}

func (f form) check(t *testing.T, m *Message) {
	t.Helper()
	want := fromJSON(t, f.json)
	got, err := m.Decode([]byte(f.data))
	require.NoError(t, err, "%s: %x", f.json, f.data)
	require.Equal(t, want, got, "%s: %x", f.json, f.data)
	require.NoError(t, m.Check([]byte(f.data)))
	oracle, err := libraryDecode(m, []byte(f.data))
	require.NoError(t, err)
	require.Equal(t, oracle, got)
	out, err := m.Encode(want)
	require.NoError(t, err, f.json)
	require.Equal(t, f.data, string(out), f.json)
}

const scalars = `syntax = "proto3";
message M {
	bool b = 1; int32 i32 = 2; sint32 s32 = 3; uint32 u32 = 4; fixed32 f32 = 5; sfixed32 sf32 = 6;
	int64 i64 = 7; sint64 s64 = 8; uint64 u64 = 9; fixed64 f64 = 10; sfixed64 sf64 = 11;
	float fl = 12; double d = 13; string s = 14; bytes y = 15;
	enum E { ZERO = 0; ONE = 1; MINUS = -1; } E e = 16;
	optional int32 oi = 17; optional string os = 18; optional E oe = 19;
}`

func TestScalars(t *testing.T) {
	t.Parallel()
	m := messageOf(t, scalars)
	for _, f := range []form{
		{`{}`, ""},
		{`{"b": true}`, "\x08\x01"},
		{`{"i32": 2147483647}`, "\x10\xff\xff\xff\xff\x07"},
		{`{"i32": -1}`, "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"},
		{`{"s32": -2147483648}`, "\x18\xff\xff\xff\xff\x0f"},
		{`{"u32": 4294967295}`, "\x20\xff\xff\xff\xff\x0f"},
		{`{"f32": 4294967295}`, "\x2d\xff\xff\xff\xff"},
		{`{"sf32": -1}`, "\x35\xff\xff\xff\xff"},
		{`{"i64": "9223372036854775807"}`, "\x38\xff\xff\xff\xff\xff\xff\xff\xff\x7f"},
		{`{"i64": "-9223372036854775808"}`, "\x38\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"},
		{`{"s64": "-9223372036854775808"}`, "\x40\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"},
		{`{"u64": "18446744073709551615"}`, "\x48\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"},
		{`{"f64": "18446744073709551615"}`, "\x51\xff\xff\xff\xff\xff\xff\xff\xff"},
		{`{"sf64": "-9007199254740993"}`, "\x59\xff\xff\xff\xff\xff\xff\xdf\xff"},
		{`{"fl": 0.1}`, "\x65\xcd\xcc\xcc\x3d"},
		{`{"fl": -0}`, "\x65\x00\x00\x00\x80"},
		{`{"fl": "NaN"}`, "\x65\x00\x00\xc0\x7f"},
		{`{"fl": 3.4028235e+38}`, "\x65\xff\xff\x7f\x7f"},
		{`{"d": "Infinity"}`, "\x69\x00\x00\x00\x00\x00\x00\xf0\x7f"},
		{`{"d": "-Infinity"}`, "\x69\x00\x00\x00\x00\x00\x00\xf0\xff"},
		{`{"d": 1e-7}`, "\x69\x48\xaf\xbc\x9a\xf2\xd7\x7a\x3e"},
		{`{"s": "grü\u0000"}`, "\x72\x05gr\xc3\xbc\x00"},
		{`{"y": "/wA="}`, "\x7a\x02\xff\x00"},
		{`{"e": "ONE"}`, "\x80\x01\x01"},
		{`{"e": "MINUS"}`, "\x80\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"},
		{`{"e": 7}`, "\x80\x01\x07"},
		{`{"oi": 0, "os": "", "oe": "ZERO"}`, "\x88\x01\x00\x92\x01\x00\x98\x01\x00"},
	} {
		f.check(t, m)
	}
}

func TestEncodeTakesMoreForms(t *testing.T) {
	t.Parallel()
	m := messageOf(t, scalars)
	for _, value := range []map[string]any{
		{"i32": 5, "i64": json.Number("-5"), "u64": new(big.Int).SetUint64(math.MaxUint64), "d": 0.5, "fl": math.Inf(1), "y": []byte{1}, "e": 1, "s": "x"},
		{"i32": int64(5), "i64": "-5", "u64": "18446744073709551615", "d": "0.5", "fl": "Infinity", "y": "AQ", "e": json.Number("1"), "s": "x", "b": nil},
		{"i32": 5.0, "i64": json.Number("-5e0"), "u64": json.Number("18446744073709551615"), "d": json.Number("5e-1"), "fl": "Infinity", "y": "AQ==", "e": "ONE", "s": "x", "b": false},
	} {
		out, err := m.Encode(value)
		require.NoError(t, err)
		got, err := m.Decode(out)
		require.NoError(t, err)
		require.Equal(t, fromJSON(t, `{"i32": 5, "i64": "-5", "u64": "18446744073709551615", "d": 0.5, "fl": "Infinity", "y": "AQ==", "e": "ONE", "s": "x"}`), got)
	}
}

func TestEncodeNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	m := messageOf(t, `syntax = "proto3"; import "google/protobuf/timestamp.proto";
		message M { repeated Item items = 1; map<string, Item> by_key = 2; oneof o { int32 a = 3; string b = 4; } int32 plain_name = 5; }
		message Item { int32 price = 1; google.protobuf.Timestamp at = 2; Item item = 3; }`)
	for want, value := range map[string]any{
		`items[1]: unknown field "cost"`:                                  map[string]any{"items": []any{map[string]any{}, map[string]any{"cost": 1}}},
		`items[0].price: invalid value for int32 field price: "x"`:        map[string]any{"items": []any{map[string]any{"price": "x"}}},
		`byKey.ü.price: invalid value for int32 field price: 1.5`:         map[string]any{"byKey": map[string]any{"ü": map[string]any{"price": 1.5}}},
		`by_key.k.at: invalid google.protobuf.Timestamp value "soon"`:     map[string]any{"by_key": map[string]any{"k": map[string]any{"at": "soon"}}},
		`unknown field "nothing"`:                                         map[string]any{"nothing": nil},
		`items: a value of another type was expected: unexpected token {`: map[string]any{"items": map[string]any{}},
		`a value of another type was expected: unexpected token "text"`:   "text",
		`a value of another type was expected: unexpected token null`:     nil,
		`error parsing "b", oneof M.o is already set`:                     map[string]any{"a": 1, "b": "x"},
		`duplicate field "plain_name"`:                                    map[string]any{"plainName": 1, "plain_name": 1},
		`a: a struct {} is no generic value`:                              map[string]any{"a": struct{}{}},
		`a: "1,2" is not a number`:                                        map[string]any{"a": json.Number("1,2")},
		`items[0].price: not valid UTF-8`:                                 map[string]any{"items": []any{map[string]any{"price": "\xff"}}},
		`["\xff"]: not valid UTF-8`:                                       map[string]any{"\xff": 1},
	} {
		_, err := m.Encode(value)
		require.EqualError(t, err, want)
		var path *PathError
		require.ErrorAs(t, err, &path)
	}
	deep := map[string]any{}
	for range 200 {
		deep = map[string]any{"item": deep}
	}
	_, err := m.Encode(map[string]any{"items": []any{deep}})
	require.ErrorIs(t, err, ErrLimit)
	cyclic := map[string]any{}
	cyclic["item"] = cyclic
	_, err = m.Encode(map[string]any{"items": []any{cyclic}})
	require.ErrorIs(t, err, ErrLimit)
	wide := []any{map[string]any{}}
	for range 40 {
		wide = []any{wide, wide}
	}
	_, err = m.Encode(map[string]any{"items": wide})
	require.ErrorIs(t, err, ErrLimit)
}
