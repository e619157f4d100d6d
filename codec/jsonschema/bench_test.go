package jsonschema

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/troupe-go/troupe/codec/document"
)

// BenchmarkOrder compares reading a document of ten fields without a schema, with one, and with the library's validator.
func BenchmarkOrder(b *testing.B) {
	s := parse(b, orderSchema)
	library, err := bare([]byte(orderSchema))
	require.NoError(b, err)
	data := []byte(orderDocument)
	value, err := s.Decode(data)
	require.NoError(b, err)
	run := func(name string, do func() error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("decode/document", func() error { _, err := document.Decode(data); return err })
	run("decode/ours", func() error { _, err := s.Decode(data); return err })
	run("validate/ours", func() error { return s.Validate(value) })
	run("validate/library", func() error { return library.Validate(value) })
	run("encode", func() error { _, err := s.Encode(value); return err })
	bad := []byte(`{"customer": "Ada Lovelace", "id": "x"}`)
	run("refuse", func() error { require.Error(b, s.Check(bad)); return nil })
}

// BenchmarkParse says why schemas are to be kept.
func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(orderSchema, nil, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
