package protobuf

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/types/descriptorpb"
)

const (
	// nameMax bounds a name with the names of all around it. Compilers make such a name of every element, so that a few
	// long ones could take any amount of memory.
	nameMax = 1000
	// fileWeight is for how many elements a file counts, be it empty.
	fileWeight = 50
	// publicMax bounds the ways by which files import others publicly, all of which are walked when a file is built.
	publicMax = 10_000
)

var (
	errName     = fmt.Errorf("a name of more than %d bytes: %w", nameMax, ErrLimit)
	errElements = fmt.Errorf("too many messages, fields and values: %w", ErrLimit)
	errPublic   = fmt.Errorf("too many public imports: %w", ErrLimit)
	errBrackets = fmt.Errorf("brackets nested too deep: %w", ErrLimit)
	errNUL      = errors.New("a zero byte, which no .proto text has")
)

// screenText finds in a .proto text what would make the compiler recurse too deep or take too much memory. It need not
// care for syntax, only not be deceived about brackets by comments and strings.
func screenText(text string, depthMax int) error {
	depth, name := 0, 0
	for i := 0; i < len(text); i++ {
		b := text[i]
		if isNameByte(b) {
			if name++; name > nameMax {
				return fmt.Errorf("line %d: %w", lineOf(text, i), errName)
			}
			continue
		}
		name = 0
		switch b {
		case 0:
			return fmt.Errorf("line %d: %w", lineOf(text, i), errNUL)
		case '{', '[', '<', '(':
			if depth++; depth > depthMax {
				return fmt.Errorf("line %d: %w", lineOf(text, i), errBrackets)
			}
		case '}', ']', '>', ')':
			depth = max(depth-1, 0)
		case '"', '\'', '/':
			i = passQuoted(text, i)
		}
	}
	return nil
}

func isNameByte(b byte) bool {
	return b == '_' || b == '.' || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}

// passQuoted gives the last byte of the string or comment that begins at start, or start if none does.
func passQuoted(text string, start int) int {
	quote := text[start]
	if quote != '/' {
		for i := start + 1; i < len(text); i++ {
			switch text[i] {
			case '\\':
				i++
			case quote, '\n':
				return i
			}
		}
		return len(text)
	}
	if start+1 == len(text) {
		return start
	}
	switch text[start+1] {
	case '/':
		for i := start; i < len(text); i++ {
			if text[i] == '\n' {
				return i
			}
		}
		return len(text)
	case '*':
		for i := start + 2; i+1 < len(text); i++ {
			if text[i] == '*' && text[i+1] == '/' {
				return i + 1
			}
		}
		return len(text)
	}
	return start
}

func lineOf(text string, at int) int {
	line := 1
	for i := range at {
		if text[i] == '\n' {
			line++
		}
	}
	return line
}

// screen counts what a file declares and measures its names, before anything is built of it.
type screen struct {
	elements int // how many may still come
}

func (s *screen) count(elements ...int) error {
	for _, n := range elements {
		if s.elements -= n; s.elements < 0 {
			return errElements
		}
	}
	return nil
}

func nameWithin(scope int, name string) (int, error) {
	size := scope + 1 + len(name)
	if size > nameMax {
		return 0, errName
	}
	return size, nil
}

func (s *screen) file(file *descriptorpb.FileDescriptorProto) error {
	err := s.count(fileWeight, len(file.GetDependency()), len(file.GetService()), len(file.GetPublicDependency()), len(file.GetOptionDependency()))
	if err != nil {
		return err
	}
	scope, err := nameWithin(0, file.GetPackage())
	if err != nil {
		return err
	}
	for _, path := range file.GetDependency() {
		if len(path) > nameMax {
			return errName
		}
	}
	for _, service := range file.GetService() {
		inner, err := nameWithin(scope, service.GetName())
		if err != nil {
			return err
		}
		if err := s.count(len(service.GetMethod())); err != nil {
			return err
		}
		for _, method := range service.GetMethod() {
			if _, err := nameWithin(inner, method.GetName()); err != nil {
				return err
			}
		}
	}
	return s.scope(scope, file.GetMessageType(), file.GetEnumType(), file.GetExtension())
}

func (s *screen) scope(scope int, messages []*descriptorpb.DescriptorProto, enums []*descriptorpb.EnumDescriptorProto, fields []*descriptorpb.FieldDescriptorProto) error {
	if err := s.count(len(messages), len(enums), len(fields)); err != nil {
		return err
	}
	for _, field := range fields {
		for _, name := range []string{field.GetName(), field.GetJsonName(), field.GetTypeName(), field.GetExtendee()} {
			if _, err := nameWithin(scope, name); err != nil {
				return err
			}
		}
	}
	for _, enum := range enums {
		inner, err := nameWithin(scope, enum.GetName())
		if err != nil {
			return err
		}
		if err := s.count(len(enum.GetValue()), len(enum.GetReservedRange()), len(enum.GetReservedName())); err != nil {
			return err
		}
		for _, value := range enum.GetValue() {
			if _, err := nameWithin(inner, value.GetName()); err != nil {
				return err
			}
		}
	}
	for _, message := range messages {
		if err := s.message(scope, message); err != nil {
			return err
		}
	}
	return nil
}

func (s *screen) message(scope int, message *descriptorpb.DescriptorProto) error {
	inner, err := nameWithin(scope, message.GetName())
	if err != nil {
		return err
	}
	err = s.count(len(message.GetExtension()), len(message.GetOneofDecl()), len(message.GetExtensionRange()),
		len(message.GetReservedRange()), len(message.GetReservedName()))
	if err != nil {
		return err
	}
	for _, oneof := range message.GetOneofDecl() {
		if _, err := nameWithin(inner, oneof.GetName()); err != nil {
			return err
		}
	}
	if err := s.scope(inner, nil, nil, message.GetExtension()); err != nil {
		return err
	}
	return s.scope(inner, message.GetNestedType(), message.GetEnumType(), message.GetField())
}
