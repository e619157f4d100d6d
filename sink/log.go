package sink

import (
	"context"
	"log/slog"
	"strings"

	"github.com/troupe-go/troupe/stream"
)

// loggedBytesMax bounds how much of a key or value one log line repeats.
const loggedBytesMax = 4096

// Log writes each result as a log line at level info.
type Log struct{ Logger *slog.Logger }

// Write logs the results.
func (s Log) Write(ctx context.Context, r *stream.Record, results []stream.Message) error {
	for i := range results {
		s.Logger.LogAttrs(ctx, slog.LevelInfo, "record",
			slog.String("topic", r.Topic), slog.Int64("partition", int64(r.Partition)), slog.Int64("offset", r.Offset),
			text("key", results[i].Key), text("value", results[i].Value))
	}
	return nil
}

// Close does nothing.
func (Log) Close() error { return nil }

// text shows bytes as a person reads them; null stays apart from empty.
func text(name string, b []byte) slog.Attr {
	if b == nil {
		return slog.Any(name, nil)
	}
	if len(b) > loggedBytesMax {
		return slog.String(name, strings.ToValidUTF8(string(b[:loggedBytesMax]), "\uFFFD")+"...")
	}
	return slog.String(name, strings.ToValidUTF8(string(b), "\uFFFD"))
}
