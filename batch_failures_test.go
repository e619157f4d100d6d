package troupe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/stream"
)

// Of each batch some records fail: once, for good, or for ever. Each has its own fate, and its own outputs.
func TestRecordsOfABatchFailByThemselves(t *testing.T) {
	t.Parallel()
	inEachOrder(t, func(t *testing.T, b *batchTest) {
		const records = 200
		b.fill(0, records, 50)
		stop := b.runs(Config{Batch: BatchPolicy{Records: 20}, Retry: RetryPolicy{MaxAttempts: 3, Initial: time.Second}},
			func(_ context.Context, records []*Record) error {
				var failed BatchError
				for i, r := range records {
					r.Emit(Message{Topic: "out", Key: r.Value, Value: []byte(strconv.Itoa(int(r.Attempt)))})
					switch n := int(r.Offset) % 20; {
					case n == 3 && r.Attempt == 1:
						failed.Fail(i, errors.New("once"))
					case n == 7:
						failed.Fail(i, Permanent(errors.New("for good")))
					case n == 11:
						failed.Fail(i, errors.New("for ever"))
					case n == 13:
						failed.Fail(i, Skip("old"))
					}
				}
				return failed.Err()
			})
		pass(5 * time.Minute)
		require.NoError(t, stop())
		require.EqualValues(t, records, b.committed())
		attempts := b.attemptsAt(0)
		out := make(map[int64]string)
		for _, r := range b.broker.Records("out") {
			offset, err := strconv.ParseInt(string(r.Key), 10, 64)
			require.NoError(t, err)
			require.NotContains(t, out, offset, "once")
			out[offset] = string(r.Value)
		}
		letters := make(map[string]int)
		for _, r := range b.broker.Records("in.dead-letter") {
			var letter struct {
				Offset  int64  `json:"original_offset"`
				Message string `json:"error_message"`
			}
			require.NoError(t, json.Unmarshal(r.Value, &letter))
			letters[fmt.Sprintf("%d %s", letter.Offset%20, letter.Message)]++
		}
		require.Equal(t, map[string]int{"7 for good": 10, "11 for ever": 10}, letters)
		for offset := range int64(records) {
			want, sent := 1, "1"
			switch offset % 20 {
			case 3:
				want, sent = 2, "2"
			case 7, 13:
				sent = ""
			case 11:
				want, sent = 3, ""
			}
			require.Equal(t, want, attempts[offset], "attempts at %d", offset)
			require.Equal(t, sent, out[offset], "output of %d", offset)
		}
	})
}

func TestRecordsThatABatchDidNotComeToAreHandledAgainAtNoCost(t *testing.T) {
	t.Parallel()
	inEachOrder(t, func(t *testing.T, b *batchTest) {
		const records = 60
		b.fill(0, records, records)
		stop := b.runs(Config{Batch: BatchPolicy{Records: 20}, Retry: RetryPolicy{MaxAttempts: 1}},
			func(_ context.Context, records []*Record) error {
				var partly BatchError
				for _, r := range records {
					require.EqualValues(t, 1, r.Attempt)
				}
				if len(records) > 3 {
					partly.StopAt(3)
				}
				return partly.Err()
			})
		pass(time.Minute)
		require.NoError(t, stop())
		require.EqualValues(t, records, b.committed())
		require.Zero(t, count[stream.Retried](b.middlewareTest))
		require.Empty(t, b.broker.Records("in.dead-letter"))
		if b.order == OrderPartition {
			for i, s := range b.seen() {
				require.EqualValues(t, 3*i, s.offsets[0], "they go on where it stopped")
			}
		}
	})
}

// instances makes batch handlers of lanes' own, and sees them closed.
type instances struct {
	mu           sync.Mutex
	made, closed int
}

type batchInstance struct {
	BatchHandlerFunc
	of *instances
}

func (i *batchInstance) Close() error {
	i.of.mu.Lock()
	defer i.of.mu.Unlock()
	i.of.closed++
	return nil
}

// An error for all, a time-out and a panic are every record's; only the panic costs the instance.
func TestWhatHappensToABatchHappensToAllItsRecords(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fail    func(ctx context.Context) error
		kind    string
		another bool
	}{
		"error":   {func(context.Context) error { return errors.New("boom") }, `"error_message":"boom"`, false},
		"timeout": {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, `"error_type":"timeout"`, false},
		"panic":   {func(context.Context) error { panic("boom") }, `"error_type":"panic"`, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inEachOrder(t, func(t *testing.T, b *batchTest) {
				const records = 30
				b.fill(0, records, records)
				var made instances
				handle := b.watched(func(ctx context.Context, records []*Record) error {
					if records[0].Offset < 10 {
						return c.fail(ctx)
					}
					return nil
				})
				stop := b.start(Config{
					Order: b.order, Concurrency: 1, Batch: BatchPolicy{Records: 10}, Timeout: 2 * time.Second, Retry: RetryPolicy{MaxAttempts: 2},
					NewBatchHandler: func(Partition) (BatchHandler, error) {
						made.mu.Lock()
						defer made.mu.Unlock()
						made.made++
						return &batchInstance{handle, &made}, nil
					},
				})
				pass(2 * time.Minute)
				require.NoError(t, stop())
				require.EqualValues(t, records, b.committed())
				letters := b.broker.Records("in.dead-letter")
				require.Len(t, letters, 10)
				for _, letter := range letters {
					require.Contains(t, string(letter.Value), c.kind)
				}
				for offset, n := range b.attemptsAt(0) {
					require.Equal(t, map[bool]int{true: 2, false: 1}[offset < 10], n, "attempts at %d", offset)
				}
				require.Equal(t, []int{10, 10, 10, 10}, b.sizes(), "all of them together, the second time too")
				require.Equal(t, c.another, made.made > 1, "%d instances", made.made)
				require.Equal(t, made.made, made.closed)
			})
		})
	}
}

// A record that is tried again holds back what order says, and nothing else.
func TestARetryOfABatchHoldsBackWhatOrderSays(t *testing.T) {
	t.Parallel()
	inEachOrder(t, func(t *testing.T, b *batchTest) {
		b.fill(0, 40, 40)
		stop := b.runs(Config{Batch: BatchPolicy{Records: 10}, Retry: RetryPolicy{Initial: 5 * time.Second, Jitter: -1}},
			func(_ context.Context, records []*Record) error {
				var failed BatchError
				for i, r := range records {
					if r.Offset == 4 && r.Attempt == 1 {
						failed.Fail(i, errors.New("once"))
					}
				}
				return failed.Err()
			})
		pass(4 * time.Second)
		if b.order == OrderPartition {
			require.Equal(t, []int{10}, b.sizes(), "nothing behind the batch is begun")
		} else {
			require.Equal(t, []int{10, 10, 10, 10}, b.sizes())
		}
		pass(10 * time.Second)
		require.NoError(t, stop())
		require.EqualValues(t, 40, b.committed())
		if b.order == OrderPartition {
			require.Equal(t, []int64{4, 10, 11, 12, 13, 14, 15, 16, 17, 18}, b.seen()[1].offsets, "and then together with others")
		}
	})
}

// In partition order the records of a key may be in one batch, and then are handled together: what becomes of one does not
// spare the others their attempt, but one that waits for its next goes after a later one to the dead letters.
func TestAKeyIsHeldForRecordsThatWaitNotForThoseOfTheSameBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &batchTest{middlewareTest: setupMiddleware(t, 0), order: OrderPartition, busy: make(map[string]bool), done: make(map[string]int64)}
		for _, key := range []string{"a", "b", "a", "b", "a", "b", "a"} {
			b.broker.Append(Message{Topic: "in", Key: []byte(key)}.OnPartition(0))
		}
		stop := b.runs(Config{
			Batch: BatchPolicy{Records: 5, Wait: time.Second}, DeadLetter: DeadLetterPolicy{KeyPolicy: "key"}, Retry: RetryPolicy{Initial: time.Minute},
		}, func(_ context.Context, records []*Record) error {
			var failed BatchError
			for i, r := range records {
				switch r.Offset {
				case 0:
					failed.Fail(i, errors.New("later"))
				case 2:
					failed.Fail(i, Permanent(errors.New("bad")))
				}
			}
			return failed.Err()
		})
		pass(10 * time.Second)
		require.NoError(t, stop())
		require.EqualValues(t, 7, b.committed())
		require.Equal(t, map[int64]int{0: 1, 1: 1, 2: 1, 3: 1, 4: 1, 5: 1}, b.attemptsAt(0), "6 follows unhandled, 4 was in the batch")
		var letters []int64
		for _, r := range b.broker.Records("in.dead-letter") {
			var letter struct {
				Offset int64 `json:"original_offset"`
			}
			require.NoError(t, json.Unmarshal(r.Value, &letter))
			letters = append(letters, letter.Offset)
		}
		require.Equal(t, []int64{2, 0, 6}, letters)
	})
}

// While a dependency is down one record at a time probes it, and then batches go on; no attempt is used up.
func TestABatchWaitsForADependencyThatIsDown(t *testing.T) {
	t.Parallel()
	inEachOrder(t, func(t *testing.T, b *batchTest) {
		b.fill(0, 100, 100)
		stop := b.runs(Config{Batch: BatchPolicy{Records: 20}, Retry: RetryPolicy{MaxAttempts: 2}, Concurrency: 2},
			func(_ context.Context, records []*Record) error {
				for _, r := range records {
					require.EqualValues(t, 1, r.Attempt)
				}
				if time.Since(b.started) < time.Minute {
					return Unavailable(errors.New("refused"), "db")
				}
				return nil
			})
		pass(50 * time.Second)
		sizes := b.sizes()
		require.Zero(t, b.committed())
		probes := slices.DeleteFunc(slices.Clone(sizes), func(n int) bool { return n != 1 })
		require.NotEmpty(t, probes)
		require.Less(t, len(sizes)-len(probes), 6, "no more than was begun before the first answer: %v", sizes)
		pass(time.Minute)
		require.NoError(t, stop())
		require.EqualValues(t, 100, b.committed())
		require.Empty(t, b.broker.Records("in.dead-letter"))
	})
}

// batchVerdicts are the verdicts of those of Logging's lines that are about batches.
type batchVerdicts struct{ verdicts }

func (v *batchVerdicts) Handle(ctx context.Context, line slog.Record) error {
	if !strings.HasPrefix(line.Message, "batch ") {
		return nil
	}
	return v.verdicts.Handle(ctx, line)
}

// The words of Logging for batches are those under which the processor measures them.
func TestLoggingAndTheProcessorAgreeOnVerdictsOfBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &batchTest{middlewareTest: setupMiddleware(t, 0), order: OrderPartition, busy: make(map[string]bool), done: make(map[string]int64)}
		const outcomes = 7
		b.fill(0, 3*outcomes, 1)
		seen := make(map[int64]bool)
		lines := &batchVerdicts{verdicts{count: make(map[string]uint64)}}
		stop := b.runs(Config{Batch: BatchPolicy{Records: 3}, Timeout: 5 * time.Second, Middleware: []Middleware{Logging(slog.New(lines))}},
			func(ctx context.Context, records []*Record) error {
				first := records[0].Offset
				if seen[first] || first%3 != 0 || len(records) != 3 {
					return nil
				}
				seen[first] = true
				var e BatchError
				switch first / 3 {
				case 0:
					return errors.New("all")
				case 1:
					panic("boom")
				case 2:
					<-ctx.Done()
					return ctx.Err()
				case 3:
					e.Fail(2, Skip("old"))
					e.Fail(1, Permanent(errors.New("bad")))
				case 4:
					e.Fail(1, Skip("old"))
				case 5:
					return Permanent(errors.New("all bad"))
				default:
					e.StopAt(1)
				}
				return e.Err()
			})
		pass(2 * time.Minute)
		require.NoError(t, stop())
		require.EqualValues(t, 3*outcomes, b.committed())
		measured := make(map[string]uint64)
		for _, metric := range b.of.Metrics() {
			if metric.Name != "process_duration_seconds" {
				continue
			}
			for _, v := range metric.Values {
				if v.Count > 0 {
					measured[v.LabelValues[0]] = v.Count
				}
			}
		}
		require.Len(t, measured, 6)
		require.Equal(t, measured, lines.count)
	})
}
