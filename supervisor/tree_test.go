package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/internal/deadletter"
	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/kafka/memory"
	"github.com/troupe-go/troupe/stream"
	"github.com/troupe-go/troupe/supervisor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is one processor on a broker in memory, in virtual time.
type bench struct {
	t      *testing.T
	broker *memory.Broker
	mu     sync.Mutex
	events []stream.Event
	calls  []call
}

// call is one attempt that the handler saw.
type call struct {
	value   string
	attempt int32
	at      time.Time
}

// setup makes a broker with a topic "in" of so many partitions.
func setup(t *testing.T, partitions int) *bench {
	t.Helper()
	b := &bench{t: t, broker: memory.NewBroker(memory.Options{})}
	b.broker.CreateTopic("in", partitions)
	b.broker.CreateTopic("out", partitions)
	return b
}

// fill writes n records with the values "0" to "n-1" over all partitions in turn.
func (b *bench) fill(partitions int32, n int) {
	for i := range n {
		b.broker.Append(stream.Message{
			Topic: "in", Key: []byte("k" + strconv.Itoa(i)), Value: []byte(strconv.Itoa(i)),
		}.OnPartition(int32(i) % partitions))
	}
}

// tree builds a processor; adjust may change what is usual.
func (b *bench) tree(handle stream.HandlerFunc, adjust ...func(*supervisor.Config)) *supervisor.Tree {
	config := supervisor.Config{
		Client: b.broker.Client("group", nil), Concurrency: 8, Memory: 64 << 20, Pollers: 1,
		Receivers: []func(stream.EventTime){func(e stream.EventTime) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.events = append(b.events, e.Event)
		}},
		Settings: actors.Settings{
			Name: "test", Host: "host", Topics: []string{"in"},
			NewHandler: func(stream.Partition) (stream.Handler, error) { return b.observed(handle), nil },
			Partition: core.PartitionConfig{
				Retry:      retry.Policy{MaxAttempts: 3, Initial: 2 * time.Second, Multiplier: 2, Max: time.Minute},
				StuckAfter: 5 * time.Minute,
			},
			Committer:  core.CommitterConfig{Records: 500, Interval: 5 * time.Second},
			DeadLetter: actors.DeadLetterSettings{Envelope: deadletter.JSON, Dialect: deadletter.Native, Create: true},
			Timeout:    30 * time.Second, DrainTimeout: 10 * time.Second, ShutdownTimeout: 25 * time.Second,
		},
	}
	for _, a := range adjust {
		a(&config)
	}
	return supervisor.New(config)
}

func (b *bench) observed(handle stream.HandlerFunc) stream.Handler {
	return stream.HandlerFunc(func(ctx context.Context, r *stream.Record) error {
		b.mu.Lock()
		b.calls = append(b.calls, call{value: string(r.Value), attempt: r.Attempt, at: time.Now()})
		b.mu.Unlock()
		return handle(ctx, r)
	})
}

func (b *bench) seen(value string) []call {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(b.calls), func(c call) bool { return c.value != value })
}

func (b *bench) attempts() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.calls)
}

func eventsOf[E stream.Event](b *bench) []E {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []E
	for _, e := range b.events {
		if e, ok := e.(E); ok {
			found = append(found, e)
		}
	}
	return found
}

// running starts a processor; stop ends it and gives Run's error.
func running(t *supervisor.Tree) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- t.Run(ctx) }()
	return func() error {
		cancel()
		err := <-result
		pass(time.Second)
		return err
	}
}

func (b *bench) committed(partition int32) int64 {
	offset, _ := b.broker.Committed("group", stream.Partition{Topic: "in", Number: partition})
	return offset
}

// commit makes the group commit an offset.
func (b *bench) commit(p stream.Partition, offset int64) {
	b.t.Helper()
	consumer, err := b.broker.Client("group", nil).Consumer("committer", kafka.OutOfRangeGoOn)
	require.NoError(b.t, err)
	require.NoError(b.t, consumer.Subscribe([]string{p.Topic}, &listener{}))
	var fetch kafka.Fetch
	require.NoError(b.t, consumer.Poll(time.Second, 1, &fetch))
	results, err := consumer.Commit(b.t.Context(), []kafka.CommitOffset{{Partition: p, Offset: offset, LeaderEpoch: -1}})
	require.NoError(b.t, err)
	require.NoError(b.t, results[0].Err)
	require.NoError(b.t, consumer.Close(b.t.Context()))
}

// listener is one that takes whatever comes.
type listener struct{}

func (*listener) Assigned([]stream.Partition)      {}
func (*listener) Revoked([]stream.Partition) error { return nil }
func (*listener) Lost([]stream.Partition) error    { return nil }
func (*listener) Trouble(error)                    {}

// pass lets virtual time pass, and everything that becomes due with it happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func succeed(context.Context, *stream.Record) error { return nil }

func TestEveryRecordIsHandledOnceAndCommittedAtACleanStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 4)
		b.fill(4, 2000)
		tree := b.tree(succeed)
		stop := running(tree)
		pass(3 * time.Second)
		require.NoError(t, stop())
		for p := range int32(4) {
			require.EqualValues(t, 500, b.committed(p))
		}
		require.Equal(t, 2000, b.attempts())
		for _, s := range tree.Status().Partitions {
			require.NoError(t, s.Ledger.Check())
		}
	})
}

func TestCommitsFollowTheCountOrTheInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.fill(1, 500)
		stop := running(b.tree(succeed))
		pass(2 * time.Second)
		require.EqualValues(t, 500, b.committed(0), "500 records do not wait for the interval")
		b.fill(1, 10)
		pass(4 * time.Second)
		require.EqualValues(t, 500, b.committed(0), "ten records do")
		pass(2 * time.Second)
		require.EqualValues(t, 510, b.committed(0))
		require.NoError(t, stop())
	})
}

func TestRecordsBeforeASlowOneAreCommittedMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.fill(1, 100)
		stop := running(b.tree(func(_ context.Context, r *stream.Record) error {
			if string(r.Value) == "50" {
				<-time.After(20 * time.Second)
			}
			return nil
		}))
		pass(10 * time.Second)
		require.EqualValues(t, 50, b.committed(0))
		pass(20 * time.Second)
		require.EqualValues(t, 100, b.committed(0))
		require.NoError(t, stop())
		require.Equal(t, 100, b.attempts())
	})
}

func TestRetriesWaitTwoAndFourSecondsAndHoldTheirPartitionOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 2)
		b.fill(2, 100)
		boom := errors.New("boom")
		stop := running(b.tree(func(_ context.Context, r *stream.Record) error {
			if string(r.Value) == "10" {
				return boom
			}
			return nil
		}))
		pass(5 * time.Second)
		require.Len(t, b.seen("99"), 1, "the other partition goes on")
		require.Empty(t, b.seen("12"), "the next record of the partition waits")
		pass(5 * time.Second)
		attempts := b.seen("10")
		require.Len(t, attempts, 3)
		require.Equal(t, 2*time.Second, attempts[1].at.Sub(attempts[0].at).Round(10*time.Millisecond))
		require.Equal(t, 4*time.Second, attempts[2].at.Sub(attempts[1].at).Round(10*time.Millisecond))
		require.EqualValues(t, 3, attempts[2].attempt)
		require.Len(t, b.seen("12"), 1)
		letters := b.broker.Records("in.dead-letter")
		require.Len(t, letters, 1)
		l, err := deadletter.Restore(letters[0].Key, letters[0].Value, letters[0].Headers)
		require.NoError(t, err)
		require.Equal(t, "10", string(l.Record.Value))
		require.Equal(t, "k10", string(l.Record.Key))
		require.Equal(t, "exhausted", l.Failure.Reason)
		require.NoError(t, stop())
		require.EqualValues(t, 50, b.committed(0))
	})
}

func TestAPanicAGoexitAndAnObedientTimeoutCostOnlyTheirRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.fill(1, 50)
		stop := running(b.tree(func(ctx context.Context, r *stream.Record) error {
			switch string(r.Value) {
			case "7":
				panic("seven")
			case "8":
				runtime.Goexit()
			case "9":
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}))
		pass(3 * time.Minute)
		require.NoError(t, stop())
		require.EqualValues(t, 50, b.committed(0))
		require.Len(t, b.broker.Records("in.dead-letter"), 3)
		require.Equal(t, 47+3*3, b.attempts())
		panics := eventsOf[stream.Panicked](b)
		require.Len(t, panics, 6)
		require.Contains(t, panics[0].Stack, "tree_test.go")
	})
}

func TestAStuckHandlerHoldsItsPartitionOnlyAndFailsTheProcessorInTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 2)
		b.fill(2, 100)
		release := make(chan struct{})
		tree := b.tree(func(_ context.Context, r *stream.Record) error {
			if string(r.Value) == "10" {
				<-release
			}
			return nil
		})
		result := make(chan error, 1)
		go func() { result <- tree.Run(context.Background()) }()
		pass(40 * time.Second)
		status := tree.Status()
		require.Equal(t, stream.HandlerStuck, status.Partitions[0].Cause)
		require.Equal(t, stream.Idle, status.Partitions[1].Cause)
		require.EqualValues(t, 1, status.Partitions[0].Ledger.States[stream.Stuck])
		require.Len(t, b.seen("99"), 1)
		err := <-result
		pass(time.Second)
		require.ErrorContains(t, err, "must be restarted")
		require.EqualValues(t, 5, b.committed(0), "nothing past the stuck record")
		require.EqualValues(t, 50, b.committed(1))
		close(release)
	})
}

func TestAStuckRecordCanBecomeADeadLetter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.fill(1, 20)
		release := make(chan struct{})
		stop := running(b.tree(func(_ context.Context, r *stream.Record) error {
			if string(r.Value) == "10" {
				<-release
			}
			return nil
		}, func(c *supervisor.Config) { c.Settings.Partition.StuckDeadLetter = true }))
		pass(6 * time.Minute)
		require.Len(t, b.broker.Records("in.dead-letter"), 1)
		require.Len(t, b.seen("19"), 1, "the partition goes on with another worker")
		close(release)
		require.NoError(t, stop())
		require.EqualValues(t, 20, b.committed(0))
	})
}

func TestAnUnavailableDependencyUsesNoAttemptAndLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 4)
		b.fill(4, 400)
		down := true
		var mu sync.Mutex
		tree := b.tree(func(context.Context, *stream.Record) error {
			mu.Lock()
			defer mu.Unlock()
			if down {
				return stream.Unavailable(errors.New("connection refused"), "db")
			}
			return nil
		})
		stop := running(tree)
		pass(10 * time.Minute)
		for _, s := range tree.Status().Partitions {
			require.Equal(t, stream.DependencyDown, s.Cause)
			require.EqualValues(t, 1, s.Oldest.Attempt)
		}
		require.Less(t, b.attempts(), 100, "one probe at a time, with backoff")
		mu.Lock()
		down = false
		mu.Unlock()
		pass(time.Minute)
		require.NoError(t, stop())
		require.Empty(t, b.broker.Records("in.dead-letter"))
		for p := range int32(4) {
			require.EqualValues(t, 100, b.committed(p))
		}
	})
}

func TestARecordIsDoneOnlyWhenItsOutputsAreAcknowledged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.fill(1, 1000)
		release := b.broker.HoldDeliveries()
		tree := b.tree(func(_ context.Context, r *stream.Record) error {
			r.Emit(stream.Message{Topic: "out", Value: r.Value})
			return nil
		})
		stop := running(tree)
		pass(time.Minute)
		require.LessOrEqual(t, b.committed(0), int64(0))
		require.Equal(t, stream.OutputUnavailable, tree.Status().Partitions[0].Cause)
		release()
		pass(10 * time.Second)
		require.EqualValues(t, 1000, b.committed(0))
		require.NoError(t, stop())
		require.Len(t, b.broker.Records("out"), 1000)
	})
}

func TestMembersShareAndHandOverWithoutRepeats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 6)
		b.fill(6, 3000)
		slow := func(ctx context.Context, _ *stream.Record) error {
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
			}
			return ctx.Err()
		}
		stop1 := running(b.tree(slow))
		pass(time.Second)
		stop2 := running(b.tree(slow))
		pass(time.Second)
		require.NoError(t, stop1())
		pass(30 * time.Second)
		require.NoError(t, stop2())
		require.Equal(t, 3000, b.attempts())
		for p := range int32(6) {
			require.EqualValues(t, 500, b.committed(p), fmt.Sprint("partition ", p))
		}
	})
}
