package protobuf

import (
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// special names the types of google.protobuf whose JSON form is not that of a message.
type special uint8

const (
	specialNone special = iota
	specialAny
	specialTimestamp
	specialDuration
	specialWrapper
	specialStruct
	specialList
	specialValue
	specialFieldMask
)

func specialOf(name protoreflect.FullName) special {
	switch name {
	case "google.protobuf.Any":
		return specialAny
	case "google.protobuf.Timestamp":
		return specialTimestamp
	case "google.protobuf.Duration":
		return specialDuration
	case "google.protobuf.Struct":
		return specialStruct
	case "google.protobuf.ListValue":
		return specialList
	case "google.protobuf.Value":
		return specialValue
	case "google.protobuf.FieldMask":
		return specialFieldMask
	case "google.protobuf.BoolValue", "google.protobuf.Int32Value", "google.protobuf.Int64Value",
		"google.protobuf.UInt32Value", "google.protobuf.UInt64Value", "google.protobuf.FloatValue",
		"google.protobuf.DoubleValue", "google.protobuf.StringValue", "google.protobuf.BytesValue":
		return specialWrapper
	}
	return specialNone
}

// judged says whether there are messages of the type that have no JSON form.
func (s special) judged() bool {
	switch s {
	case specialAny, specialTimestamp, specialDuration, specialValue, specialFieldMask:
		return true
	case specialNone, specialWrapper, specialStruct, specialList:
	}
	return false
}

// message is a message type laid out for walking its payloads. It is laid out when the first payload has one, for a
// schema may have many types that no payload uses.
type message struct {
	descriptor protoreflect.MessageDescriptor
	catalog    *catalog
	once       sync.Once

	special  special
	few      []*field         // by number, for low numbers
	many     map[int32]*field // by number, for the others
	required []*field
	weight   int // how much work a message of a compiled-in type counts for
}

// field is a field of a message as it lies on the wire and as it is called in JSON.
type field struct {
	number   int32
	name     string // in JSON
	kind     protoreflect.Kind
	wire     protowire.Type // of one value
	size     int            // of a fixed number
	list     bool
	mapped   bool
	packable bool
	implicit bool // a zero is as good as none
	utf8     bool
	oneof    int32    // -1 for none
	message  *message // of messages, groups and the entries of a map
	enum     protoreflect.EnumDescriptor
}

// fewMax is the number up to which fields are found by index. It bounds what a type with high numbers costs.
const fewMax = 255

// field finds a field by its number. Of no message nothing is known.
func (n *message) field(number int32) *field {
	if n == nil {
		return nil
	}
	if int(number) < len(n.few) {
		return n.few[number]
	}
	return n.many[number]
}

func (n *message) ready() { n.once.Do(n.layOut) }

func (n *message) layOut() {
	fields := n.descriptor.Fields()
	n.special = specialOf(n.descriptor.FullName())
	n.weight = 2 + fields.Len()/4
	extensions := n.catalog.extensions(n.descriptor.FullName())
	all := make([]field, 0, fields.Len()+len(extensions))
	for i := range fields.Len() {
		all = append(all, n.catalog.field(fields.Get(i)))
	}
	for _, extension := range extensions {
		all = append(all, n.catalog.field(extension))
	}
	size := 0
	for i := range all {
		if number := int(all[i].number); number <= fewMax {
			size = max(size, number+1)
		}
	}
	n.few = make([]*field, size)
	for i := range all {
		f := &all[i]
		if int(f.number) < size {
			n.few[f.number] = f
			continue
		}
		if n.many == nil {
			n.many = map[int32]*field{}
		}
		n.many[f.number] = f
	}
	numbers := n.descriptor.RequiredNumbers()
	for i := range numbers.Len() {
		n.required = append(n.required, n.field(int32(numbers.Get(i))))
	}
}

// catalog has the layout of each message type, and knows where other types are found.
type catalog struct {
	mu    sync.Mutex
	nodes map[protoreflect.MessageDescriptor]*message

	// extensions gives the fields that extend a message.
	extensions func(protoreflect.FullName) []protoreflect.ExtensionDescriptor
	// find gives the message type that the type_url of an Any names.
	find func(url string) (protoreflect.MessageDescriptor, error)
}

func (c *catalog) message(descriptor protoreflect.MessageDescriptor) *message {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, found := c.nodes[descriptor]
	if !found {
		n = &message{descriptor: descriptor, catalog: c}
		c.nodes[descriptor] = n
	}
	return n
}

func (c *catalog) field(descriptor protoreflect.FieldDescriptor) field {
	f := field{
		number: int32(descriptor.Number()),
		name:   descriptor.JSONName(),
		kind:   descriptor.Kind(),
		wire:   wireOf(descriptor.Kind()),
		list:   descriptor.IsList(),
		mapped: descriptor.IsMap(),
		oneof:  -1,
		enum:   descriptor.Enum(),
	}
	f.size = map[protowire.Type]int{protowire.Fixed32Type: 4, protowire.Fixed64Type: 8}[f.wire]
	f.packable = f.list && f.wire != protowire.BytesType && f.wire != protowire.StartGroupType
	f.implicit = !f.list && !f.mapped && !descriptor.HasPresence() && !descriptor.IsExtension()
	f.utf8 = f.kind == protoreflect.StringKind && mustBeUTF8(descriptor)
	if oneof := descriptor.ContainingOneof(); oneof != nil && !oneof.IsSynthetic() {
		f.oneof = int32(oneof.Index())
	}
	if inner := descriptor.Message(); inner != nil {
		f.message = c.message(inner)
	}
	return f
}

// mustBeUTF8 is whether parsers of Protobuf refuse other strings: in proto3, and in editions unless a feature says no.
func mustBeUTF8(descriptor protoreflect.FieldDescriptor) bool {
	switch descriptor.ParentFile().Syntax() {
	case protoreflect.Proto3:
		return true
	case protoreflect.Editions:
		known, ok := descriptor.(interface{ EnforceUTF8() bool })
		return !ok || known.EnforceUTF8()
	case protoreflect.Proto2:
	}
	return false
}

func wireOf(kind protoreflect.Kind) protowire.Type {
	switch kind {
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	case protoreflect.GroupKind:
		return protowire.StartGroupType
	case protoreflect.BoolKind, protoreflect.EnumKind, protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Uint32Kind,
		protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Uint64Kind:
	}
	return protowire.VarintType
}

// zero is the value of a scalar that is not there.
func (f *field) zero() any {
	value, _ := (&decoder{}).scalarOf(f, 0, "")
	return value
}
