// Package avro reads and writes the binary encoding of Avro 1.12 for schemas and payloads that nobody vouches for.
//
// A Schema is parsed from its text and the texts it refers to; a Reader reads what one schema wrote, as the same or as
// another schema; Encode and Marshal write. The package knows no registry and no wire format around a payload.
//
// # Payloads
//
// Every payload first passes a check by the writer's schema, in time linear in its size and without allocating: lengths
// and counts are backed by bytes, blocks are as long as they say, numbers have 32 or 64 bits, strings are UTF-8, branches
// and symbols exist, nothing is missing at the end and nothing is left over. Limits bound size, depth, items and work. Only
// then is anything built. hamba/avro, which fills and reads Go types here, by itself hangs on 11 bytes, dies of 8, and takes
// a payload that was cut for one with zeros at its end; of what the check has accepted, it can do none of these.
//
// The check is stricter than other readers in this: the size of a block must be that of its items, a boolean is 0 or 1, an
// int takes 5 bytes at most, and a string is text.
//
// # Generic values
//
// Decode gives what jq knows, and Encode takes it:
//
//	null                        nil
//	boolean                     bool
//	int, long                   json.Number, exact
//	float, double               json.Number, the shortest text that reads back as the same number; "NaN", "Infinity", "-Infinity"
//	bytes, fixed                string, base64 with padding
//	string, enum                string
//	array                       []any
//	map, record                 map[string]any
//	union                       the value of its branch, not wrapped
//	decimal                     json.Number with scale digits behind the point
//	uuid                        string; of a fixed as 8-4-4-4-12 hexadecimal digits
//	date, time-*, timestamp-*,
//	local-timestamp-*           string or json.Number, see Times
//	duration                    map[string]any of months, days and milliseconds
//
// A decimal is a number, not a string, because a json.Number keeps its digits until a program computes with it, and a
// program that does wants a number; jq then computes in double precision, as it does with every fraction. Logical types
// that are unknown or do not go with their type (big-decimal too) are the type below.
//
// Encode also takes int, int64, float64, *big.Int and []byte, dates and times in both forms and with any zone, decimals as
// strings, and whole numbers in every notation. It refuses what the type cannot hold exactly, but for float and double,
// which get the nearest number. A record takes just its fields, those with a default may be missing. Of a union, see the
// comment on the choice in encode_union.go: the first branch for which the value is what Decode would give; {"long": 5}
// names one.
//
// Why there is an own generic decoder beside hamba's: the check has already walked the bytes by a compiled schema, and the
// same walk builds the values, in about 0.7 of the time that hamba's takes to build others that would have to be converted
// afterwards (unions wrapped in some places and bare in others, decimals as *big.Rat, fixed as arrays). Parsing and Go types
// are hamba's.
//
// # Two schemas
//
// Resolution follows the specification; resolve says what it leaves open. For Go types, the payload is first rewritten as
// the reader's schema would have written it: hamba's own resolution skips by attacker-given counts, and does not return for
// types that contain themselves.
//
// # Errors
//
// A *SchemaError is about a schema, a *DecodeError about a payload, with the position of the byte, a *PathError about a
// value. All say the path: items[3].price. ErrLimit, ErrTruncated, ErrTrailing and ErrUTF8 can be asked for.
package avro
