package troupe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/stream"
)

// batchTest is a processor of batches on a broker in memory, in virtual time. It sees every batch, and complains of those
// that are none.
type batchTest struct {
	*middlewareTest
	order Order

	mu      sync.Mutex
	batches []seenBatch
	busy    map[string]bool // what must be handled one after another: partitions, or keys of them
	done    map[string]int64
}

// seenBatch is a call of the handler.
type seenBatch struct {
	at       time.Duration
	source   Partition
	offsets  []int64
	attempts []int32
}

// inEachOrder runs a test of batches in each order.
func inEachOrder(t *testing.T, run func(t *testing.T, b *batchTest)) {
	t.Helper()
	for _, order := range []Order{OrderPartition, OrderKey, OrderUnordered} {
		t.Run(string(order), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := setupMiddleware(t, 0)
				m.broker.CreateTopic("out", 1)
				run(t, &batchTest{middlewareTest: m, order: order, busy: make(map[string]bool), done: make(map[string]int64)})
			})
		})
	}
}

// fill writes n records of so many keys into a partition; a value is the number of its record.
func (b *batchTest) fill(partition int32, n, keys int) {
	for i := range n {
		b.broker.Append(Message{
			Topic: "in", Key: []byte("k" + strconv.Itoa(i%keys)), Value: []byte(strconv.Itoa(i)),
		}.OnPartition(partition))
	}
}

// runs starts the processor.
func (b *batchTest) runs(config Config, handle BatchHandlerFunc) (stop func() error) {
	config.Order, config.BatchHandler = b.order, b.watched(handle)
	return b.start(config)
}

// watched is a batch handler whose calls are seen.
func (b *batchTest) watched(handle BatchHandlerFunc) BatchHandlerFunc {
	return func(ctx context.Context, records []*Record) error {
		lines := b.begin(records)
		err := errors.New("it panicked")
		defer func() { b.end(records, lines, err) }()
		err = handle(ctx, records)
		return err
	}
}

// line is what no other record of may be handled at the same time.
func (b *batchTest) line(r *Record) string {
	switch b.order {
	case OrderPartition:
		return r.Source().String()
	case OrderKey:
		return fmt.Sprintf("%s of %s", r.Key, r.Source())
	case OrderUnordered:
	}
	return fmt.Sprintf("%d of %s", r.Offset, r.Source())
}

func (b *batchTest) begin(records []*Record) (lines []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := seenBatch{at: time.Since(b.started), source: records[0].Source()}
	for _, r := range records {
		seen.offsets, seen.attempts = append(seen.offsets, r.Offset), append(seen.attempts, r.Attempt)
		if r.Source() != seen.source {
			b.t.Errorf("%s and %s in one batch", seen.source, r.Source())
		}
		line := b.line(r)
		if b.order == OrderPartition && slices.Contains(lines, line) {
			continue
		}
		if b.busy[line] {
			b.t.Errorf("offset %d of %s is handled while another record of it is", r.Offset, line)
		}
		if last, ok := b.done[line]; ok && r.Offset <= last && b.order == OrderKey {
			b.t.Errorf("offset %d of %s is handled after %d", r.Offset, line, last)
		}
		b.busy[line] = true
		lines = append(lines, line)
	}
	if !slices.IsSorted(seen.offsets) {
		b.t.Errorf("a batch is not in the order of its offsets: %v", seen.offsets)
	}
	b.batches = append(b.batches, seen)
	return lines
}

func (b *batchTest) end(records []*Record, lines []string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, line := range lines {
		b.busy[line] = false
	}
	var partial *BatchError
	named := errors.As(err, &partial)
	for i, r := range records {
		if err == nil || named && partial.Of(i) == nil && i < partial.Attempted(len(records)) {
			b.done[b.line(r)] = r.Offset
		}
	}
}

// seen are the calls so far, by time.
func (b *batchTest) seen() []seenBatch {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.SortedStableFunc(slices.Values(b.batches), func(x, y seenBatch) int { return cmp.Compare(x.at, y.at) })
}

// attemptsAt are the attempts at each offset of a partition.
func (b *batchTest) attemptsAt(partition int32) map[int64]int {
	n := make(map[int64]int)
	for _, s := range b.seen() {
		for _, o := range s.offsets {
			if s.source.Number == partition {
				n[o]++
			}
		}
	}
	return n
}

func (b *batchTest) sizes() (sizes []int) {
	for _, s := range b.seen() {
		sizes = append(sizes, len(s.offsets))
	}
	return sizes
}

func succeedAll(context.Context, []*Record) error { return nil }

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestBatchesAreFullOrTheirFirstRecordHasWaited(t *testing.T) {
	t.Parallel()
	inEachOrder(t, func(t *testing.T, b *batchTest) {
		b.fill(0, 1000, 1000)
		stop := b.runs(Config{Batch: BatchPolicy{Records: 64, Wait: 3 * time.Second}}, succeedAll)
		pass(2 * time.Second)
		for _, n := range b.sizes() {
			require.Equal(t, 64, n)
		}
		require.Len(t, b.sizes(), 1000/64)
		pass(2 * time.Second)
		sizes := b.sizes()
		require.Len(t, sizes, 1000/64+1)
		require.Equal(t, 1000%64, sizes[len(sizes)-1], "the rest has waited long enough")
		began := time.Since(b.started)
		for range 5 { // one after another, by polls of their own
			b.fill(0, 1, 1000)
			pass(100 * time.Millisecond)
		}
		pass(5 * time.Second)
		last := b.seen()[len(sizes):]
		require.NoError(t, stop())
		require.EqualValues(t, 1005, b.committed())
		if b.order == OrderKey { // they are all of one key
			require.Len(t, last, 5)
			return
		}
		require.Len(t, last, 1)
		require.Len(t, last[0].offsets, 5)
		require.InDelta(t, (began + 3*time.Second).Seconds(), last[0].at.Seconds(), 0.3, "counted from the first")
	})
}

// What came by several polls is one batch if it fits.
func TestABatchIsFilledFromManyPolls(t *testing.T) {
	t.Parallel()
	inEachOrder(t, func(t *testing.T, b *batchTest) {
		stop := b.runs(Config{Batch: BatchPolicy{Records: 100, Wait: 20 * time.Second}}, succeedAll)
		pass(time.Second)
		for range 10 {
			for i := range 20 {
				b.broker.Append(Message{Topic: "in", Key: fmt.Appendf(nil, "%d-%d", i, time.Since(b.started))}.OnPartition(0))
			}
			pass(200 * time.Millisecond)
		}
		pass(time.Second)
		require.Equal(t, []int{100, 100}, b.sizes())
		require.NoError(t, stop())
		require.EqualValues(t, 200, b.committed())
	})
}

func TestWithoutAWaitABatchIsWhatIsThere(t *testing.T) {
	t.Parallel()
	inEachOrder(t, func(t *testing.T, b *batchTest) {
		stop := b.runs(Config{Batch: BatchPolicy{Records: 100, Wait: -1}}, succeedAll)
		pass(time.Second)
		began := time.Since(b.started)
		b.fill(0, 3, 3)
		pass(time.Second)
		seen := b.seen()
		require.Len(t, seen, 1)
		require.Len(t, seen[0].offsets, 3)
		require.Less(t, seen[0].at-began, 500*time.Millisecond)
		require.NoError(t, stop())
	})
}

func TestNothingOfABatchIsCommittedBeforeItsEnd(t *testing.T) {
	t.Parallel()
	inEachOrder(t, func(t *testing.T, b *batchTest) {
		b.fill(0, 100, 100)
		release := make(chan struct{})
		stop := b.runs(Config{Batch: BatchPolicy{Records: 50}, Commit: CommitPolicy{Records: 1, Interval: time.Second}},
			func(_ context.Context, records []*Record) error {
				if records[0].Offset == 0 {
					<-release
				}
				return nil
			})
		pass(20 * time.Second)
		require.Zero(t, b.committed())
		close(release)
		pass(5 * time.Second)
		require.EqualValues(t, 100, b.committed())
		require.NoError(t, stop())
	})
}

// Records of one key are in batches of their own, one after another, through retries.
func TestKeysKeepTheirOrderOverBatches(t *testing.T) {
	t.Parallel()
	inEachOrder(t, func(t *testing.T, b *batchTest) {
		const records = 600
		b.fill(0, records/2, 7)
		b.fill(1, records/2, 30)
		stop := b.runs(Config{Concurrency: 16, Batch: BatchPolicy{Records: 8, Wait: 10 * time.Millisecond}, Retry: RetryPolicy{Initial: 100 * time.Millisecond}},
			func(_ context.Context, records []*Record) error { // begin and end hold it to the order
				<-time.After(5 * time.Millisecond)
				var failed BatchError
				for i, r := range records {
					if r.Offset%9 == 4 && r.Attempt == 1 {
						failed.Fail(i, errors.New("once"))
					}
				}
				return failed.Err()
			})
		pass(2 * time.Minute)
		require.NoError(t, stop())
		require.EqualValues(t, records, b.committed())
		require.Empty(t, b.broker.Records("in.dead-letter"))
		for _, n := range b.sizes() {
			require.LessOrEqual(t, n, 8)
		}
	})
}

func TestMiddlewareIsAroundTheBatchesOfAProcessor(t *testing.T) {
	t.Parallel()
	inEachOrder(t, func(t *testing.T, b *batchTest) {
		const records, perSecond = 100, 10
		b.fill(0, records, records)
		var mu sync.Mutex
		around, began := 0, make([]time.Duration, 0, records)
		counts := Around(func(ctx context.Context, records []*Record, next func(context.Context) error) error {
			mu.Lock()
			around += len(records)
			mu.Unlock()
			return next(ctx)
		})
		stop := b.runs(Config{
			Batch: BatchPolicy{Records: 10}, Timeout: 2 * time.Second,
			Middleware: []Middleware{RateLimit(perSecond, 10), counts, Timeout(time.Second), Recover()},
		}, func(_ context.Context, records []*Record) error {
			mu.Lock()
			defer mu.Unlock()
			for range records {
				began = append(began, time.Since(b.started))
			}
			return nil
		})
		pass(30 * time.Second)
		require.NoError(t, stop())
		require.EqualValues(t, records, b.committed())
		require.Equal(t, records, around)
		for i, at := range began {
			earliest := began[0] + time.Duration(max(0, i/10))*time.Second
			require.InDelta(t, earliest.Seconds(), at.Seconds(), 0.2, "record %d", i)
		}
		require.Zero(t, count[stream.Retried](b.middlewareTest), "the wait is no part of an attempt")
	})
}

func TestAStopEndsTheBatchAndBeginsNoOther(t *testing.T) {
	t.Parallel()
	inEachOrder(t, func(t *testing.T, b *batchTest) {
		b.fill(0, 1000, 1000)
		stop := b.runs(Config{Concurrency: 1, Batch: BatchPolicy{Records: 100}}, func(context.Context, []*Record) error {
			<-time.After(3 * time.Second)
			return nil
		})
		pass(4 * time.Second)
		require.NoError(t, stop())
		require.EqualValues(t, 100*len(b.sizes()), b.committed())
		require.Len(t, b.sizes(), 2)
	})
}

// A batch that waits to become full is no standstill, and is given back at a stop.
func TestABatchThatWaitsIsNoStandstill(t *testing.T) {
	t.Parallel()
	inEachOrder(t, func(t *testing.T, b *batchTest) {
		stop := b.runs(Config{Batch: BatchPolicy{Records: 100, Wait: 30 * time.Second}}, succeedAll)
		for range 10 {
			b.fill(0, 2, 2)
			pass(30 * time.Second)
		}
		require.Zero(t, count[stream.NoProgress](b.middlewareTest))
		b.fill(0, 1, 1)
		pass(time.Second)
		done := b.committed()
		began := time.Now()
		require.NoError(t, stop())
		require.Less(t, time.Since(began), 5*time.Second)
		require.LessOrEqual(t, done, b.committed())
		require.Less(t, b.committed(), int64(21), "the last waits for another owner")
	})
}

func TestStopDoesNotWaitForABatchThatWaitsForTheRateLimit(t *testing.T) {
	t.Parallel()
	inEachOrder(t, func(t *testing.T, b *batchTest) {
		b.fill(0, 500, 500)
		b.fill(1, 500, 500)
		stop := b.runs(Config{Batch: BatchPolicy{Records: 50}, Middleware: []Middleware{RateLimit(5, 50)}}, succeedAll)
		pass(5 * time.Second)
		began := time.Now()
		require.NoError(t, stop())
		require.Less(t, time.Since(began), 3*time.Second)
		require.Equal(t, []int{50}, b.sizes(), "the next would have begun after ten seconds")
		require.EqualValues(t, 50, b.committed())
		require.Zero(t, count[stream.Retried](b.middlewareTest))
	})
}
