package protobuf

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/structpb"
)

// quick fails if something took longer than its size can explain, with room for a busy machine.
func quick(t *testing.T, start time.Time) {
	t.Helper()
	require.Less(t, time.Since(start), time.Minute)
}

func fuzzedMessages(t testing.TB) []*Message {
	t.Helper()
	return []*Message{messageOf(t, scalars), messageOf(t, shapes), messageOf(t, legacy), messageOf(t, known), messageOf(t, tree)}
}

// agree compares what the package says of a payload with what the library says.
func agree(t testing.TB, m *Message, data []byte) {
	t.Helper()
	got, err := m.Decode(data)
	require.Equal(t, err, m.Check(data), "%x", data)
	typedErr := Unmarshal(data, dynamicpb.NewMessage(m.Descriptor()), Limits{})
	want, oracleErr := libraryDecode(m, data)
	if err != nil {
		var decode *DecodeError
		require.ErrorAs(t, err, &decode)
		require.LessOrEqual(t, decode.Position, int64(len(data)))
		require.Less(t, len(err.Error()), 2000)
		// What the library takes is refused for a reason: it is over a limit, the library would lose a field for its wire
		// type, or what is wrong is replaced by what comes later: an entry of a map, or a text in proto2.
		if oracleErr == nil && !stricter(err) {
			require.Fail(t, "the library takes what is refused", "%v: %x", err, data)
		}
		return
	}
	require.NoError(t, oracleErr, "%x", data)
	require.Equal(t, want, got, "%x", data)
	require.NoError(t, typedErr)
	out, err := m.Encode(got)
	if err != nil {
		// Text may take more levels than bytes: numbers in a list nest, packed ones do not.
		require.ErrorIs(t, err, ErrLimit, "%x", data)
		return
	}
	again, err := m.Decode(out)
	require.NoError(t, err, "%x", data)
	require.Equal(t, withoutNulls(got), withoutNulls(again), "%x", data)
}

// withoutNulls leaves out what is null: a NullValue of another number than 0 is null too, but then set.
func withoutNulls(value any) any {
	switch v := value.(type) {
	case []any:
		for i := range v {
			v[i] = withoutNulls(v[i])
		}
	case map[string]any:
		for name, inner := range v {
			if v[name] = withoutNulls(inner); inner == nil {
				delete(v, name)
			}
		}
	}
	return value
}

func stricter(err error) bool {
	text := err.Error()
	return errors.Is(err, ErrLimit) || errors.Is(err, ErrUTF8) || strings.Contains(text, "has the wire type") || strings.Contains(text, "[\"")
}

func FuzzDecode(f *testing.F) {
	messages := fuzzedMessages(f)
	for i, m := range messages {
		g := newGenerator(uint64(i))
		for range 6 {
			f.Add(uint8(i), g.message(m.Descriptor(), 3))
		}
	}
	f.Add(uint8(4), anyIn(5))
	f.Add(uint8(4), mapsIn(5))
	f.Add(uint8(4), valueIn(5))
	f.Add(uint8(4), piecesIn(5, 10))
	f.Add(uint8(4), groupsIn(6, 10))
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		defer quick(t, time.Now())
		agree(t, messages[int(which)%len(messages)], data)
		typed := []proto.Message{&descriptorpb.FileDescriptorProto{}, &structpb.Struct{}}[which%2]
		if err := Unmarshal(data, typed, Limits{}); err != nil {
			var decode *DecodeError
			require.ErrorAs(t, err, &decode)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		scalars, shapes, legacy, known, tree, nested, "", `edition = "2023"; message M { M m = 1 [features.message_encoding = DELIMITED]; }`,
		`import "google/type/money.proto"; message M { optional google.type.Money m = 1 [default = 1]; }`,
		`import "a.proto"; message M { optional A a = 1; extensions 5 to max; } extend M { repeated A x = 5; }`,
		`import "confluent/meta.proto"; message M { option (confluent.message_meta) = { doc: "a" tags: ["b"] params: { key: "k" value: "v" } }; }`,
		`syntax = "proto3"; service S { rpc R (stream M) returns (M) { option deprecated = true; } } message M { reserved 1 to 5, 7; reserved "a"; oneof o { string t = 6; } }`,
	} {
		f.Add(text, `message A { optional int32 x = 1; }`, []byte("\x08\x01"))
	}
	f.Add(encoded(f, parse(f, known)), encoded(f, parse(f, nested)), []byte{})
	f.Fuzz(func(t *testing.T, text, reference string, data []byte) {
		defer quick(t, time.Now())
		s, err := Parse(text, []Reference{{Name: "a.proto", Text: reference}}, Limits{})
		if err != nil {
			var schema *SchemaError
			require.ErrorAs(t, err, &schema)
			return
		}
		for i := range min(s.file.Messages().Len(), 5) {
			m, err := s.Message([]int{i})
			if err != nil {
				continue
			}
			require.Equal(t, []int{i}, m.Indexes())
			agree(t, m, data)
			agree(t, m, newGenerator(uint64(len(text))).message(m.Descriptor(), 2))
		}
	})
}

// TestAgreesWithTheLibrary decodes random payloads, whole and damaged, as the package does and as the library does.
func TestAgreesWithTheLibrary(t *testing.T) {
	t.Parallel()
	const rounds = 300
	for i, m := range fuzzedMessages(t) {
		seed := uint64(i) + 300
		t.Logf("seed %d", seed)
		g := newGenerator(seed)
		good := 0
		for range rounds {
			data := g.message(m.Descriptor(), 3)
			if m.Check(data) == nil {
				good++
			}
			agree(t, m, data)
			agree(t, m, g.damage(data))
		}
		require.Greater(t, good, rounds/3, m.Name())
	}
}
