package protobuf

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const shapes = `syntax = "proto3";
message M {
	repeated int32 packed = 1;
	repeated int32 loose = 2 [packed = false];
	repeated string names = 3;
	map<string, int32> counts = 4;
	map<int64, Inner> inners = 5;
	map<bool, E> flags = 6;
	Inner inner = 7;
	oneof choice { string text = 8; Inner other = 9; int32 number = 10; }
	repeated Inner list = 11;
	enum E { ZERO = 0; ONE = 1; }
	M self = 12;
	map<string, double> weights = 13;
	repeated fixed64 fixed = 14;
	message Inner { int32 a = 1; string b = 2; Inner deeper = 3; repeated int32 c = 4; oneof o { int32 x = 5; Inner y = 6; } }
}`

func TestShapes(t *testing.T) {
	t.Parallel()
	m := messageOf(t, shapes)
	for _, f := range []form{
		{`{"packed": [1, 0, 300]}`, "\x0a\x04\x01\x00\xac\x02"},
		{`{"loose": [1, 0]}`, "\x10\x01\x10\x00"},
		{`{"names": ["a", ""]}`, "\x1a\x01a\x1a\x00"},
		{`{"counts": {"": 0, "a": 1}}`, "\x22\x04\x0a\x00\x10\x00\x22\x05\x0a\x01a\x10\x01"},
		{`{"inners": {"-1": {}, "5": {"a": 1}}}`, "\x2a\x0d\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x12\x00\x2a\x06\x08\x05\x12\x02\x08\x01"},
		{`{"flags": {"false": "ZERO", "true": "ONE"}}`, "\x32\x04\x08\x00\x10\x00\x32\x04\x08\x01\x10\x01"},
		{`{"inner": {}}`, "\x3a\x00"},
		{`{"inner": {"a": 1, "deeper": {"b": "x"}}}`, "\x3a\x07\x08\x01\x1a\x03\x12\x01x"},
		{`{"text": ""}`, "\x42\x00"},
		{`{"other": {}}`, "\x4a\x00"},
		{`{"number": 0}`, "\x50\x00"},
		{`{"list": [{}, {"a": 1}, {}]}`, "\x5a\x00\x5a\x02\x08\x01\x5a\x00"},
		{`{"self": {"self": {"number": 1}}}`, "\x62\x04\x62\x02\x50\x01"},
		{`{"fixed": ["1"]}`, "\x72\x08\x01\x00\x00\x00\x00\x00\x00\x00"},
	} {
		f.check(t, m)
	}
}

// TestReading has bytes that nobody would write, but that mean something.
func TestReading(t *testing.T) {
	t.Parallel()
	m := messageOf(t, shapes)
	for data, want := range map[string]string{
		"\x0a\x00":                                          `{}`,
		"\x08\x01\x0a\x02\x02\x03\x08\x04":                  `{"packed": [1, 2, 3, 4]}`,
		"\x12\x02\x01\x02\x10\x03":                          `{"loose": [1, 2, 3]}`,
		"\x08\x01\x1a\x01a\x08\x02":                         `{"packed": [1, 2], "names": ["a"]}`,
		"\x10\x81\x80\x80\x80\x10":                          `{"loose": [1]}`,
		"\x10\x80\x80\x80\x80\x10":                          `{"loose": [0]}`,
		"\x22\x00":                                          `{"counts": {"": 0}}`,
		"\x22\x02\x10\x05":                                  `{"counts": {"": 5}}`,
		"\x22\x05\x10\x05\x0a\x01k\x22\x03\x0a\x01k":        `{"counts": {"k": 0}}`,
		"\x22\x07\x0a\x01a\x10\x01\x18\x01":                 `{"counts": {"a": 1}}`,
		"\x22\x08\x0a\x01a\x0a\x01b\x10\x01":                `{"counts": {"b": 1}}`,
		"\x2a\x00":                                          `{"inners": {"0": {}}}`,
		"\x2a\x08\x12\x02\x08\x01\x12\x02\x08\x02":          `{"inners": {"0": {"a": 2}}}`,
		"\x2a\x09\x12\x02\x08\x01\x12\x03\x12\x01b":         `{"inners": {"0": {"a": 1, "b": "b"}}}`,
		"\x32\x02\x08\x05":                                  `{"flags": {"true": "ZERO"}}`,
		"\x6a\x03\x0a\x01w":                                 `{"weights": {"w": 0}}`,
		"\x3a\x02\x08\x01\x3a\x03\x12\x01b":                 `{"inner": {"a": 1, "b": "b"}}`,
		"\x3a\x02\x20\x01\x1a\x00\x3a\x02\x20\x02":          `{"inner": {"c": [1, 2]}, "names": [""]}`,
		"\x3a\x02\x08\x01\x3a\x02\x08\x00":                  `{"inner": {}}`,
		"\x3a\x02\x28\x01\x3a\x02\x32\x00":                  `{"inner": {"y": {}}}`,
		"\x42\x01a\x50\x01":                                 `{"number": 1}`,
		"\x4a\x02\x08\x01\x50\x01":                          `{"number": 1}`,
		"\x4a\x02\x08\x01\x4a\x03\x12\x01b":                 `{"other": {"a": 1, "b": "b"}}`,
		"\x4a\x02\x08\x01\x50\x01\x4a\x03\x12\x01b":         `{"other": {"b": "b"}}`,
		"\x4a\x02\x08\x01\x42\x00\x4a\x00\x3a\x00":          `{"other": {}, "inner": {}}`,
		"\x62\x04\x3a\x02\x08\x01\x62\x05\x3a\x03\x12\x01b": `{"self": {"inner": {"a": 1, "b": "b"}}}`,
		"\xf8\x07\x01\xfa\x07\x01x\xfd\x07\x01\x02\x03\x04\xf9\x07\x01\x02\x03\x04\x05\x06\x07\x08\xfb\x07\x08\x01\xfc\x07": `{}`,
	} {
		got, err := m.Decode([]byte(data))
		require.NoError(t, err, "%x", data)
		require.Equal(t, fromJSON(t, want), got, "%x", data)
		oracle, err := libraryDecode(m, []byte(data))
		require.NoError(t, err)
		require.Equal(t, oracle, got, "%x", data)
		require.NoError(t, m.Check([]byte(data)))
	}
}

const legacy = `syntax = "proto2";
message M {
	required int32 id = 1;
	optional string name = 2 [default = "none"];
	repeated group Line = 3 { optional int32 n = 1; optional group Sub = 2 { optional bool x = 1; } }
	optional Closed closed = 4 [default = B];
	optional group One = 5 { required int32 a = 1; repeated int32 b = 2; }
	optional Part part = 6;
	repeated int32 numbers = 7;
	repeated int32 packed = 8 [packed = true];
	oneof o { group Picked = 9 { optional int32 p = 1; } int32 q = 10; }
	enum Closed { A = 1; B = 2; C_ALIAS = 2; option allow_alias = true; }
	extensions 100 to 200;
	map<int32, Part> parts = 11;
}
message Part { required string key = 1; optional int32 v = 2; }
extend M { optional Part extra = 100; repeated int32 more = 101; }
message Scope { extend M { optional string scoped = 102; } }
`

func TestProto2(t *testing.T) {
	t.Parallel()
	m := messageOf(t, legacy)
	for _, f := range []form{
		{`{"id": 0}`, "\x08\x00"},
		{`{"id": 1, "name": ""}`, "\x08\x01\x12\x00"},
		{`{"id": 1, "line": [{"n": 1}, {"sub": {"x": false}}, {}]}`, "\x08\x01\x1b\x08\x01\x1c\x1b\x13\x08\x00\x14\x1c\x1b\x1c"},
		{`{"id": 1, "closed": "A"}`, "\x08\x01\x20\x01"},
		{`{"id": 1, "closed": "B"}`, "\x08\x01\x20\x02"},
		{`{"id": 1, "closed": 9}`, "\x08\x01\x20\x09"},
		{`{"id": 1, "one": {"a": 2, "b": [3]}}`, "\x08\x01\x2b\x08\x02\x10\x03\x2c"},
		{`{"id": 1, "part": {"key": "k"}}`, "\x08\x01\x32\x03\x0a\x01k"},
		{`{"id": 1, "numbers": [1, 2], "packed": [3]}`, "\x08\x01\x38\x01\x38\x02\x42\x01\x03"},
		{`{"id": 1, "picked": {"p": 0}}`, "\x08\x01\x4b\x08\x00\x4c"},
		{`{"[extra]": {"key": "k"}, "[more]": [1, 2], "[Scope.scoped]": "s", "id": 1}`, "\xa2\x06\x03\x0a\x01k\xa8\x06\x01\xa8\x06\x02\xb2\x06\x01s\x08\x01"},
	} {
		f.check(t, m)
	}
}

func TestMergedGroups(t *testing.T) {
	t.Parallel()
	m := messageOf(t, legacy)
	for data, want := range map[string]string{
		"\x08\x01\x2b\x08\x02\x2c\x2b\x10\x03\x2c":  `{"id": 1, "one": {"a": 2, "b": [3]}}`,
		"\x4b\x08\x01\x4c\x50\x01\x4b\x4c\x08\x01":  `{"id": 1, "picked": {}}`,
		"\x32\x03\x0a\x01k\x08\x01\x32\x02\x10\x05": `{"id": 1, "part": {"key": "k", "v": 5}}`,
	} {
		got, err := m.Decode([]byte(data))
		require.NoError(t, err, "%x", data)
		require.Equal(t, fromJSON(t, want), got)
		oracle, err := libraryDecode(m, []byte(data))
		require.NoError(t, err)
		require.Equal(t, oracle, got)
	}
}

func TestRequiredFields(t *testing.T) {
	t.Parallel()
	m := messageOf(t, legacy)
	for data, want := range map[string]string{
		"":                             `byte 0: id: a required field is missing`,
		"\x12\x01n":                    `byte 0: id: a required field is missing`,
		"\x08\x01\x32\x02\x10\x01":     `byte 4: part.key: a required field is missing`,
		"\x08\x01\x2b\x2c":             `byte 3: one.a: a required field is missing`,
		"\x08\x01\x5a\x02\x08\x07":     `byte 6: parts["7"].key: a required field is missing`,
		"\x08\x01\xa2\x06\x02\x10\x01": `byte 5: [extra].key: a required field is missing`,
	} {
		_, err := m.Decode([]byte(data))
		require.EqualError(t, err, want)
		require.ErrorIs(t, err, ErrMissing)
		require.Equal(t, err, m.Check([]byte(data)))
		_, err = libraryDecode(m, []byte(data))
		require.Error(t, err)
	}
	_, err := m.Encode(map[string]any{"id": 1, "part": map[string]any{}})
	require.EqualError(t, err, "required field Part.key not set")
}

func TestEditions(t *testing.T) {
	t.Parallel()
	m := messageOf(t, `edition = "2023";
		message M {
			int32 explicit = 1;
			int32 implicit = 2 [features.field_presence = IMPLICIT];
			int32 needed = 3 [features.field_presence = LEGACY_REQUIRED];
			M grouped = 4 [features.message_encoding = DELIMITED];
			repeated int32 expanded = 5 [features.repeated_field_encoding = EXPANDED];
			string raw = 6 [features.utf8_validation = NONE];
			E open = 7; C closed = 8;
			enum E { ZERO = 0; }
			enum C { option features.enum_type = CLOSED; ONE = 1; }
		}`)
	for _, f := range []form{
		{`{"needed": 0, "explicit": 0}`, "\x08\x00\x18\x00"},
		{`{"needed": 1, "implicit": 2}`, "\x10\x02\x18\x01"},
		{`{"needed": 1, "grouped": {"needed": 2}}`, "\x18\x01\x23\x18\x02\x24"},
		{`{"needed": 1, "expanded": [1, 2]}`, "\x18\x01\x28\x01\x28\x02"},
		{`{"needed": 1, "open": 5, "closed": "ONE"}`, "\x18\x01\x38\x05\x40\x01"},
	} {
		f.check(t, m)
	}
	_, err := m.Decode([]byte("\x18\x01\x32\x01\xff"))
	require.ErrorIs(t, err, ErrUTF8, "a string of other bytes has no JSON form")
}

const known = `syntax = "proto3";
import "google/protobuf/any.proto"; import "google/protobuf/duration.proto"; import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto"; import "google/protobuf/struct.proto"; import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
package p;
message M {
	google.protobuf.Timestamp ts = 1; google.protobuf.Duration dur = 2; google.protobuf.Struct struct = 3;
	google.protobuf.Value value = 4; google.protobuf.ListValue list = 5; google.protobuf.FieldMask mask = 6;
	google.protobuf.Any any = 7; google.protobuf.Empty empty = 8; google.protobuf.NullValue null = 9;
	google.protobuf.BoolValue bool = 11; google.protobuf.Int32Value i32 = 12; google.protobuf.Int64Value i64 = 13;
	google.protobuf.UInt32Value u32 = 14; google.protobuf.UInt64Value u64 = 15; google.protobuf.FloatValue fl = 16;
	google.protobuf.DoubleValue d = 17; google.protobuf.StringValue s = 18; google.protobuf.BytesValue y = 19;
	repeated google.protobuf.Value values = 20; map<string, google.protobuf.Timestamp> times = 21;
	oneof o { google.protobuf.NullValue none = 22; google.protobuf.Value some = 23; }
	repeated google.protobuf.NullValue nulls = 24; repeated google.protobuf.Int64Value many = 25;
	message In { int32 a = 1; M m = 2; }
}`

func TestWellKnownTypes(t *testing.T) {
	t.Parallel()
	m := messageOf(t, known)
	for _, f := range []form{
		{`{"ts": "1970-01-01T00:00:00Z"}`, "\x0a\x00"},
		{`{"ts": "2024-05-06T07:08:09.500Z"}`, "\x0a\x0c\x08\xd9\x83\xe2\xb1\x06\x10\x80\xca\xb5\xee\x01"},
		{`{"ts": "0001-01-01T00:00:00.000000001Z"}`, "\x0a\x0d\x08\x80\x92\xb8\xc3\x98\xfe\xff\xff\xff\x01\x10\x01"},
		{`{"ts": "9999-12-31T23:59:59Z"}`, "\x0a\x07\x08\xff\x82\xd1\xff\xaf\x07"},
		{`{"dur": "1.500s"}`, "\x12\x08\x08\x01\x10\x80\xca\xb5\xee\x01"},
		{`{"dur": "-0.000001s"}`, "\x12\x0b\x10\x98\xf8\xff\xff\xff\xff\xff\xff\xff\x01"},
		{`{"dur": "0s"}`, "\x12\x00"},
		{`{"struct": {}}`, "\x1a\x00"},
		{`{"struct": {"a": null, "b": [1, "x", true, {"c": {}}]}}`, "\x1a\x33\x0a\x07\x0a\x01\x61\x12\x02\x08\x00\x0a\x28\x0a\x01\x62\x12\x23\x32\x21\x0a\x09\x11\x00\x00\x00\x00\x00\x00\xf0\x3f\x0a\x03\x1a\x01\x78\x0a\x02\x20\x01\x0a\x0b\x2a\x09\x0a\x07\x0a\x01\x63\x12\x02\x2a\x00"},
		{`{"value": null}`, "\x22\x02\x08\x00"},
		{`{"value": 0}`, "\x22\x09\x11\x00\x00\x00\x00\x00\x00\x00\x00"},
		{`{"value": ""}`, "\x22\x02\x1a\x00"},
		{`{"value": []}`, "\x22\x02\x32\x00"},
		{`{"list": []}`, "\x2a\x00"},
		{`{"mask": ""}`, "\x32\x00"},
		{`{"mask": "a.bC,d"}`, "\x32\x0a\x0a\x05a.b_c\x0a\x01d"},
		{`{"any": {}}`, "\x3a\x00"},
		{`{"any": {"@type": "t/p.M.In", "a": 1}}`, "\x3a\x0e\x0a\x08\x74\x2f\x70\x2e\x4d\x2e\x49\x6e\x12\x02\x08\x01"},
		{`{"any": {"@type": "x/google.protobuf.Duration", "value": "1s"}}`, "\x3a\x20\x0a\x1a\x78\x2f\x67\x6f\x6f\x67\x6c\x65\x2e\x70\x72\x6f\x74\x6f\x62\x75\x66\x2e\x44\x75\x72\x61\x74\x69\x6f\x6e\x12\x02\x08\x01"},
		{`{"any": {"@type": "/google.protobuf.Empty"}}`, "\x3a\x18\x0a\x16\x2f\x67\x6f\x6f\x67\x6c\x65\x2e\x70\x72\x6f\x74\x6f\x62\x75\x66\x2e\x45\x6d\x70\x74\x79"},
		{`{"empty": {}}`, "\x42\x00"},
		{`{"bool": false, "i32": 0, "i64": "0", "u32": 0, "u64": "0", "fl": 0, "d": 0, "s": "", "y": ""}`, "\x5a\x00\x62\x00\x6a\x00\x72\x00\x7a\x00\x82\x01\x00\x8a\x01\x00\x92\x01\x00\x9a\x01\x00"},
		{`{"i64": "5", "y": "AQ=="}`, "\x6a\x02\x08\x05\x9a\x01\x03\x0a\x01\x01"},
		{`{"values": [null, true]}`, "\xa2\x01\x02\x08\x00\xa2\x01\x02\x20\x01"},
		{`{"times": {"": "1970-01-01T00:00:00Z"}}`, "\xaa\x01\x04\x0a\x00\x12\x00"},
		{`{"none": null}`, "\xb0\x01\x00"},
		{`{"some": null}`, "\xba\x01\x02\x08\x00"},
		{`{"nulls": [null, null]}`, "\xc2\x01\x02\x00\x00"},
		{`{"many": ["0", "1"]}`, "\xca\x01\x00\xca\x01\x02\x08\x01"},
	} {
		f.check(t, m)
	}
}
