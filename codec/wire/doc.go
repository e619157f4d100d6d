// Package wire reads and writes how a record names the schema of its key and of its value: Confluent's wire format, in
// both of its forms.
//
//	prefix   00 | id, 4 bytes, big endian          | path | body      in front of the body
//	         01 | GUID, 16 bytes (RFC 9562)        | path | body
//	header   00 | id                               | path             in the header __key_schema_id or
//	         01 | GUID                             | path             __value_schema_id; the key or value is the body
//
// The path is there for Protobuf only: which message of the schema the body is. The single byte 00 is the first message of
// the file; else there are a count and that many indexes, each a zigzag varint of at most 5 bytes: the index of a message
// in the file, of a message nested in that one, and so on.
//
// Confluent's clients write two of these: an id in front of the body, and a GUID in a header. They read all four, a header
// before a prefix, and so does [Read].
//
// Everything here is a function of its arguments, safe for concurrent use. Reading allocates nothing, unless it fails, and
// takes time bounded by [DepthMax], whatever the bytes are.
package wire
