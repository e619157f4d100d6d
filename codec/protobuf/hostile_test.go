package protobuf

import (
	"bytes"
	"maps"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/structpb"
)

// nest puts a payload into a field, again and again.
func nest(data []byte, number protowire.Number, times int) []byte {
	for range times {
		data = protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), data)
	}
	return data
}

// anyOf is an Any.
func anyOf(url string, data []byte) []byte {
	out := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), url)
	return protowire.AppendBytes(protowire.AppendTag(out, 2, protowire.BytesType), data)
}

const tree = `syntax = "proto2"; import "google/protobuf/any.proto"; import "google/protobuf/struct.proto"; import "google/protobuf/timestamp.proto"; import "google/protobuf/duration.proto"; import "google/protobuf/field_mask.proto";
message Tree {
	repeated Tree children = 1; optional Tree left = 2; optional group Bush = 3 { optional Tree tree = 1; optional group Twig = 3 { } }
	repeated sint32 numbers = 4; repeated string texts = 5; map<string, Tree> named = 6; repeated fixed64 fixed = 7; optional string text = 8;
	optional google.protobuf.Any any = 9; optional google.protobuf.Value value = 10; optional google.protobuf.Timestamp ts = 11;
	optional google.protobuf.Duration dur = 12; optional google.protobuf.FieldMask mask = 13; optional bool flag = 14;
	oneof o { Tree a = 15; Tree b = 16; }
	repeated group Row = 17 { optional Tree tree = 1; repeated group Cell = 2 {} }
}`

// TestHostilePayloads has what other parsers let pass or die of, and what has no JSON form.
func TestHostilePayloads(t *testing.T) {
	t.Parallel()
	m := messageOf(t, tree)
	for name, c := range hostilePayloads() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			_, err := m.Decode(c.data)
			var decode *DecodeError
			require.ErrorAs(t, err, &decode)
			require.LessOrEqual(t, decode.Position, int64(len(c.data)))
			require.Less(t, len(err.Error()), 1500)
			if c.want == "" {
				require.ErrorIs(t, err, ErrLimit)
			} else {
				require.EqualError(t, err, c.want)
			}
			require.Equal(t, err, m.Check(c.data))
			require.Less(t, time.Since(start), time.Minute, "a few milliseconds, on a machine that is not busy")
		})
	}
}

type hostilePayload struct {
	data []byte
	want string // empty where it is too long, and over a limit
}

func hostilePayloads() map[string]hostilePayload {
	payloads := brokenPayloads()
	maps.Copy(payloads, deepPayloads())
	return payloads
}

// brokenPayloads are no messages.
func brokenPayloads() map[string]hostilePayload {
	return map[string]hostilePayload{
		"a tag that is cut":                {[]byte("\x80"), "byte 1: the payload ends too early"},
		"a number that is cut":             {[]byte("\x70\x80"), "byte 2: flag: the payload ends too early"},
		"a length that is cut":             {[]byte("\x42\x80"), "byte 2: text: the payload ends too early"},
		"a length of more than there is":   {[]byte("\x42\x05abc"), "byte 1: text: the payload ends too early"},
		"the longest length":               {[]byte("\x42\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "byte 1: text: the payload ends too early"},
		"a length that would be negative":  {[]byte("\x42\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), "byte 1: text: the payload ends too early"},
		"a fixed number that is cut":       {[]byte("\x39\x01\x02"), "byte 3: fixed[0]: the payload ends too early"},
		"a varint of 11 bytes":             {bytes.Repeat([]byte{0xff}, 11), "byte 0: a varint of more than 10 bytes or 64 bits"},
		"a varint of 65 bits":              {[]byte("\x70\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), "byte 1: flag: a varint of more than 10 bytes or 64 bits"},
		"the field number 0":               {[]byte("\x00\x01"), "byte 0: a field number out of range"},
		"a field number over the largest":  {[]byte("\x80\x80\x80\x80\x10\x01"), "byte 0: a field number out of range"},
		"the wire type 6":                  {[]byte("\x0e\x01"), "byte 0: a wire type that does not exist"},
		"the wire type 7":                  {[]byte("\x0f"), "byte 0: a wire type that does not exist"},
		"another wire type":                {[]byte("\x40\x01"), "byte 0: text: a string has the wire type 2, here it is 0"},
		"a number as a message":            {[]byte("\x08\x01"), "byte 0: children: a message has the wire type 2, here it is 0"},
		"packed where it cannot be":        {[]byte("\x72\x01\x01"), "byte 0: flag: a bool has the wire type 0, here it is 2"},
		"a fixed list as varints":          {[]byte("\x38\x01"), "byte 0: fixed: a fixed64 has the wire type 1, here it is 0"},
		"packed with half a number":        {[]byte("\x3a\x09123456789"), "byte 11: fixed: the payload ends too early"},
		"packed with a number that is cut": {[]byte("\x22\x02\x01\x80\x42\x00"), "byte 4: numbers: the payload ends too early"},
		"a message that ends in a field":   {[]byte("\x0a\x00\x0a\x02\x42\x01a"), "byte 5: children[1].text: the payload ends too early"},
		"a group without an end":           {[]byte("\x1b"), "byte 1: bush: the payload ends too early"},
		"a group that ends outside":        {[]byte("\x0a\x01\x1b\x1c"), "byte 3: children[0].bush: the payload ends too early"},
		"the end of another group":         {[]byte("\x1b\x24"), "byte 1: bush: the end of a group that has not begun"},
		"an end without a group":           {[]byte("\x1c"), "byte 0: the end of a group that has not begun"},
		"an unknown group without an end":  {[]byte("\xa3\x06\x0b\x0c"), "byte 4: the payload ends too early"},
		"an unknown field that is cut":     {[]byte("\xa1\x06\x01"), "byte 3: the payload ends too early"},
		"a text that is none":              {[]byte("\x42\x03a\xffb"), "byte 3: text: not valid UTF-8"},
		"a long text that is none":         {[]byte("\x2a\x00\x2a\x1e" + strings.Repeat("x", 29) + "\xff"), "byte 33: texts[1]: not valid UTF-8"},
		"a key that is none":               {[]byte("\x32\x03\x0a\x01\xff"), "byte 4: named[0].key: not valid UTF-8"},
		"a type_url that is none":          {[]byte("\x4a\x03\x0a\x01\xff"), "byte 4: any.typeUrl: not valid UTF-8"},
	}
}

// deepPayloads nest too deep, or are messages without a JSON form.
func deepPayloads() map[string]hostilePayload {
	groups := func(n int, tag string) []byte { return []byte(strings.Repeat(tag, n)) }
	return map[string]hostilePayload{
		"messages nested too deep":              {nest(nil, 1, 101), ""},
		"messages nested much too deep":         {nest(nil, 2, 10_000), ""},
		"groups nested too deep":                {groups(4<<20, "\x1b"), ""},
		"unknown groups nested too deep":        {groups(4<<20, "\xa3\x06"), ""},
		"maps nested too deep":                  {mapsIn(51), ""},
		"an Any of an unknown type":             {nest(anyOf("t/x.Y", nil), 9, 1), `byte 2: any.@type: no message type for "t/x.Y" in the schema, its references and the well-known types`},
		"an Any of an enum":                     {nest(anyOf("google.protobuf.NullValue", nil), 9, 1), `byte 2: any.@type: no message type for "google.protobuf.NullValue" in the schema, its references and the well-known types`},
		"an Any without a type":                 {[]byte("\x4a\x03\x12\x01x"), "byte 2: any: a google.protobuf.Any with a value and without a type_url"},
		"an Any with a broken payload":          {nest(anyOf("Tree", []byte("\x42\x05a")), 9, 1), "byte 11: any.text: the payload ends too early"},
		"an Any with something broken in it":    {nest(anyOf("Tree", nest([]byte("\x08\x80\x80\x80\x80\x80\x80\x01"), 11, 1)), 9, 1), "byte 12: any.ts: a timestamp that is not in the years 1 to 9999"},
		"an Any in an Any, too deep":            {anyIn(60), ""},
		"a Value without a kind":                {[]byte("\x52\x00"), "byte 2: value: a google.protobuf.Value without a value"},
		"a Value that is NaN":                   {append([]byte("\x52\x09\x11"), 1, 0, 0, 0, 0, 0, 0xf8, 0x7f), "byte 2: value: a google.protobuf.Value cannot be NaN or infinite"},
		"a Value nested too deep":               {valueIn(60), ""},
		"a Timestamp before the year 1":         {[]byte("\x5a\x0b\x08\xff\x91\xb8\xc3\x98\xfe\xff\xff\xff\x01"), "byte 2: ts: a timestamp that is not in the years 1 to 9999"},
		"a Timestamp after the year 9999":       {[]byte("\x5a\x07\x08\x80\xee\xe1\xff\xaf\x07"), "byte 2: ts: a timestamp that is not in the years 1 to 9999"},
		"a Timestamp with negative nanos":       {[]byte("\x5a\x0b\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "byte 2: ts: a timestamp that is not in the years 1 to 9999"},
		"a Duration of two signs":               {[]byte("\x62\x0d\x08\x01\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "byte 2: dur: a duration out of range, or with parts of different signs"},
		"a Duration too long":                   {append([]byte("\x62\x0a\x08"), protowire.AppendVarint(nil, math.MaxInt64)...), "byte 2: dur: a duration out of range, or with parts of different signs"},
		"a FieldMask that would read otherwise": {[]byte("\x6a\x04\x0a\x02aB"), `byte 2: mask.paths[0]: the path "aB" has no JSON form`},
		"a FieldMask that is no path":           {[]byte("\x6a\x06\x0a\x01a\x0a\x01*"), `byte 2: mask.paths[1]: the path "*" has no JSON form`},
		"a payload that is too large":           {make([]byte, 17<<20), "byte 16777216: a payload of 17825792 bytes, 16777216 are allowed: over the limit"},
	}
}

func mapsIn(times int) []byte {
	var data []byte
	for range times {
		data = nest(nest(data, 2, 1), 6, 1)
	}
	return data
}

func anyIn(times int) []byte {
	var data []byte
	for range times {
		data = nest(anyOf("t/Tree", data), 9, 1)
	}
	return data
}

func valueIn(times int) []byte {
	data := []byte("\x08\x00")
	for range times {
		data = nest(nest(data, 1, 1), 6, 1)
	}
	return nest(data, 10, 1)
}

// TestDepthsThatAreAllowed are those one step before the limit.
func TestDepthsThatAreAllowed(t *testing.T) {
	t.Parallel()
	m := messageOf(t, tree)
	for _, data := range [][]byte{nest(nil, 1, 99), mapsIn(49), anyIn(49), valueIn(48)} {
		value, err := m.Decode(data)
		require.NoError(t, err)
		oracle, err := libraryDecode(m, data)
		require.NoError(t, err)
		require.Equal(t, oracle, value)
		out, err := m.Encode(value)
		require.NoError(t, err)
		again, err := m.Decode(out)
		require.NoError(t, err)
		require.Equal(t, value, again)
	}
}

// TestEveryCut cuts payloads at each byte. A cut between two fields is a shorter message, any other one is an error.
func TestEveryCut(t *testing.T) {
	t.Parallel()
	m := messageOf(t, tree)
	value := fromJSON(t, `{"children": [{"text": "a"}, {}], "left": {"numbers": [1, -300]}, "bush": {"tree": {"fixed": ["1"]}, "twig": {}}, "named": {"k": {"flag": true}},
		"any": {"@type": "t/Tree", "text": "in"}, "value": {"x": [1, null, "y"]}, "ts": "2024-05-06T07:08:09.500Z", "dur": "-1.5s", "mask": "a.bC", "b": {"text": "z"}, "row": [{"cell": [{}, {}]}]}`)
	data, err := m.Encode(value)
	require.NoError(t, err)
	boundaries := map[int]bool{}
	for rest := data; ; {
		boundaries[len(data)-len(rest)] = true
		if len(rest) == 0 {
			break
		}
		_, _, n := protowire.ConsumeField(rest)
		require.Positive(t, n)
		rest = rest[n:]
	}
	for cut := range len(data) {
		_, err := m.Decode(data[:cut])
		require.Equal(t, err, m.Check(data[:cut]))
		if boundaries[cut] {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, ErrTruncated, "%x", data[:cut])
		require.ErrorIs(t, Unmarshal(data[:cut], dynamicpb.NewMessage(m.Descriptor()), Limits{}), ErrTruncated)
	}
}

// TestAmplification has payloads whose parts are small and whose values are not, as large as allowed, and with as many
// values as allowed.
func TestAmplification(t *testing.T) {
	if testing.Short() {
		t.Skip("allocates some hundred megabytes")
	}
	m := messageOf(t, tree)
	fill := func(part string) func(int) []byte {
		return func(size int) []byte { return bytes.Repeat([]byte(part), size/len(part)) }
	}
	for name, payload := range map[string]func(int) []byte{
		"empty messages":          fill("\x0a\x00"),
		"messages of one field":   fill("\x0a\x02\x70\x01"),
		"packed numbers":          func(size int) []byte { return nest(make([]byte, size-8), 4, 1) },
		"numbers":                 fill("\x20\x01"),
		"lists that alternate":    fill("\x20\x01\x2a\x00"),
		"entries":                 fill("\x32\x00"),
		"the same field again":    fill("\x70\x01"),
		"unknown fields":          fill("\xa0\x06\x01"),
		"unknown groups":          fill("\xa3\x06\xa4\x06"),
		"groups in lists":         fill("\x8b\x01\x8c\x01"),
		"pieces of one message":   fill("\x12\x00"),
		"pieces of two messages":  fill("\x12\x00\x1b\x1c"),
		"a oneof that alternates": fill("\x7a\x00\x82\x01\x00"),
		"pieces with an Any":      fill("\x4a\x06\x0a\x04Tree"),
		"a list with an Any":      fill("\x0a\x08\x4a\x06\x0a\x04Tree"),
		"texts of one byte":       fill("\x2a\x01a"),
		"a Value of many nulls": func(size int) []byte {
			return nest(nest(fill("\x0a\x02\x08\x00")(size-20), 6, 1), 10, 1)
		},
		"empty messages, nested": func(size int) []byte { return nest(fill("\x0a\x00")(size-1000), 1, 90) },
		"pieces in pieces":       func(size int) []byte { return piecesIn(90, size-1000) },
		"groups in groups":       func(size int) []byte { return groupsIn(90, size-1000) },
	} {
		for _, size := range []int{16 << 20, 1 << 18} {
			data := payload(size)
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			value, err := m.Decode(data)
			elapsed := time.Since(start)
			runtime.GC()
			runtime.ReadMemStats(&after)
			kept, allocated := int64(after.HeapAlloc)-int64(before.HeapAlloc), after.TotalAlloc-before.TotalAlloc
			t.Logf("%-24s %8d bytes: %7.1f ms, %6d kB kept, %7d kB allocated, %v", name, len(data), float64(elapsed.Microseconds())/1000, kept>>10, allocated>>10, err)
			runtime.KeepAlive(value)
			require.Less(t, elapsed, time.Minute, "a tenth of a second, on a machine that is not busy")
			require.Less(t, kept, int64(64<<20))
			require.Less(t, allocated, uint64(128<<20))
		}
	}
}

func piecesIn(times, size int) []byte {
	data := protowire.AppendBytes(protowire.AppendTag(nil, 8, protowire.BytesType), bytes.Repeat([]byte("x"), size))
	for range times {
		data = append(nest(data, 2, 1), "\x12\x00"...)
	}
	return data
}

// groupsIn puts a long string into groups, each of which comes in two pieces.
func groupsIn(times, size int) []byte {
	data := protowire.AppendBytes(protowire.AppendTag(nil, 8, protowire.BytesType), bytes.Repeat([]byte("x"), size))
	for range times / 2 {
		data = append(nest(data, 1, 1), "\x1c\x1b\x1c"...)
		data = append([]byte("\x1b"), data...)
	}
	return data
}

func TestCompiledTypes(t *testing.T) {
	t.Parallel()
	typ := NewType((*descriptorpb.FileDescriptorProto)(nil).ProtoReflect().Descriptor(), Limits{})
	target := &descriptorpb.FileDescriptorProto{}
	require.NoError(t, typ.Unmarshal([]byte("\x0a\x01n\x22\x03\x0a\x01M"), target))
	require.Equal(t, "n", target.GetName())
	require.Equal(t, "M", target.GetMessageType()[0].GetName())
	require.EqualError(t, typ.Unmarshal([]byte("\x0a\x01n\x22\x03\x08\x01M"), target), "byte 5: messageType[0].name: a string has the wire type 2, here it is 0")
	require.ErrorIs(t, Unmarshal(append([]byte("\x22"), nest(nil, 3, 200)[1:]...), target, Limits{}), ErrLimit)
	require.ErrorIs(t, typ.Unmarshal(bytes.Repeat([]byte("\x22\x00"), 1<<20), target), ErrLimit, "a message weighs more than a number")
	require.NoError(t, Unmarshal(bytes.Repeat([]byte("\x50\x01"), 1<<19), target, Limits{}))
	require.NoError(t, Unmarshal([]byte("\x0a\x01\xff"), target, Limits{}), "a string of proto2 may be of any bytes")
	require.ErrorIs(t, Unmarshal([]byte("\x1a\x01\xff"), &structpb.Value{}, Limits{}), ErrUTF8)

	option := &descriptorpb.UninterpretedOption_NamePart{}
	require.EqualError(t, Unmarshal([]byte("\x10\x01"), option, Limits{}), "byte 2: required field google.protobuf.UninterpretedOption.NamePart.name_part not set")
}
