package protobuf

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Type reads payloads of a compiled-in message type. A program keeps one for each type that it reads, for the first
// payload has the type laid out. It is safe for concurrent use.
type Type struct {
	node     *message
	limits   Limits
	text     bool // strings of proto2 too must be UTF-8
	resolver interface {
		protoregistry.MessageTypeResolver
		protoregistry.ExtensionTypeResolver
	}
}

// NewType takes the descriptor of a compiled-in type: (*orders.Order)(nil).ProtoReflect().Descriptor().
func NewType(descriptor protoreflect.MessageDescriptor, limits Limits) *Type {
	c := &catalog{nodes: map[protoreflect.MessageDescriptor]*message{}, extensions: compiledExtensions}
	return &Type{node: c.message(descriptor), limits: limits.withDefaults(), resolver: protoregistry.GlobalTypes}
}

func compiledExtensions(name protoreflect.FullName) []protoreflect.ExtensionDescriptor {
	var found []protoreflect.ExtensionDescriptor
	protoregistry.GlobalTypes.RangeExtensionsByMessage(name, func(extension protoreflect.ExtensionType) bool {
		found = append(found, extension.TypeDescriptor())
		return true
	})
	return found
}

// Unmarshal checks a payload and reads it into target, which is of the type. It fails with a *DecodeError.
func (t *Type) Unmarshal(data []byte, target proto.Message) error {
	c := checker{data: data, text: t.text, weigh: true}
	if err := c.check(t.node, &t.limits); err != nil {
		return err
	}
	library := proto.UnmarshalOptions{RecursionLimit: t.limits.Depth, Resolver: t.resolver}
	if err := library.Unmarshal(data, target); err != nil {
		return &DecodeError{Position: int64(len(data)), Err: plain(err)}
	}
	return nil
}

// Unmarshal checks a payload by target's type and reads it into target. A program that reads many keeps a Type. It fails
// with a *DecodeError.
func Unmarshal(data []byte, target proto.Message, limits Limits) error {
	return NewType(target.ProtoReflect().Descriptor(), limits).Unmarshal(data, target)
}
