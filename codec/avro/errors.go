package avro

import (
	"errors"
	"fmt"
	"strconv"
)

// What bytes, values and schemas are refused for. The errors that carry them say where.
var (
	ErrTruncated = errors.New("the payload ends too early")
	ErrTrailing  = errors.New("more bytes after the value")
	ErrUTF8      = errors.New("not valid UTF-8")
	ErrLimit     = errors.New("over the limit")
)

// DecodeError says why a payload is not a value of its schema, or why the reader's schema cannot take the value. No
// retry can help.
type DecodeError struct {
	Position int64 // of the first byte of what is wrong, counted from zero
	Err      error // a *PathError, unless the whole value is meant
}

func (e *DecodeError) Error() string { return fmt.Sprintf("byte %d: %v", e.Position, e.Err) }

func (e *DecodeError) Unwrap() error { return e.Err }

// PathError says in which part of a value something is wrong: items[3].price, tags["a"].
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
		return fmt.Sprintf("avro schema: %v", e.Err)
	}
	return fmt.Sprintf("avro schema: reference %q: %v", e.Reference, e.Err)
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

// asPath makes a *PathError of an error that concerns the whole value.
func asPath(err error) error {
	if path, ok := err.(*PathError); ok { //nolint:errorlint // as in within
		return path
	}
	return &PathError{Err: err}
}

func indexStep(i int) string { return "[" + strconv.Itoa(i) + "]" }

func keyStep(key string) string {
	const keyMax = 60
	if len(key) > keyMax {
		key = key[:keyMax] + "..."
	}
	return "[" + strconv.Quote(key) + "]"
}
