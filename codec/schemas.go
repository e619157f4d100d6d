package codec

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/codec/registry"
	"github.com/troupe-go/troupe/codec/wire"
	"github.com/troupe-go/troupe/stream"
)

// Schemas reads and writes by the schemas of one registry. What a schema was compiled to is kept, up to 1,000 schemas or 16
// MiB of their text for each format. It is safe for concurrent use, and so is what its methods give.
type Schemas struct {
	resolver *registry.Resolver
}

// NewSchemas uses the resolver, and does not close it.
func NewSchemas(resolver *registry.Resolver) *Schemas { return &Schemas{resolver: resolver} }

// code is a schema that was compiled.
type code interface {
	// check and decode take what a frame holds. Their errors have a position in the body.
	check(path wire.Path, body []byte) error
	decode(path wire.Path, body []byte) (any, error)
	// encode gives a body, and which message of the schema it is.
	encode(message string, value any) (path wire.Path, body []byte, err error)
	// name is the full name of a message, or of the schema where there are none; it may be empty.
	name(message string) (string, error)
}

// language is what the schemas of a format have in common.
type language[C code] struct {
	format string
	kind   registry.Type
	// compile reads a schema with all that it refers to. It fails with a final error.
	compile func(*registry.Schema) (C, error)
	// locate finds the position in an error of check and decode, and gives what is left of the error.
	locate func(error) (position int64, reason error)
}

// source finds the schemas of a format, and reads by them.
type source[C code] struct {
	language[C]
	resolver *registry.Resolver
	compiled *compiled[C]
}

func newSource[C code](resolver *registry.Resolver, l language[C]) *source[C] {
	return &source[C]{language: l, resolver: resolver, compiled: newCompiled(l.compile)}
}

// Name is the format's.
func (s *source[C]) Name() string { return s.format }

// Decode gives the value.
func (s *source[C]) Decode(ctx context.Context, p Part) (any, error) {
	schema, frame, err := s.open(ctx, p)
	if err != nil {
		return nil, err
	}
	value, err := schema.decode(frame.Path, frame.Body)
	return value, s.fault(&frame, err)
}

// Check validates without building the value.
func (s *source[C]) Check(ctx context.Context, p Part) error {
	schema, frame, err := s.open(ctx, p)
	if err != nil {
		return err
	}
	return s.fault(&frame, schema.check(frame.Path, frame.Body))
}

// open finds the schema that a part was written by.
func (s *source[C]) open(ctx context.Context, p Part) (schema C, frame wire.Frame, err error) {
	if frame, err = s.read(p); err != nil {
		return schema, frame, err
	}
	schema, err = s.schema(ctx, &frame)
	return schema, frame, s.refused(&frame, err)
}

// schema is what a frame names. The registry is asked for those that are not compiled.
func (s *source[C]) schema(ctx context.Context, frame *wire.Frame) (schema C, err error) {
	name := schemaName{frame.ID, frame.GUID}
	if schema, err, ok := s.compiled.known(name); ok {
		return schema, err
	}
	found, err := s.resolver.ByFrame(ctx, frame)
	if err != nil {
		return schema, err
	}
	return s.use(name, found)
}

// read finds out what a part tells of its schema.
func (s *source[C]) read(p Part) (wire.Frame, error) {
	frame, err := wire.Read(p.Side, p.Headers, p.Data, s.kind == registry.Protobuf)
	if err == nil {
		return frame, nil
	}
	fault := &DecodeError{Format: s.format, Position: Whole, Err: err}
	if wrong := new(wire.Error); errors.As(err, &wrong) {
		fault.Schema = wrong.Schema
		if wrong.In == p.Side.String() {
			fault.Position, fault.Err = int64(wrong.Position), wrong.Err
		}
	}
	return frame, fault
}

// use compiles a schema, if it is one of this language.
func (s *source[C]) use(name schemaName, found *registry.Schema) (schema C, err error) {
	if found.Type != s.kind {
		return schema, fmt.Errorf("its type in the registry is %s, which format %s cannot read", found.Type, s.format)
	}
	return s.compiled.get(name, found)
}

// refused wraps an error that concerns the schema. That the registry is away is nobody's fault.
func (s *source[C]) refused(frame *wire.Frame, err error) error {
	if err == nil || Unavailable(err) {
		return err
	}
	return &DecodeError{Format: s.format, Schema: frame.Schema(), Position: Whole, Err: err}
}

// fault wraps an error that concerns the body.
func (s *source[C]) fault(frame *wire.Frame, err error) error {
	if err == nil {
		return nil
	}
	position, reason := s.locate(err)
	if position != Whole {
		position += int64(frame.Offset)
	}
	return &DecodeError{Format: s.format, Schema: frame.Schema(), Position: position, Err: reason}
}

// Unavailable says that an error of this package is about the registry, and that the same call may succeed later.
func Unavailable(err error) bool {
	var away *stream.UnavailableError
	return errors.As(err, &away)
}
