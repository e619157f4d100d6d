package avro

import "cmp"

// Limits bound what a schema and a payload may cost. A field that is zero has its default.
type Limits struct {
	// Bytes bounds a payload, and what Encode and Marshal write. Defaults to 16 MiB.
	Bytes int
	// Depth bounds how deep records, arrays and maps may nest in a value. Defaults to 500, as in JSON.
	Depth int
	// Items bounds the items of all arrays and the entries of all maps in one payload together. Defaults to 1,048,576.
	Items int
	// Work bounds the values in a payload, and those that Encode tries. Each may take some 100 bytes of memory once it is
	// decoded. Defaults to 4,194,304.
	Work int
	// WorkPerByte bounds the values in a payload of n bytes to WorkBase + WorkPerByte*n. Nearly every value takes a byte
	// at least; only nulls, empty records and fixed(0) take none, and would let a few bytes stand for millions of
	// values. The values that a reader's schema fills in from defaults have a second budget of the same size. Defaults
	// to 8.
	WorkPerByte int
	// WorkBase is what a payload may cost whatever its size. Defaults to 10,000.
	WorkBase int

	// SchemaBytes bounds the text of a schema with its references. Defaults to 1 MiB.
	SchemaBytes int
	// SchemaDepth bounds how deep types may nest in a schema's text. Defaults to 64.
	SchemaDepth int
	// SchemaTypes bounds the types in a schema with its references, each use counted. Defaults to 10,000.
	SchemaTypes int
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Bytes:       cmp.Or(l.Bytes, 16<<20),
		Depth:       cmp.Or(l.Depth, 500),
		Items:       cmp.Or(l.Items, 1<<20),
		Work:        cmp.Or(l.Work, 4<<20),
		WorkPerByte: cmp.Or(l.WorkPerByte, 8),
		WorkBase:    cmp.Or(l.WorkBase, 10_000),
		SchemaBytes: cmp.Or(l.SchemaBytes, 1<<20),
		SchemaDepth: cmp.Or(l.SchemaDepth, 64),
		SchemaTypes: cmp.Or(l.SchemaTypes, 10_000),
	}
}

// budget is how many values a payload of size bytes may hold.
func (l *Limits) budget(size int) int { return min(l.Work, l.WorkBase+l.WorkPerByte*size) }
