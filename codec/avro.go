package codec

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math/big"

	"github.com/troupe-go/troupe/codec/avro"
	"github.com/troupe-go/troupe/codec/registry"
	"github.com/troupe-go/troupe/codec/wire"
	"github.com/troupe-go/troupe/stream"
)

// AvroOptions say how Avro is read. The zero value reads what was written.
type AvroOptions struct {
	// Reader is the schema that values are read as, whatever they were written as: fields that it does not have are left
	// out, those that are missing get its defaults. Defaults to none, the writer's own schema.
	Reader *avro.Schema
	// Times says how dates and times come out. It does not concern Go types. Defaults to text.
	Times avro.Times
	// Limits bound schemas and payloads. Defaults to those of package avro.
	Limits avro.Limits
}

// Avro decodes values into a Go type, as (*avro.Reader).Unmarshal does. It fails with a *DecodeError or a
// *stream.UnavailableError. A null value gives the zero T.
func Avro[T any](s *Schemas, o AvroOptions) stream.Decoder[T] {
	return typed[T, *avroCode]{newSource(s.resolver, avroLanguage(o)), func(c *avroCode, _ wire.Path, body []byte) (value T, err error) {
		err = c.unmarshal(body, &value)
		return value, err
	}}
}

// Avro is the format whose schemas are Avro's.
func (s *Schemas) Avro(o AvroOptions) Decoder { return newSource(s.resolver, avroLanguage(o)) }

func avroLanguage(o AvroOptions) language[*avroCode] {
	return language[*avroCode]{
		format: "avro", kind: registry.Avro,
		compile: func(found *registry.Schema) (*avroCode, error) {
			schema, err := avro.Parse(found.Text, avroReferences(found), o.Limits)
			if err != nil {
				return nil, err
			}
			reader, err := avro.NewReader(schema, o.Reader, avro.Options{Times: o.Times})
			return &avroCode{schema: schema, reader: reader, bare: schema.Type() == "bytes"}, err
		},
		locate: func(err error) (int64, error) {
			if wrong := new(avro.DecodeError); errors.As(err, &wrong) {
				return wrong.Position, wrong.Err
			}
			return Whole, err
		},
	}
}

func avroReferences(schema *registry.Schema) []avro.Reference {
	var references []avro.Reference
	for _, r := range schema.Dependencies() {
		references = append(references, avro.Reference{Name: r.Name, Text: r.Schema.Text})
	}
	return references
}

type avroCode struct {
	schema *avro.Schema
	reader *avro.Reader
	// bare says that the value is bytes and nothing else: Confluent's clients write these without their length.
	bare bool
}

// framed gives the body as Avro has it, and by how much that is longer.
func (c *avroCode) framed(body []byte) (data []byte, longer int64) {
	if !c.bare {
		return body, 0
	}
	data = binary.AppendVarint(make([]byte, 0, len(body)+binary.MaxVarintLen64), int64(len(body)))
	longer = int64(len(data))
	return append(data, body...), longer
}

// within moves the position of an error to where it is in the body.
func within(err error, longer int64) error {
	if wrong := new(avro.DecodeError); longer > 0 && errors.As(err, &wrong) {
		return &avro.DecodeError{Position: max(wrong.Position-longer, 0), Err: wrong.Err}
	}
	return err
}

func (c *avroCode) check(_ wire.Path, body []byte) error {
	data, longer := c.framed(body)
	return within(c.reader.Check(data), longer)
}

func (c *avroCode) decode(_ wire.Path, body []byte) (any, error) {
	data, longer := c.framed(body)
	value, err := c.reader.Decode(data)
	return value, within(err, longer)
}

func (c *avroCode) unmarshal(body []byte, target any) error {
	data, longer := c.framed(body)
	return within(c.reader.Unmarshal(data, target), longer)
}

func (c *avroCode) name(string) (string, error) { return c.schema.Name(), nil } //nolint:unparam // as the interface has it

//nolint:unparam // as the interface has it
func (c *avroCode) encode(_ string, value any) (path wire.Path, body []byte, err error) {
	if generic(value) {
		body, err = c.schema.Encode(value)
	} else {
		body, err = c.schema.Marshal(value)
	}
	if c.bare && err == nil {
		_, length := binary.Varint(body)
		body = body[length:]
	}
	return path, body, err
}

// generic says that a value is of the kinds that formats without Go types take.
func generic(value any) bool {
	switch value.(type) {
	case nil, bool, string, json.Number, int, int64, float64, *big.Int, []byte, []any, map[string]any:
		return true
	default:
		return false
	}
}
