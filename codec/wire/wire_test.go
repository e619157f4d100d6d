package wire

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const someGUID = "89791762-2336-4186-9674-299b90a802e2"

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	require.NoError(t, err)
	return data
}

func path(t testing.TB, indexes ...int) Path {
	t.Helper()
	p, err := NewPath(indexes...)
	require.NoError(t, err)
	return p
}

// The bytes are those that Confluent's own clients write.
func TestReadUnderstandsWhatClientsWrite(t *testing.T) {
	t.Parallel()
	guid, err := ParseGUID(someGUID)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		header, data string
		indexed      bool
		want         Frame
	}{
		"avro":                              {"", "00 00000001 f0f1", false, Frame{ID: 1, Offset: 5}},
		"avro, empty body":                  {"", "00 7fffffff", false, Frame{ID: 1<<31 - 1, Offset: 5}},
		"protobuf, first message":           {"", "00 00000102 00 0a01", true, Frame{ID: 258, Path: path(t, 0), Offset: 6}},
		"protobuf, second message":          {"", "00 00000003 02 02 0a01", true, Frame{ID: 3, Path: path(t, 1), Offset: 7}},
		"protobuf, nested":                  {"", "00 00000003 04 02 00 0a01", true, Frame{ID: 3, Path: path(t, 1, 0), Offset: 8}},
		"protobuf, first message spelt out": {"", "00 00000003 02 00 0a01", true, Frame{ID: 3, Path: path(t, 0), Offset: 7}},
		"protobuf, large index":             {"", "00 00000003 02 feff07 0a01", true, Frame{ID: 3, Path: path(t, IndexMax), Offset: 9}},
		"guid in front":                     {"", "01 89791762233641869674299b90a802e2 f0", false, Frame{ByGUID: true, GUID: guid, Offset: 17}},
		"guid in the header": {
			"01 89791762233641869674299b90a802e2", "00 00000001 f0", false,
			Frame{ByGUID: true, GUID: guid, InHeader: true},
		},
		"guid and indexes in the header": {
			"01 89791762233641869674299b90a802e2 0402 00", "f0", true,
			Frame{ByGUID: true, GUID: guid, Path: path(t, 1, 0), InHeader: true},
		},
		"id in the header": {"00 00000009", "", false, Frame{ID: 9, InHeader: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, side := range []Side{Key, Value} {
				headers := []stream.Header{{Key: "other", Value: []byte("x")}}
				if c.header != "" {
					headers = append(headers, stream.Header{Key: side.Header(), Value: []byte("\x00an earlier one")},
						stream.Header{Key: side.Header(), Value: unhex(t, c.header)})
				}
				data := unhex(t, c.data)
				want := c.want
				want.Body = data[want.Offset:]
				got, err := Read(side, headers, data, c.indexed)
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
		})
	}
}

func TestReadTakesTheHeaderOfItsOwnSideOnly(t *testing.T) {
	t.Parallel()
	headers := []stream.Header{{Key: KeyHeader, Value: unhex(t, "00 00000009")}, {Key: ValueHeader}}
	got, err := Read(Value, headers, unhex(t, "00 00000001"), false)
	require.NoError(t, err)
	require.Equal(t, int32(1), got.ID, "the key's header, or an empty one, decides nothing for the value")
}

func TestReadRefusesWithThePlace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		header, data string
		is           error
		text         string
	}{
		"nothing":                       {"", "", ErrEmpty, "value: byte 0: "},
		"JSON":                          {"", "7b7d", ErrMagic, "value: byte 0: not written with a schema registry's serializer: the first byte is 0x7b"},
		"id cut":                        {"", "00 0000", ErrTruncated, "value: byte 3: "},
		"id negative":                   {"", "00 80000000 00", ErrID, "value: byte 1: "},
		"guid cut":                      {"", "01 89791762233641869674299b90a802", ErrTruncated, "value: byte 16: "},
		"no indexes":                    {"", "00 00000001", ErrTruncated, "value: byte 5: "},
		"indexes cut":                   {"", "00 00000001 06 00", ErrTruncated, "value: byte 7: "},
		"index cut":                     {"", "00 00000001 02 80", ErrTruncated, "value: byte 6: "},
		"too many indexes":              {"", "00 00000001 42" + strings.Repeat("00", 33), ErrPath, "value: byte 5: no valid message indexes: 33 of them"},
		"count of two thousand million": {"", "00 00000001 feffffff0f", ErrPath, "value: byte 5: no valid message indexes: 2147483647 of them"},
		"negative count":                {"", "00 00000001 01 01", ErrPath, "value: byte 5: no valid message indexes: a count of -1"},
		"negative index":                {"", "00 00000001 02 01", ErrPath, "value: byte 6: no valid message indexes: -1"},
		"index too large":               {"", "00 00000001 02 808008", ErrPath, "value: byte 6: no valid message indexes: 65536"},
		"number without an end":         {"", "00 00000001 ffffffffffff", ErrPath, "value: byte 5: no valid message indexes: a number"},
		"number of 33 bits":             {"", "00 00000001 ffffffff1f", ErrPath, "value: byte 5: no valid message indexes: a number"},
		"header, wrong magic":           {"02", "00 00000001 00", ErrMagic, "__value_schema_id: byte 0: "},
		"header cut":                    {"01 8979", "00 00000001 00", ErrTruncated, "__value_schema_id: byte 3: "},
		"header without indexes":        {"00 00000001", "00", ErrTruncated, "__value_schema_id: byte 5: "},
		"header with more":              {"00 00000001 00 ff", "00", ErrTrailing, "__value_schema_id: byte 6: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var headers []stream.Header
			if c.header != "" {
				headers = []stream.Header{{Key: ValueHeader, Value: unhex(t, c.header)}}
			}
			got, err := Read(Value, headers, unhex(t, c.data), true)
			require.ErrorIs(t, err, c.is)
			require.ErrorContains(t, err, c.text)
			require.Equal(t, Frame{}, got)
			var own *Error
			require.ErrorAs(t, err, &own)
			require.Equal(t, "decode", own.DeadLetterReason())
		})
	}
}

func TestReadAllocatesNothing(t *testing.T) {
	prefixed := unhex(t, "00 00000003 04 02 00 0a01")
	headers := []stream.Header{SchemaHeader(Value, GUID{1, 2, 3}, path(t, 3, 4))}
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		f, err := Read(Value, nil, prefixed, true)
		if err != nil || f.Path.Len() != 2 {
			t.Fatal(f, err)
		}
		f, err = Read(Value, headers, prefixed, true)
		if err != nil || !f.InHeader {
			t.Fatal(f, err)
		}
	}))
}

func TestWrittenBytesAreThoseOfClients(t *testing.T) {
	t.Parallel()
	guid, err := ParseGUID(strings.ToUpper(someGUID))
	require.NoError(t, err)
	require.Equal(t, unhex(t, "ff 00 00000102"), AppendPrefix([]byte{0xff}, 258, Path{}))
	require.Equal(t, unhex(t, "00 00000001 00"), AppendPrefix(nil, 1, path(t, 0)))
	require.Equal(t, unhex(t, "00 00000001 02 02"), AppendPrefix(nil, 1, path(t, 1)))
	require.Equal(t, unhex(t, "00 00000001 06 00 02 feff07"), AppendPrefix(nil, 1, path(t, 0, 1, IndexMax)))
	require.Equal(t, stream.Header{Key: "__key_schema_id", Value: unhex(t, "01 89791762233641869674299b90a802e2")},
		SchemaHeader(Key, guid, Path{}))
	require.Equal(t, stream.Header{Key: "__value_schema_id", Value: unhex(t, "01 89791762233641869674299b90a802e2 00")},
		SchemaHeader(Value, guid, path(t, 0)))
}

func TestPathHoldsWhatItAccepts(t *testing.T) {
	t.Parallel()
	p := path(t, 1, 0, 7)
	require.Equal(t, []int{1, 0, 7}, slices.Collect(p.All()))
	require.Equal(t, "[1 0 7]", p.String())
	require.Equal(t, "[]", Path{}.String())
	require.Equal(t, DepthMax, func() int { p := path(t, make([]int, DepthMax)...); return p.Len() }())
	for _, wrong := range [][]int{make([]int, DepthMax+1), {-1}, {IndexMax + 1}} {
		_, err := NewPath(wrong...)
		require.ErrorIs(t, err, ErrPath)
	}
}

func TestGUIDText(t *testing.T) {
	t.Parallel()
	g, err := ParseGUID(someGUID)
	require.NoError(t, err)
	require.Equal(t, someGUID, g.String())
	require.False(t, g.IsZero())
	require.True(t, GUID{}.IsZero())
	for _, wrong := range []string{
		"", "89791762233641869674299b90a802e2", someGUID + "0", "89791762-2336-4186-9674-299b90a802eg",
		"8979176-22336-4186-9674-299b90a802e2", "{9791762-2336-4186-9674-299b90a802e}",
	} {
		g, err := ParseGUID(wrong)
		require.ErrorIs(t, err, ErrGUID, wrong)
		require.True(t, g.IsZero())
	}
}

func TestFormsHaveWords(t *testing.T) {
	t.Parallel()
	for _, form := range []Form{Prefix, Header} {
		again, err := ParseForm(form.String())
		require.NoError(t, err)
		require.Equal(t, form, again)
	}
	_, err := ParseForm("guid")
	require.ErrorContains(t, err, `"guid"`)
	require.Equal(t, "id 7", (&Frame{ID: 7}).Schema())
	require.Equal(t, "GUID 00000000-0000-0000-0000-000000000000", (&Frame{ByGUID: true}).Schema())
}

// What is read is written to bytes that are read as the same, and positions of errors are within the bytes.
func FuzzRead(f *testing.F) {
	f.Add([]byte{}, unhex(f, "00 00000003 04 02 00 0a01"), true)
	f.Add(unhex(f, "01 89791762233641869674299b90a802e2 0402 00"), []byte("body"), true)
	f.Fuzz(func(t *testing.T, header, data []byte, indexed bool) {
		headers := []stream.Header{{Key: ValueHeader, Value: header}}
		got, err := Read(Value, headers, data, indexed)
		if err != nil {
			var own *Error
			require.ErrorAs(t, err, &own)
			in := header
			if own.In != ValueHeader {
				require.Empty(t, header)
				in = data
			}
			require.GreaterOrEqual(t, own.Position, 0)
			require.LessOrEqual(t, own.Position, len(in))
			return
		}
		require.Equal(t, len(header) > 0, got.InHeader)
		require.True(t, bytes.Equal(data[got.Offset:], got.Body))
		require.Equal(t, indexed, got.Path.Len() > 0)

		var again Frame
		if got.ByGUID {
			again, err = Read(Value, []stream.Header{SchemaHeader(Value, got.GUID, got.Path)}, got.Body, indexed)
		} else {
			again, err = Read(Value, nil, append(AppendPrefix(nil, got.ID, got.Path), got.Body...), indexed)
		}
		require.NoError(t, err)
		require.Equal(t, got.Path, again.Path)
		require.Equal(t, got.ID, again.ID)
		require.Equal(t, got.GUID, again.GUID)
		require.True(t, bytes.Equal(got.Body, again.Body))
	})
}

func FuzzGUID(f *testing.F) {
	f.Add(someGUID)
	f.Fuzz(func(t *testing.T, text string) {
		if g, err := ParseGUID(text); err == nil {
			require.Equal(t, strings.ToLower(text), g.String())
		}
	})
}

func BenchmarkRead(b *testing.B) {
	data := AppendPrefix(nil, 7, path(b, 1, 0))
	headers := []stream.Header{{Key: "traceparent", Value: []byte("x")}, {Key: "source", Value: []byte("y")}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(Value, headers, data, true); err != nil {
			b.Fatal(err)
		}
	}
}
