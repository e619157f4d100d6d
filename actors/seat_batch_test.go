package actors

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/meter"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

func newBatchShop(handle stream.BatchHandlerFunc) *shop {
	s := newShop(1, nil)
	s.env.Settings.Partition.BatchRecords = 100
	s.env.Settings.NewHandler = func(stream.Partition) (stream.Handler, error) { return stream.Batched(handle), nil }
	return s
}

// partly is a BatchError that a test sets.
func partly(set func(e *stream.BatchError)) error {
	var e stream.BatchError
	set(&e)
	return e.Err()
}

// batchCase is a way for a batch of five to end.
type batchCase struct {
	handle    func(ctx context.Context) error
	attempted int
	failed    map[int]messages.FailureKind
}

func batchCases() map[string]batchCase {
	boom := errors.New("boom")
	all := func(kind messages.FailureKind) map[int]messages.FailureKind {
		return map[int]messages.FailureKind{0: kind, 1: kind, 2: kind, 3: kind, 4: kind}
	}
	return map[string]batchCase{
		"all well":   {func(context.Context) error { return nil }, 5, nil},
		"plain":      {func(context.Context) error { return boom }, 5, all(messages.Failed)},
		"permanent":  {func(context.Context) error { return stream.Permanent(boom) }, 5, all(messages.Refused)},
		"panic":      {func(context.Context) error { panic("boom") }, 5, all(messages.Panicked)},
		"goexit":     {func(context.Context) error { runtime.Goexit(); return nil }, 5, all(messages.Panicked)},
		"timeout":    {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, 5, all(messages.TimedOut)},
		"unreadable": {func(context.Context) error { var none *unreadable; return none }, 5, all(messages.Panicked)},
		"some": {func(context.Context) error {
			return fmt.Errorf("batch: %w", partly(func(e *stream.BatchError) {
				e.Fail(1, boom)
				e.Fail(2, stream.Skip("old"))
				e.Fail(4, stream.Unavailable(boom, "db"))
			}))
		}, 5, map[int]messages.FailureKind{1: messages.Failed, 2: messages.Skipped, 4: messages.Unavailable}},
		"some, too late": {func(ctx context.Context) error {
			<-ctx.Done()
			return partly(func(e *stream.BatchError) { e.Fail(3, ctx.Err()) })
		}, 5, map[int]messages.FailureKind{3: messages.TimedOut}},
		"not all attempted": {func(context.Context) error {
			return partly(func(e *stream.BatchError) {
				e.Fail(1, boom)
				e.StopAt(3)
			})
		}, 3, map[int]messages.FailureKind{1: messages.Failed}},
		"a record's error is unreadable": {func(context.Context) error {
			var none *unreadable
			return partly(func(e *stream.BatchError) { e.Fail(1, none) })
		}, 5, map[int]messages.FailureKind{1: messages.Panicked}},
		"of another batch": {func(context.Context) error {
			return partly(func(e *stream.BatchError) { e.Fail(5, boom) })
		}, 5, all(messages.Failed)},
		"none attempted": {func(context.Context) error {
			return partly(func(e *stream.BatchError) { e.StopAt(0) })
		}, 5, all(messages.Failed)},
	}
}

func TestABatchIsOneAttemptWithAVerdictOnEachRecord(t *testing.T) {
	t.Parallel()
	for name, c := range batchCases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				s := newBatchShop(func(ctx context.Context, records []*stream.Record) error {
					calls++
					for i, r := range records {
						require.EqualValues(t, i, r.Offset)
						r.Emit(stream.Message{Key: []byte{byte(i)}})
					}
					return c.handle(ctx)
				})
				crew := s.crew(t.Context(), 0)
				crew.give(run(5))
				watched(crew, 31*time.Second)
				require.Equal(t, 1, calls)
				said := s.said()
				require.Len(t, said, 1)
				o := said[0]
				require.Equal(t, c.attempted, o.Attempted)
				require.Zero(t, o.First)
				failed := make(map[int]messages.FailureKind)
				last := -1
				for _, e := range o.Exceptions {
					require.Greater(t, e.Index, last, "ascending")
					last, failed[e.Index] = e.Index, e.Failure.Kind
				}
				require.Len(t, failed, len(c.failed))
				for index, kind := range c.failed {
					require.Equal(t, kind, failed[index])
				}
				var sent []int
				for _, m := range o.Outputs {
					require.EqualValues(t, m.Index, m.Message.Key[0])
					sent = append(sent, m.Index)
				}
				var want []int
				for i := range c.attempted {
					if _, is := failed[i]; !is {
						want = append(want, i)
					}
				}
				require.Equal(t, want, sent, "outputs of what was handled, and no other")
				require.Zero(t, s.env.Pool.Running())
				crew.close()
			})
		})
	}
}

func TestABatchThatIsStuckIsStuckAsAWhole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := newBatchShop(func(context.Context, []*stream.Record) error {
			<-release
			return partly(func(e *stream.BatchError) { e.Fail(2, errors.New("boom")) })
		})
		c := s.crew(t.Context(), 0)
		c.give(run(5))
		synctest.Wait()
		watched(c, 31*time.Second)
		said := s.said()
		require.Len(t, said, 1)
		require.True(t, said[0].Stuck)
		require.Zero(t, said[0].Attempted)
		close(release)
		synctest.Wait()
		said = s.said()
		require.Len(t, said, 2)
		require.Zero(t, said[1].First)
		require.Equal(t, 5, said[1].Attempted)
		require.Len(t, said[1].Exceptions, 1)
		c.close()
	})
}

// What a handler says of records because its context was cancelled with the incarnation is no failure of theirs.
func TestABatchCancelledWithItsIncarnationCountsUpToTheFirstCancelledRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		s := newBatchShop(func(ctx context.Context, _ []*stream.Record) error {
			end()
			<-ctx.Done()
			return partly(func(e *stream.BatchError) {
				e.Fail(1, stream.Permanent(errors.New("bad")))
				e.Fail(3, ctx.Err())
			})
		})
		c := s.crew(ctx, 0)
		c.give(run(5))
		synctest.Wait()
		said := s.said()
		require.Len(t, said, 1)
		require.Equal(t, 3, said[0].Attempted)
		require.Len(t, said[0].Exceptions, 1)
		require.Equal(t, messages.Refused, said[0].Exceptions[0].Failure.Kind)
		c.close()
	})
}

func TestABatchIsMeasuredOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newBatchShop(func(context.Context, []*stream.Record) error {
			<-time.After(time.Second)
			return nil
		})
		c := s.crew(t.Context(), 0)
		c.give(run(5))
		<-time.After(2 * time.Second)
		synctest.Wait()
		v := durations(s, meter.ResultDone)
		require.EqualValues(t, 1, v.Count)
		require.InDelta(t, 1, v.Sum, 0.01)
		c.close()
	})
}

func TestAHandlerThatTakesNoBatchesIsNotGivenAny(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(1, func(context.Context, *stream.Record) error { return nil })
		s.env.Settings.Partition.BatchRecords = 10
		c := s.crew(t.Context(), 0)
		c.give(run(5))
		synctest.Wait()
		f := s.said()[0].Exceptions[0].Failure
		require.Equal(t, messages.Unavailable, f.Kind)
		require.ErrorContains(t, f.Err, "takes no batches")
		c.close()
	})
}
