package protobuf

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/bufbuild/protocompile/linker"
	"github.com/bufbuild/protocompile/options"
	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/reporter"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

var errNeither = errors.New("neither .proto text nor a FileDescriptorProto in base64")

// compiler builds files that import each other. All it can import is what was given to it and what is built in.
type compiler struct {
	limits *Limits
	screen screen
	// files has all that can be imported, in the form that payloads are read by.
	files *protoregistry.Files
	// linked has those that a .proto text imported, in the form of the library that compiles it, and symbols their names.
	linked  map[string]linker.File
	symbols *linker.Symbols
	// public counts the ways by which a file leads to others through public imports, itself included.
	public map[string]int
}

func newCompiler(limits *Limits) (*compiler, error) {
	c := &compiler{
		limits:  limits,
		screen:  screen{elements: limits.SchemaElements},
		files:   &protoregistry.Files{},
		linked:  map[string]linker.File{},
		symbols: &linker.Symbols{},
		public:  map[string]int{},
	}
	for _, file := range wellKnownFiles() {
		if err := c.files.RegisterFile(file); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// compile builds a file of its text and registers it. It does not panic, whatever the library does.
func (c *compiler) compile(path, text string) (file protoreflect.FileDescriptor, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			file, err = nil, fmt.Errorf("the schema cannot be compiled: %v", cause)
		}
	}()
	if isEncoded(text) {
		descriptor, err := c.decode(text)
		if err != nil {
			return nil, err
		}
		if known := wellKnownFile(descriptor); known != nil {
			return known, nil
		}
		descriptor.Name = proto.String(path)
		return c.build(descriptor)
	}
	if err := screenText(text, c.limits.SchemaDepth); err != nil {
		return nil, err
	}
	handler := reporter.NewHandler(nil)
	tree, err := parser.Parse(path, strings.NewReader(text), handler)
	if err != nil {
		return nil, err
	}
	parsed, err := parser.ResultFromAST(tree, true, handler)
	if err != nil {
		return nil, err
	}
	if known := wellKnownFile(parsed.FileDescriptorProto()); known != nil {
		return known, nil
	}
	if err := c.screen.file(parsed.FileDescriptorProto()); err != nil {
		return nil, err
	}
	result, err := c.link(parsed, handler)
	if err != nil {
		return nil, err
	}
	if _, err := options.InterpretOptions(result, handler); err != nil {
		return nil, err
	}
	if err := result.ValidateOptions(handler, c.symbols); err != nil {
		return nil, err
	}
	return c.register(result.FileDescriptorProto())
}

// isEncoded tells a descriptor in base64 from a text, which cannot do without characters that base64 does not have.
func isEncoded(text string) bool {
	text = strings.TrimSpace(text)
	for i := range len(text) {
		b := text[i]
		if b == '_' || b == '.' || !isNameByte(b) && b != '+' && b != '/' && b != '=' && b != '\n' && b != '\r' {
			return false
		}
	}
	return text != ""
}

// decode reads a descriptor, which is a payload like others.
func (c *compiler) decode(text string) (*descriptorpb.FileDescriptorProto, error) {
	data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNeither, err)
	}
	descriptor := &descriptorpb.FileDescriptorProto{}
	bounds := Limits{Bytes: c.limits.SchemaBytes, Depth: c.limits.SchemaDepth}
	t := NewType(descriptor.ProtoReflect().Descriptor(), bounds)
	t.text = true
	t.resolver = &protoregistry.Types{}
	if err := t.Unmarshal(data, descriptor); err != nil {
		return nil, fmt.Errorf("%w: %w", errNeither, err)
	}
	descriptor.SourceCodeInfo = nil
	return descriptor, nil
}

func (c *compiler) build(descriptor *descriptorpb.FileDescriptorProto) (protoreflect.FileDescriptor, error) {
	if err := c.screen.file(descriptor); err != nil {
		return nil, err
	}
	for _, path := range descriptor.GetDependency() {
		if err := c.load(path); err != nil {
			return nil, err
		}
	}
	return c.register(descriptor)
}

// link resolves the names in a file.
func (c *compiler) link(parsed parser.Result, handler *reporter.Handler) (linker.Result, error) {
	var imports linker.Files
	for _, path := range parsed.FileDescriptorProto().GetDependency() {
		if err := c.load(path); err != nil {
			return nil, err
		}
		file, err := c.asLinked(path)
		if err != nil {
			return nil, err
		}
		imports = append(imports, file)
	}
	result, err := linker.Link(parsed, imports, c.symbols, handler)
	if err != nil {
		return nil, err
	}
	c.linked[parsed.FileDescriptorProto().GetName()] = result
	return result, nil
}

// load makes sure that a file can be imported.
func (c *compiler) load(path string) error {
	if _, err := c.files.FindFileByPath(path); err == nil {
		return nil
	}
	if file, found := standardFile(path); found {
		for i := range file.Imports().Len() {
			if err := c.load(file.Imports().Get(i).Path()); err != nil {
				return err
			}
		}
		return c.files.RegisterFile(file)
	}
	if text, found := builtinText(path); found {
		_, err := c.compile(path, text)
		return err
	}
	return fmt.Errorf("the file imports %q, which is neither among the references nor built in", path)
}

// asLinked gives a registered file in the form of the linker. Files that were given as text have it already.
func (c *compiler) asLinked(path string) (linker.File, error) {
	if file, found := c.linked[path]; found {
		return file, nil
	}
	descriptor, err := c.files.FindFileByPath(path)
	if err != nil {
		return nil, err
	}
	if _, standard := standardFile(path); !standard {
		return c.link(parser.ResultWithoutAST(protodesc.ToFileDescriptorProto(descriptor)), reporter.NewHandler(nil))
	}
	file, err := linker.NewFileRecursive(descriptor)
	if err != nil {
		return nil, err
	}
	c.linked[path] = file
	return file, nil
}

// register builds a file whose imports are loaded.
func (c *compiler) register(descriptor *descriptorpb.FileDescriptorProto) (protoreflect.FileDescriptor, error) {
	ways := 0
	for _, path := range descriptor.GetDependency() {
		if ways += max(c.public[path], 1); ways > publicMax {
			return nil, errPublic
		}
	}
	file, err := protodesc.NewFile(descriptor, c.files)
	if err != nil {
		return nil, plain(err)
	}
	if err := distinctNames(file.Messages()); err != nil {
		return nil, err
	}
	if err := c.files.RegisterFile(file); err != nil {
		return nil, plain(err)
	}
	through := 1
	for i := range file.Imports().Len() {
		if imported := file.Imports().Get(i); imported.IsPublic {
			through += max(c.public[imported.Path()], 1)
		}
	}
	c.public[file.Path()] = through
	return file, nil
}

// distinctNames refuses fields that would be the same in JSON, of which one would be lost.
func distinctNames(messages protoreflect.MessageDescriptors) error {
	for i := range messages.Len() {
		message := messages.Get(i)
		seen := map[string]protoreflect.Name{}
		for j := range message.Fields().Len() {
			field := message.Fields().Get(j)
			if other, found := seen[field.JSONName()]; found {
				return fmt.Errorf("the fields %s and %s of %s are both %q in JSON: give one of them another json_name", other, field.Name(), message.FullName(), field.JSONName())
			}
			seen[field.JSONName()] = field.Name()
		}
		if err := distinctNames(message.Messages()); err != nil {
			return err
		}
	}
	return nil
}

// plain takes the library's prefix off an error, whose spaces differ from build to build.
func plain(err error) error {
	text := err.Error()
	if rest, found := strings.CutPrefix(text, "proto:"); found {
		return errors.New(strings.TrimLeft(rest, " \u00a0"))
	}
	return err
}
