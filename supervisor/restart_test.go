package supervisor_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/kafka/memory"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// impossible is an outcome that no lane gives: the partition's machine panics on it.
var impossible = messages.Outcomes{Outcomes: []messages.Outcome{{Seq: 1, Attempted: 1 << 20}}}

func TestAPartitionThatFailsByABugBeginsAgainFromTheCommittedOffset(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 2)
		b.fill(2, 100)
		var blocked atomic.Bool
		blocked.Store(true)
		tree := b.tree(func(ctx context.Context, r *stream.Record) error {
			if blocked.Load() && string(r.Value) == "0" {
				<-ctx.Done()
			}
			return ctx.Err()
		})
		stop := running(tree)
		pass(time.Second)
		blocked.Store(false)
		tree.Send("partitions/in-0#1", impossible)
		pass(time.Minute)
		require.NoError(t, stop())
		restarts := eventsOf[stream.Restarted](b)
		require.Len(t, restarts, 1)
		require.Equal(t, "in-0 #1", restarts[0].Actor)
		require.Contains(t, restarts[0].Stack, "partition_outcome.go")
		require.EqualValues(t, 50, b.committed(0))
		require.EqualValues(t, 50, b.committed(1))
	})
}

func TestAPartitionThatKeepsFailingFailsTheProcessor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.fill(1, 10)
		tree := b.tree(func(ctx context.Context, _ *stream.Record) error {
			<-ctx.Done()
			return ctx.Err()
		})
		result := make(chan error, 1)
		go func() { result <- tree.Run(context.Background()) }()
		pass(time.Second)
		for range 20 {
			if parts := tree.Status().Partitions; len(parts) > 0 {
				tree.Send("partitions/"+name(parts[0]), impossible)
			}
			pass(time.Second)
		}
		require.ErrorContains(t, <-result, "failed too often")
		pass(time.Second)
	})
}

func name(s stream.PartitionStatus) string {
	return messages.Incarnation{Partition: s.Partition}.Partition.String() + "#" + string(rune('0'+s.Epoch))
}

func TestAProducerThatFailsForGoodIsReplacedAndNothingIsLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.fill(1, 1000)
		b.broker.FailProduces(1, memory.ProduceFault{Topic: "out", Kind: kafka.Fatal, Err: errors.New("fenced")})
		stop := running(b.tree(copyToOut))
		pass(time.Minute)
		require.NoError(t, stop())
		require.EqualValues(t, 1000, b.committed(0))
		require.GreaterOrEqual(t, len(b.broker.Records("out")), 1000)
		require.Len(t, eventsOf[stream.Restarted](b), 1)
	})
}

func TestOutputsThatCannotBeDeliveredNowAreProducedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.fill(1, 1000)
		b.broker.FailProduces(300, memory.ProduceFault{Topic: "out", Kind: kafka.Undelivered, Err: errors.New("timed out")})
		stop := running(b.tree(copyToOut))
		pass(time.Minute)
		require.NoError(t, stop())
		require.Len(t, b.broker.Records("out"), 1000)
		require.EqualValues(t, 1000, b.committed(0))
	})
}

func TestARefusedOutputMakesItsRecordADeadLetterAndNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.fill(1, 100)
		b.broker.LimitMessages("out", 2000)
		stop := running(b.tree(func(_ context.Context, r *stream.Record) error {
			m := stream.Message{Topic: "out", Value: r.Value}
			if string(r.Value) == "42" {
				m.Value = make([]byte, 3000)
			}
			r.Emit(m)
			return nil
		}))
		pass(time.Minute)
		require.NoError(t, stop())
		require.Len(t, b.broker.Records("out"), 99)
		letters := eventsOf[stream.DeadLettered](b)
		require.Len(t, letters, 1)
		require.EqualValues(t, 42, letters[0].Offset)
		require.Equal(t, "output-refused", letters[0].Reason)
		require.EqualValues(t, 100, b.committed(0))
	})
}

func copyToOut(_ context.Context, r *stream.Record) error {
	r.Emit(stream.Message{Topic: "out", Key: r.Key, Value: r.Value})
	return nil
}
