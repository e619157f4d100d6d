package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFormatsAreFoundByName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"raw", "string", "json"} {
		format, ok := ByName(name)
		require.True(t, ok)
		require.Equal(t, name, format.Name())
	}
	_, ok := ByName("xml")
	require.False(t, ok)
}

func TestJSONKeepsNumbersExact(t *testing.T) {
	t.Parallel()
	const document = `{"a":9007199254740993,"b":1.10,"c":-0,"d":1e400,"e":0.1e-7,"f":123456789012345678901234567890}`
	value, err := JSON{}.Decode("t", []byte(document))
	require.NoError(t, err)
	require.Equal(t, json.Number("1.10"), value.(map[string]any)["b"])
	out, err := JSON{}.Encode("t", value)
	require.NoError(t, err)
	require.Equal(t, document, string(out))
}

func TestJSONRefusesWhatIsNotOneDocument(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		"":                       "decode json: the value is empty",
		" \n\t":                  "decode json: the value is empty",
		`{"a":1`:                 "decode json: byte 6: the document ends too early",
		`[1,]`:                   "decode json: byte 3: invalid character ']' looking for beginning of value",
		`{'a':1}`:                "decode json: byte 1: invalid character '\\'' looking for beginning of object key string",
		`{} {}`:                  "decode json: byte 3: more data after the document",
		`1 x`:                    "decode json: byte 2: more data after the document",
		`NaN`:                    "decode json: byte 0: invalid character 'N' looking for beginning of value",
		`01`:                     "decode json: byte 1: more data after the document",
		"\"a\x01\"":              "decode json: byte 2: invalid character '\\x01' in string literal",
		"{\"a\":\"\xc3\x28\"}":   "decode json: byte 6: not valid UTF-8",
		strings.Repeat("[", 501): "decode json: byte 500: nested deeper than 500 levels",
		"\ufeff{}":               "decode json: byte 0: invalid character 'ï' looking for beginning of value",
	} {
		_, err := JSON{}.Decode("t", []byte(document))
		require.EqualError(t, err, want, "%q", document)
		var decode *DecodeError
		require.ErrorAs(t, err, &decode)
		require.Equal(t, "decode", decode.DeadLetterReason())
		require.Equal(t, err, JSON{}.Check("t", []byte(document)), "%q: Check and Decode agree", document)
	}
}

func TestJSONTakesEveryDocument(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]any{
		`null`: nil, ` true `: true, `"a\u00e9\n"`: "aé\n", `{"a":1,"a":2}`: map[string]any{"a": json.Number("2")}, `[]`: []any{},
		"\"" + strings.Repeat("[", 600) + "\\\"[\"": strings.Repeat("[", 600) + "\"[",
	} {
		value, err := JSON{}.Decode("t", []byte(document))
		require.NoError(t, err, document)
		require.Equal(t, want, value)
		require.NoError(t, JSON{}.Check("t", []byte(document)))
	}
	deepest := strings.Repeat("[", 500) + strings.Repeat("]", 500)
	_, err := JSON{}.Decode("t", []byte(deepest))
	require.NoError(t, err)
}

func TestJSONEncodesDeterministically(t *testing.T) {
	t.Parallel()
	huge, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	for want, value := range map[string]any{
		`null`: nil, `true`: true, `"<a&b>\"\\\n\r\t\u0001` + "\u2028é\x7f\"": "<a&b>\"\\\n\r\t\x01\u2028é\x7f", "\"a\uFFFDb\"": "a\xffb",
		`{"a":[1,"x",null],"b":{}}`: map[string]any{"b": map[string]any{}, "a": []any{1, "x", nil}},
		`1e-7`:                      1e-7, `1e+21`: 1e21, `100000000000000000000`: 1e20, `0.1`: 0.1, `-2`: -2.0, `-5`: int64(-5),
		`123456789012345678901234567890`: huge, `1.50`: json.Number("1.50"),
	} {
		out, err := JSON{}.Encode("t", value)
		require.NoError(t, err)
		require.Equal(t, want, string(out))
	}
}

func TestJSONRefusesWhatItCannotWrite(t *testing.T) {
	t.Parallel()
	shared, deep := any("x"), any("x")
	for range 60 {
		shared = []any{shared, shared}
	}
	for range encodeDepthMax + 1 {
		deep = map[string]any{"a": deep}
	}
	for want, value := range map[string]any{
		"encode json: NaN is no number in JSON":       math.NaN(),
		"encode json: -Inf is no number in JSON":      math.Inf(-1),
		"encode json: longer than 16777216 bytes":     shared,
		"encode json: nested deeper than 5000 levels": deep,
		"encode json: a struct {} has no JSON form":   struct{}{},
		"encode json: a chan int has no JSON form":    []any{make(chan int)},
	} {
		_, err := JSON{}.Encode("t", value)
		require.EqualError(t, err, want)
	}
	_, err := JSON{}.Encode("t", strings.Repeat("x", EncodedBytesMax+1))
	require.ErrorIs(t, err, ErrTooLarge)
}

func TestTextFormats(t *testing.T) {
	t.Parallel()
	value, err := String{}.Decode("t", []byte("grüße"))
	require.NoError(t, err)
	require.Equal(t, "grüße", value)
	_, err = String{}.Decode("t", []byte("gr\xfc\xdfe"))
	require.EqualError(t, err, "decode string: byte 2: not valid UTF-8")
	require.ErrorIs(t, err, ErrUTF8)
	out, err := String{}.Encode("t", "a")
	require.NoError(t, err)
	require.Equal(t, "a", string(out))
	_, err = String{}.Encode("t", []any{})
	require.EqualError(t, err, "encode string: want a string, got an array")

	raw := []byte{0xff, 0}
	value, err = Raw{}.Decode("t", raw)
	require.NoError(t, err)
	out, err = Raw{}.Encode("t", value)
	require.NoError(t, err)
	require.Equal(t, raw, out)
	_, err = Raw{}.Encode("t", json.Number("1"))
	var encode *EncodeError
	require.ErrorAs(t, err, &encode)
	require.EqualError(t, err, "encode raw: want bytes or text, got a number")
}

// FuzzJSON holds JSON to encoding/json: the same documents are accepted, and what was read is written so that it reads the
// same again.
func FuzzJSON(f *testing.F) {
	for _, document := range []string{
		`{"a":[1,2.50,"x",null,true]}`, `{"a":1,"a":2}`, `{} x`, "", "\"\xff\"", `"\ud800"`, `1e999`, `[[[[]]]]`, `-0`, "\"\\u2028\"",
	} {
		f.Add([]byte(document))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		value, err := JSON{}.Decode("t", data)
		require.Equal(t, err, JSON{}.Check("t", data))
		if err != nil {
			var decode *DecodeError
			require.ErrorAs(t, err, &decode)
			require.LessOrEqual(t, decode.Position, int64(len(data)))
			refused := errors.Is(err, ErrUTF8) || errors.Is(err, ErrDepth)
			require.True(t, refused || !json.Valid(data), "refused what is JSON: %v", err)
			return
		}
		require.True(t, json.Valid(data))
		out, err := JSON{}.Encode("t", value)
		require.NoError(t, err)
		again, err := JSON{}.Decode("t", out)
		require.NoError(t, err)
		require.Equal(t, value, again)
		twice, err := JSON{}.Encode("t", again)
		require.NoError(t, err)
		require.True(t, bytes.Equal(out, twice))
	})
}
