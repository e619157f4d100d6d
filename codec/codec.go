// Package codec turns the bytes of keys and values into values, and back.
//
// Values are what jq knows: nil, bool, string, numbers, []any and map[string]any. Numbers are decoded as json.Number, so
// that a number nobody computes with leaves with the digits it came with. The one exception is format raw, whose value
// is the bytes themselves.
package codec

import (
	"fmt"
	"unicode/utf8"
)

// Decoder turns bytes into a value. It is safe for concurrent use, and may keep nothing of data but what it returns.
type Decoder interface {
	// Decode fails with a *DecodeError. The topic lets formats with schemas find theirs.
	Decode(topic string, data []byte) (any, error)
	// Check says whether Decode would succeed, without building the value.
	Check(topic string, data []byte) error
}

// Encoder turns a value into bytes. It is safe for concurrent use.
type Encoder interface {
	// Encode fails with an *EncodeError.
	Encode(topic string, value any) ([]byte, error)
}

// Format is a decoder and an encoder under the name that the configuration uses.
type Format interface {
	Name() string
	Decoder
	Encoder
}

// ByName gives the format of that name and whether there is one.
func ByName(name string) (Format, bool) {
	switch name {
	case "raw":
		return Raw{}, true
	case "string":
		return String{}, true
	case "json":
		return JSON{}, true
	default:
		return nil, false
	}
}

// Whole is the position of a DecodeError that concerns all of the bytes, not one place in them.
const Whole int64 = -1

// DecodeError says why bytes are not what their format says they are. No retry can help: the bytes stay the same.
type DecodeError struct {
	Format   string
	Position int64 // of the first wrong byte, counted from zero; Whole where there is no such byte
	Err      error
}

func (e *DecodeError) Error() string {
	if e.Position == Whole {
		return fmt.Sprintf("decode %s: %v", e.Format, e.Err)
	}
	return fmt.Sprintf("decode %s: byte %d: %v", e.Format, e.Position, e.Err)
}

func (e *DecodeError) Unwrap() error { return e.Err }

// EncodeError says why a value cannot be written in a format.
type EncodeError struct {
	Format string
	Err    error
}

func (e *EncodeError) Error() string { return fmt.Sprintf("encode %s: %v", e.Format, e.Err) }

func (e *EncodeError) Unwrap() error { return e.Err }

// invalidUTF8 gives the position of the first byte that is not UTF-8, and whether there is one.
func invalidUTF8(data []byte) (int64, bool) {
	if utf8.Valid(data) {
		return 0, false
	}
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return int64(i), true
		}
		i += size
	}
	return 0, false
}

// DeadLetterReason labels the dead letter of a record that could not be decoded.
func (*DecodeError) DeadLetterReason() string { return "decode" }
