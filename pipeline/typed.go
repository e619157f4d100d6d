package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/codec/avro"
	"github.com/troupe-go/troupe/codec/jsonschema"
	"github.com/troupe-go/troupe/codec/protobuf"
	"github.com/troupe-go/troupe/codec/registry"
)

// The formats whose values tell a schema of the registry.
const (
	formatAvro       = "avro"
	formatProtobuf   = "protobuf"
	formatJSONSchema = "jsonschema"
)

func hasSchemas(format string) bool {
	return format == formatAvro || format == formatProtobuf || format == formatJSONSchema
}

// newDecoder is how values of a format with schemas are read.
func newDecoder(s *codec.Schemas, format string, o codec.AvroOptions) codec.Decoder {
	switch format {
	case formatProtobuf:
		return s.Protobuf()
	case formatJSONSchema:
		return s.JSONSchema()
	default:
		return s.Avro(o)
	}
}

// newWriter is how they are written.
func newWriter(s *codec.Schemas, format string, w codec.Writing) (*codec.Writer, error) {
	switch format {
	case formatProtobuf:
		return s.ProtobufWriter(w)
	case formatJSONSchema:
		return s.JSONSchemaWriter(w)
	default:
		return s.AvroWriter(codec.AvroOptions{}, w)
	}
}

// checkSchema says why the text of a schema that refers to no other cannot be used.
func checkSchema(format, text, message string) error {
	switch format {
	case formatProtobuf:
		schema, err := protobuf.Parse(text, nil, protobuf.Limits{})
		if err == nil && message != "" {
			_, err = schema.ByName(message)
		}
		return err
	case formatJSONSchema:
		_, err := jsonschema.Parse(text, nil, jsonschema.Limits{})
		return err
	default:
		_, err := avro.Parse(text, nil, avro.Limits{})
		return err
	}
}

// late is made when it is first asked for, and once it could be made.
type late[T any] struct {
	make func() (T, error)

	mu   sync.Mutex
	made atomic.Pointer[T]
}

func (l *late[T]) get() (value T, err error) {
	if made := l.made.Load(); made != nil {
		return *made, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if made := l.made.Load(); made != nil {
		return *made, nil
	}
	if value, err = l.make(); err != nil {
		return value, notOpened(err)
	}
	l.made.Store(&value)
	return value, nil
}

// typedDecoder reads a format whose schemas are in the registry.
type typedDecoder struct {
	format  string
	decoder late[codec.Decoder]
}

func newTypedDecoder(r *schemaRegistry, format string, o codec.AvroOptions) *typedDecoder {
	d := &typedDecoder{format: format}
	d.decoder.make = func() (codec.Decoder, error) {
		schemas, _, err := r.open()
		if err != nil {
			return nil, err
		}
		return newDecoder(schemas, format, o), nil
	}
	return d
}

func (d *typedDecoder) Name() string { return d.format }

func (d *typedDecoder) Decode(ctx context.Context, p codec.Part) (any, error) {
	decoder, err := d.decoder.get()
	if err != nil {
		return nil, err
	}
	return decoder.Decode(ctx, p)
}

func (d *typedDecoder) Check(ctx context.Context, p codec.Part) error {
	decoder, err := d.decoder.get()
	if err != nil {
		return err
	}
	return decoder.Check(ctx, p)
}

// typedWriter writes one side of the results by a schema of the registry.
type typedWriter struct {
	format  string
	key     string // of the configuration, for errors
	to      codec.Target
	writing codec.Writing
	open    func() (*codec.Schemas, *registry.Resolver, error)
	writer  late[*codec.Writer]
}

func newTypedWriter(r *schemaRegistry, format, key string, to codec.Target, writing codec.Writing) *typedWriter {
	w := &typedWriter{format: format, key: key, to: to, writing: writing, open: r.open}
	w.writer.make = func() (*codec.Writer, error) { return w.by(writing) }
	return w
}

func (w *typedWriter) by(writing codec.Writing) (*codec.Writer, error) {
	schemas, _, err := w.open()
	if err != nil {
		return nil, err
	}
	return newWriter(schemas, w.format, writing)
}

func (w *typedWriter) Name() string { return w.format }

func (w *typedWriter) Encode(ctx context.Context, to codec.Target, value any) (codec.Encoded, error) {
	writer, err := w.writer.get()
	if err != nil {
		return codec.Encoded{}, err
	}
	return writer.Encode(ctx, to, value)
}

// prepare finds the schema, and registers it where that was asked for.
func (w *typedWriter) prepare(ctx context.Context) error {
	writer, err := w.writer.get()
	if err == nil {
		err = writer.Prepare(ctx, w.to)
	}
	return w.explain(err)
}

// check finds the schema. One that is to be registered may be missing.
func (w *typedWriter) check(ctx context.Context) error {
	writing := w.writing
	writing.Register = false
	writer, err := w.by(writing)
	if err == nil {
		err = writer.Prepare(ctx, w.to)
	}
	if missing := new(registry.UnknownSchemaError); w.writing.Register && errors.As(err, &missing) {
		return nil
	}
	return w.explain(err)
}

// explain says what is wrong with the schema, and what can be done about it.
func (w *typedWriter) explain(err error) error {
	var (
		missing *registry.UnknownSchemaError
		refused *codec.EncodeError
	)
	switch {
	case err == nil, codec.Unavailable(err):
		return err
	case errors.As(err, &missing) && w.writing.ID > 0:
		return fmt.Errorf("the %ss of topic %s have no schema: %w", w.to.Side, w.to.Topic, missing)
	case errors.As(err, &missing):
		return fmt.Errorf("the %ss of topic %s have no schema: %w; register it, or give it as file with register: true", w.to.Side, w.to.Topic, missing)
	case errors.As(err, &refused) && refused.Schema == "":
		err = refused.Err
	}
	return fmt.Errorf("the schema for the %ss of topic %s: %w", w.to.Side, w.to.Topic, err)
}
