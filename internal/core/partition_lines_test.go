package core

import (
	"encoding/binary"
	"errors"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// keyed drives a machine in key order whose keys are numbers.
type keyed struct {
	p    *Partition
	now  time.Time
	out  PartitionEffects
	open []messages.Work // not answered yet
	next int64
}

func newKeyed(config PartitionConfig) *keyed {
	config.Order, config.KeyHash = ByKey, binary.LittleEndian.Uint64
	return &keyed{now: epoch, p: NewPartition(epoch, config, PartitionStart{})}
}

func (k *keyed) step(m messages.ToPartition) {
	k.out.Reset()
	k.p.Step(k.now, m, &k.out)
	k.open = append(k.open, k.out.Work...)
}

// poll gives the machine n records, each of the key that its index has.
func (k *keyed) poll(n int, key func(i int) uint64) {
	records := make([]stream.Record, n)
	for i := range records {
		records[i] = stream.Record{
			Topic: "orders", Offset: k.next, Key: binary.LittleEndian.AppendUint64(nil, key(i)), Value: make([]byte, 100), Timestamp: k.now,
		}
		k.next++
	}
	k.step(messages.Records{Records: records})
}

// answer lets every open Work end as the outcome says, which is given with its lane set.
func (k *keyed) answer(outcome func(w messages.Work, o *messages.Outcome)) {
	works := k.open
	k.open = nil
	var m messages.Outcomes
	for _, w := range works {
		o := messages.Outcome{Lane: w.Lane, Seq: w.Seq, Attempted: len(w.Records)}
		outcome(w, &o)
		m.Outcomes = append(m.Outcomes, o)
	}
	k.step(m)
}

func handleAll(messages.Work, *messages.Outcome) {}

func failFirst(_ messages.Work, o *messages.Outcome) {
	o.Attempted = 1
	o.Exceptions = []messages.Exception{{Failure: messages.Failure{Kind: messages.Failed, Err: errors.New("boom")}}}
}

func publishAll(w messages.Work, o *messages.Outcome) {
	for i := range w.Records {
		o.Outputs = append(o.Outputs, messages.Output{Index: i})
	}
}

func each(i int) uint64 { return uint64(i) }

func retries(delay time.Duration) retry.Policy {
	return retry.Policy{MaxAttempts: -1, Initial: delay, Max: delay, Multiplier: 1}
}

// A parked record far below does not make the Works of other keys small, and what each Work takes is what it has room for.
func TestAParkedRecordDoesNotMakeTheWorksOfOtherKeysSmall(t *testing.T) {
	t.Parallel()
	works := func(parked bool) int {
		k := newKeyed(PartitionConfig{Lanes: 256, Retry: retries(time.Hour)})
		if parked {
			k.poll(1, func(int) uint64 { return 99 })
			k.answer(failFirst)
		}
		n := 0
		for range 20 {
			k.poll(2000, func(int) uint64 { return 1 })
			for len(k.open) > 0 {
				n += len(k.open)
				for _, w := range k.open {
					require.Equal(t, len(w.Records), cap(w.Records))
				}
				k.answer(handleAll)
			}
		}
		require.Equal(t, k.next, k.p.ledger.States[stream.Done]+k.p.Parked())
		return n
	}
	require.Equal(t, works(false), works(true))
	require.Less(t, works(true), 300)
}

// A Work goes no further beyond its first record than the commit's metadata may have to tell.
func TestAWorkDoesNotGoFarBeyondItsFirstRecord(t *testing.T) {
	t.Parallel()
	k := newKeyed(PartitionConfig{Lanes: 1})
	k.poll(20_000, func(i int) uint64 { return uint64(min(i%100, 1)) }) // every hundredth is of one key
	for len(k.open) > 0 {
		for _, w := range k.open {
			require.LessOrEqual(t, w.Records[len(w.Records)-1].Offset-w.Records[0].Offset, int64(aheadMax))
		}
		k.answer(handleAll)
	}
	require.Equal(t, k.next, k.p.tracker.Watermark())
}

// One record in each poll waits behind a parked one of its key; the others of the poll are done, and must not be kept.
func TestARecordInALineDoesNotKeepItsPoll(t *testing.T) { //nolint:paralleltest // it measures the heap
	k := newKeyed(PartitionConfig{Lanes: 256, Retry: retries(time.Hour)})
	before := heapBytes()
	for poll := range 300 {
		k.poll(500, func(i int) uint64 {
			if i == 7 {
				return 0
			}
			return uint64(poll*500 + i + 1)
		})
		for len(k.open) > 0 {
			k.answer(func(w messages.Work, o *messages.Outcome) {
				if binary.LittleEndian.Uint64(w.Records[0].Key) == 0 {
					failFirst(w, o)
				}
			})
		}
	}
	k.out = PartitionEffects{}
	require.EqualValues(t, 300, k.p.Parked())
	require.Less(t, int64(heapBytes())-int64(before), int64(8<<20))
	runtime.KeepAlive(k)
}

// Keys that fail again and again have as many turns as the others, not more.
func TestFailingKeysDoNotStarveTheOthers(t *testing.T) {
	t.Parallel()
	k := newKeyed(PartitionConfig{Lanes: 8, Retry: retries(10 * time.Millisecond)})
	const failing = 32
	attempts, handled := 0, 0
	end := func(w messages.Work, o *messages.Outcome) {
		if w.Records[0].Offset < failing {
			attempts++
			failFirst(w, o)
			return
		}
		handled += len(w.Records)
	}
	k.poll(failing, each)
	for range 8 {
		k.now = k.now.Add(5 * time.Millisecond)
		k.answer(end)
	}
	k.poll(1000, func(i int) uint64 { return failing + uint64(i) })
	attempts = 0
	for rounds := 0; handled < 1000; rounds++ {
		require.Less(t, rounds, 300)
		k.now = k.now.Add(5 * time.Millisecond)
		k.answer(end)
	}
	require.InDelta(t, 1000, attempts, 16)
}

// A slow key is handed out little more than it handles, whatever the other keys do.
func TestASlowKeyIsNotHandedOutAgainAndAgain(t *testing.T) {
	t.Parallel()
	k := newKeyed(PartitionConfig{Lanes: 64})
	const hot = 1 << 40
	k.poll(5000, func(int) uint64 { return hot })
	handedOut, handled := 0, 0
	for round := range 300 {
		k.answer(func(w messages.Work, o *messages.Outcome) {
			if binary.LittleEndian.Uint64(w.Records[0].Key) == hot { // the lane gives the rest back
				handedOut += len(w.Records)
				handled++
				o.Attempted = 1
			}
		})
		k.poll(50, func(i int) uint64 { return uint64(round*50 + i) })
	}
	require.Equal(t, 300, handled)
	require.LessOrEqual(t, handedOut, workRecordsMin*handled)
}

// A fast key has large Works soon.
func TestAFastKeyHasLargeWorks(t *testing.T) {
	t.Parallel()
	k := newKeyed(PartitionConfig{Lanes: 64})
	k.poll(5000, func(int) uint64 { return 1 })
	most := 0
	for len(k.open) > 0 {
		most = max(most, len(k.open[0].Records))
		k.answer(handleAll)
	}
	require.Equal(t, workRecordsMax, most)
}

// Records that failed together and wait for different times are in the order of their offsets all the same.
func TestABatchIsInTheOrderOfItsOffsets(t *testing.T) {
	t.Parallel()
	k := newKeyed(PartitionConfig{Lanes: 4, BatchRecords: 3, Retry: retries(time.Hour)})
	k.poll(3, each)
	k.answer(func(_ messages.Work, o *messages.Outcome) {
		for i := range 3 {
			o.Exceptions = append(o.Exceptions, messages.Exception{Index: i, Failure: messages.Failure{
				Kind: messages.FailedLater, Err: errors.New("boom"), After: time.Duration(3-i) * time.Second,
			}})
		}
	})
	k.now = k.now.Add(3 * time.Second)
	k.step(messages.Tick{})
	require.Len(t, k.open, 1)
	require.Equal(t, []int64{0, 1, 2}, offsetsOf(k.open[0].Records))
	w := &k.p.lanes[k.open[0].Lane]
	require.EqualValues(t, 0, w.lowest)
	require.True(t, slices.IsSorted(w.offsets))
	k.answer(handleAll)
	require.EqualValues(t, 3, k.p.tracker.Watermark())
	require.NoError(t, k.p.Idle())
}

// A record that was tried before does not wait for a batch to become full, whosever turn it is.
func TestARetryDoesNotWaitForAFullBatch(t *testing.T) {
	t.Parallel()
	k := newKeyed(PartitionConfig{Lanes: 1, BatchRecords: 10, BatchWait: time.Minute, Retry: retries(time.Second)})
	k.poll(10, each)
	k.answer(func(_ messages.Work, o *messages.Outcome) {
		o.Exceptions = []messages.Exception{{Index: 4, Failure: messages.Failure{Kind: messages.Failed, Err: errors.New("boom")}}}
	})
	k.p.lines.wasDue = true
	k.poll(3, func(i int) uint64 { return 100 + uint64(i) })
	require.Empty(t, k.open)
	k.now = k.now.Add(time.Second)
	k.step(messages.Tick{})
	require.Len(t, k.open, 1)
	require.Equal(t, []int64{4, 10, 11, 12}, offsetsOf(k.open[0].Records))
}
