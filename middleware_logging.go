package troupe

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/troupe-go/troupe/internal/meter"
	"github.com/troupe-go/troupe/messages"
)

// Logging writes a line for every attempt of what it wraps: at level warn for one that failed, at debug for the others, with
// topic, partition, offset, attempt, duration_ms, verdict, and the error. The verdict is one of the words of the metric
// process_duration_seconds, or "abandoned" for an attempt that ended with its partition's assignment and counts as not made.
//
// No byte of the record's key, value or headers is written; what the handler puts into its errors is. attrs add what a line
// should say of a record besides. A nil logger is slog.Default().
//
// A batch has one line, with the offsets of its first and last record, how many it has and how many failed; the verdict is
// that of the first that failed. Those that a *[BatchError] names have a line each besides, with attrs.
//
// The processor's own events, in Config.Logger and Config.OnEvent, say what became of a record; this says what became of
// each attempt, and the duration is without the middleware around it.
func Logging(logger *slog.Logger, attrs ...func(*Record) slog.Attr) Middleware {
	if logger == nil {
		logger = slog.Default()
	}
	return func(next Handler) Handler {
		return enclose(next, func(ctx context.Context, r *Record) error {
			began := time.Now()
			return observe(func() error { return next.Handle(ctx, r) }, func(err error) {
				logAttempt(ctx, logger, attrs, r, time.Since(began), err)
			})
		}, func(ctx context.Context, next BatchHandler, records []*Record) error {
			began := time.Now()
			return observe(func() error { return next.HandleBatch(ctx, records) }, func(err error) {
				logBatch(ctx, logger, attrs, records, time.Since(began), err)
			})
		})
	}
}

// logBatch writes the line of a batch, and those of the records that were named.
func logBatch(
	ctx context.Context, logger *slog.Logger, attrs []func(*Record) slog.Attr, records []*Record, took time.Duration, err error,
) {
	word, failed := verdict(ctx, err), 0
	var partial *BatchError
	if errors.As(err, &partial) && partial.Check(len(records)) == nil {
		word = meter.ResultDone
		for i, index := range partial.Failed() {
			of := verdict(ctx, partial.Of(index))
			if i == 0 {
				word = of
			}
			if isFailure(of) {
				failed++
			}
			logAttempt(ctx, logger, attrs, records[index], took, partial.Of(index))
		}
	} else if isFailure(word) {
		failed = len(records)
	}
	level, text := slog.LevelDebug, "batch handled"
	switch {
	case failed > 0:
		level, text = slog.LevelWarn, "batch failed"
	case word == meter.ResultAbandoned:
		text = "attempt abandoned"
	}
	if !logger.Enabled(ctx, level) {
		return
	}
	first, last := records[0], records[len(records)-1]
	line := []slog.Attr{
		slog.String("topic", first.Topic), slog.Int("partition", int(first.Partition)), slog.Int64("offset", first.Offset),
		slog.Int64("last_offset", last.Offset), slog.Int("records", len(records)), slog.Int("failed", failed),
		slog.Float64("duration_ms", float64(took)/float64(time.Millisecond)), slog.String("verdict", word),
	}
	if err != nil {
		line = append(line, slog.String("error", err.Error()))
	}
	logger.LogAttrs(ctx, level, text, line...)
}

func logAttempt(ctx context.Context, logger *slog.Logger, attrs []func(*Record) slog.Attr, r *Record, took time.Duration, err error) {
	word, level, text := verdict(ctx, err), slog.LevelWarn, "attempt failed"
	switch word {
	case meter.ResultDone, meter.ResultSkipped:
		level, text = slog.LevelDebug, "record handled"
	case meter.ResultAbandoned:
		level, text = slog.LevelDebug, "attempt abandoned"
	}
	if !logger.Enabled(ctx, level) {
		return
	}
	line := make([]slog.Attr, 0, 7+len(attrs))
	line = append(line,
		slog.String("topic", r.Topic), slog.Int("partition", int(r.Partition)), slog.Int64("offset", r.Offset),
		slog.Int("attempt", int(r.Attempt)), slog.Float64("duration_ms", float64(took)/float64(time.Millisecond)),
		slog.String("verdict", word))
	if err != nil {
		line = append(line, slog.String("error", err.Error()))
	}
	for _, attr := range attrs {
		line = append(line, attr(r))
	}
	logger.LogAttrs(ctx, level, text, line...)
}

func isFailure(verdict string) bool {
	return verdict != meter.ResultDone && verdict != meter.ResultSkipped && verdict != meter.ResultAbandoned
}

// verdict is the word for what the processor makes of the outcome of a handler.
func verdict(ctx context.Context, err error) string {
	if err == nil {
		return meter.ResultDone
	}
	kind := failureKind(ctx, err)
	if errors.Is(ctx.Err(), context.Canceled) {
		switch kind {
		case messages.Failed, messages.FailedLater, messages.Unavailable:
			return meter.ResultAbandoned
		case messages.Refused:
			if errors.Is(err, context.Canceled) {
				return meter.ResultAbandoned
			}
		case messages.TimedOut, messages.Panicked, messages.Skipped, messages.OutputRefused, messages.StuckTooLong,
			messages.KeyHeld:
		}
	}
	return kind.Reason()
}

func failureKind(ctx context.Context, err error) messages.FailureKind {
	var (
		permanent   *PermanentError
		skip        *SkipError
		unavailable *UnavailableError
		panicked    *PanicError
		later       *RetryAfterError
	)
	switch {
	case errors.As(err, &permanent):
		return messages.Refused
	case errors.As(err, &skip):
		return messages.Skipped
	case errors.As(err, &unavailable):
		return messages.Unavailable
	case errors.Is(err, errGoexit), errors.As(err, &panicked) && !errors.As(err, &later):
		return messages.Panicked
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return messages.TimedOut
	case errors.As(err, &later):
		return messages.FailedLater
	default:
		return messages.Failed
	}
}
