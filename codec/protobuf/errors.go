package protobuf

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// What bytes, values and schemas are refused for. The errors that carry them say where.
var (
	ErrTruncated = errors.New("the payload ends too early")
	ErrUTF8      = errors.New("not valid UTF-8")
	ErrLimit     = errors.New("over the limit")
	// ErrMissing is why a message without a required field is refused.
	ErrMissing = errors.New("a required field is missing")
)

// DecodeError says why a payload is not a message of its type, or has no JSON form. No retry can help.
type DecodeError struct {
	Position int64 // of the first byte of what is wrong, counted from zero
	Err      error // a *PathError, unless the whole message is meant
}

func (e *DecodeError) Error() string { return fmt.Sprintf("byte %d: %v", e.Position, e.Err) }

func (e *DecodeError) Unwrap() error { return e.Err }

// PathError says in which part of a message something is wrong, by the names of the JSON form: items[3].price.
type PathError struct {
	Path string
	Err  error
}

func (e *PathError) Error() string {
	if e.Path == "" {
		return e.Err.Error()
	}
	return e.Path + ": " + e.Err.Error()
}

func (e *PathError) Unwrap() error { return e.Err }

// SchemaError says why a schema cannot be used.
type SchemaError struct {
	Reference string // the name of the referenced schema that is wrong; empty for the schema itself
	Err       error
}

func (e *SchemaError) Error() string {
	if e.Reference == "" {
		return fmt.Sprintf("protobuf schema: %v", e.Err)
	}
	return fmt.Sprintf("protobuf schema: reference %q: %v", e.Reference, e.Err)
}

func (e *SchemaError) Unwrap() error { return e.Err }

// pathMax bounds the path of an error, which a recursive type could make as long as the payload.
const pathMax = 400

// within puts one more step in front of an error's path; steps are added from the innermost outwards. An error that wraps
// another one with a path has its own place, which is why the chain is not searched.
func within(err error, step string) error {
	switch e := err.(type) { //nolint:errorlint // see above
	case *DecodeError:
		e.Err = within(e.Err, step)
		return e
	case *PathError:
		e.prepend(step)
		return e
	default:
		return &PathError{Path: step, Err: err}
	}
}

func (e *PathError) prepend(step string) {
	switch {
	case e.Path == "":
		e.Path = step
	case len(e.Path) > pathMax:
		e.Path = step + "..." + e.Path[len(e.Path)-pathMax/2:]
	case e.Path[0] == '[':
		e.Path = step + e.Path
	default:
		e.Path = step + "." + e.Path
	}
}

func indexStep(i int) string { return "[" + strconv.Itoa(i) + "]" }

func keyStep(key string) string { return "[" + strconv.Quote(clip(key, 60)) + "]" }

// clip shortens text for messages.
func clip(text string, size int) string {
	if len(text) <= size {
		return text
	}
	for size > 0 && !utf8.RuneStart(text[size]) {
		size--
	}
	return text[:size] + "..."
}
