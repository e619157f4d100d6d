package protobuf

import "cmp"

// Limits bound what a schema and a payload may cost. A field that is zero has its default.
type Limits struct {
	// Bytes bounds a payload, and what Encode writes. Defaults to 16 MiB.
	Bytes int
	// Depth bounds how deep messages, groups and map entries may nest in a payload. Defaults to 100, as in most
	// implementations of Protobuf.
	Depth int
	// Work bounds the values in a payload, unknown fields included, and those that Encode writes. Each may take some 150
	// bytes of memory once it is decoded; a message of a compiled-in type counts the more, the more fields its type has.
	// As every value takes a byte at least, short payloads are bounded by their size. Defaults to 1,048,576.
	Work int

	// SchemaBytes bounds the text of a schema with its references. Defaults to 1 MiB.
	SchemaBytes int
	// SchemaDepth bounds how deep brackets may nest in a schema's text. Defaults to 64.
	SchemaDepth int
	// SchemaElements bounds the messages, fields, enums, values and so on in a schema with its references. A file counts
	// for 50. Defaults to 50,000.
	SchemaElements int
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Bytes:          cmp.Or(l.Bytes, 16<<20),
		Depth:          cmp.Or(l.Depth, 100),
		Work:           cmp.Or(l.Work, 1<<20),
		SchemaBytes:    cmp.Or(l.SchemaBytes, 1<<20),
		SchemaDepth:    cmp.Or(l.SchemaDepth, 64),
		SchemaElements: cmp.Or(l.SchemaElements, 50_000),
	}
}
