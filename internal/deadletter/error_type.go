package deadletter

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/troupe-go/troupe/stream"
)

// ErrorType gives a readable name of an error's type: that of the first error in the chain that says more than its text,
// such as "*json.SyntaxError". Verdicts and the plain wrappers of fmt and errors say no more. An exceeded deadline is
// "timeout", a text without a type is "error", and an error with a method ErrorType() string names itself.
func ErrorType(err error) string {
	if err == nil {
		return ""
	}
	var named interface{ ErrorType() string }
	if errors.As(err, &named) {
		return named.ErrorType()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "timeout"
	}
	if name := typeName(err); name != "" {
		return name
	}
	return "error"
}

// typeName gives the first telling type name, depth first; empty where there is none.
func typeName(err error) string {
	if err == nil {
		return ""
	}
	if telling(err) {
		return fmt.Sprintf("%T", err)
	}
	switch e := err.(type) { //nolint:errorlint // this is the walk that errors.As would do
	case interface{ Unwrap() error }:
		return typeName(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			if name := typeName(part); name != "" {
				return name
			}
		}
	}
	return ""
}

func telling(err error) bool {
	switch err.(type) { //nolint:errorlint // only this error itself is asked, the caller walks the chain
	case *stream.PermanentError, *stream.RetryAfterError, *stream.UnavailableError, *stream.SkipError:
		return false
	}
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	// The unexported types of these two packages are texts and wrappers.
	unexported := t.Name() == "" || t.Name()[0] < 'A' || t.Name()[0] > 'Z'
	return !unexported || (t.PkgPath() != "fmt" && t.PkgPath() != "errors")
}
