package franz

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// logs passes the client's log lines on, at level debug: what a user must know comes as an error too, and those lines
// repeat with every attempt.
type logs struct {
	to   *slog.Logger
	name string
}

var _ kgo.Logger = logs{}

// Level keeps the client from composing lines that nobody reads.
func (l logs) Level() kgo.LogLevel {
	if l.to.Enabled(context.Background(), slog.LevelDebug) {
		return kgo.LogLevelInfo
	}
	return kgo.LogLevelNone
}

// Log takes one line.
func (l logs) Log(level kgo.LogLevel, message string, keyvals ...any) {
	l.to.Log(context.Background(), slog.LevelDebug, message, append([]any{"client", l.name, "severity", level.String()}, keyvals...)...)
}

// troubleInterval is how long an error of a producer, once said, is not said again.
const troubleInterval = 30 * time.Second

// thinned logs each error once an interval.
type thinned struct {
	to   *slog.Logger
	mu   sync.Mutex
	said map[string]time.Time
}

func (t *thinned) trouble(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, text := time.Now(), err.Error()
	if last, said := t.said[text]; said && now.Sub(last) < troubleInterval {
		return
	}
	if t.said == nil || len(t.said) >= troublesMax {
		t.said = make(map[string]time.Time)
	}
	t.said[text] = now
	t.to.Warn("the Kafka producer reports an error and goes on", "error", text)
}
