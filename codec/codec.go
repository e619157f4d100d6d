// Package codec turns the bytes of keys and values into values, and back.
//
// Generic values are what jq knows: nil, bool, string, numbers, []any and map[string]any; numbers are read as json.Number,
// so that one nobody computes with leaves with the digits it came with. The one exception is format raw, whose value is the
// bytes themselves. Packages avro, protobuf, jsonschema and document say what each format makes of its types.
//
// The plain formats raw, string and json stand by themselves ([ByName]). The others find their schema in a schema registry
// ([Schemas]), by what each record tells of it (package wire).
//
// [Avro], [Proto] and [JSON] decode into Go types instead, for typed handlers.
//
// # Errors
//
// A *[DecodeError] and an *[EncodeError] are final: the bytes, or the value, stay what they are. Where the registry cannot
// be asked the error is a *stream.UnavailableError instead, which says nothing about the record.
package codec

import (
	"context"
	"fmt"

	"github.com/troupe-go/troupe/codec/wire"
	"github.com/troupe-go/troupe/stream"
)

// Part is one of a record's two byte strings, with all that is needed to read it.
type Part struct {
	Topic   string
	Side    wire.Side
	Headers []stream.Header
	Data    []byte // never nil: a null has no format
}

// KeyOf is the record's key, which must not be null.
func KeyOf(r *stream.Record) Part {
	return Part{Topic: r.Topic, Side: wire.Key, Headers: r.Headers, Data: r.Key}
}

// ValueOf is the record's value, which must not be null.
func ValueOf(r *stream.Record) Part {
	return Part{Topic: r.Topic, Side: wire.Value, Headers: r.Headers, Data: r.Value}
}

// Decoder turns bytes into a value. It is safe for concurrent use, and may keep nothing of the data but what it returns.
type Decoder interface {
	// Decode fails with a *DecodeError or a *stream.UnavailableError.
	Decode(ctx context.Context, p Part) (any, error)
	// Check says whether Decode would succeed, without building the value.
	Check(ctx context.Context, p Part) error
}

// Target is where an encoded value goes.
type Target struct {
	Topic string
	Side  wire.Side
}

// Encoded is a value in bytes.
type Encoded struct {
	Data []byte
	// Header has to go with the data; there is none where its key is empty.
	Header stream.Header
}

// Encoder turns a value into bytes. It is safe for concurrent use.
type Encoder interface {
	// Encode fails with an *EncodeError or a *stream.UnavailableError.
	Encode(ctx context.Context, to Target, value any) (Encoded, error)
}

// Format is a decoder and an encoder under the name that the configuration uses.
type Format interface {
	Name() string
	Decoder
	Encoder
}

// ByName gives the plain format of that name, and whether there is one.
func ByName(name string) (Format, bool) {
	switch name {
	case Raw{}.Name():
		return Raw{}, true
	case String{}.Name():
		return String{}, true
	case Document{}.Name():
		return Document{}, true
	default:
		return nil, false
	}
}

// Whole is the position of a DecodeError that concerns all of the bytes, not one place in them.
const Whole int64 = -1

// DecodeError says why bytes are not what their format says they are. No retry can help.
type DecodeError struct {
	Format   string
	Schema   string // "id 7", "GUID ..."; empty where there is none, or it is not known
	Position int64  // of the first wrong byte in the key or value, counted from zero; Whole where there is no such byte
	Err      error
}

func (e *DecodeError) Error() string {
	text := "decode " + e.Format
	if e.Schema != "" {
		text += " with schema " + e.Schema
	}
	if e.Position != Whole {
		text += fmt.Sprintf(": byte %d", e.Position)
	}
	return text + ": " + e.Err.Error()
}

func (e *DecodeError) Unwrap() error { return e.Err }

// DeadLetterReason labels the dead letter of a record that could not be decoded.
func (*DecodeError) DeadLetterReason() string { return "decode" }

// EncodeError says why a value cannot be written in a format.
type EncodeError struct {
	Format string
	Schema string // "id 7", or the subject while the schema is not found; empty where there is none
	Err    error
}

func (e *EncodeError) Error() string {
	if e.Schema == "" {
		return fmt.Sprintf("encode %s: %v", e.Format, e.Err)
	}
	return fmt.Sprintf("encode %s with schema %s: %v", e.Format, e.Schema, e.Err)
}

func (e *EncodeError) Unwrap() error { return e.Err }
