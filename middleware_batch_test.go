package troupe_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/stream"
)

// batchOf is a handler of batches as middleware is given one.
func batchOf(handle troupe.BatchHandlerFunc) troupe.Handler { return stream.Batched(handle) }

// batching is what a middleware has made of a batch handler.
func batching(t *testing.T, m troupe.Middleware, handle troupe.BatchHandlerFunc) troupe.BatchHandler {
	t.Helper()
	made, ok := m(batchOf(handle)).(troupe.BatchHandler)
	require.True(t, ok)
	return made
}

func someRecords(n int) []*troupe.Record {
	records := make([]*troupe.Record, n)
	for i := range records {
		records[i] = &troupe.Record{Topic: "orders", Partition: 3, Offset: int64(10 + i), Attempt: 1, Key: []byte{byte('a' + i)}}
	}
	return records
}

// batchCloser is a batch handler of a lane's own.
type batchCloser struct {
	troupe.BatchHandlerFunc
	closed int
}

func (c *batchCloser) Close() error {
	c.closed++
	return nil
}

func TestMiddlewarePassesBatchesThrough(t *testing.T) {
	t.Parallel()
	all := everyMiddleware()
	for name, m := range all {
		if name == "Tracing" || name == "Tracing without an end" {
			delete(all, name)
			_, takes := m(batchOf(nil)).(troupe.BatchHandler)
			require.False(t, takes, name)
		}
	}
	all["Around"] = troupe.Around(func(ctx context.Context, _ []*troupe.Record, next func(context.Context) error) error {
		return next(ctx)
	})
	var s span
	all["TracingBatches"] = troupe.TracingBatches(func(ctx context.Context, _ []*troupe.Record) (context.Context, func(error)) {
		return s.start(ctx, nil)
	})
	all["TracingBatches without an end"] = troupe.TracingBatches(
		func(ctx context.Context, _ []*troupe.Record) (context.Context, func(error)) { return ctx, nil })
	for name, m := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var partial troupe.BatchError
			partial.Fail(1, errors.New("boom"))
			partial.StopAt(3)
			for _, verdict := range []error{nil, errors.New("all"), partial.Err()} {
				var got []*troupe.Record
				inner := &batchCloser{BatchHandlerFunc: func(_ context.Context, records []*troupe.Record) error {
					got = records
					records[2].Emit(troupe.Message{Topic: "out"})
					return verdict
				}}
				wrapped := m(stream.Batched(inner))
				records := someRecords(4)
				require.Equal(t, verdict, wrapped.(troupe.BatchHandler).HandleBatch(t.Context(), records))
				require.Equal(t, records, got)
				require.Len(t, records[2].Outputs(), 1)
				require.NoError(t, wrapped.(io.Closer).Close())
				require.Equal(t, 1, inner.closed)
			}
			_, takes := m(succeeds).(troupe.BatchHandler)
			require.False(t, takes, "there is nothing within that would take batches")
			_, closes := m(batchOf(nil)).(io.Closer)
			require.False(t, closes, "there is nothing to close")
		})
	}
}

func TestAroundStandsAroundRecordsAndBatches(t *testing.T) {
	t.Parallel()
	type mark struct{}
	refused := errors.New("refused")
	m := troupe.Around(func(ctx context.Context, records []*troupe.Record, next func(context.Context) error) error {
		if records[0].Offset == 99 {
			return refused
		}
		if err := next(context.WithValue(ctx, mark{}, len(records))); err != nil {
			return troupe.Permanent(err)
		}
		return nil
	})
	boom := errors.New("boom")
	single := m(troupe.HandlerFunc(func(ctx context.Context, r *troupe.Record) error {
		require.Equal(t, 1, ctx.Value(mark{}))
		require.EqualValues(t, 10, r.Offset)
		return boom
	}))
	err := single.Handle(t.Context(), someRecords(1)[0])
	require.ErrorIs(t, err, boom)
	var permanent *troupe.PermanentError
	require.ErrorAs(t, err, &permanent)
	require.Equal(t, refused, single.Handle(t.Context(), &troupe.Record{Offset: 99}), "without calling the handler")
	many := batching(t, m, func(ctx context.Context, records []*troupe.Record) error {
		require.Equal(t, len(records), ctx.Value(mark{}))
		return nil
	})
	require.NoError(t, many.HandleBatch(t.Context(), someRecords(5)))
}

func TestABatchTakesATokenForEachRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var times []time.Duration
		limited := batching(t, troupe.RateLimit(10, 5), func(context.Context, []*troupe.Record) error {
			times = append(times, time.Since(start))
			return nil
		})
		for _, n := range []int{5, 1, 20, 3} {
			require.NoError(t, limited.HandleBatch(t.Context(), someRecords(n)))
		}
		const tenth = time.Second / 10
		require.Equal(t, []time.Duration{0, tenth, 21 * tenth, 24 * tenth}, times)
		<-time.After(time.Hour)
		start, times = time.Now(), nil
		for _, n := range []int{20, 1} {
			require.NoError(t, limited.HandleBatch(t.Context(), someRecords(n)))
		}
		require.Equal(t, []time.Duration{15 * tenth, 16 * tenth}, times, "a lull saves up no more than the burst")
	})
}

func TestABatchThatLeavesGivesItsTokensBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		limited := batching(t, troupe.RateLimit(1, 1), func(context.Context, []*troupe.Record) error { return nil })
		require.NoError(t, limited.HandleBatch(t.Context(), someRecords(1)))
		leaving, leave := context.WithCancel(t.Context())
		var waiting sync.WaitGroup
		waiting.Go(func() { require.Equal(t, context.Canceled, limited.HandleBatch(leaving, someRecords(1000))) })
		synctest.Wait()
		waiting.Go(func() { require.NoError(t, limited.HandleBatch(t.Context(), someRecords(1))) })
		<-time.After(500 * time.Millisecond)
		leave()
		waiting.Wait()
		require.Equal(t, time.Second, time.Since(start))
	})
}

func TestTimeoutBoundsABatchAsAWholeAndNamesWhatFailed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		boom := errors.New("boom")
		handle := func(handle func(ctx context.Context) error) error {
			return batching(t, troupe.Timeout(time.Second), func(ctx context.Context, _ []*troupe.Record) error {
				<-ctx.Done()
				return handle(ctx)
			}).HandleBatch(t.Context(), someRecords(5))
		}
		err := handle(func(context.Context) error {
			var e troupe.BatchError
			e.Fail(1, troupe.Permanent(boom))
			e.StopAt(3)
			return e.Err()
		})
		require.Equal(t, time.Second, time.Since(began))
		var partial *troupe.BatchError
		require.ErrorAs(t, err, &partial)
		require.NoError(t, partial.Check(5))
		require.Equal(t, []int{1}, partial.Failed())
		require.Equal(t, 3, partial.Attempted(5))
		require.ErrorContains(t, partial.Of(1), "longer than 1s: boom")
		var permanent *troupe.PermanentError
		require.ErrorAs(t, partial.Of(1), &permanent)

		err = handle(context.Context.Err)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "longer than 1s")
		require.NoError(t, handle(func(context.Context) error { return nil }), "what is done is done")
		err = handle(func(context.Context) error { var e troupe.BatchError; e.Fail(7, boom); return e.Err() })
		require.ErrorIs(t, err, context.DeadlineExceeded, "one that does not fit the batch is every record's")
	})
}

func TestRecoverTakesAPanicForAnErrorOfAllRecords(t *testing.T) {
	t.Parallel()
	err := batching(t, troupe.Recover(), func(context.Context, []*troupe.Record) error { return explode() }).
		HandleBatch(t.Context(), someRecords(2))
	var panicked *troupe.PanicError
	require.ErrorAs(t, err, &panicked)
	require.Contains(t, string(panicked.Stack), "explode")
}

func TestTracingBatchesHasOneSpanForABatch(t *testing.T) {
	t.Parallel()
	var s span
	var seen []int
	m := troupe.TracingBatches(func(ctx context.Context, records []*troupe.Record) (context.Context, func(error)) {
		seen = append(seen, len(records))
		return s.start(ctx, records[0])
	})
	var partial troupe.BatchError
	partial.Fail(1, errors.New("boom"))
	err := batching(t, m, func(ctx context.Context, _ []*troupe.Record) error {
		require.Same(t, &s, ctx.Value(spanKey{}))
		return partial.Err()
	}).HandleBatch(t.Context(), someRecords(3))
	require.Equal(t, partial.Err(), err)
	require.Equal(t, span{err: err, ended: 1}, s)
	require.Panics(t, func() {
		_ = batching(t, m, func(context.Context, []*troupe.Record) error { return explode() }).HandleBatch(t.Context(), someRecords(2))
	})
	require.EqualError(t, s.err, "panic: boom")
	require.NoError(t, m(succeeds).Handle(t.Context(), someRecords(1)[0]))
	require.Equal(t, []int{3, 2, 1}, seen)
}

// batchLines are the lines of Logging for a batch of three.
func batchLines(ctx context.Context, t *testing.T, level slog.Level, verdict error) string {
	t.Helper()
	var out bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	m := troupe.Logging(logger, func(r *troupe.Record) slog.Attr { return slog.String("key", string(r.Key)) })
	require.Equal(t, verdict, batching(t, m, func(context.Context, []*troupe.Record) error {
		<-time.After(20 * time.Millisecond)
		return verdict
	}).HandleBatch(ctx, someRecords(3)))
	return out.String()
}

func TestLoggingHasALineForABatchAndOneForEachRecordThatIsNamed(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	named := func(set func(e *troupe.BatchError)) error {
		var e troupe.BatchError
		set(&e)
		return e.Err()
	}
	const (
		batch  = "topic=orders partition=3 offset=10 last_offset=12 records=3 "
		second = "topic=orders partition=3 offset=11 attempt=1 duration_ms=20 "
		third  = "topic=orders partition=3 offset=12 attempt=1 duration_ms=20 "
	)
	for name, c := range map[string]struct {
		verdict error
		want    string
	}{
		"done":    {nil, `level=DEBUG msg="batch handled" ` + batch + "failed=0 duration_ms=20 verdict=done\n"},
		"all":     {boom, `level=WARN msg="batch failed" ` + batch + "failed=3 duration_ms=20 verdict=error error=boom\n"},
		"skipped": {troupe.Skip("old"), `level=DEBUG msg="batch handled" ` + batch + "failed=0 duration_ms=20 verdict=skipped error=\"skipped: old\"\n"},
		"some": {
			named(func(e *troupe.BatchError) { e.Fail(1, troupe.Permanent(boom)); e.Fail(2, troupe.Skip("old")) }),
			`level=WARN msg="attempt failed" ` + second + "verdict=permanent error=boom key=b\n" +
				`level=DEBUG msg="record handled" ` + third + "verdict=skipped error=\"skipped: old\" key=c\n" +
				`level=WARN msg="batch failed" ` + batch + "failed=1 duration_ms=20 verdict=permanent " +
				"error=\"2 records of the batch failed, the first at index 1: boom\"\n",
		},
		"cut short": {
			named(func(e *troupe.BatchError) { e.StopAt(2) }),
			`level=DEBUG msg="batch handled" ` + batch + "failed=0 duration_ms=20 verdict=done " +
				"error=\"no record of the batch failed; from index 2 on none was attempted\"\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				require.Equal(t, c.want, batchLines(t.Context(), t, slog.LevelDebug, c.verdict))
			})
		})
	}
}

func TestLoggingDoesNotBlameABatchThatWasAbandoned(t *testing.T) {
	t.Parallel()
	ended, end := context.WithCancel(t.Context())
	end()
	require.Empty(t, batchLines(ended, t, slog.LevelInfo, context.Canceled))
	require.Contains(t, batchLines(ended, t, slog.LevelDebug, context.Canceled), "verdict=abandoned")
}
