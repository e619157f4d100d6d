package codec

import (
	"errors"

	"github.com/troupe-go/troupe/codec/jsonschema"
	"github.com/troupe-go/troupe/codec/registry"
	"github.com/troupe-go/troupe/codec/wire"
)

// JSONSchema is the format whose values are JSON documents behind a frame, checked against a JSON Schema.
func (s *Schemas) JSONSchema() Decoder { return newSource(s.resolver, jsonLanguage()) }

// JSONSchemaWriter writes JSON documents, checked against their schema.
func (s *Schemas) JSONSchemaWriter(w Writing) (*Writer, error) {
	return newWriter(newSource(s.resolver, jsonLanguage()), w)
}

func jsonLanguage() language[*jsonCode] {
	return language[*jsonCode]{
		format: "jsonschema", kind: registry.JSON,
		compile: func(found *registry.Schema) (*jsonCode, error) {
			var references []jsonschema.Reference
			for _, r := range found.Dependencies() {
				references = append(references, jsonschema.Reference{Name: r.Name, Text: r.Schema.Text})
			}
			schema, err := jsonschema.Parse(found.Text, references, jsonschema.Limits{})
			return &jsonCode{schema}, err
		},
		locate: func(err error) (int64, error) {
			if wrong := new(jsonschema.DecodeError); errors.As(err, &wrong) {
				return wrong.Position, wrong.Err
			}
			return Whole, err
		},
	}
}

type jsonCode struct{ schema *jsonschema.Schema }

func (c *jsonCode) check(_ wire.Path, body []byte) error { return c.schema.Check(body) }

func (c *jsonCode) decode(_ wire.Path, body []byte) (any, error) { return c.schema.Decode(body) }

// name is the schema's title, as Confluent's clients take it.
func (c *jsonCode) name(string) (string, error) { return c.schema.Title(), nil } //nolint:unparam // as the interface has it

//nolint:unparam // as the interface has it
func (c *jsonCode) encode(_ string, value any) (path wire.Path, body []byte, err error) {
	if !generic(value) {
		if value, err = marshalJSON(value); err != nil {
			return path, nil, err
		}
	}
	body, err = c.schema.Encode(value)
	return path, body, err
}
