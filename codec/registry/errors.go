package registry

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/troupe-go/troupe/stream"
)

// Dependency is the name under which an outage is reported: what waits for it has cause registry-unavailable.
const Dependency = "registry"

// What makes a schema unusable.
var (
	ErrTooLarge   = errors.New("too large")
	ErrReferences = errors.New("its references cannot be resolved")
	ErrType       = errors.New("its type is not known")
)

// UnknownSchemaError says that the registry is there and has no such schema. A record that names it cannot be decoded; a
// subject may get a schema later.
type UnknownSchemaError struct {
	What string // "schema id 7", "subject orders-value", "version 3 of subject money"
	Err  error  // the registry's answer
}

func (e *UnknownSchemaError) Error() string {
	return fmt.Sprintf("%s is not in the registry: %v", e.What, e.Err)
}

func (e *UnknownSchemaError) Unwrap() error { return e.Err }

// DeadLetterReason labels the dead letter of a record that names the schema.
func (*UnknownSchemaError) DeadLetterReason() string { return "decode" }

// UnusableSchemaError says that a schema exists, but will not be used: it is beyond a limit, or its references are broken.
type UnusableSchemaError struct {
	What string // as in UnknownSchemaError
	Err  error  // wraps ErrTooLarge, ErrReferences or ErrType, and may wrap an UnknownSchemaError
}

func (e *UnusableSchemaError) Error() string {
	return fmt.Sprintf("%s cannot be used: %v", e.What, e.Err)
}

func (e *UnusableSchemaError) Unwrap() error { return e.Err }

// DeadLetterReason labels the dead letter of a record that names the schema.
func (*UnusableSchemaError) DeadLetterReason() string { return "decode" }

// RejectedError says that the registry refused a schema. It will refuse it again, until the subject's other versions or
// its compatibility level are changed.
type RejectedError struct {
	Subject string
	// Incompatible says that earlier versions of the subject are why (HTTP 409); else the schema is not valid.
	Incompatible bool
	Err          error // mostly the registry's answer
}

func (e *RejectedError) Error() string {
	if e.Incompatible {
		return fmt.Sprintf("the schema is not compatible with the versions of subject %s that are registered: %v "+
			"(change the schema, or the subject's compatibility level in the registry)", e.Subject, e.Err)
	}
	return fmt.Sprintf("the schema for subject %s is not accepted: %v", e.Subject, e.Err)
}

func (e *RejectedError) Unwrap() error { return e.Err }

// unavailable is an outage in the engine's words.
func unavailable(err error) error { return stream.Unavailable(err, Dependency) }

// isUnavailable says whether an error is an outage.
func isUnavailable(err error) bool {
	var outage *stream.UnavailableError
	return errors.As(err, &outage)
}

// refusal is an answer with another status than 2xx.
type refusal struct {
	status  int
	code    int    // the registry's own; 0 where the answer is not a registry's
	message string // one line
}

func (e *refusal) Error() string {
	switch {
	case e.code != 0 && e.message != "":
		return fmt.Sprintf("HTTP %d, code %d: %s", e.status, e.code, e.message)
	case e.message != "":
		return fmt.Sprintf("HTTP %d: %s", e.status, e.message)
	default:
		return fmt.Sprintf("HTTP %d", e.status)
	}
}

// hint is an error with what can be done about it.
type hint struct {
	err  error
	text string
}

func (e *hint) Error() string { return e.err.Error() + " (" + e.text + ")" }

func (e *hint) Unwrap() error { return e.err }

// errGarbled is an answer that does not come from a schema registry.
var errGarbled = errors.New("the answer is not a schema registry's")

// What is shown of an answer, in letters.
const (
	messageLettersMax   = 300
	beginningLettersMax = 40
)

// oneLine makes a message from outside fit for an error: printable, on one line, not long.
func oneLine(text string) string { return shorten(text, messageLettersMax) }

// beginning shows what an answer begins with that should have been another.
func beginning(text string) string { return shorten(text, beginningLettersMax) }

func shorten(text string, lettersMax int) string {
	var out strings.Builder
	letters, space := 0, false
	for _, letter := range text {
		if unicode.IsSpace(letter) || !unicode.IsPrint(letter) {
			space = out.Len() > 0
			continue
		}
		if letters++; letters > lettersMax {
			out.WriteString(" ...")
			break
		}
		if space {
			out.WriteByte(' ')
			space = false
		}
		out.WriteRune(letter)
	}
	return out.String()
}
