package jsonschema

import (
	"bytes"
	"errors"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"github.com/troupe-go/troupe/codec/document"
)

// bare compiles a schema to be validated with the library's own validator.
func bare(text []byte) (*jsonschema.Schema, error) {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("urn:x", value); err != nil {
		return nil, err
	}
	return compiler.Compile("urn:x")
}

// TestTheLibraryAgrees compares the verdicts on random schemas and documents with those of the library's validator.
func TestTheLibraryAgrees(t *testing.T) {
	t.Parallel()
	schemas, documents, valid, cycles, refused := 0, 0, 0, 0, 0
	for seed := range uint64(1500) {
		g := newGenerator(seed)
		text, err := document.Encode(g.root())
		require.NoError(t, err)
		s, err := Parse(string(text), nil, Limits{})
		library, libraryErr := bare(text)
		require.Equal(t, libraryErr == nil, err == nil, "seed %d: %s: %v, %v", seed, text, err, libraryErr)
		if err != nil {
			refused++
			continue
		}
		schemas++
		for range 12 {
			value := g.value(3)
			err := s.Validate(value)
			if errors.Is(err, ErrCycle) {
				cycles++
				continue
			}
			documents++
			if err == nil {
				valid++
			}
			if libraryErr := library.Validate(value); (err == nil) != (libraryErr == nil) {
				data, _ := document.Encode(value)
				t.Fatalf("seed %d: %s\n%s\nhere: %v\nlibrary: %v", seed, text, data, err, libraryErr)
			}
		}
	}
	t.Logf("%d schemas, %d documents, %d of them valid; %d schemas refused, %d documents in cycles", schemas, documents, valid, refused, cycles)
	require.Greater(t, valid, documents/5)
	require.Greater(t, documents-valid, documents/5)
}
