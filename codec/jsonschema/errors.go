package jsonschema

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/troupe-go/troupe/codec/document"
)

// What documents, values and schemas are refused for, besides what codec/document refuses. The errors that carry them say
// where.
var (
	ErrLimit = errors.New("over the limit")
	// ErrCycle is a schema's fault: no document can be judged by it that gets into the cycle.
	ErrCycle = errors.New("the schema refers to itself without a step into the document")
)

// DecodeError says why bytes are no document of their schema. No retry can help.
type DecodeError struct {
	// Position is that of the first byte of what is wrong, counted from zero; document.Whole where there is no such byte.
	Position int64
	Err      error // a *ValidationError for a document that is JSON but not what the schema describes
}

func (e *DecodeError) Error() string {
	if e.Position == document.Whole {
		return e.Err.Error()
	}
	return fmt.Sprintf("byte %d: %v", e.Position, e.Err)
}

func (e *DecodeError) Unwrap() error { return e.Err }

// ValidationError says in which ways a value is not what its schema describes: the first few.
type ValidationError struct {
	Faults []Fault // one at least
}

// Fault is one thing that is wrong with a value. All three are short, whatever the value and the schema.
type Fault struct {
	Instance string // a JSON pointer (RFC 6901) to the part of the value; empty for the whole
	Keyword  string // a URI reference to the keyword that refuses it: #/properties/id/type, or common/money.json#/type
	Message  string
}

func (f Fault) String() string {
	text := f.Message + " (" + f.Keyword + ")"
	if f.Instance == "" {
		return text
	}
	return f.Instance + ": " + text
}

func (e *ValidationError) Error() string {
	var out strings.Builder
	for i, fault := range e.Faults {
		if i > 0 {
			out.WriteString("; ")
		}
		out.WriteString(fault.String())
	}
	return out.String()
}

// SchemaError says why a schema cannot be used.
type SchemaError struct {
	Reference string // the name of the referenced schema that is wrong; empty for the schema itself
	Err       error
}

func (e *SchemaError) Error() string {
	if e.Reference == "" {
		return fmt.Sprintf("json schema: %v", e.Err)
	}
	return fmt.Sprintf("json schema: reference %q: %v", clip(e.Reference), e.Err)
}

func (e *SchemaError) Unwrap() error { return e.Err }

// UnknownReferenceError says that a schema refers to another one which did not come with it. Nothing is fetched.
type UnknownReferenceError struct {
	URI string
}

func (e *UnknownReferenceError) Error() string {
	return fmt.Sprintf("no schema is known as %q: register it, and name it so in the references of this one", clip(e.URI))
}

// clip shortens text that comes from outside to what a message can hold.
func clip(text string) string { return clipTo(text, 100) }

func clipTo(text string, size int) string {
	if len(text) <= size {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	for size > 0 && !utf8.RuneStart(text[size]) {
		size--
	}
	return strings.ToValidUTF8(text[:size], "\uFFFD") + "..."
}
