package troupe_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
)

// attemptLines gives the lines of one attempt by handle, at a level.
func attemptLines(ctx context.Context, level slog.Level, handle troupe.HandlerFunc, attrs ...func(*troupe.Record) slog.Attr) string {
	var lines bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{
		Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	handler := troupe.Recover()(troupe.Logging(logger, attrs...)(handle))
	_ = handler.Handle(ctx, &troupe.Record{
		Topic: "orders", Partition: 3, Offset: 42, Attempt: 2, Key: []byte("secret-key"), Value: []byte("secret-value"),
		Headers: []troupe.Header{{Key: "secret-header", Value: []byte("secret-too")}},
	})
	return lines.String()
}

func TestLoggingWritesALineForEachAttempt(t *testing.T) {
	t.Parallel()
	const record = "topic=orders partition=3 offset=42 attempt=2 duration_ms=1500 "
	cause := errors.New("cause")
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"done":        {nil, `level=DEBUG msg="record handled" ` + record + "verdict=done\n"},
		"skipped":     {troupe.Skip("old"), `level=DEBUG msg="record handled" ` + record + "verdict=skipped error=\"skipped: old\"\n"},
		"error":       {cause, `level=WARN msg="attempt failed" ` + record + "verdict=error error=cause\n"},
		"permanent":   {troupe.Permanent(cause), `level=WARN msg="attempt failed" ` + record + "verdict=permanent error=cause\n"},
		"retry-after": {troupe.RetryAfter(cause, time.Minute), `level=WARN msg="attempt failed" ` + record + "verdict=retry-after error=cause\n"},
		"unavailable": {
			troupe.Unavailable(cause, "db"),
			`level=WARN msg="attempt failed" ` + record + "verdict=unavailable error=\"db is unavailable: cause\"\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				handle := func(context.Context, *troupe.Record) error {
					<-time.After(1500 * time.Millisecond)
					return c.err
				}
				require.Equal(t, c.want, attemptLines(t.Context(), slog.LevelDebug, handle))
			})
		})
	}
}

func TestLoggingKeepsTheRoutineForDebug(t *testing.T) {
	t.Parallel()
	require.Empty(t, attemptLines(t.Context(), slog.LevelInfo, succeeds))
	ended, end := context.WithCancel(t.Context())
	end()
	require.Empty(t, attemptLines(ended, slog.LevelInfo, untilCancelled), "nobody is to blame for what counts as not made")
	require.Contains(t, attemptLines(ended, slog.LevelDebug, untilCancelled), "verdict=abandoned")
	late, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	require.Contains(t, attemptLines(late, slog.LevelInfo, untilCancelled), "verdict=timeout")
}

func TestLoggingSaysWhatElseIsWantedOfARecord(t *testing.T) {
	t.Parallel()
	line := attemptLines(t.Context(), slog.LevelDebug, succeeds, func(r *troupe.Record) slog.Attr {
		return slog.String("key", string(r.Key))
	})
	require.Contains(t, line, "key=secret-key")
	require.NotContains(t, line, "secret-value")
	require.NotContains(t, line, "secret-too")
}

func TestLoggingSeesPanicsAndGoexit(t *testing.T) {
	t.Parallel()
	require.Contains(t, attemptLines(t.Context(), slog.LevelInfo, func(context.Context, *troupe.Record) error { panic("boom") }),
		`verdict=panic error="panic: boom"`)
	lines := make(chan string, 1)
	go func() {
		var text string
		defer func() { lines <- text }()
		var b bytes.Buffer
		defer func() { text = b.String() }()
		logger := slog.New(slog.NewTextHandler(&b, nil))
		_ = troupe.Logging(logger)(troupe.HandlerFunc(func(context.Context, *troupe.Record) error {
			runtime.Goexit()
			return nil
		})).Handle(context.Background(), &troupe.Record{})
	}()
	require.Contains(t, <-lines, "verdict=panic")
}
