package protobuf

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Reference is a file that another one imports. The name is the path by which it does. The text is .proto text, or a
// FileDescriptorProto in base64.
type Reference struct {
	Name string
	Text string
}

// Schema is a compiled file with all that it imports. It is safe for concurrent use.
type Schema struct {
	text    string
	limits  Limits
	file    protoreflect.FileDescriptor
	types   *dynamicpb.Types
	catalog *catalog
}

// Parse compiles a schema, which is .proto text or a FileDescriptorProto in base64. The references come in the order in
// which they build on each other: each may import those before it, and text may import all. Files that are built in (see
// the package comment) need no reference; one by such a name is not read. Nothing is shared with other schemas. It fails
// with a *SchemaError.
func Parse(text string, references []Reference, limits Limits) (*Schema, error) {
	limits = limits.withDefaults()
	size := len(text)
	for _, reference := range references {
		size += len(reference.Text) + len(reference.Name)
	}
	if size > limits.SchemaBytes {
		return nil, &SchemaError{Err: fmt.Errorf("%d bytes with its references, %d are allowed: %w", size, limits.SchemaBytes, ErrLimit)}
	}
	c, err := newCompiler(&limits)
	if err != nil {
		return nil, &SchemaError{Err: err}
	}
	texts := map[string]string{}
	for _, reference := range references {
		if err := c.reference(reference, texts); err != nil {
			return nil, &SchemaError{Reference: reference.Name, Err: err}
		}
	}
	file, err := c.compile(ownPath(texts), text)
	if err != nil {
		return nil, &SchemaError{Err: err}
	}
	s := &Schema{text: text, limits: limits, file: file, types: dynamicpb.NewTypes(c.files)}
	s.catalog = &catalog{
		nodes:      map[protoreflect.MessageDescriptor]*message{},
		extensions: extensionsIn(c.files),
		find:       s.find,
	}
	return s, nil
}

func (c *compiler) reference(reference Reference, texts map[string]string) error {
	if _, found := builtinText(reference.Name); found {
		return nil
	}
	if _, found := standardFile(reference.Name); found {
		return nil
	}
	if text, found := texts[reference.Name]; found {
		if text != reference.Text {
			return fmt.Errorf("another reference has the same name and another text")
		}
		return nil
	}
	texts[reference.Name] = reference.Text
	if reference.Name == "" || len(reference.Name) > nameMax {
		return fmt.Errorf("the name of a reference has 1 to %d bytes: %w", nameMax, ErrLimit)
	}
	file, err := c.compile(reference.Name, reference.Text)
	if err == nil && file.Path() != reference.Name {
		_, err = c.build(&descriptorpb.FileDescriptorProto{Name: &reference.Name, Dependency: []string{file.Path()}, PublicDependency: []int32{0}})
	}
	return err
}

// ownPath is a path for the schema itself that no reference has.
func ownPath(texts map[string]string) string {
	path := "schema.proto"
	for {
		if _, taken := texts[path]; !taken {
			return path
		}
		path = "_" + path
	}
}

// extensionsIn gives the fields by which files extend messages.
func extensionsIn(files *protoregistry.Files) func(protoreflect.FullName) []protoreflect.ExtensionDescriptor {
	found := map[protoreflect.FullName][]protoreflect.ExtensionDescriptor{}
	type scope interface {
		Extensions() protoreflect.ExtensionDescriptors
		Messages() protoreflect.MessageDescriptors
	}
	var collect func(scope)
	collect = func(s scope) {
		for i := range s.Extensions().Len() {
			extension := s.Extensions().Get(i)
			name := extension.ContainingMessage().FullName()
			found[name] = append(found[name], extension)
		}
		for i := range s.Messages().Len() {
			collect(s.Messages().Get(i))
		}
	}
	files.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		collect(file)
		return true
	})
	return func(name protoreflect.FullName) []protoreflect.ExtensionDescriptor { return found[name] }
}

func (s *Schema) find(url string) (protoreflect.MessageDescriptor, error) {
	found, err := s.types.FindMessageByURL(url)
	if err != nil {
		return nil, fmt.Errorf("no message type for %q in the schema, its references and the well-known types", clip(url, 100))
	}
	return found.Descriptor(), nil
}

// Text is what was parsed.
func (s *Schema) Text() string { return s.text }

// Message gives the message at an index path: the index of a message in the file, of one declared in that one, and so on.
// An empty path means the first message.
func (s *Schema) Message(indexes []int) (*Message, error) {
	if len(indexes) == 0 {
		indexes = []int{0}
	}
	messages := s.file.Messages()
	var found protoreflect.MessageDescriptor
	for depth, index := range indexes {
		if index < 0 || index >= messages.Len() {
			where := "the schema"
			if depth > 0 {
				where = string(found.FullName())
			}
			return nil, fmt.Errorf("there is no message at the indexes %v: %s declares %d messages", indexes, where, messages.Len())
		}
		found = messages.Get(index)
		messages = found.Messages()
	}
	return s.message(found)
}

// ByName gives the message of that full name, which the schema itself declares.
func (s *Schema) ByName(fullName string) (*Message, error) {
	found, err := s.types.FindMessageByName(protoreflect.FullName(fullName))
	if err != nil {
		return nil, fmt.Errorf("there is no message %q in the schema, it declares %s", clip(fullName, 100), s.declared())
	}
	if file := found.Descriptor().ParentFile(); file.Path() != s.file.Path() {
		return nil, fmt.Errorf("the message %s is declared in %s, which the schema only imports; the schema declares %s", fullName, file.Path(), s.declared())
	}
	return s.message(found.Descriptor())
}

// message refuses the entries of maps, which are messages only on the wire.
func (s *Schema) message(descriptor protoreflect.MessageDescriptor) (*Message, error) {
	if descriptor.IsMapEntry() {
		return nil, fmt.Errorf("%s is the entry of a map and no message", descriptor.FullName())
	}
	return &Message{schema: s, node: s.catalog.message(descriptor)}, nil
}

// declared lists the messages of the schema for an error.
func (s *Schema) declared() string {
	const most = 10
	var names []string
	for i := range s.file.Messages().Len() {
		if i == most {
			names = append(names, "...")
			break
		}
		names = append(names, string(s.file.Messages().Get(i).FullName()))
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// Message is a message type of a schema. It is safe for concurrent use.
type Message struct {
	schema *Schema
	node   *message
}

// Name is the full name.
func (m *Message) Name() string { return string(m.node.descriptor.FullName()) }

// Descriptor describes the type.
func (m *Message) Descriptor() protoreflect.MessageDescriptor { return m.node.descriptor }

// Indexes is the path by which Schema.Message finds the type.
func (m *Message) Indexes() []int {
	var indexes []int
	for d := protoreflect.Descriptor(m.node.descriptor); ; d = d.Parent() {
		if _, isFile := d.(protoreflect.FileDescriptor); isFile || d == nil {
			break
		}
		indexes = append(indexes, d.Index())
	}
	slices.Reverse(indexes)
	return indexes
}

// Check says whether Decode would succeed. It costs time linear in len(data), and allocates nothing unless data has what
// can only be judged by decoding it: an Any, a Timestamp, a Duration, a FieldMask, a Value or a message with required
// fields. It fails with a *DecodeError.
func (m *Message) Check(data []byte) error {
	c := checker{data: data, text: true}
	if err := c.check(m.node, &m.schema.limits); err != nil {
		return err
	}
	if !c.judged {
		return nil
	}
	_, err := m.Decode(data)
	return err
}

// Decode gives the generic value of a payload. It fails with a *DecodeError.
func (m *Message) Decode(data []byte) (any, error) {
	c := checker{data: data, text: true, keep: true}
	if err := c.check(m.node, &m.schema.limits); err != nil {
		return nil, err
	}
	d := decoder{cursor: cursor{data: data}, groups: c.groups, work: c.work, depth: m.schema.limits.Depth}
	if len(data) <= sharedTextMax {
		d.text = string(data)
	}
	one := [1]piece{{span: span{0, len(data)}}}
	return d.message(m.node, one[:])
}
