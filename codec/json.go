package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"strconv"
	"unicode/utf8"
)

const (
	// depthMax bounds the nesting of JSON that is read, so that a hostile record cannot exhaust the stack.
	depthMax = 500
	// encodeDepthMax bounds the nesting of JSON that is written; a program may nest deeper than its input.
	encodeDepthMax = 5_000
	// EncodedBytesMax bounds the JSON written for one value. Values share their parts, so a small one in memory can be
	// a huge one in text.
	EncodedBytesMax = 16 << 20
)

// What a document can be refused for, besides its syntax.
var (
	ErrEmpty     = errors.New("the value is empty")
	ErrTruncated = errors.New("the document ends too early")
	ErrTrailing  = errors.New("more data after the document")
	ErrDepth     = fmt.Errorf("nested deeper than %d levels", depthMax)
	ErrTooLarge  = fmt.Errorf("longer than %d bytes", EncodedBytesMax)
)

// JSON is one document of RFC 8259. Of an object's duplicate names the last one counts. Numbers keep their digits as
// json.Number. Written documents are compact, with names sorted and no escapes but those that JSON demands.
type JSON struct{}

// Name is "json".
func (JSON) Name() string { return "json" }

// Decode reads exactly one document.
func (JSON) Decode(_ string, data []byte) (any, error) {
	if err := screen(data); err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, locate(data, err)
	}
	end := decoder.InputOffset()
	if at, found := firstNonSpace(data[end:]); found {
		return nil, &DecodeError{Format: "json", Position: end + at, Err: ErrTrailing}
	}
	return value, nil
}

// Check validates without decoding.
func (j JSON) Check(topic string, data []byte) error {
	if err := screen(data); err != nil {
		return err
	}
	if json.Valid(data) {
		return nil
	}
	_, err := j.Decode(topic, data)
	return err
}

// screen finds what encoding/json would let pass or would report without a position.
func screen(data []byte) error {
	if _, found := firstNonSpace(data); !found {
		return &DecodeError{Format: "json", Position: Whole, Err: ErrEmpty}
	}
	if at, bad := invalidUTF8(data); bad {
		return &DecodeError{Format: "json", Position: at, Err: ErrUTF8}
	}
	if at, deep := tooDeep(data); deep {
		return &DecodeError{Format: "json", Position: at, Err: ErrDepth}
	}
	return nil
}

func firstNonSpace(data []byte) (int64, bool) {
	for i, b := range data {
		switch b {
		case ' ', '\t', '\r', '\n':
		default:
			return int64(i), true
		}
	}
	return 0, false
}

// tooDeep gives the position of the bracket that exceeds depthMax. It need not care for syntax: the parser comes next.
func tooDeep(data []byte) (int64, bool) {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			quoted = !quoted
		case '\\':
			if quoted {
				i++
			}
		case '{', '[':
			if !quoted {
				if depth++; depth > depthMax {
					return int64(i), true
				}
			}
		case '}', ']':
			if !quoted {
				depth--
			}
		}
	}
	return 0, false
}

// locate gives encoding/json's errors the position of the offending byte.
func locate(data []byte, err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &DecodeError{Format: "json", Position: int64(len(data)), Err: ErrTruncated}
	case errors.As(err, &syntax):
		return &DecodeError{Format: "json", Position: max(syntax.Offset-1, 0), Err: syntax}
	default:
		return &DecodeError{Format: "json", Position: Whole, Err: err}
	}
}

// Encode writes a compact document: the same value always gives the same bytes.
func (JSON) Encode(_ string, value any) ([]byte, error) {
	out, err := appendJSON(nil, value, 0)
	if err != nil {
		return nil, &EncodeError{Format: "json", Err: err}
	}
	return out, nil
}

func appendJSON(out []byte, value any, depth int) ([]byte, error) {
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
	if depth > encodeDepthMax {
		return nil, fmt.Errorf("nested deeper than %d levels", encodeDepthMax)
	}
	out = append(out, '[')
	for i, value := range values {
		if i > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = appendJSON(out, value, depth); err != nil {
			return nil, err
		}
	}
	return append(out, ']'), nil
}

func appendObject(out []byte, object map[string]any, depth int) ([]byte, error) {
	if depth > encodeDepthMax {
		return nil, fmt.Errorf("nested deeper than %d levels", encodeDepthMax)
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
		if out, err = appendJSON(out, object[name], depth); err != nil {
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

// kindOf names a value's type in JSON's words.
func kindOf(value any) string {
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
