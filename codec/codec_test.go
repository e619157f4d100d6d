package codec

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/codec/document"
	"github.com/troupe-go/troupe/codec/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// value is a part of a record of topic t.
func value(data []byte) Part { return Part{Topic: "t", Side: wire.Value, Data: data} }

func TestPlainFormatsAreFoundByName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"raw", "string", "json"} {
		format, ok := ByName(name)
		require.True(t, ok)
		require.Equal(t, name, format.Name())
	}
	_, ok := ByName("xml")
	require.False(t, ok)
}

func TestTextFormats(t *testing.T) {
	t.Parallel()
	ctx, to := t.Context(), Target{Topic: "t"}
	text, err := String{}.Decode(ctx, value([]byte("grüße")))
	require.NoError(t, err)
	require.Equal(t, "grüße", text)
	_, err = String{}.Decode(ctx, value([]byte("gr\xfc\xdfe")))
	require.EqualError(t, err, "decode string: byte 2: not valid UTF-8")
	require.ErrorIs(t, err, document.ErrUTF8)
	out, err := String{}.Encode(ctx, to, "a")
	require.NoError(t, err)
	require.Equal(t, "a", string(out.Data))
	_, err = String{}.Encode(ctx, to, []any{})
	require.EqualError(t, err, "encode string: want a string, got an array")

	raw := []byte{0xff, 0}
	decoded, err := Raw{}.Decode(ctx, value(raw))
	require.NoError(t, err)
	out, err = Raw{}.Encode(ctx, to, decoded)
	require.NoError(t, err)
	require.Equal(t, raw, out.Data)
	_, err = Raw{}.Encode(ctx, to, json.Number("1"))
	var encode *EncodeError
	require.ErrorAs(t, err, &encode)
	require.EqualError(t, err, "encode raw: want bytes or text, got a number")
}

func TestJSONSaysWhereItIsWrong(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":       "decode json: the value is empty",
		`{"a":1`: "decode json: byte 6: the document ends too early",
	} {
		_, err := Document{}.Decode(t.Context(), value([]byte(text)))
		require.EqualError(t, err, want)
		var decode *DecodeError
		require.ErrorAs(t, err, &decode)
		require.Equal(t, "decode", decode.DeadLetterReason())
		require.Equal(t, err, Document{}.Check(t.Context(), value([]byte(text))), "Check and Decode agree")
	}
	_, err := Document{}.Encode(t.Context(), Target{}, struct{}{})
	require.EqualError(t, err, "encode json: a struct {} has no JSON form")
}
