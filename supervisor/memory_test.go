package supervisor_test

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/stream"
	"github.com/troupe-go/troupe/supervisor"
)

// sized writes n records with values of so many bytes over all partitions in turn, each with a key of its own.
func (b *bench) sized(partitions int32, n, size int) {
	for i := range n {
		value := append([]byte(strconv.Itoa(i)+" "), bytes.Repeat([]byte("x"), size)...)
		b.broker.Append(stream.Message{Topic: "in", Key: []byte("k" + strconv.Itoa(i)), Value: value}.OnPartition(int32(i) % partitions))
	}
}

// peaks are the highest values of the account.
type peaks struct{ used, outputs, letters int64 }

// observe looks at the account all the time for a while.
func observe(t *supervisor.Tree, d time.Duration) (p peaks) {
	for until := time.Now().Add(d); time.Now().Before(until); {
		<-time.After(3 * time.Millisecond)
		s := t.Status()
		p.used, p.outputs, p.letters = max(p.used, s.MemoryUsed), max(p.outputs, s.MemoryOutputs), max(p.letters, s.MemoryDeadLetters)
	}
	synctest.Wait()
	return p
}

// bounded is a small budget, in one of the orders.
func bounded(memory int64, order core.Order) func(*supervisor.Config) {
	return func(c *supervisor.Config) {
		c.Memory, c.Settings.Timeout = memory, 0
		c.Settings.Partition.Order, c.Settings.Partition.Lanes = order, c.Concurrency
		c.Settings.Partition.KeyHash = func(key []byte) (hash uint64) {
			for _, b := range key {
				hash = hash*31 + uint64(b)
			}
			return hash
		}
	}
}

// requireDone says that everything is committed, and nothing accounted for.
func requireDone(t *testing.T, b *bench, tree *supervisor.Tree, partitions int32, each int64) {
	t.Helper()
	for p := range partitions {
		require.Equal(t, each, b.committed(p), "partition %d", p)
	}
	s := tree.Status()
	require.Zero(t, s.MemoryUsed)
	require.Zero(t, s.MemoryOutputs)
	require.Zero(t, s.MemoryDeadLetters)
	require.Empty(t, s.Faults)
}

func TestOutputsThatNobodyTakesStopTheHandlersWithinTheBudget(t *testing.T) {
	eachOrder(t, func(t *testing.T, order core.Order) {
		const partitions, records, limit = 4, 8000, 4 << 20
		b := setup(t, partitions)
		b.sized(partitions, records, 100)
		release := b.broker.HoldDeliveries()
		tree := b.tree(func(_ context.Context, r *stream.Record) error {
			for range 4 {
				r.Emit(stream.Message{Topic: "out", Key: r.Key, Value: make([]byte, 1000)})
			}
			return nil
		}, bounded(limit, order))
		stop := running(tree)
		seen := observe(tree, 5*time.Second)
		require.LessOrEqual(t, seen.used, int64(limit), "%+v", seen)
		require.Greater(t, seen.outputs, int64(limit)/64)
		attempts := b.attempts()
		require.Less(t, attempts, records, "what is handled stops with the outputs")
		for _, p := range tree.Status().Partitions {
			require.Equal(t, stream.OutputUnavailable, p.Cause, p.Partition)
		}
		pass(5 * time.Minute)
		require.Equal(t, attempts, b.attempts())
		require.Empty(t, eventsOf[stream.NoProgress](b))
		release()
		seen = observe(tree, 5*time.Second)
		require.LessOrEqual(t, seen.used, int64(limit))
		pass(time.Minute)
		requireDone(t, b, tree, partitions, records/partitions)
		require.NoError(t, stop())
		require.Equal(t, records, b.attempts(), "each once")
		require.Len(t, b.broker.Records("out"), 4*records)
	})
}

// A partition with nothing on its way hears of the room that others make.
func TestAPartitionThatOthersOutputsHoldBackGoesOnWhenTheyAreTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const limit = 2 << 20
		b := setup(t, 2)
		release := b.broker.HoldDeliveries()
		tree := b.tree(func(_ context.Context, r *stream.Record) error {
			if r.Partition == 0 {
				r.Emit(stream.Message{Topic: "out", Value: make([]byte, 100_000)})
			}
			return nil
		}, bounded(limit, core.ByPartition))
		stop := running(tree)
		pass(time.Second)
		for i := range 100 {
			b.broker.Append(stream.Message{Topic: "in", Value: []byte(strconv.Itoa(i))}.OnPartition(0))
		}
		seen := observe(tree, 2*time.Second)
		require.Greater(t, seen.used, int64(limit)*90/100)
		b.broker.Append(stream.Message{Topic: "in", Value: []byte("late")}.OnPartition(1))
		pass(time.Minute)
		require.Empty(t, b.seen("late"))
		late := tree.Status().Partitions[1]
		require.Equal(t, stream.OutputUnavailable, late.Cause)
		require.Contains(t, late.Detail, "memory")
		require.Empty(t, tree.Status().Faults)
		release()
		pass(time.Second)
		require.Len(t, b.seen("late"), 1)
		require.NoError(t, stop())
	})
}

func TestDeadLettersThatNobodyTakesAreBuiltAsFarAsThereIsRoom(t *testing.T) {
	eachOrder(t, func(t *testing.T, order core.Order) {
		const partitions, records, limit = 4, 800, 4 << 20
		b := setup(t, partitions)
		b.broker.CreateTopic("in.dead-letter", partitions)
		b.sized(partitions, records, 10_000)
		release := b.broker.HoldDeliveries()
		tree := b.tree(func(context.Context, *stream.Record) error { return stream.Permanent(errors.New("no good")) }, bounded(limit, order))
		stop := running(tree)
		seen := observe(tree, 5*time.Second)
		require.LessOrEqual(t, seen.used, int64(limit))
		require.Positive(t, seen.letters)
		require.LessOrEqual(t, seen.letters, int64(limit/8+20_000))
		for _, p := range tree.Status().Partitions {
			require.Equal(t, stream.DeadLetterUnavailable, p.Cause, p.Partition)
		}
		release()
		seen = observe(tree, 5*time.Second)
		require.LessOrEqual(t, seen.used, int64(limit))
		pass(time.Minute)
		requireDone(t, b, tree, partitions, records/partitions)
		require.NoError(t, stop())
		require.Len(t, b.broker.Records("in.dead-letter"), records)
	})
}

// Half of the partitions hold as much as they may, for different reasons; the others go on, and when the reason is gone so do
// they.
func TestABudgetFullOfRecordsThatWaitLetsTheHealthyPartitionsGoOn(t *testing.T) {
	const partitions, records, limit = 8, 40_000, 2 << 20
	for name, wrong := range map[string]func(release <-chan struct{}) error{
		"parked":  func(<-chan struct{}) error { return errors.New("boom") },
		"circuit": func(<-chan struct{}) error { return stream.Unavailable(errors.New("refused"), "database") },
		"stuck": func(release <-chan struct{}) error {
			<-release
			return nil
		},
		"dead letters": func(<-chan struct{}) error { return stream.Permanent(errors.New("no good")) },
	} {
		t.Run(name, func(t *testing.T) {
			eachOrder(t, func(t *testing.T, order core.Order) {
				b := setup(t, partitions)
				b.broker.CreateTopic("in.dead-letter", partitions)
				b.broker.Deny("in.dead-letter")
				b.sized(partitions, records, 100)
				var over atomic.Bool
				release := make(chan struct{})
				tree := b.tree(func(_ context.Context, r *stream.Record) error {
					if r.Partition < partitions/2 && !over.Load() {
						return wrong(release)
					}
					return nil
				}, bounded(limit, order), func(c *supervisor.Config) {
					c.Concurrency = 64 // or those that are stuck have all slots
					c.Settings.Partition.Lanes = 8
					c.Settings.Partition.Retry.MaxAttempts = 0
				})
				stop := running(tree)
				seen := observe(tree, 5*time.Second)
				require.LessOrEqual(t, seen.used, int64(limit))
				pass(2 * time.Minute)
				s := tree.Status()
				require.LessOrEqual(t, s.MemoryUsed, int64(limit))
				require.Empty(t, s.Faults)
				for _, p := range s.Partitions[partitions/2:] {
					require.EqualValues(t, records/partitions, p.Watermark, "%s does not starve", p.Partition)
				}
				for _, p := range s.Partitions[:partitions/2] {
					require.Less(t, p.Watermark, int64(records/partitions))
				}
				over.Store(true)
				close(release)
				b.broker.Allow("in.dead-letter")
				pass(10 * time.Minute)
				requireDone(t, b, tree, partitions, records/partitions)
				require.NoError(t, stop())
			})
		})
	}
}

// A partition without any records may have one whatever the others hold. Room is kept for that.
func TestRecordsAsLargeAsAFewOfTheBudgetAreWithinIt(t *testing.T) {
	eachOrder(t, func(t *testing.T, order core.Order) {
		const partitions, records, limit = 12, 600, 4 << 20
		b := setup(t, partitions)
		b.sized(partitions, records, limit/64)
		release := make(chan struct{})
		tree := b.tree(func(_ context.Context, _ *stream.Record) error {
			<-release
			return nil
		}, bounded(limit, order))
		stop := running(tree)
		seen := observe(tree, 5*time.Second)
		require.LessOrEqual(t, seen.used, int64(limit))
		require.Greater(t, seen.used, int64(limit)/2)
		for _, p := range tree.Status().Partitions {
			require.Positive(t, p.Ledger.Received, p.Partition)
		}
		close(release)
		seen = observe(tree, 5*time.Second)
		require.LessOrEqual(t, seen.used, int64(limit))
		pass(time.Minute)
		requireDone(t, b, tree, partitions, records/partitions)
		require.NoError(t, stop())
	})
}

// A poll counts on records of the usual size. One that is a thousand times as large ends it.
func TestRecordsThatBecomeLargeDoNotOverrunTheBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const limit = 8 << 20
		b := setup(t, 4)
		b.sized(4, 4000, 10)
		tree := b.tree(succeed, bounded(limit, core.ByPartition))
		stop := running(tree)
		pass(time.Second)
		release := make(chan struct{})
		held := b.tree(func(context.Context, *stream.Record) error {
			<-release
			return nil
		}, bounded(limit, core.ByPartition))
		require.NoError(t, stop())
		b.sized(4, 400, 10)
		b.sized(4, 2000, 100_000)
		stop = running(held)
		seen := observe(held, 5*time.Second)
		require.LessOrEqual(t, seen.used, int64(limit))
		close(release)
		pass(time.Minute)
		require.NoError(t, stop())
	})
}
