// Package jsonschema reads and writes JSON documents that a JSON Schema describes, for documents and schemas that nobody
// vouches for.
//
// A Schema is compiled from its text and the texts it refers to; Check and Decode read, Validate and Encode write. Values
// are those of codec/document. The package knows no registry and no wire format around a document.
//
// # Schemas
//
// Drafts 04, 06, 07, 2019-09 and 2020-12, and dialects of them that come as a reference. A schema without $schema is
// draft-07, as in Confluent's registry and its Java clients (the Python client takes the latest draft for the schema
// itself); a reference without one is what the schema is that refers to it.
//
// A reference is found by its name, by its $id, and by the $id of a schema inside it. A relative name counts beside each
// of the documents, so that "money.json" is found from a schema that is http://example.com/order.json by its $id, and from
// one that is named common/order.json. Nothing is ever fetched: what is not registered as a reference fails the schema.
//
// format is an annotation and refuses nothing, as in Confluent's Python client, and so are contentEncoding,
// contentMediaType and contentSchema. Regular expressions are Go's, which match in linear time, and may say \u0041; those
// with lookaround or back references are refused with the schema. 1.0 is an integer. Numbers are compared exactly, with
// all of their digits.
//
// # What is the library's, and what is not
//
// santhosh-tekuri/jsonschema reads the drafts, checks a schema against its draft and resolves what refers to what. Its
// validator is not used. It takes exponential time for schemas that refer to themselves twice on a level, as many others
// do; it collects everything that is wrong, which for a document of 16 MiB are gigabytes; it writes out 1e1000000 to look
// whether it is an integer; and it can neither be interrupted nor be told how deep it may go. Here the compiled schema is
// walked with a budget, which is paid from for each step, and with a first walk that stops at the first fault. That takes
// a quarter of the library's time, too, and a tenth of its allocations. The two are compared in a test.
//
// # Limits
//
// A document costs time in proportion to its size, whatever the schema, and a schema in proportion to the square of its
// objects at most, which are bounded. See Limits. A schema that refers to itself without a step into the document is found
// when a document gets there: ErrCycle.
//
// # Errors
//
// A *SchemaError is about a schema; a *DecodeError about a document, with the position of the byte; a *ValidationError
// about a value, with the first few faults and the keywords that found them. ErrLimit and ErrCycle can be asked for, and
// what codec/document has.
package jsonschema
