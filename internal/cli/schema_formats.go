package cli

import (
	"slices"

	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/codec/avro"
	"github.com/troupe-go/troupe/codec/jsonschema"
	"github.com/troupe-go/troupe/codec/protobuf"
)

// The formats that need a schema.
const (
	formatAvro       = "avro"
	formatProtobuf   = "protobuf"
	formatJSONSchema = "jsonschema"
)

// schemaFormats are these formats, in the order of the help.
func schemaFormats() []string { return []string{formatAvro, formatProtobuf, formatJSONSchema} }

func needsSchema(format string) bool { return slices.Contains(schemaFormats(), format) }

// newWriter writes a format that needs a schema.
func newWriter(schemas *codec.Schemas, format string, writing codec.Writing) (*codec.Writer, error) {
	switch format {
	case formatAvro:
		return schemas.AvroWriter(codec.AvroOptions{}, writing)
	case formatProtobuf:
		return schemas.ProtobufWriter(writing)
	default:
		return schemas.JSONSchemaWriter(writing)
	}
}

// newDecoder reads a format that needs a schema.
func newDecoder(schemas *codec.Schemas, format string) codec.Decoder {
	switch format {
	case formatAvro:
		return schemas.Avro(codec.AvroOptions{})
	case formatProtobuf:
		return schemas.Protobuf()
	default:
		return schemas.JSONSchema()
	}
}

// checkSchema says why a text that refers to no other schema cannot be used.
func checkSchema(format, text, message string) error {
	var err error
	switch format {
	case formatAvro:
		_, err = avro.Parse(text, nil, avro.Limits{})
	case formatProtobuf:
		var schema *protobuf.Schema
		if schema, err = protobuf.Parse(text, nil, protobuf.Limits{}); err == nil && message != "" {
			_, err = schema.ByName(message)
		}
	default:
		_, err = jsonschema.Parse(text, nil, jsonschema.Limits{})
	}
	return err
}
