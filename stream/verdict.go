package stream

import (
	"errors"
	"fmt"
	"time"
)

// PermanentError says that no retry will help: the record goes to the dead letters at once.
type PermanentError struct{ Err error }

func (e *PermanentError) Error() string { return e.Err.Error() }
func (e *PermanentError) Unwrap() error { return e.Err }

// Permanent marks err as final. It returns nil for nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &PermanentError{Err: err}
}

// SkipError says that the record is done without effect, on purpose.
type SkipError struct{ Reason string }

func (e *SkipError) Error() string { return "skipped: " + e.Reason }

// Skip ends a record as done and counts it as skipped. The reason is counted in metrics, so it must come from a small
// set of words.
func Skip(reason string) error { return &SkipError{Reason: reason} }

// RetryAfterError asks for the next attempt after a pause of the handler's choice.
type RetryAfterError struct {
	Err   error
	After time.Duration
}

func (e *RetryAfterError) Error() string { return e.Err.Error() }
func (e *RetryAfterError) Unwrap() error { return e.Err }

// RetryAfter is a failure whose next attempt waits d instead of the policy's backoff. It uses up an attempt.
func RetryAfter(err error, d time.Duration) error {
	if err == nil {
		err = errors.New("retry requested")
	}
	return &RetryAfterError{Err: err, After: max(d, 0)}
}

// UnavailableError says that a named dependency is down.
type UnavailableError struct {
	Err  error
	Name string
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("%s is unavailable: %v", e.Name, e.Err)
}
func (e *UnavailableError) Unwrap() error { return e.Err }

// Unavailable says that the dependency called name is down (connection refused, 502, 503, 504). No attempt is used up
// and nothing goes to the dead letters: the circuit of that name opens, the record waits, and one probe at a time tries
// again. Names come from a small set: they label metrics.
func Unavailable(err error, name string) error {
	if err == nil {
		err = errors.New("no answer")
	}
	return &UnavailableError{Err: err, Name: name}
}
