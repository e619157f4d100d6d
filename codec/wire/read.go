package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/troupe-go/troupe/stream"
)

// Names of the headers that tell a schema. Of several headers with one name the last counts.
const (
	KeyHeader   = "__key_schema_id"
	ValueHeader = "__value_schema_id"
)

// The first byte says what follows it.
const (
	magicID   = 0
	magicGUID = 1
)

const (
	idBytes   = 1 + 4
	guidBytes = 1 + 16
)

// What bytes can be refused for.
var (
	ErrEmpty     = errors.New("no bytes, where a schema's id should be")
	ErrMagic     = errors.New("not written with a schema registry's serializer")
	ErrTruncated = errors.New("the bytes end too early")
	ErrID        = errors.New("not a schema's id")
	ErrPath      = errors.New("no valid message indexes")
	ErrTrailing  = errors.New("more bytes than expected")
)

// Side says which of a record's two byte strings is meant.
type Side uint8

// The sides of a record.
const (
	Value Side = iota
	Key
)

// String is "key" or "value".
func (s Side) String() string {
	if s == Key {
		return "key"
	}
	return "value"
}

// Header is the name of the header that tells this side's schema.
func (s Side) Header() string {
	if s == Key {
		return KeyHeader
	}
	return ValueHeader
}

// Error says why bytes do not tell their schema. No retry can help: the bytes stay the same.
type Error struct {
	In       string // "key", "value", or the header's name
	Position int    // of the first wrong byte in it, counted from zero
	Schema   string // as Frame.Schema says it, where that much could be read; else empty
	Err      error  // wraps one of this package's errors
}

func (e *Error) Error() string { return fmt.Sprintf("%s: byte %d: %v", e.In, e.Position, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

// DeadLetterReason labels the dead letter of a record whose schema cannot be told.
func (*Error) DeadLetterReason() string { return "decode" }

// Frame is what a record tells of one of its sides.
type Frame struct {
	// ByGUID says which of the next two names the schema.
	ByGUID bool
	ID     int32 // never negative
	GUID   GUID
	// Path is which message of a Protobuf schema the body is; empty where none was to be read.
	Path Path
	// InHeader says that the schema was told by a header.
	InHeader bool
	// Body is the part of the key or value that the schema describes, not copied. It may be empty.
	Body []byte
	// Offset is where Body begins in the key or value: what to add to a position in it.
	Offset int
}

// Schema is the frame's id or GUID for people: "id 7", "GUID 89791762-2336-4186-9674-299b90a802e2".
func (f *Frame) Schema() string {
	if f.ByGUID {
		return "GUID " + f.GUID.String()
	}
	return fmt.Sprintf("id %d", f.ID)
}

// Read reads a side of a record: its header if there is one that is not empty, else what stands in front of data. With
// indexed a path is read too; that the schema is Protobuf must be known beforehand. It fails with an *Error.
//
// A tombstone (data that is nil) has no schema and is not for Read: without a header it fails as empty. Empty data behind
// a header is a Protobuf message without fields, say.
func Read(side Side, headers []stream.Header, data []byte, indexed bool) (f Frame, err error) {
	name := side.Header()
	for i := len(headers) - 1; i >= 0; i-- {
		if headers[i].Key != name || len(headers[i].Value) == 0 {
			continue
		}
		value := headers[i].Value
		fault := f.parse(value, indexed)
		if fault.err == nil && f.Offset < len(value) {
			fault = failure{f.Offset, fmt.Errorf("%w: %d behind the schema's name", ErrTrailing, len(value)-f.Offset)}
		}
		if fault.err != nil {
			return Frame{}, f.refused(name, fault)
		}
		f.InHeader, f.Body, f.Offset = true, data, 0
		return f, nil
	}
	if fault := f.parse(data, indexed); fault.err != nil {
		return Frame{}, f.refused(side.String(), fault)
	}
	f.Body = data[f.Offset:]
	return f, nil
}

// failure is an error and the byte that it is about.
type failure struct {
	at  int
	err error
}

// refused is the error of a frame that was read up to a failure.
func (f *Frame) refused(in string, fault failure) error {
	e := &Error{In: in, Position: fault.at, Err: fault.err}
	if f.Offset > 0 {
		e.Schema = f.Schema()
	}
	return e
}

// parse reads what names the schema. Offset becomes the number of bytes that took.
func (f *Frame) parse(data []byte, indexed bool) failure {
	if len(data) == 0 {
		return failure{0, ErrEmpty}
	}
	switch data[0] {
	case magicID:
		if len(data) < idBytes {
			return failure{len(data), fmt.Errorf("%w: an id takes %d bytes", ErrTruncated, idBytes)}
		}
		id := binary.BigEndian.Uint32(data[1:])
		if id > math.MaxInt32 {
			return failure{1, fmt.Errorf("%w: %d is above %d", ErrID, id, math.MaxInt32)}
		}
		f.ID, f.Offset = int32(id), idBytes
	case magicGUID:
		if len(data) < guidBytes {
			return failure{len(data), fmt.Errorf("%w: a GUID takes %d bytes", ErrTruncated, guidBytes)}
		}
		f.ByGUID, f.GUID, f.Offset = true, GUID(data[1:guidBytes]), guidBytes
	default:
		return failure{0, fmt.Errorf("%w: the first byte is 0x%02x, want 00 (an id follows) or 01 (a GUID)", ErrMagic, data[0])}
	}
	if !indexed {
		return failure{}
	}
	length, fault := f.Path.read(data[f.Offset:])
	fault.at += f.Offset
	f.Offset += length
	return fault
}
