package troupe

import (
	"context"
	"log/slog"

	"github.com/troupe-go/troupe/stream"
)

// eventLog writes to the logger what a person should know of the events: what is wrong or changes rarely at level info and
// above, the daily routine at debug.
type eventLog struct{ logger *slog.Logger }

func newEventLog(logger *slog.Logger) *eventLog { return &eventLog{logger: logger} }

func (l *eventLog) receive(e stream.EventTime) {
	level := eventLevel(e.Event)
	if !l.logger.Enabled(context.Background(), level) {
		return
	}
	l.logger.LogAttrs(context.Background(), level, e.Event.EventName(), slog.Any("event", e.Event))
}

func eventLevel(e stream.Event) slog.Level {
	switch e := e.(type) {
	case stream.Committed, stream.Skipped, stream.Stale, stream.Retried:
		return slog.LevelDebug
	case stream.Assigned, stream.Revoked, stream.Started, stream.Stalled, stream.Resumed, stream.Paused:
		return slog.LevelInfo
	case stream.CauseChanged:
		if e.To <= stream.Flowing || e.To == stream.Draining || e.To == stream.RetryBackoff || e.To == stream.HandlerSlow {
			return slog.LevelDebug
		}
		return slog.LevelWarn
	case stream.CircuitChanged:
		if !e.Open {
			return slog.LevelInfo
		}
		return slog.LevelWarn
	case stream.Ended:
		if e.Error != "" {
			return slog.LevelError
		}
		return slog.LevelInfo
	case stream.Panicked, stream.Restarted, stream.Dropped:
		return slog.LevelError
	case stream.Lost, stream.StartUnavailable, stream.OutOfRange, stream.MetadataIgnored, stream.CommitFailed,
		stream.DeadLettered, stream.HandlerStuckFor, stream.ClientTrouble:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}
