package verify

import (
	"cmp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// newSharedWorld is newWorld with both keys in partition 0, one record of each in turn.
func newSharedWorld(order string) *world {
	w := newWorld()
	w.script.Order = order
	w.history.Ends, w.history.Committed = map[int32]int64{0: 2 * worldRecords}, map[int32]int64{0: 2 * worldRecords}
	for i := range w.history.Inputs {
		in := &w.history.Inputs[i]
		in.Partition, in.Offset = 0, sharedOffset(in.ID)
		w.ledger[i].Partition, w.ledger[i].Offset = 0, in.Offset
	}
	for i := range w.history.Commits {
		c := &w.history.Commits[i]
		c.Partition, c.Offset = 0, 2*c.Offset-1+int64(c.Partition)
	}
	slices.SortFunc(w.history.Commits, func(a, b Commit) int { return cmp.Compare(a.Offset, b.Offset) })
	for i := range w.history.Copies {
		w.history.Copies[i].Partition = 0
	}
	w.lay()
	return w
}

func sharedOffset(id ID) int64 { return 2*id.Seq + int64(id.Key) }

// lay gives the copies the offsets that their times say.
func (w *world) lay() {
	slices.SortStableFunc(w.history.Copies, func(a, b Copy) int {
		return cmp.Or(cmp.Compare(btoi(a.Dead), btoi(b.Dead)), cmp.Compare(a.AtMS, b.AtMS), cmp.Compare(sharedOffset(a.ID), sharedOffset(b.ID)))
	})
	for i := range w.history.Copies {
		w.history.Copies[i].Offset = int64(i)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// park lets the records 5 to 12 of key 1 come out from 2500 ms on only, while key 0 goes on; until then the partition is
// committed at 11, the first of them, and the commits name what of key 0 lies beyond.
func (w *world) park() {
	for i := range w.history.Copies {
		if c := &w.history.Copies[i]; c.Key == 1 && c.Seq >= 5 {
			c.AtMS = max(c.AtMS, 2500+c.Seq)
		}
	}
	for i := range w.history.Commits {
		c := &w.history.Commits[i]
		if c.AtMS >= 2550 || c.Offset <= 11 {
			continue
		}
		for seq := int64(6); outMS(seq) < c.AtMS; seq++ {
			c.Done = append(c.Done, Run{2 * seq, 2 * seq})
		}
		c.Offset = 11
	}
	w.lay()
}

func (w *world) swap(a, b ID) {
	one, other := w.copyOf(a), w.copyOf(b)
	one.ID, other.ID = other.ID, one.ID
	one.Sum, other.Sum = other.Sum, one.Sum
}

func TestOneKeyMayComeLaterThanAnotherButInPartitionOrder(t *testing.T) {
	t.Parallel()
	for order, found := range map[string]bool{ByPartition: true, ByKey: false, Unordered: false} {
		w := newSharedWorld(order)
		require.Empty(t, w.check().Violations(), order)
		w.park()
		r := w.check()
		require.Equal(t, found, r.OutOfOrder > 0, "%s: %+v", order, r)
		require.Equal(t, found, len(r.Violations()) > 0, "%s: %+v", order, r)
		require.Positive(t, r.CommitsBeyond)
	}
}

func TestOrderOfAKeyIsPromisedUnlessThereIsNone(t *testing.T) {
	t.Parallel()
	for order, found := range map[string]int64{ByKey: 2, Unordered: 0} {
		w := newSharedWorld(order)
		w.park()
		w.swap(ID{1, 6}, ID{1, 7})
		r := w.check()
		require.Equal(t, found, r.OutOfOrder, "%s, for the key and for the producer: %+v", order, r)
	}
}

func TestAReplayGoesBackWithinAKeyOnlyWhenTheGroupHasChanged(t *testing.T) {
	t.Parallel()
	for order, found := range map[string]int64{ByKey: 1, Unordered: 0} {
		w := newSharedWorld(order)
		w.script.Faults = []Fault{{Name: "crash", StartMS: 2150, EndMS: 2150, Crash: true}}
		w.history.Generations = append(w.history.Generations, Generation{Number: 2, AtMS: 2200})
		w.uncommit(0, 11, 3000)
		w.put(ID{1, 7}, 2300, 9)
		w.put(ID{0, 6}, 2310, 9)
		w.put(ID{1, 6}, 2320, 9)
		for i := range w.history.Copies {
			w.history.Copies[i].Partition = 0
		}
		w.lay()
		r := w.check()
		require.Equal(t, found, r.OutOfOrder, "%s: %+v", order, r)
		require.Zero(t, r.Unexplained)
	}
}

func TestWhatACommitNamesMustBeOut(t *testing.T) {
	t.Parallel()
	w := newSharedWorld(ByKey)
	w.park()
	at := slices.IndexFunc(w.history.Commits, func(c Commit) bool { return len(c.Done) > 3 })
	c := &w.history.Commits[at]
	c.Done = append(c.Done, Run{13, 13})
	slices.SortFunc(c.Done, func(a, b Run) int { return cmp.Compare(a.First, b.First) })
	require.Equal(t, "1 early commits", joined(w.check().Violations()), "key 1 waits for its next attempt")
}

func TestWhatACommitNamesMustNotComeAgain(t *testing.T) {
	t.Parallel()
	crashed := func() *world {
		w := newSharedWorld(ByKey)
		w.park()
		w.script.Faults = []Fault{{Name: "crash", StartMS: 2200, EndMS: 2200, Crash: true}}
		w.history.Generations = append(w.history.Generations, Generation{Number: 2, AtMS: 2300})
		for i := range w.history.Copies {
			if c := &w.history.Copies[i]; c.AtMS > 2200 {
				c.Producer = 2
			}
		}
		// The last commit before the crash names 6 to 10 of key 0; its 11 was out.
		w.history.Commits = slices.DeleteFunc(w.history.Commits, func(c Commit) bool { return c.AtMS > outMS(10)+5 && c.AtMS < 3300 })
		return w
	}
	again := func(w *world, id ID) Report {
		w.put(id, 2400, 2)
		for i := range w.history.Copies {
			w.history.Copies[i].Partition = 0
		}
		w.lay()
		return w.check()
	}
	r := again(crashed(), ID{0, 11})
	require.Empty(t, r.Violations(), "%+v", r)
	require.EqualValues(t, 1, r.Replayed)
	require.EqualValues(t, 1, r.ReplayBound, "all others that were out are committed or named")
	require.EqualValues(t, 5, r.Spared)
	require.Equal(t, "1 unexplained duplicates", joined(again(crashed(), ID{0, 8}).Violations()))
}
