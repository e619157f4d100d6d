package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/troupe-go/troupe/stream"
)

// Form is how a record is to tell its schemas.
type Form uint8

// The forms that Confluent's clients write.
const (
	// Prefix is an id in front of the key or value. Every client reads it.
	Prefix Form = iota
	// Header is a GUID in a record header; key and value stay bare. Older clients, and registries that know no GUIDs, cannot
	// read it.
	Header
)

// ParseForm reads "prefix" and "header".
func ParseForm(text string) (Form, error) {
	switch text {
	case "prefix":
		return Prefix, nil
	case "header":
		return Header, nil
	default:
		return 0, fmt.Errorf("%q is no form of naming a schema: want prefix or header", text)
	}
}

// String is the form's word in the configuration.
func (f Form) String() string {
	if f == Header {
		return "header"
	}
	return "prefix"
}

// AppendPrefix appends what stands in front of a body. The path is empty for all formats but Protobuf; the id may not be
// negative.
func AppendPrefix(out []byte, id int32, path Path) []byte {
	out = append(out, magicID)
	return AppendPath(binary.BigEndian.AppendUint32(out, uint32(id)), path)
}

// SchemaHeader is the header that tells a side's schema. The path is empty for all formats but Protobuf.
func SchemaHeader(side Side, guid GUID, path Path) stream.Header {
	value := make([]byte, 0, guidBytes+1)
	value = append(append(value, magicGUID), guid[:]...)
	return stream.Header{Key: side.Header(), Value: AppendPath(value, path)}
}
