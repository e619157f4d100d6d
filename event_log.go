package troupe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/troupe-go/troupe/stream"
)

// eventLog writes to the logger what a person should know of the events: what is wrong or changes rarely at level info and
// above, the daily routine at debug. A line has the event's name as its message and the event's JSON fields, in their
// order, as its attributes.
type eventLog struct{ logger *slog.Logger }

func newEventLog(logger *slog.Logger) *eventLog { return &eventLog{logger: logger} }

func (l *eventLog) receive(e stream.EventTime) {
	ctx, level := context.Background(), eventLevel(e.Event)
	if !l.logger.Enabled(ctx, level) {
		return
	}
	attrs, err := eventAttrs(e.Event)
	if err != nil {
		attrs = append(attrs, slog.Any("unwritable", err))
	}
	l.logger.LogAttrs(ctx, level, e.Event.EventName(), attrs...)
}

// eventAttrs reads an event's fields back from its JSON: that is the one place where they are named and ordered.
func eventAttrs(e stream.Event) ([]slog.Attr, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e); err != nil {
		return nil, fmt.Errorf("event %s: %w", e.EventName(), err)
	}
	decoder := json.NewDecoder(&b)
	decoder.UseNumber()
	if _, err := decoder.Token(); err != nil {
		return nil, fmt.Errorf("event %s: %w", e.EventName(), err)
	}
	var attrs []slog.Attr
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return attrs, fmt.Errorf("event %s: %w", e.EventName(), err)
		}
		name, ok := key.(string)
		if !ok {
			return attrs, errors.New("event " + e.EventName() + ": a field without a name")
		}
		var value any
		if err := decoder.Decode(&value); err != nil {
			return attrs, fmt.Errorf("event %s: %s: %w", e.EventName(), name, err)
		}
		attrs = append(attrs, eventAttr(name, value))
	}
	return attrs, nil
}

func eventAttr(name string, value any) slog.Attr {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return slog.Int64(name, n)
		}
		f, _ := v.Float64() // it was a number a moment ago
		return slog.Float64(name, f)
	case []any:
		return slog.Any(name, shortened(v))
	default:
		return slog.Any(name, v)
	}
}

// shortened writes partitions as "orders-3", and with an offset as "orders-3@17": there may be hundreds on a line.
func shortened(list []any) []any {
	short := make([]any, len(list))
	for i, item := range list {
		short[i] = item
		fields, _ := item.(map[string]any)
		topic, isPartition := fields["topic"]
		if !isPartition {
			continue
		}
		text := fmt.Sprintf("%v-%v", topic, fields["partition"])
		if offset, has := fields["offset"]; has {
			text += fmt.Sprintf("@%v", offset)
		}
		short[i] = text
	}
	return short
}

func eventLevel(e stream.Event) slog.Level {
	switch e := e.(type) {
	case stream.Committed, stream.Skipped, stream.Retried:
		return slog.LevelDebug
	case stream.Assigned, stream.Revoked, stream.Started, stream.Stalled, stream.Resumed, stream.Paused, stream.ProgressResumed,
		stream.KeyReleased:
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
	case stream.Panicked, stream.Restarted, stream.Dropped, stream.NoProgress:
		return slog.LevelError
	case stream.Lost, stream.StartUnavailable, stream.OutOfRange, stream.TopicRecreated, stream.MetadataIgnored, stream.CommitFailed,
		stream.DeadLettered, stream.KeyHeld, stream.HandlerStuckFor, stream.ClientTrouble:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}
