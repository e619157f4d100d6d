package supervisor_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/internal/deadletter"
	"github.com/troupe-go/troupe/internal/kafka/memory"
	"github.com/troupe-go/troupe/stream"
	"github.com/troupe-go/troupe/supervisor"
)

func refuseFive(_ context.Context, r *stream.Record) error {
	if string(r.Value) == "5" {
		return stream.Permanent(errors.New("no good"))
	}
	return nil
}

func TestWhileDeadLettersCannotBeWrittenThePartitionWaitsAndDropsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.broker.CreateTopic("in.dead-letter", 1)
		b.broker.Deny("in.dead-letter")
		b.fill(1, 100)
		tree := b.tree(refuseFive)
		stop := running(tree)
		pass(5 * time.Minute)
		s := tree.Status().Partitions[0]
		require.Equal(t, stream.DeadLetterUnavailable, s.Cause)
		require.EqualValues(t, 1, s.Ledger.States[stream.DeadLettering])
		require.EqualValues(t, 5, s.Watermark)
		b.fill(1, 1000)
		pass(time.Minute)
		require.Empty(t, b.seen("999"), "nothing more is begun")
		b.broker.Allow("in.dead-letter")
		pass(time.Minute)
		require.NoError(t, stop())
		require.EqualValues(t, 1100, b.committed(0))
		require.Len(t, b.broker.Records("in.dead-letter"), 2, "one for each record with the value 5")
	})
}

func TestADeadLetterTooLargeAsJSONIsWrittenRaw(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.broker.CreateTopic("in.dead-letter", 1)
		b.broker.LimitMessages("in.dead-letter", 2000)
		value := make([]byte, 1200) // doubles as JSON
		b.broker.Append(stream.Message{Topic: "in", Key: []byte("k"), Value: value}.OnPartition(0))
		stop := running(b.tree(func(context.Context, *stream.Record) error { return stream.Permanent(errors.New("no")) }))
		pass(10 * time.Second)
		require.NoError(t, stop())
		letters := b.broker.Records("in.dead-letter")
		require.Len(t, letters, 1)
		l, err := deadletter.Restore(letters[0].Key, letters[0].Value, letters[0].Headers)
		require.NoError(t, err)
		require.Equal(t, deadletter.Raw, l.Envelope)
		require.Equal(t, value, l.Record.Value)
	})
}

func TestADeadLetterTooLargeInAnyFormWaitsForAnOperator(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.broker.CreateTopic("in.dead-letter", 1)
		b.broker.LimitMessages("in.dead-letter", 1000)
		b.broker.Append(stream.Message{Topic: "in", Value: make([]byte, 1200)}.OnPartition(0))
		tree := b.tree(func(context.Context, *stream.Record) error { return stream.Permanent(errors.New("no")) })
		stop := running(tree)
		pass(10 * time.Second)
		require.Equal(t, stream.DeadLetterTooLarge, tree.Status().Partitions[0].Cause)
		b.broker.LimitMessages("in.dead-letter", 10_000)
		pass(time.Minute)
		require.NoError(t, stop())
		require.Len(t, b.broker.Records("in.dead-letter"), 1)
		require.EqualValues(t, 1, b.committed(0))
	})
}

func TestWithDeadLettersOffAFailureStopsTheProcessorOrIsDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.fill(1, 20)
		off := func(c *supervisor.Config) { c.Settings.DeadLetter.Off, c.Settings.Partition.DeadLetterOff = true, true }
		err := b.tree(refuseFive, off).Run(context.Background())
		pass(time.Second)
		require.ErrorContains(t, err, "in-0: record at offset 5 cannot be handled and dead letters are off: no good")
		require.Equal(t, 6, b.attempts(), "nothing behind it is handled")
		require.EqualValues(t, 5, b.committed(0))
		stop := running(b.tree(refuseFive, off, func(c *supervisor.Config) { c.Settings.Partition.OnErrorDrop = true }))
		pass(10 * time.Second)
		require.NoError(t, stop())
		require.EqualValues(t, 20, b.committed(0))
		require.Len(t, eventsOf[stream.Dropped](b), 1)
	})
}

// store is an offset store of a test's own.
type store func(ctx context.Context, partitions []stream.Partition) (map[stream.Partition]stream.Offset, error)

func (s store) Load(ctx context.Context, p []stream.Partition) (map[stream.Partition]stream.Offset, error) {
	return s(ctx, p)
}

func TestTheOffsetStoreDecidesWhereToBeginAndItsFailureIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 2)
		b.fill(2, 100)
		var broken atomic.Bool
		broken.Store(true)
		tree := b.tree(succeed, func(c *supervisor.Config) {
			c.Settings.OffsetStore = store(func(context.Context, []stream.Partition) (map[stream.Partition]stream.Offset, error) {
				if broken.Load() {
					return nil, errors.New("redis is away")
				}
				return map[stream.Partition]stream.Offset{{Topic: "in", Number: 0}: 40}, nil
			})
		})
		stop := running(tree)
		pass(5 * time.Minute)
		require.Zero(t, b.attempts())
		require.Equal(t, stream.StartOffsetUnavailable, tree.Status().Partitions[0].Cause)
		require.Contains(t, tree.Status().Partitions[0].Detail, "redis is away")
		broken.Store(false)
		pass(time.Minute)
		require.NoError(t, stop())
		require.Equal(t, 10+50, b.attempts(), "one partition from 40, the other from the beginning")
	})
}

func TestAFirstPositionFromLatestIsCommittedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.fill(1, 30)
		stop := running(b.tree(succeed, func(c *supervisor.Config) { c.Settings.Start.Reset = core.ResetLatest }))
		pass(time.Second)
		require.EqualValues(t, 30, b.committed(0))
		require.NoError(t, stop())
		require.Zero(t, b.attempts())
	})
}

func TestAFailedCommitIsTriedAgainAndNamedAsTheCause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.fill(1, 600)
		b.broker.FailCommits(4, memory.CommitFault{Err: errors.New("coordinator away"), Retriable: true})
		tree := b.tree(succeed)
		stop := running(tree)
		pass(700 * time.Millisecond)
		require.Equal(t, stream.CommitFailing, tree.Status().Partitions[0].Cause)
		pass(20 * time.Second)
		require.EqualValues(t, 600, b.committed(0))
		require.NotEmpty(t, eventsOf[stream.CommitFailed](b))
		require.NoError(t, stop())
	})
}

func TestAStopIsBoundedEvenWithTheBrokerDead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.fill(1, 100)
		stop := running(b.tree(succeed))
		pass(time.Second)
		b.broker.Down()
		began := time.Now()
		err := stop()
		require.LessOrEqual(t, time.Since(began), 27*time.Second)
		var unfinished *supervisor.UnfinishedError
		require.ErrorAs(t, err, &unfinished)
		require.NotEmpty(t, unfinished.What)
		b.broker.Up()
		pass(time.Minute)
	})
}

func TestAbortEndsAStopThatWaitsForAHandler(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.fill(1, 10)
		tree := b.tree(func(ctx context.Context, r *stream.Record) error {
			if string(r.Value) != "3" {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}, func(c *supervisor.Config) { c.Settings.Timeout = 0 })
		ctx, cancel := context.WithCancel(context.Background())
		result := make(chan error, 1)
		go func() { result <- tree.Run(ctx) }()
		pass(time.Second)
		cancel()
		pass(time.Second)
		began := time.Now()
		tree.Abort()
		require.ErrorContains(t, <-result, "the stop was aborted")
		require.Less(t, time.Since(began), time.Second)
		pass(time.Second)
		require.EqualValues(t, 3, b.committed(0), "what was done is committed, and no more")
	})
}

func TestRecordsInFlightAreWaitedForAtAStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.fill(1, 10)
		stop := running(b.tree(func(context.Context, *stream.Record) error {
			<-time.After(8 * time.Second)
			return nil
		}))
		pass(time.Second)
		require.NoError(t, stop())
		require.EqualValues(t, 1, b.committed(0))
		require.Equal(t, 1, b.attempts())
	})
}

func TestAFullBudgetPausesIntakeAndDrainsToTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 4)
		b.fill(4, 20_000)
		var gate atomic.Bool
		tree := b.tree(func(_ context.Context, r *stream.Record) error {
			for !gate.Load() && r.Partition == 0 {
				<-time.After(time.Second)
			}
			return nil
		}, func(c *supervisor.Config) { c.Memory = 1 << 20; c.Settings.Timeout = 0 })
		stop := running(tree)
		pass(time.Minute)
		s := tree.Status()
		require.Equal(t, stream.MemoryFull, s.Partitions[0].Cause)
		require.LessOrEqual(t, s.MemoryUsed, int64(1<<20))
		for _, p := range s.Partitions[1:] {
			require.EqualValues(t, 5000, p.Watermark, "healthy partitions do not starve")
		}
		gate.Store(true)
		pass(5 * time.Minute)
		require.NoError(t, stop())
		require.EqualValues(t, 5000, b.committed(0))
	})
}

func TestAnOperatorPausesAndResumesAPartition(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 2)
		tree := b.tree(succeed)
		stop := running(tree)
		pass(time.Second)
		zero := stream.Partition{Topic: "in", Number: 0}
		require.Error(t, tree.SetPaused(true, []stream.Partition{{Topic: "in", Number: 9}}))
		require.NoError(t, tree.SetPaused(true, []stream.Partition{zero}))
		pass(time.Second)
		b.fill(2, 100)
		pass(10 * time.Second)
		require.EqualValues(t, 50, b.committed(1))
		paused := tree.Status().Partitions[0]
		require.Equal(t, stream.PausedByOperator, paused.Cause)
		require.EqualValues(t, 50, paused.Lag(), "what comes in meanwhile is seen")
		require.Equal(t, 50, b.attempts())
		require.NoError(t, tree.SetPaused(false, []stream.Partition{zero}))
		pass(10 * time.Second)
		require.EqualValues(t, 50, b.committed(0))
		require.NoError(t, stop())
	})
}

func TestALostMemberCommitsNothingMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.fill(1, 100)
		stop := running(b.tree(func(context.Context, *stream.Record) error {
			<-time.After(100 * time.Millisecond)
			return nil
		}))
		pass(time.Second)
		before := b.committed(0)
		for id := range b.broker.Members("group") {
			b.broker.Expire("group", id)
		}
		pass(time.Minute)
		require.NotEmpty(t, eventsOf[stream.Lost](b))
		require.EqualValues(t, 100, b.committed(0), "the next incarnation read again, and finished")
		require.LessOrEqual(t, before, int64(10))
		require.NoError(t, stop())
		epochs := map[uint64]bool{}
		for _, e := range eventsOf[stream.Started](b) {
			epochs[e.Epoch] = true
		}
		require.Len(t, epochs, 2)
	})
}

func TestALostMemberJoinsAgainOnlyWhenItsCommitHasReturned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.fill(1, 100)
		release := b.broker.HoldCommits()
		stop := running(b.tree(succeed, func(c *supervisor.Config) {
			c.Settings.Committer = core.CommitterConfig{Records: 10, Interval: time.Second}
		}))
		pass(5 * time.Second)
		require.Equal(t, 1, b.broker.HeldCommits())
		for id := range b.broker.Members("group") {
			b.broker.Expire("group", id)
		}
		pass(30 * time.Second)
		require.NotEmpty(t, eventsOf[stream.Lost](b))
		require.Empty(t, b.broker.Members("group"), "the client might send the commit as the member that it becomes")
		release()
		pass(30 * time.Second)
		require.NotEmpty(t, b.broker.Members("group"))
		require.EqualValues(t, 100, b.committed(0))
		require.NoError(t, stop())
	})
}

func TestAConsumerThatFailsForGoodIsReplaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.fill(1, 100)
		b.broker.HoldCommits() // for ever: a revoke can then not be acknowledged
		tree := b.tree(succeed, func(c *supervisor.Config) {
			c.Settings.Committer = core.CommitterConfig{Records: 10, Interval: time.Second}
		})
		stop := running(tree)
		pass(5 * time.Second)
		require.Equal(t, 1, b.broker.HeldCommits())
		b.broker.Rebalance("group")
		pass(20 * time.Minute)
		require.NotEmpty(t, eventsOf[stream.Assigned](b))
		require.Error(t, stop())
		pass(time.Minute)
	})
}
