package troupe

import (
	"errors"
	"strings"
	"time"

	"github.com/troupe-go/troupe/stream"
	"github.com/troupe-go/troupe/supervisor"
)

// UnfinishedError is what Run returns when a stop had to leave work behind: its What names it. The records concerned are
// not committed, and will be handled again.
type UnfinishedError = supervisor.UnfinishedError

// ConfigError lists everything that is wrong with a Config.
type ConfigError struct{ Faults []ConfigFault }

// ConfigFault is one thing that is wrong.
type ConfigFault struct {
	Field   string // the field of Config, such as "Retry.Jitter"
	Message string // what is wrong, and how to mend it
}

func (e *ConfigError) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.Field + ": " + f.Message
	}
	return "troupe: configuration: " + strings.Join(lines, "; ")
}

// ErrRunTwice is what Run returns when it is called a second time.
var ErrRunTwice = errors.New("troupe: a Processor runs once; make another with New")

// Permanent marks err as final: no retry will help, and the record goes to the dead letters at once.
func Permanent(err error) error { return stream.Permanent(err) }

// Skip ends a record as done and counts it as skipped. Reasons come from a small set of words.
func Skip(reason string) error { return stream.Skip(reason) }

// RetryAfter is a failure whose next attempt waits d instead of the backoff. It uses up an attempt.
func RetryAfter(err error, d time.Duration) error { return stream.RetryAfter(err, d) }

// Unavailable says that the dependency called name is down: no attempt is used up, nothing goes to the dead letters, and
// one probe at a time tries again until it is back.
func Unavailable(err error, name string) error { return stream.Unavailable(err, name) }
