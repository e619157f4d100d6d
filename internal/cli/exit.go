package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/pipeline"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitMisuse = 2
)

// errReported ends a command that has told why it failed, so that only the exit code is left to give.
var errReported = errors.New("failed, as told")

// usageError is a command that was called wrongly: a flag, an argument, or a file that is not as it should be.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// misuse marks err as the caller's mistake, so that the exit code is 2.
func misuse(err error) error {
	if err == nil {
		return nil
	}
	return &usageError{err: err}
}

// exitCode is the exit code that an error stands for.
func exitCode(err error) int {
	var (
		usage  *usageError
		faults pipeline.Faults
		config *troupe.ConfigError
	)
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage), errors.As(err, &faults), errors.As(err, &config):
		return exitMisuse
	default:
		return exitFailed
	}
}

// report tells the person why the command failed; each fault of a configuration has its own line.
func (a *app) report(err error) {
	var faults pipeline.Faults
	var config *troupe.ConfigError
	switch {
	case err == nil, errors.Is(err, errReported):
	case errors.As(err, &faults):
		for _, f := range faults {
			fmt.Fprintln(a.stderr, f.Error())
		}
	case errors.As(err, &config):
		for _, f := range config.Faults {
			fmt.Fprintf(a.stderr, "%s: %s\n", f.Field, f.Message)
		}
	default:
		fmt.Fprintln(a.stderr, "troupe:", err)
	}
}

// unread says why a file that the caller named cannot be read.
func unread(file string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return misuse(fmt.Errorf("reading %s: %w", file, err))
}
