package supervisor_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/stream"
	"github.com/troupe-go/troupe/supervisor"
)

// With one slot, one partition's record is in the handler and the other's waits for its turn.
func TestWorkThatOnlyWaitsForASlotIsGivenBackAtOnceWhenItsPartitionDrains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 2)
		b.fill(2, 2)
		tree := b.tree(func(context.Context, *stream.Record) error {
			<-time.After(5 * time.Second)
			return nil
		}, func(c *supervisor.Config) { c.Concurrency = 1 })
		stop := running(tree)
		pass(2 * time.Second)
		waits := 0
		for _, p := range tree.Status().Partitions {
			require.Equal(t, stream.HandlerSlow, p.Cause)
			if p.Detail == "waits for one of the 1 slots of concurrency" {
				waits++
			}
		}
		require.Equal(t, 1, waits)
		began := time.Now()
		require.NoError(t, stop())
		require.Less(t, time.Since(began), 5*time.Second)
		require.Equal(t, 1, b.attempts())
		require.EqualValues(t, 1, max(b.committed(0), 0)+max(b.committed(1), 0))
	})
}

func TestAStopCutsARevokeShortThatIsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.fill(1, 10)
		tree := b.tree(func(ctx context.Context, r *stream.Record) error {
			if r.Offset == 3 {
				<-ctx.Done()
			}
			return ctx.Err()
		}, func(c *supervisor.Config) {
			strategy("range")(c, b)
			c.Settings.Timeout, c.Settings.DrainTimeout = 0, 2*time.Hour
		})
		stop := running(tree)
		pass(time.Second)
		b.broker.Rebalance("group")
		pass(10 * time.Second)
		require.Equal(t, stream.Draining, tree.Status().Partitions[0].Cause)
		began := time.Now()
		_ = stop()
		require.LessOrEqual(t, time.Since(began), 27*time.Second)
		require.EqualValues(t, 3, b.committed(0))
	})
}

func TestANewHandlerThatHangsIsNamedAndDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 2)
		b.broker.Append(stream.Message{Topic: "in", Value: []byte("first")}.OnPartition(0))
		release := make(chan struct{})
		tree := b.tree(succeed, func(c *supervisor.Config) {
			c.Concurrency = 1
			build := c.Settings.NewHandler
			c.Settings.NewHandler = func(p stream.Partition) (stream.Handler, error) {
				if p.Number == 0 {
					<-release
				}
				return build(p)
			}
		})
		stop := running(tree)
		pass(5 * time.Second)
		b.fill(2, 100)
		pass(2 * time.Minute)
		s := tree.Status().Partitions[0]
		require.Equal(t, stream.HandlerSlow, s.Cause)
		require.Equal(t, "NewHandler has not returned", s.Detail)
		require.EqualValues(t, 50, b.committed(1), "the slot was lent to the pool")
		require.Empty(t, tree.Status().Faults)
		close(release)
		pass(10 * time.Second)
		require.NoError(t, stop())
		require.EqualValues(t, 51, b.committed(0))
	})
}

// The first two partitions are stuck, with one slot: the second is refused a loan, until the first gives its slot back.
func TestAStuckAttemptThatWasRefusedALoanIsOfferedOneLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 3)
		release := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
		tree := b.tree(func(_ context.Context, r *stream.Record) error {
			if r.Partition < 2 {
				<-release[r.Partition]
			}
			return nil
		}, func(c *supervisor.Config) {
			c.Concurrency, c.Settings.Timeout = 1, time.Second
			c.Settings.Partition.StuckAfter = time.Hour
			c.Settings.Partition.Retry.Initial = time.Hour
			c.Settings.Partition.Retry.Max = time.Hour
		})
		stop := running(tree)
		pass(time.Second)
		b.broker.Append(stream.Message{Topic: "in", Value: []byte("a")}.OnPartition(0))
		pass(5 * time.Second)
		b.broker.Append(stream.Message{Topic: "in", Value: []byte("b")}.OnPartition(1))
		pass(5 * time.Second)
		b.broker.Append(stream.Message{Topic: "in", Value: []byte("c")}.OnPartition(2))
		pass(time.Minute)
		require.Empty(t, b.seen("c"), "no slot is left")
		require.Contains(t, tree.Status().Partitions[2].Detail, "slots of concurrency")
		close(release[0])
		pass(5 * time.Second)
		require.Len(t, b.seen("c"), 1)
		close(release[1])
		pass(5 * time.Second)
		require.NoError(t, stop())
	})
}

// silly is a user's error that panics when it is asked for a word of its own.
type silly struct{}

func (silly) Error() string            { return "silly" }
func (silly) DeadLetterReason() string { panic("no words") }
func (silly) ErrorType() string        { panic("no type") }

func TestAnErrorWhoseMethodsPanicIsThatRecordsFailureAndNobodyElses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.fill(1, 10)
		stop := running(b.tree(func(_ context.Context, r *stream.Record) error {
			switch r.Offset {
			case 3:
				return stream.Permanent(silly{})
			case 5:
				return silly{}
			}
			return nil
		}))
		pass(time.Minute)
		require.NoError(t, stop())
		require.Empty(t, eventsOf[stream.Restarted](b))
		require.Len(t, b.broker.Records("in.dead-letter"), 2)
		require.EqualValues(t, 10, b.committed(0))
	})
}

func TestAnOffsetStoreThatIgnoresItsContextIsNotAskedTwiceAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.fill(1, 10)
		var mu sync.Mutex
		asked, release := 0, make(chan struct{})
		tree := b.tree(succeed, func(c *supervisor.Config) {
			c.Settings.OffsetStore = store(func(context.Context, []stream.Partition) (map[stream.Partition]stream.Offset, error) {
				mu.Lock()
				asked++
				mu.Unlock()
				<-release
				return nil, nil
			})
		})
		stop := running(tree)
		pass(15 * time.Second)
		s := tree.Status().Partitions[0]
		require.Equal(t, stream.StartOffsetUnavailable, s.Cause)
		require.Contains(t, s.Detail, "offset store")
		pass(5 * time.Minute)
		require.Contains(t, tree.Status().Partitions[0].Detail, "has not returned")
		require.Empty(t, tree.Status().Faults)
		mu.Lock()
		require.Equal(t, 1, asked)
		mu.Unlock()
		close(release)
		pass(time.Minute)
		require.EqualValues(t, 10, b.committed(0))
		require.NoError(t, stop())
	})
}

// A tiny budget pauses and resumes all the time; the log is told now and then.
func TestATinyBudgetDoesNotFloodTheEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const partitions = 8
		b := setup(t, partitions)
		b.fill(partitions, 8000)
		stop := running(b.tree(func(context.Context, *stream.Record) error {
			<-time.After(5 * time.Millisecond)
			return nil
		}, func(c *supervisor.Config) {
			c.Memory = 16 << 10
			c.Settings.Committer = core.CommitterConfig{Records: 500, Interval: time.Second}
		}))
		pass(time.Minute)
		require.NoError(t, stop())
		require.Equal(t, 8000, b.attempts())
		told := 0
		for _, e := range eventsOf[stream.Stalled](b) {
			told += len(e.Partitions)
		}
		require.Positive(t, told)
		require.LessOrEqual(t, told, partitions*4)
	})
}

var errStop = errors.New("stop")

// The partitions of a poller that stands in a revoke are given back by then; so the account is empty after a stop.
func TestNothingIsHeldAfterAStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 4)
		b.fill(4, 4000)
		tree := b.tree(func(context.Context, *stream.Record) error { return stream.RetryAfter(errStop, time.Hour) }, pollers(2))
		stop := running(tree)
		pass(5 * time.Second)
		require.Positive(t, tree.Status().MemoryUsed)
		for range 5 {
			b.broker.Rebalance("group")
			b.broker.Expire("group", "test-1")
			pass(3 * time.Second)
		}
		require.NoError(t, stop())
		require.Zero(t, tree.Status().MemoryUsed)
		require.Empty(t, tree.Status().Partitions)
	})
}
