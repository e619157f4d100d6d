package jsonschema

import "cmp"

// Limits bound what a schema and a document may cost. A field that is zero has its default.
type Limits struct {
	// Bytes bounds a document, and what Encode writes. Defaults to 16 MiB.
	Bytes int
	// Depth bounds how deep arrays and objects may nest in a document. Defaults to 500, which is also the most that is
	// read.
	Depth int
	// Work bounds the steps of one validation: a schema that is applied to a value is one, and what takes time in
	// proportion to something costs more (a pattern and a string, two values that are compared). A step takes some 100 ns.
	// Defaults to 16,777,216.
	Work int
	// WorkPerByte bounds the steps for a document of n bytes to WorkBase + WorkPerByte*n, so that the time a document
	// takes is in proportion to its size whatever its schema. Defaults to 128.
	WorkPerByte int
	// WorkBase is what a document may cost whatever its size. Defaults to 100,000.
	WorkBase int
	// NumberDigits bounds the digits of a number, written without exponent, that the schema computes with: 1e999999999
	// has a thousand million of them. Numbers that no keyword looks at may have any. It holds for the numbers in a
	// schema too. Defaults to 1,000.
	NumberDigits int

	// SchemaBytes bounds the text of a schema with its references. Defaults to 1 MiB.
	SchemaBytes int
	// SchemaDepth bounds how deep arrays and objects may nest in a schema's text. Defaults to 100.
	SchemaDepth int
	// SchemaNodes bounds the objects and booleans in a schema with its references, any of which can be a schema. The
	// library takes time in the square of their number. Defaults to 5,000.
	SchemaNodes int
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Bytes:        cmp.Or(l.Bytes, 16<<20),
		Depth:        cmp.Or(l.Depth, 500),
		Work:         cmp.Or(l.Work, 16<<20),
		WorkPerByte:  cmp.Or(l.WorkPerByte, 128),
		WorkBase:     cmp.Or(l.WorkBase, 100_000),
		NumberDigits: cmp.Or(l.NumberDigits, 1000),
		SchemaBytes:  cmp.Or(l.SchemaBytes, 1<<20),
		SchemaDepth:  cmp.Or(l.SchemaDepth, 100),
		SchemaNodes:  cmp.Or(l.SchemaNodes, 5_000),
	}
}

// budget is how many steps a document of size bytes may take.
func (l *Limits) budget(size int) int { return min(l.Work, l.WorkBase+l.WorkPerByte*size) }
