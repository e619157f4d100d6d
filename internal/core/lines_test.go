package core

import (
	"encoding/binary"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core/offset"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// passage drives a machine in key order whose lanes succeed with whatever they are given, but for offset 0 if that fails.
type passage struct {
	t     *testing.T
	p     *Partition
	out   PartitionEffects
	now   time.Time
	next  int64
	fails bool
	mark  messages.Watermark
}

func newPassage(t *testing.T, lanes int) *passage {
	t.Helper()
	return &passage{t: t, now: epoch, p: NewPartition(epoch, PartitionConfig{Order: ByKey, Lanes: lanes, KeyHash: binary.LittleEndian.Uint64}, PartitionStart{})}
}

// pass lets a poll of records through, each with a key of its own.
func (s *passage) pass(n int) {
	records := make([]stream.Record, n)
	keys := make([]byte, 8*n)
	for i := range records {
		key := keys[8*i : 8*i+8]
		binary.LittleEndian.PutUint64(key, uint64(s.next))
		records[i] = stream.Record{Topic: "orders", Offset: s.next, LeaderEpoch: int32(s.next / 1000), Key: key, Timestamp: s.now}
		s.next++
	}
	s.now = s.now.Add(time.Millisecond)
	s.step(messages.Records{Records: records})
	for len(s.out.Work) > 0 {
		var m messages.Outcomes
		for _, work := range s.out.Work {
			o := messages.Outcome{Lane: work.Lane, Seq: work.Seq, Attempted: len(work.Records)}
			if s.fails && work.Records[0].Offset == 0 {
				f := messages.Failure{Kind: messages.FailedLater, After: 24 * time.Hour, Err: errors.New("boom")}
				o.Exceptions = []messages.Exception{{Failure: f}}
			}
			m.Outcomes = append(m.Outcomes, o)
		}
		s.step(m)
	}
}

func (s *passage) step(m messages.ToPartition) {
	s.out.Reset()
	s.p.Step(s.now, m, &s.out)
	require.NoError(s.t, s.out.Fault)
	if s.out.Watermark != nil {
		s.mark = *s.out.Watermark
	}
}

func heapBytes() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestKeysThatPassedLeaveNothingBehind(t *testing.T) { //nolint:paralleltest // it measures the heap
	s := newPassage(t, 100)
	s.pass(500)
	before := heapBytes()
	for s.next < 1_000_000 {
		s.pass(500)
	}
	after := heapBytes()
	require.NoError(t, s.p.Check())
	require.EqualValues(t, 1_000_000, s.next-s.next%1000)
	require.Equal(t, s.next, s.mark.Offset)
	require.Empty(t, s.p.lines.byKey)
	require.LessOrEqual(t, len(s.p.lines.lines), 500)
	require.LessOrEqual(t, cap(s.p.entries), 4096)
	require.Less(t, int64(after)-int64(before), int64(1<<20))
	runtime.KeepAlive(s)
}

func TestLinesThatWereManyGiveTheirRoomUp(t *testing.T) {
	t.Parallel()
	s := newPassage(t, 100)
	s.pass(10 * roomMax)
	require.Zero(t, len(s.p.lines.lines)+len(s.p.lines.spare))
	require.LessOrEqual(t, len(s.p.lines.turns.buffer), roomMax)
	require.LessOrEqual(t, cap(s.p.entries), roomMax)
	s.pass(10)
	require.Equal(t, s.next, s.mark.Offset)
	require.NoError(t, s.p.Check())
}

// One record that waits for a day must not cost the memory of all that is done behind it, and when it is done at last, the
// commit's leader epoch must be that of the last record.
func TestOneParkedRecordDoesNotKeepWhatIsDoneBehindIt(t *testing.T) {
	t.Parallel()
	s := newPassage(t, 100)
	s.fails = true
	for s.next < 1_000_000 {
		s.pass(500)
		require.LessOrEqual(t, cap(s.p.entries), 8192, "at offset %d", s.next)
	}
	require.NoError(t, s.p.Check())
	require.Zero(t, s.mark.Offset)
	require.NotEmpty(t, s.mark.Metadata)
	require.LessOrEqual(t, len(s.p.lines.lines), 600)
	s.fails = false
	s.now = s.now.Add(25 * time.Hour)
	s.step(messages.Tick{})
	require.Len(t, s.out.Work, 1)
	s.step(messages.Outcomes{Outcomes: []messages.Outcome{{Lane: s.out.Work[0].Lane, Seq: s.out.Work[0].Seq, Attempted: 1}}})
	require.Equal(t, s.next, s.mark.Offset)
	require.EqualValues(t, (s.next-1)/1000, s.mark.LeaderEpoch)
	require.Empty(t, s.mark.Metadata)
	require.Zero(t, len(s.p.entries)+len(s.p.alarms)+len(s.p.troubles))
}

// The watermark may come to stand anywhere in what was compacted, and must find the leader epoch of the record below it.
func TestCompactionKeepsTheLeaderEpochBelowEveryWatermark(t *testing.T) {
	t.Parallel()
	p := NewPartition(epoch, PartitionConfig{Order: Unordered, Lanes: 100_000}, PartitionStart{})
	var out PartitionEffects
	var m messages.Records
	for off := range int64(6000) {
		m.Records = append(m.Records, stream.Record{Topic: "orders", Offset: off, LeaderEpoch: int32(off), Timestamp: epoch})
	}
	p.Step(epoch, m, &out)
	works := out.Work
	require.Len(t, works, 6000)
	now := epoch
	finish := func(i int64) *messages.Watermark {
		now = now.Add(time.Second)
		out = PartitionEffects{}
		p.Step(now, messages.Outcomes{Outcomes: []messages.Outcome{{Lane: works[i].Lane, Seq: works[i].Seq, Attempted: 1}}}, &out)
		require.NoError(t, out.Fault)
		return out.Watermark
	}
	open := func(off int64) bool { return off%1000 == 0 || off%1000 == 1 || off%1000 == 500 }
	for off := range int64(6000) {
		if !open(off) {
			finish(off)
		}
	}
	require.NoError(t, p.Check())
	require.LessOrEqual(t, len(p.entries), 3*18+1024)
	for off := range int64(6000) {
		if !open(off) {
			continue
		}
		end := off + 1
		for end < 6000 && !open(end) {
			end++
		}
		w := finish(off)
		require.Equal(t, end, w.Offset)
		require.EqualValues(t, end-1, w.LeaderEpoch)
	}
}

// fillMetadata lets every other of many records be done, each of a key of its own but for the lowest two, which are of one.
func fillMetadata(t *testing.T) (s *passage, works map[int64]messages.Work) {
	t.Helper()
	s = newPassage(t, 10_000)
	records := make([]stream.Record, 2*manyRuns)
	for i := range records {
		key := binary.LittleEndian.AppendUint64(nil, uint64(i))
		if i == 1 {
			clear(key)
		}
		records[i] = stream.Record{Topic: "orders", Offset: int64(i), Key: key, Timestamp: s.now}
	}
	s.step(messages.Records{Records: records})
	works = make(map[int64]messages.Work)
	var m messages.Outcomes
	for _, work := range s.out.Work {
		off := work.Records[0].Offset
		works[off] = work
		if off%2 == 1 {
			m.Outcomes = append(m.Outcomes, messages.Outcome{Lane: work.Lane, Seq: work.Seq, Attempted: 1})
		}
	}
	s.now = s.now.Add(time.Second)
	s.step(m)
	s.now = s.now.Add(metadataFullAfter)
	s.step(messages.Tick{})
	require.Equal(t, stream.MetadataFull, s.p.Status(s.now).Cause)
	return s, works
}

func TestFullMetadataLeavesTheTurnToTheLowestRecord(t *testing.T) {
	t.Parallel()
	s, works := fillMetadata(t)
	s.step(messages.Outcomes{Outcomes: []messages.Outcome{{Lane: works[0].Lane, Seq: works[0].Seq}}}) // given back
	require.Len(t, s.out.Work, 1)
	require.Equal(t, []int64{0}, offsetsOf(s.out.Work[0].Records))
}

// However the records that full metadata lets begin may end, it says all that is done: here every other one of them ends
// first, which makes for the most runs.
func TestFullMetadataLetsTheLowestRecordsBeginSideBySide(t *testing.T) {
	t.Parallel()
	s, works := fillMetadata(t)
	var back messages.Outcomes
	for _, work := range works {
		if off := work.Records[0].Offset; off%2 == 0 {
			back.Outcomes = append(back.Outcomes, messages.Outcome{Lane: work.Lane, Seq: work.Seq})
		}
	}
	s.step(back)
	require.Greater(t, len(s.out.Work), 64)
	require.Less(t, len(s.out.Work), manyRuns/2)
	ended := map[int64]bool{}
	for steps := 0; len(ended) < manyRuns; steps++ {
		require.Less(t, steps, 60)
		begun := s.out.Work
		var first, second messages.Outcomes
		for i := range begun {
			m := &first
			if begun[i].Records[0].Offset%4 == 0 {
				m = &second
			}
			m.Outcomes = append(m.Outcomes, messages.Outcome{Lane: begun[i].Lane, Seq: begun[i].Seq, Attempted: len(begun[i].Records)})
			for _, r := range begun[i].Records {
				ended[r.Offset] = true
			}
		}
		begun = nil
		for _, m := range []messages.Outcomes{first, second} {
			s.now = s.now.Add(time.Second)
			s.step(m)
			begun = append(begun, s.out.Work...)
			w := s.p.reported
			require.LessOrEqual(t, len(w.Metadata), offset.MetadataLimit)
			runs, err := offset.Decode(w.Metadata, w.Offset, "")
			require.NoError(t, err)
			said := offset.NewDoneSet(runs)
			require.Equal(t, s.p.tracker.DoneBeyond(), said.Runs(), "all that is done")
		}
		s.out.Work = begun
	}
	require.NoError(t, s.p.Check())
}

// What full metadata has held back begins in the step that makes the metadata shorter: nothing may come after it.
func TestWhatFullMetadataHeldBackBeginsWithTheReport(t *testing.T) {
	t.Parallel()
	s, works := fillMetadata(t)
	s.step(messages.Records{Records: []stream.Record{{Topic: "orders", Offset: 10_000, Timestamp: s.now}}})
	require.Empty(t, s.out.Work)
	var m messages.Outcomes
	for off, work := range works {
		if off%2 == 0 && off < manyRuns {
			m.Outcomes = append(m.Outcomes, messages.Outcome{Lane: work.Lane, Seq: work.Seq, Attempted: len(work.Records)})
		}
	}
	s.now = s.now.Add(time.Second)
	s.step(m)
	require.Len(t, s.out.Work, 1)
	require.Equal(t, []int64{10_000}, offsetsOf(s.out.Work[0].Records))
	require.NoError(t, s.p.Check())
}

func TestNoMoreWorksAreOpenedThanThereIsRoomFor(t *testing.T) {
	t.Parallel()
	s := newPassage(t, 100)
	s.p.LimitLanes(3)
	records := make([]stream.Record, 10)
	for i := range records {
		records[i] = stream.Record{Topic: "orders", Offset: int64(i), Timestamp: s.now}
	}
	s.step(messages.Records{Records: records})
	require.Len(t, s.out.Work, 3)
	require.True(t, s.p.LanesLimited())
	w := s.out.Work[0]
	s.p.LimitLanes(5)
	s.step(messages.Outcomes{Outcomes: []messages.Outcome{{Lane: w.Lane, Seq: w.Seq, Attempted: 1}}})
	require.Len(t, s.out.Work, 3, "one has ended, and there is room for two more")
	require.True(t, s.p.LanesLimited())
	s.p.LimitLanes(50)
	s.step(messages.Tick{})
	require.Len(t, s.out.Work, 4)
	require.False(t, s.p.LanesLimited())
	s.p.LimitLanes(0)
	require.False(t, s.p.LanesLimited(), "there is no limit")
}
