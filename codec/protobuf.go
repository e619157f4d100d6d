package codec

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/troupe-go/troupe/codec/protobuf"
	"github.com/troupe-go/troupe/codec/registry"
	"github.com/troupe-go/troupe/codec/wire"
	"github.com/troupe-go/troupe/stream"
)

// Protobuf is the format whose schemas are Protobuf's. Values are in Protobuf's JSON mapping.
func (s *Schemas) Protobuf() Decoder { return newSource(s.resolver, protobufLanguage()) }

// ProtobufWriter writes Protobuf: values in its JSON mapping, and generated types.
func (s *Schemas) ProtobufWriter(w Writing) (*Writer, error) {
	return newWriter(newSource(s.resolver, protobufLanguage()), w)
}

// Proto decodes values into a generated type, such as *orderspb.Order. With Schemas, the message that the record's schema
// names must be called like T; with nil no registry is asked, and what stands in front of the message is passed over. It
// fails with a *DecodeError or a *stream.UnavailableError. A null value gives the zero T, a nil pointer.
func Proto[T proto.Message](s *Schemas) stream.Decoder[T] {
	var none T
	generated := protobuf.NewType(none.ProtoReflect().Descriptor(), protobuf.Limits{})
	if s == nil {
		return bareProto[T]{generated}
	}
	return typed[T, *protobufCode]{newSource(s.resolver, protobufLanguage()), func(c *protobufCode, path wire.Path, body []byte) (T, error) {
		message, err := c.message(path)
		if err != nil {
			return none, err
		}
		if want := string(none.ProtoReflect().Descriptor().FullName()); message.Name() != want {
			return none, fmt.Errorf("the message is a %s, not a %s", message.Name(), want)
		}
		return unmarshalProto[T](generated, body)
	}}
}

type bareProto[T proto.Message] struct{ generated *protobuf.Type }

func (d bareProto[T]) Decode(_ context.Context, r *stream.Record) (value T, err error) {
	if r.Value == nil {
		return value, nil
	}
	s := source[*protobufCode]{language: protobufLanguage()}
	frame, err := s.read(ValueOf(r))
	if err != nil {
		return value, err
	}
	filled, err := unmarshalProto[T](d.generated, frame.Body)
	if err != nil {
		return value, s.fault(&frame, err)
	}
	return filled, nil
}

func unmarshalProto[T proto.Message](generated *protobuf.Type, body []byte) (value T, err error) {
	filled, ok := value.ProtoReflect().Type().New().Interface().(T)
	if !ok {
		return value, fmt.Errorf("%T is no generated type", value)
	}
	return filled, generated.Unmarshal(body, filled)
}

func protobufLanguage() language[*protobufCode] {
	return language[*protobufCode]{
		format: "protobuf", kind: registry.Protobuf,
		compile: func(found *registry.Schema) (*protobufCode, error) {
			var references []protobuf.Reference
			for _, r := range found.Dependencies() {
				references = append(references, protobuf.Reference{Name: r.Name, Text: r.Schema.Text})
			}
			schema, err := protobuf.Parse(found.Text, references, protobuf.Limits{})
			return &protobufCode{schema}, err
		},
		locate: func(err error) (int64, error) {
			if wrong := new(protobuf.DecodeError); errors.As(err, &wrong) {
				return wrong.Position, wrong.Err
			}
			return Whole, err
		},
	}
}

type protobufCode struct{ schema *protobuf.Schema }

func (c *protobufCode) message(path wire.Path) (*protobuf.Message, error) {
	return c.schema.Message(slices.Collect(path.All()))
}

func (c *protobufCode) check(path wire.Path, body []byte) error {
	message, err := c.message(path)
	if err != nil {
		return err
	}
	return message.Check(body)
}

func (c *protobufCode) decode(path wire.Path, body []byte) (any, error) {
	message, err := c.message(path)
	if err != nil {
		return nil, err
	}
	return message.Decode(body)
}

// chosen is the message to write: the first of the schema where no name is given.
func (c *protobufCode) chosen(name string) (*protobuf.Message, error) {
	if name == "" {
		return c.schema.Message(nil)
	}
	return c.schema.ByName(name)
}

func (c *protobufCode) name(message string) (string, error) {
	chosen, err := c.chosen(message)
	if err != nil {
		return "", err
	}
	return chosen.Name(), nil
}

func (c *protobufCode) encode(name string, value any) (path wire.Path, body []byte, err error) {
	given, compiledIn := value.(proto.Message)
	if compiledIn && name == "" {
		name = string(given.ProtoReflect().Descriptor().FullName())
	}
	message, err := c.chosen(name)
	if err != nil {
		return path, nil, err
	}
	if path, err = wire.NewPath(message.Indexes()...); err != nil {
		return path, nil, err
	}
	if compiledIn {
		body, err = proto.MarshalOptions{Deterministic: true}.Marshal(given)
	} else {
		body, err = message.Encode(value)
	}
	return path, body, err
}
