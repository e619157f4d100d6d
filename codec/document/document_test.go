package document

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

func TestKeepsNumbersExact(t *testing.T) {
	t.Parallel()
	const document = `{"a":9007199254740993,"b":1.10,"c":-0,"d":1e400,"e":0.1e-7,"f":123456789012345678901234567890}`
	value, err := Decode([]byte(document))
	require.NoError(t, err)
	require.Equal(t, json.Number("1.10"), value.(map[string]any)["b"])
	out, err := Encode(value)
	require.NoError(t, err)
	require.Equal(t, document, string(out))
}

func TestRefusesWhatIsNotOneDocument(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		"":                       "the value is empty",
		" \n\t":                  "the value is empty",
		`{"a":1`:                 "byte 6: the document ends too early",
		`[1,]`:                   "byte 3: invalid character ']' looking for beginning of value",
		`{'a':1}`:                "byte 1: invalid character '\\'' looking for beginning of object key string",
		`{} {}`:                  "byte 3: more data after the document",
		`1 x`:                    "byte 2: more data after the document",
		`NaN`:                    "byte 0: invalid character 'N' looking for beginning of value",
		`01`:                     "byte 1: more data after the document",
		"\"a\x01\"":              "byte 2: invalid character '\\x01' in string literal",
		"{\"a\":\"\xc3\x28\"}":   "byte 6: not valid UTF-8",
		strings.Repeat("[", 501): "byte 500: nested deeper than 500 levels",
		"\ufeff{}":               "byte 0: invalid character 'ï' looking for beginning of value",
	} {
		_, err := Decode([]byte(document))
		require.EqualError(t, err, want, "%q", document)
		var wrong *Error
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, err, Check([]byte(document)), "%q: Check and Decode agree", document)
	}
}

func TestTakesEveryDocument(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]any{
		`null`: nil, ` true `: true, `"a\u00e9\n"`: "aé\n", `{"a":1,"a":2}`: map[string]any{"a": json.Number("2")}, `[]`: []any{},
		"\"" + strings.Repeat("[", 600) + "\\\"[\"": strings.Repeat("[", 600) + "\"[",
	} {
		value, err := Decode([]byte(document))
		require.NoError(t, err, document)
		require.Equal(t, want, value)
		require.NoError(t, Check([]byte(document)))
	}
	deepest := strings.Repeat("[", 500) + strings.Repeat("]", 500)
	_, err := Decode([]byte(deepest))
	require.NoError(t, err)
}

func TestEncodesDeterministically(t *testing.T) {
	t.Parallel()
	huge, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	for want, value := range map[string]any{
		`null`: nil, `true`: true, `"<a&b>\"\\\n\r\t\u0001` + "\u2028é\x7f\"": "<a&b>\"\\\n\r\t\x01\u2028é\x7f", "\"a\uFFFDb\"": "a\xffb",
		`{"a":[1,"x",null],"b":{}}`: map[string]any{"b": map[string]any{}, "a": []any{1, "x", nil}},
		`1e-7`:                      1e-7, `1e+21`: 1e21, `100000000000000000000`: 1e20, `0.1`: 0.1, `-2`: -2.0, `-5`: int64(-5),
		`123456789012345678901234567890`: huge, `1.50`: json.Number("1.50"),
	} {
		out, err := Encode(value)
		require.NoError(t, err)
		require.Equal(t, want, string(out))
	}
}

func TestRefusesWhatItCannotWrite(t *testing.T) {
	t.Parallel()
	shared, deep := any("x"), any("x")
	for range 60 {
		shared = []any{shared, shared}
	}
	for range EncodedDepthMax + 1 {
		deep = map[string]any{"a": deep}
	}
	for want, value := range map[string]any{
		"NaN is no number in JSON":       math.NaN(),
		"-Inf is no number in JSON":      math.Inf(-1),
		"longer than 16777216 bytes":     shared,
		"nested deeper than 5000 levels": deep,
		"a struct {} has no JSON form":   struct{}{},
		"a chan int has no JSON form":    []any{make(chan int)},
	} {
		_, err := Encode(value)
		require.EqualError(t, err, want)
	}
	_, err := Encode(strings.Repeat("x", EncodedBytesMax+1))
	require.ErrorIs(t, err, ErrTooLarge)
}

// FuzzDecode holds the package to encoding/json: the same documents are accepted, and what was read is written so that it reads the
// same again.
func FuzzDecode(f *testing.F) {
	for _, document := range []string{
		`{"a":[1,2.50,"x",null,true]}`, `{"a":1,"a":2}`, `{} x`, "", "\"\xff\"", `"\ud800"`, `1e999`, `[[[[]]]]`, `-0`, "\"\\u2028\"",
	} {
		f.Add([]byte(document))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		value, err := Decode(data)
		require.Equal(t, err, Check(data))
		if err != nil {
			var wrong *Error
			require.ErrorAs(t, err, &wrong)
			require.LessOrEqual(t, wrong.Position, int64(len(data)))
			refused := errors.Is(err, ErrUTF8) || errors.Is(err, ErrDepth)
			require.True(t, refused || !json.Valid(data), "refused what is JSON: %v", err)
			return
		}
		require.True(t, json.Valid(data))
		out, err := Encode(value)
		require.NoError(t, err)
		again, err := Decode(out)
		require.NoError(t, err)
		require.Equal(t, value, again)
		twice, err := Encode(again)
		require.NoError(t, err)
		require.True(t, bytes.Equal(out, twice))
	})
}
