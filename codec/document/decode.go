// Package document reads and writes JSON documents (RFC 8259) as the values that jq knows: nil, bool, string, numbers,
// []any and map[string]any. Numbers are read as json.Number, so that one nobody computes with leaves with the digits it
// came with. Of an object's duplicate names the last one counts.
//
// Everything here is a function of its arguments, safe for concurrent use.
package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

const (
	// DepthMax bounds the nesting of what is read, so that a hostile record cannot exhaust the stack.
	DepthMax = 500
	// EncodedDepthMax bounds the nesting of what is written; a program may nest deeper than its input.
	EncodedDepthMax = 5_000
	// EncodedBytesMax bounds what is written for one value. Values share their parts, so a small one in memory can be
	// a huge one in text.
	EncodedBytesMax = 16 << 20
)

// What a document can be refused for, besides its syntax.
var (
	ErrEmpty     = errors.New("the value is empty")
	ErrTruncated = errors.New("the document ends too early")
	ErrTrailing  = errors.New("more data after the document")
	ErrDepth     = fmt.Errorf("nested deeper than %d levels", DepthMax)
	ErrTooLarge  = fmt.Errorf("longer than %d bytes", EncodedBytesMax)
	// ErrUTF8 is why text was refused: replacing the bytes would lose them without a word.
	ErrUTF8 = errors.New("not valid UTF-8")
)

// Whole is the position of an Error that concerns all of the bytes, not one place in them.
const Whole int64 = -1

// Error says why bytes are no document.
type Error struct {
	Position int64 // of the first wrong byte, counted from zero; Whole where there is no such byte
	Err      error
}

func (e *Error) Error() string {
	if e.Position == Whole {
		return e.Err.Error()
	}
	return fmt.Sprintf("byte %d: %v", e.Position, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Decode reads exactly one document. It fails with an *Error.
func Decode(data []byte) (any, error) {
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
		return nil, &Error{Position: end + at, Err: ErrTrailing}
	}
	return value, nil
}

// Check says whether Decode would succeed, without building the value.
func Check(data []byte) error {
	if err := screen(data); err != nil {
		return err
	}
	if json.Valid(data) {
		return nil
	}
	_, err := Decode(data)
	return err
}

// screen finds what encoding/json would let pass or would report without a position.
func screen(data []byte) error {
	if _, found := firstNonSpace(data); !found {
		return &Error{Position: Whole, Err: ErrEmpty}
	}
	if at, bad := InvalidUTF8(data); bad {
		return &Error{Position: at, Err: ErrUTF8}
	}
	if at, deep := tooDeep(data); deep {
		return &Error{Position: at, Err: ErrDepth}
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

// tooDeep gives the position of the bracket that exceeds DepthMax. It need not care for syntax: the parser comes next.
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
				if depth++; depth > DepthMax {
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
		return &Error{Position: int64(len(data)), Err: ErrTruncated}
	case errors.As(err, &syntax):
		return &Error{Position: max(syntax.Offset-1, 0), Err: syntax}
	default:
		return &Error{Position: Whole, Err: err}
	}
}

// InvalidUTF8 gives the position of the first byte that is not UTF-8, and whether there is one.
func InvalidUTF8(data []byte) (int64, bool) {
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
