package confluent

import (
	"context"
	"log/slog"
	"sync"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// syslog levels that librdkafka uses.
const (
	levelCritical = 2
	levelWarning  = 4
)

// logs passes librdkafka's log lines of one client on. They are for debugging: what a user must know comes as an error
// too, and those lines repeat with every attempt. Warnings about the configuration come once and are shown.
type logs struct {
	events chan ck.LogEvent
	resets *resets
	ended  chan struct{}
	once   sync.Once
	gone   sync.WaitGroup
}

func newLogs(to *slog.Logger) *logs {
	l := &logs{events: make(chan ck.LogEvent, 256), resets: newResets(), ended: make(chan struct{})}
	l.gone.Go(func() {
		for {
			select {
			case e := <-l.events:
				l.resets.read(e)
				to.Log(context.Background(), logLevel(e), e.Message, "client", e.Name, "tag", e.Tag)
			case <-l.ended:
				return
			}
		}
	})
	return l
}

// stop ends the goroutine. The client must be closed, or never made.
func (l *logs) stop() {
	l.once.Do(func() { close(l.ended) })
	l.gone.Wait()
}

func logLevel(e ck.LogEvent) slog.Level {
	switch {
	case e.Level <= levelCritical:
		return slog.LevelError
	case e.Tag == "CONFWARN" && e.Level <= levelWarning:
		return slog.LevelWarn
	default:
		return slog.LevelDebug
	}
}

// troubleInterval is how long an error of a producer, once said, is not said again.
const troubleInterval = 30 * time.Second

// thinned logs each kind of error once an interval.
type thinned struct {
	to   *slog.Logger
	said map[ck.ErrorCode]time.Time
}

func (t *thinned) warn(e ck.Error) {
	now := time.Now()
	if last, said := t.said[e.Code()]; said && now.Sub(last) < troubleInterval {
		return
	}
	if t.said == nil {
		t.said = make(map[ck.ErrorCode]time.Time)
	}
	t.said[e.Code()] = now
	t.to.Warn("the Kafka producer reports an error and goes on", "error", e.Error(), "code", int(e.Code()))
}
