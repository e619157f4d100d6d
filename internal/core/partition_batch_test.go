package core

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// batchBench is a partition whose handler takes batches.
type batchBench struct {
	p    *Partition
	now  time.Time
	out  PartitionEffects
	next int64
}

func newBatchBench(order Order) *batchBench {
	now := time.Unix(1_700_000_000, 0)
	return &batchBench{now: now, p: NewPartition(now, PartitionConfig{
		Order: order, Lanes: 8, BatchRecords: 40, BatchWait: time.Minute,
		Retry: retry.Policy{MaxAttempts: 3, Initial: time.Second, Multiplier: 2, Max: time.Minute, Jitter: 0.2},
	}, PartitionStart{Incarnation: messages.Incarnation{Partition: stream.Partition{Topic: "in"}, Epoch: 7}})}
}

// step gives the Works that a message opens.
func (b *batchBench) step(m messages.ToPartition) []messages.Work {
	b.out.Reset()
	b.p.Step(b.now, m, &b.out)
	return b.out.Work
}

// poll gives the machine n records more.
func (b *batchBench) poll(n int) []messages.Work {
	records := make([]stream.Record, n)
	for i := range records {
		records[i] = stream.Record{Topic: "in", Offset: b.next, Timestamp: b.now}
		b.next++
	}
	return b.step(messages.Records{Records: records})
}

func TestABatchIsFullWhateverThePollsBrought(t *testing.T) {
	t.Parallel()
	for _, order := range []Order{ByPartition, Unordered} {
		b := newBatchBench(order)
		for range 3 {
			require.Empty(t, b.poll(10))
		}
		works := b.poll(15)
		require.Len(t, works, 1)
		require.Len(t, works[0].Records, 40)
		for i, r := range works[0].Records {
			require.EqualValues(t, i, r.Offset)
		}
	}
}

func TestRecordsThatFailInOneBatchAreTriedAgainInOne(t *testing.T) {
	t.Parallel()
	for _, order := range []Order{ByPartition, Unordered} {
		b := newBatchBench(order)
		works := b.poll(40)
		require.Len(t, works, 1)
		failed := messages.Outcome{Lane: works[0].Lane, Seq: works[0].Seq, Attempted: 40}
		for i := range 40 {
			if i%3 != 0 {
				f := messages.Failure{Kind: messages.Failed, Err: errors.New("boom")}
				failed.Exceptions = append(failed.Exceptions, messages.Exception{Index: i, Failure: f})
			}
		}
		require.Empty(t, b.step(messages.Outcomes{Outcomes: []messages.Outcome{failed}}))
		var again []messages.Work
		for looks := 0; len(again) == 0 && looks < 100; looks++ {
			require.False(t, b.out.Wake.IsZero())
			b.now = b.out.Wake
			again = append(again, b.step(messages.Tick{})...)
		}
		require.Len(t, again, 1)
		require.Len(t, again[0].Records, len(failed.Exceptions))
		require.EqualValues(t, 2, again[0].Records[0].Attempt)
	}
}
