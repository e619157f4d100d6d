// Package protobuf reads and writes messages of Protobuf schemas that are known only at run time, and checks those of
// compiled-in types. It trusts neither schemas nor payloads. It knows no registry and no wire format around a payload.
//
// A Schema is compiled from .proto text (proto2, proto3 or editions) or from a FileDescriptorProto in base64, which is how
// some clients register theirs, and from the files that it imports, in either form. Nothing is fetched. These files are
// built in: google/protobuf/*, google/type/*, and of confluent/ meta.proto, type/decimal.proto and type/variant.proto.
//
// # Payloads
//
// Every payload first passes a check by its type, in time linear in its size: lengths are backed by bytes, varints have
// 64 bits in at most 10 bytes, groups end, strings are UTF-8, nothing nests too deep, and there are not too many values.
// Only then is anything built. Unknown fields count in the check and are no part of the value.
//
// The check is stricter than other parsers in this: a known field with another wire type is an error, where others take it
// for an unknown field and lose it. And what a later field replaces must be right too.
// Lists of numbers may be packed or not, whatever the schema says.
//
// # Generic values
//
// Decode gives, and Encode takes, the JSON form that Protobuf defines for messages:
//
//	message                  map[string]any by the fields' JSON names; fields that are not set are left out
//	repeated                 []any
//	map                      map[string]any, with the keys as text
//	bool                     bool
//	string                   string
//	bytes                    string, base64 with padding
//	32-bit integers          json.Number
//	64-bit integers          string
//	float, double            json.Number, the shortest text that reads back; "NaN", "Infinity", "-Infinity"
//	enum                     string, the name; json.Number if the number has none, also of closed enums
//	Timestamp, Duration      string: 2024-05-06T07:08:09.5Z, 1.5s
//	wrappers                 the value in them
//	Struct, Value, ListValue what they hold
//	FieldMask                string: a.bC,d
//	Any                      map[string]any with @type
//	extensions               by [name]
//
// An Any must be of a type of the schema, of a reference or of google/protobuf. Encode also takes names as they are in the
// schema, numbers for enums, all integers as strings or numbers, int, int64, float64, *big.Int and []byte. It refuses names
// that are no field.
//
// Why there is an own decoder and not dynamicpb and protojson: a message that takes two bytes takes several hundred in
// dynamicpb, so that a payload could cost more than a hundred times its size, and the way through the text of JSON takes
// several times as long. Both are the oracle in the tests, and Encode goes through them.
//
// # Errors
//
// A *SchemaError is about a schema, a *DecodeError about a payload, with the position of the byte, a *PathError about a
// value. They say the path: items[3].price. ErrLimit, ErrTruncated, ErrMissing and ErrUTF8 can be asked for.
package protobuf
