package codec

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/codec/registry"
	"github.com/troupe-go/troupe/codec/wire"
)

// Writing says by which schema values are written, and how they tell it. The zero value is the latest schema of the subject
// that is called after the topic, told by an id in front of the value.
type Writing struct {
	// ID is a schema by its id. Defaults to none.
	ID int32
	// Draft is a schema by its text. It has to be registered under the subject already, unless Register is set. Its Type is
	// the format's. Defaults to none.
	Draft *registry.Schema
	// Register adds Draft to the subject where it is missing. The registry may refuse it: the error says why. Defaults to
	// false.
	Register bool
	// Subject is where Draft, or the latest schema, is looked up. Defaults to what Naming says.
	Subject string
	// Naming is how the subject is called where Subject is empty. The namings by record need a Draft, because they are called
	// after it. Defaults to the topic's name.
	Naming registry.Naming
	// Message is the full name of the message to write, for Protobuf. Defaults to the schema's first.
	Message string
	// Form is how the value tells its schema. Defaults to an id in front of it.
	Form wire.Form
}

// errSubjectOfReferences is why a draft cannot be called by.
var errSubjectOfReferences = errors.New("a schema with references has to be registered under a subject that is given")

// Validate says what cannot be done in any case.
func (w *Writing) Validate() error {
	switch {
	case w.ID < 0:
		return fmt.Errorf("the schema's id is %d; ids are positive", w.ID)
	case w.ID > 0 && w.Draft != nil:
		return errors.New("the schema is given twice, by its id and by its text")
	case w.ID > 0 && w.Subject != "":
		return errors.New("a schema that is given by its id needs no subject")
	case w.Register && w.Draft == nil:
		return errors.New("there is nothing to register without a schema's text")
	case w.Subject == "" && w.Naming != registry.TopicName && w.ID == 0 && w.Draft == nil:
		return fmt.Errorf("subject naming %s is called after the schema, which is not given: name the subject", w.Naming)
	case w.Subject == "" && w.Naming != registry.TopicName && w.Draft != nil && len(w.Draft.References) > 0:
		return errSubjectOfReferences
	default:
		return nil
	}
}

// AvroWriter writes Avro: generic values, and Go types as (*avro.Schema).Marshal does.
func (s *Schemas) AvroWriter(o AvroOptions, w Writing) (*Writer, error) {
	return newWriter(newSource(s.resolver, avroLanguage(AvroOptions{Limits: o.Limits})), w)
}

// Writer is an Encoder by the schemas of a registry.
type Writer struct {
	format  string
	writing Writing
	choose  func(ctx context.Context, to Target) (*registry.Schema, code, error)
}

func newWriter[C code](s *source[C], w Writing) (*Writer, error) {
	if err := w.Validate(); err != nil {
		return nil, err
	}
	if w.Draft != nil {
		draft := *w.Draft
		draft.Type = s.kind
		w.Draft = &draft
	}
	return &Writer{format: s.format, writing: w, choose: func(ctx context.Context, to Target) (*registry.Schema, code, error) {
		found, err := find(ctx, s, &w, to)
		if err != nil {
			return nil, nil, err
		}
		schema, err := s.use(nameOf(found), found)
		return found, schema, err
	}}, nil
}

// find asks for the schema to write by. What does not change is in the resolver's memory.
func find[C code](ctx context.Context, s *source[C], w *Writing, to Target) (*registry.Schema, error) {
	if w.ID > 0 {
		return s.resolver.ByID(ctx, w.ID)
	}
	subject, err := subjectOf(s, w, to)
	switch {
	case err != nil:
		return nil, err
	case w.Draft == nil:
		return s.resolver.Latest(ctx, subject)
	case w.Register:
		return s.resolver.Register(ctx, subject, *w.Draft)
	}
	found, err := s.resolver.Lookup(ctx, subject, *w.Draft)
	if missing := new(registry.UnknownSchemaError); errors.As(err, &missing) {
		return nil, fmt.Errorf("the schema is not registered under subject %s, and is not to be: register it first, or ask for it: %w", subject, err)
	}
	return found, err
}

func subjectOf[C code](s *source[C], w *Writing, to Target) (string, error) {
	if w.Subject != "" {
		return w.Subject, nil
	}
	name := ""
	if w.Naming != registry.TopicName {
		schema, err := s.compile(w.Draft)
		if err != nil {
			return "", err
		}
		if name, err = schema.name(w.Message); err != nil {
			return "", err
		}
	}
	return w.Naming.Subject(to.Topic, to.Side, name)
}

// Name is the format's.
func (w *Writer) Name() string { return w.format }

// Prepare finds the schema for a target and compiles it, so that what is wrong is known before there is a value. It fails as
// Encode does.
func (w *Writer) Prepare(ctx context.Context, to Target) error {
	_, _, err := w.schema(ctx, to)
	return err
}

func (w *Writer) schema(ctx context.Context, to Target) (*registry.Schema, code, error) {
	found, schema, err := w.choose(ctx, to)
	switch {
	case err == nil:
	case Unavailable(err):
		return nil, nil, err
	default:
		return nil, nil, &EncodeError{Format: w.format, Err: err}
	}
	switch {
	case w.writing.Form == wire.Header && found.GUID.IsZero():
		err = fmt.Errorf("the registry tells no GUID, which would have to stand in a header: write the id in front of the %s", to.Side)
	case w.writing.Form == wire.Prefix && found.ID == 0:
		err = errors.New("the registry tells no id")
	case w.writing.Message != "":
		_, err = schema.name(w.writing.Message)
	}
	if err != nil {
		return nil, nil, &EncodeError{Format: w.format, Schema: label(found), Err: err}
	}
	return found, schema, nil
}

// Encode writes a value with what tells its schema.
func (w *Writer) Encode(ctx context.Context, to Target, value any) (Encoded, error) {
	found, schema, err := w.schema(ctx, to)
	if err != nil {
		return Encoded{}, err
	}
	path, body, err := schema.encode(w.writing.Message, value)
	if err != nil {
		return Encoded{}, &EncodeError{Format: w.format, Schema: label(found), Err: err}
	}
	if w.writing.Form == wire.Header {
		return Encoded{Data: body, Header: wire.SchemaHeader(to.Side, found.GUID, path)}, nil
	}
	return Encoded{Data: append(wire.AppendPrefix(make([]byte, 0, prefixSize+len(body)), found.ID, path), body...)}, nil
}

// prefixSize is what mostly stands in front of a body.
const prefixSize = 8

// label names a schema in errors as a record would.
func label(schema *registry.Schema) string {
	frame := wire.Frame{ByGUID: schema.ID == 0, ID: schema.ID, GUID: schema.GUID}
	return frame.Schema()
}
