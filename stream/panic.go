package stream

import "fmt"

// PanicError is a recovered panic of a handler. It is retried like any other failure; a dead letter that comes of it has
// the error type "panic" and the stack.
type PanicError struct {
	Value any    // what the handler panicked with
	Stack []byte // of the handler's goroutine, as runtime/debug.Stack gives it
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// ErrorType names the error in dead letters.
func (e *PanicError) ErrorType() string { return "panic" }
