package document

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Encode writes a compact document, with names sorted and no escapes but those that JSON demands: the same value always
// gives the same bytes. It also takes int, int64, float64 and *big.Int.
func Encode(value any) ([]byte, error) { return appendValue(nil, value, 0) }

func appendValue(out []byte, value any, depth int) ([]byte, error) {
	if len(out) > EncodedBytesMax {
		return nil, ErrTooLarge
	}
	switch v := value.(type) {
	case nil:
		return append(out, "null"...), nil
	case bool:
		return strconv.AppendBool(out, v), nil
	case string:
		if len(out)+len(v) > EncodedBytesMax {
			return nil, ErrTooLarge
		}
		return appendString(out, v), nil
	case json.Number:
		return append(out, v...), nil
	case int:
		return strconv.AppendInt(out, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(out, v, 10), nil
	case *big.Int:
		return v.Append(out, 10), nil
	case float64:
		return appendFloat(out, v)
	case []any:
		return appendArray(out, v, depth+1)
	case map[string]any:
		return appendObject(out, v, depth+1)
	default:
		return nil, fmt.Errorf("a %T has no JSON form", value)
	}
}

// appendFloat writes the shortest text that reads back as the same number, in the form of ECMAScript (ECMA-262,
// Number::toString), as jq and encoding/json do.
func appendFloat(out []byte, f float64) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, fmt.Errorf("%v is no number in JSON", f)
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	start := len(out)
	out = strconv.AppendFloat(out, f, format, -1, 64)
	if n := len(out); format == 'e' && n-start >= 4 && out[n-4] == 'e' && out[n-2] == '0' {
		out[n-2] = out[n-1] // 1e-07 is written 1e-7
		out = out[:n-1]
	}
	return out, nil
}

func appendArray(out []byte, values []any, depth int) ([]byte, error) {
	if depth > EncodedDepthMax {
		return nil, fmt.Errorf("nested deeper than %d levels", EncodedDepthMax)
	}
	out = append(out, '[')
	for i, value := range values {
		if i > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = appendValue(out, value, depth); err != nil {
			return nil, err
		}
	}
	return append(out, ']'), nil
}

func appendObject(out []byte, object map[string]any, depth int) ([]byte, error) {
	if depth > EncodedDepthMax {
		return nil, fmt.Errorf("nested deeper than %d levels", EncodedDepthMax)
	}
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	out = append(out, '{')
	for i, name := range names {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendString(out, name), ':')
		var err error
		if out, err = appendValue(out, object[name], depth); err != nil {
			return nil, err
		}
	}
	return append(out, '}'), nil
}

// appendString escapes what RFC 8259 section 7 demands and nothing else. Bytes that are not UTF-8 become U+FFFD.
func appendString(out []byte, text string) []byte {
	const hex = "0123456789abcdef"
	out = append(out, '"')
	start := 0
	for i := 0; i < len(text); {
		b := text[i]
		if b >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(text[i:])
			if r == utf8.RuneError && size == 1 {
				out = append(append(out, text[start:i]...), "\uFFFD"...)
				start = i + 1
			}
			i += size
			continue
		}
		if b >= ' ' && b != '"' && b != '\\' {
			i++
			continue
		}
		out = append(out, text[start:i]...)
		switch b {
		case '"', '\\':
			out = append(out, '\\', b)
		case '\n':
			out = append(out, `\n`...)
		case '\r':
			out = append(out, `\r`...)
		case '\t':
			out = append(out, `\t`...)
		default:
			out = append(out, '\\', 'u', '0', '0', hex[b>>4], hex[b&0xf])
		}
		i++
		start = i
	}
	return append(append(out, text[start:]...), '"')
}

// Kind names a value's type in JSON's words.
func Kind(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return "a string"
	case json.Number, int, int64, float64, *big.Int:
		return "a number"
	case []any:
		return "an array"
	case map[string]any:
		return "an object"
	case []byte:
		return "bytes"
	default:
		return fmt.Sprintf("a %T", value)
	}
}
