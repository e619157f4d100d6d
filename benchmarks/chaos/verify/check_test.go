package verify

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// world is a run in which all is well: 80 records in two partitions, one every 100 ms, each out 10 ms later and committed 5
// ms after that. Key k lies in partition k; every tenth record of a key is poison. A member, with producer 1, wrote all.
type world struct {
	history History
	ledger  []Entry
	script  Script
}

const (
	worldKeys    = 2
	worldRecords = 40 // of each key
)

func inMS(seq int64) int64  { return 1000 + 100*seq }
func outMS(seq int64) int64 { return inMS(seq) + 10 }

func newWorld() *world {
	w := &world{
		history: History{
			Ends: map[int32]int64{0: worldRecords, 1: worldRecords}, Committed: map[int32]int64{0: worldRecords, 1: worldRecords},
			Generations: []Generation{{Number: 1, AtMS: 500}},
		},
		script: Script{Run: "run", GraceMS: 500},
	}
	for key := range int32(worldKeys) {
		for seq := range int64(worldRecords) {
			id := ID{key, seq}
			in := Input{ID: id, Partition: key, Offset: seq, AtMS: inMS(seq), Sum: sumOf(id), Poison: seq%10 == 9}
			w.history.Inputs = append(w.history.Inputs, in)
			w.ledger = append(w.ledger, Entry{ID: id, Partition: key, Offset: seq, Sum: in.Sum, AckedMS: in.AtMS + 1})
			w.history.Commits = append(w.history.Commits, Commit{Partition: key, Offset: seq + 1, AtMS: outMS(seq) + 5})
		}
		for seq := range int64(worldRecords) {
			w.put(ID{key, seq}, outMS(seq), 1)
		}
	}
	return w
}

func sumOf(id ID) uint64 { return uint64(id.Key)<<32 + uint64(id.Seq) }

// put appends a copy to where it belongs.
func (w *world) put(id ID, atMS, producer int64) {
	w.history.Copies = append(w.history.Copies, Copy{
		ID: id, Dead: id.Seq%10 == 9, Partition: id.Key, Offset: int64(len(w.history.Copies)), AtMS: atMS, Producer: producer,
		Sum: sumOf(id),
	})
}

// take removes the copies of a record.
func (w *world) take(id ID) {
	w.history.Copies = slices.DeleteFunc(w.history.Copies, func(c Copy) bool { return c.ID == id })
}

// uncommit takes the commits of a partition back from an offset on, up to a time.
func (w *world) uncommit(partition int32, from, untilMS int64) {
	w.history.Commits = slices.DeleteFunc(w.history.Commits, func(c Commit) bool {
		return c.Partition == partition && c.Offset > from && c.AtMS <= untilMS
	})
}

func (w *world) copyOf(id ID) *Copy {
	for i := range w.history.Copies {
		if w.history.Copies[i].ID == id {
			return &w.history.Copies[i]
		}
	}
	return nil
}

func (w *world) check() Report { return Check(&w.history, w.ledger, &w.script) }

func TestNothingIsFoundWhereAllIsWell(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := w.check()
	require.Empty(t, r.Violations())
	require.EqualValues(t, worldKeys*worldRecords, r.Acknowledged)
	require.EqualValues(t, worldKeys*worldRecords/10, r.DeadLetters)
	require.EqualValues(t, worldKeys*worldRecords*9/10, r.Outputs)
	require.Zero(t, r.Duplicates+r.Indeterminate+r.ReplayBound+r.LateBound)
	require.EqualValues(t, 10, r.LongestGapMS)
	require.EqualValues(t, 10, r.LongestPartitionGapMS)
}

// planted is an anomaly, and what a report must say: only that.
type planted struct {
	plant func(*world)
	want  string
}

func TestEveryPlantedAnomalyIsFoundAndNamed(t *testing.T) {
	t.Parallel()
	lost, dead := ID{1, 7}, ID{0, 9}
	for name, c := range map[string]planted{
		"an output that never came":     {func(w *world) { w.take(lost) }, "1 lost"},
		"a dead letter that never came": {func(w *world) { w.take(dead) }, "1 lost"},
		"a record that is still to come": {func(w *world) {
			last := ID{0, worldRecords - 2}
			w.take(last)
			w.take(ID{0, worldRecords - 1})
			w.history.Committed[0] = last.Seq
			w.uncommit(0, last.Seq, never)
		}, "2 unseen, 2 offsets not committed at the end"},
		"a duplicate without a reason":         {func(w *world) { w.put(lost, 5000, 2) }, "1 unexplained duplicates"},
		"a dead letter twice without a reason": {func(w *world) { w.put(dead, 5000, 2) }, "1 unexplained duplicates"},
		"a duplicate after a clean stop": {func(w *world) {
			w.clean(2000, 2100)
			w.put(lost, 2300, 2)
		}, "1 unexplained duplicates"},
		"two records of a key in the wrong order": {func(w *world) {
			a, b := w.copyOf(ID{1, 4}), w.copyOf(ID{1, 5})
			*a, *b = *b, *a
			a.Offset, b.Offset = b.Offset, a.Offset
			a.Producer, b.Producer = 3, 4
		}, "1 out of order"},
		"a producer that goes back in one generation": {func(w *world) {
			a, b := w.copyOf(ID{1, 4}), w.copyOf(ID{1, 5})
			*a, *b = *b, *a
			a.Offset, b.Offset = b.Offset, a.Offset
		}, "2 out of order"}, // for the key, and for the producer
		"a value that was changed": {func(w *world) { w.copyOf(lost).Sum++ }, "1 corrupted"},
		"a value without its checksum": {func(w *world) {
			c := w.copyOf(lost)
			c.ID, c.Broken = ID{}, "no checksum"
		}, "1 lost, 1 corrupted"},
		"an output that nobody wrote": {func(w *world) { w.put(ID{1, 77}, 5000, 1) }, "1 phantom"},
		"an output of another run": {func(w *world) {
			w.put(lost, 5000, 1)
			w.history.Copies[len(w.history.Copies)-1].Foreign = true
		}, "1 phantom"},
		"poison among the outputs":          {func(w *world) { w.copyOf(dead).Dead = false }, "1 misdirected"},
		"a sound record among dead letters": {func(w *world) { w.copyOf(lost).Dead = true }, "1 misdirected"},
		"an acknowledged record not in the log": {func(w *world) {
			w.ledger = append(w.ledger, Entry{ID: ID{1, 40}, Partition: 1, Offset: 40, Sum: 1})
		}, "1 lost by the brokers"},
		"a commit before the output": {func(w *world) { w.copyOf(lost).AtMS += 50 }, "1 early commits"},
		"a commit that goes back": {func(w *world) {
			w.history.Commits = append(w.history.Commits, Commit{Partition: 1, Offset: 3, AtMS: 9000})
		}, "1 commits that went back"},
		"a partition committed beyond its end": {func(w *world) { w.history.Committed[1]++ }, "1 partitions committed beyond their end"},
		"no records at all":                    {func(w *world) { *w = world{} }, "no record was acknowledged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			c.plant(w)
			r := w.check()
			require.Equal(t, c.want, joined(r.Violations()), "%+v", r)
		})
	}
}

func joined(list []string) string {
	text := ""
	for i, s := range list {
		if i > 0 {
			text += ", "
		}
		text += s
	}
	return text
}

func (w *world) clean(start, end int64) {
	w.script.Faults = append(w.script.Faults, Fault{Name: "stop", StartMS: start, EndMS: end, Clean: true})
	w.history.Generations = append(w.history.Generations, Generation{Number: 2, AtMS: end + 50})
}

// crash kills the member that wrote partition 1 at 2000 ms, where it is committed up to 5 and 10 are out. The group changes
// at 2250 ms, and another goes on from there.
func (w *world) crash(f Fault) {
	f.Name, f.StartMS, f.EndMS = "crash", 2000, 2000
	w.script.Faults = append(w.script.Faults, f)
	w.history.Generations = append(w.history.Generations, Generation{Number: 2, AtMS: 2250})
	w.uncommit(1, 5, 3100)
	for i := range w.history.Copies {
		if c := &w.history.Copies[i]; c.Partition == 1 {
			if c.AtMS <= 2000 {
				c.Producer = 2
			} else {
				c.Producer = 3
				c.AtMS = max(c.AtMS, 2500+c.Seq)
			}
		}
	}
	for i := range w.history.Commits {
		if c := &w.history.Commits[i]; c.Partition == 1 && c.AtMS > 2000 {
			c.AtMS = max(c.AtMS, 3100)
		}
	}
}

// replay lets the next owner write records of partition 1 once more.
func (w *world) replay(atMS int64, seqs ...int64) {
	for _, seq := range seqs {
		w.put(ID{1, seq}, atMS, 3)
	}
	// In the log the replay lies where its time says.
	slices.SortStableFunc(w.history.Copies, func(a, b Copy) int {
		topic := 0
		switch {
		case b.Dead && !a.Dead:
			topic = -1
		case a.Dead && !b.Dead:
			topic = 1
		}
		return cmp.Or(topic, cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.AtMS, b.AtMS))
	})
}

func TestReplayOfWhatWasNotCommittedIsCountedAgainstItsBound(t *testing.T) {
	t.Parallel()
	for _, f := range []Fault{{}, {Crash: true}} {
		w := newWorld()
		w.crash(f)
		w.replay(2400, 5, 6, 7, 8, 9)
		r := w.check()
		require.Empty(t, r.Violations(), "%+v", r)
		require.EqualValues(t, 5, r.Duplicates)
		require.EqualValues(t, 5, r.Replayed)
		require.EqualValues(t, 5, r.ReplayBound, "5 to 9 were out and not committed: %+v", f)
	}
}

func TestReplaysThatNoCrashExplainsAreFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]planted{
		"of what was committed":       {func(w *world) { w.replay(2400, 4, 5) }, "1 unexplained duplicates"},
		"before the group changed":    {func(w *world) { w.put(ID{1, 6}, 2100, 4) }, "1 unexplained duplicates"},
		"twice":                       {func(w *world) { w.put(ID{1, 6}, 2400, 4); w.put(ID{1, 6}, 2450, 5) }, "1 unexplained duplicates"},
		"long after, without a fault": {func(w *world) { w.put(ID{1, 30}, 9000, 4) }, "1 unexplained duplicates"},
		"backwards":                   {func(w *world) { w.put(ID{1, 7}, 2400, 3); w.put(ID{1, 6}, 2401, 3) }, "1 out of order"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.crash(Fault{Crash: true})
			c.plant(w)
			w.replay(0)
			r := w.check()
			require.Equal(t, c.want, joined(r.Violations()), "%+v", r)
		})
	}
}

func TestDeathOfOneMemberAllowsNothingToTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.crash(Fault{Crash: true})
	w.uncommit(0, 3, 3000)
	r := w.check()
	require.EqualValues(t, 5, r.ReplayBound, "partition 0 was not the dead member's")
}

// zombie freezes the member that wrote partition 1 from 2000 to 2400 ms; the group changes at 2250.
func (w *world) zombie() {
	w.crash(Fault{LateUntilMS: 2050})
	w.script.Faults[0].EndMS = 2400
	w.script.Zombies = []Zombie{{Name: "m1", FrozenMS: 2000, ThawedMS: 2400}}
}

func TestLateOutputsOfAZombieAreCountedAndBounded(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.zombie()
	// 10 was in the input before the freeze and not out. The next owner wrote it, and now the zombie does.
	w.put(ID{1, 10}, 2600, 2)
	r := w.check()
	require.Empty(t, r.Violations(), "%+v", r)
	require.EqualValues(t, 1, r.Late)
	require.EqualValues(t, 1, r.LateBound-int64(w.waiting(0)), "only 10 was on its way")

	// 15 came into the input long after, and it was out and done before the zombie could hear anything.
	w.put(ID{1, 15}, 90_000, 2)
	w.copyOf(ID{1, 15}).AtMS = 80_000
	require.EqualValues(t, 1, w.check().Unexplained)
}

func TestMemberThatTheBrokersDidNotAnswerMayWriteUntilItHears(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.crash(Fault{})
	// The group has changed at 2250. The old owner did not know, and its producer got through; then came the new owner.
	w.copyOf(ID{1, 6}).AtMS = 2600
	w.put(ID{1, 6}, 2900, 4)
	r := w.check()
	require.Zero(t, r.Unexplained, "%+v", r)
	require.EqualValues(t, 1, r.Late)
	require.Positive(t, r.LateBound)

	// One that was committed when the group changed is none of those.
	w.put(ID{1, 4}, 2900, 4)
	require.EqualValues(t, 1, w.check().Unexplained)
}

func TestReplayAfterALateOutputOfTheSameProducerIsNotOutOfOrder(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.zombie()
	// The zombie itself is given the partition again. What it still held comes first, then it begins at the committed offset.
	w.take(ID{1, 10})
	w.put(ID{1, 10}, 2420, 3)
	w.replay(2440, 5, 6, 7, 8, 9, 10)
	r := w.check()
	require.Empty(t, r.Violations(), "%+v", r)
	require.EqualValues(t, 6, r.Duplicates)
	require.EqualValues(t, 1, r.Late)
}

func TestWhatAProducerHadNoAnswerForMayBeResentWhileItIsNotCommitted(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.script.Faults = []Fault{{Name: "brokers", StartMS: 2000, EndMS: 2500, UnsureUntilMS: 2150}}
	w.uncommit(1, 10, 3000)
	w.put(ID{1, 11}, 2900, 1)
	r := w.check()
	require.Empty(t, r.Violations(), "%+v", r)
	require.EqualValues(t, 1, r.Resent)
	require.EqualValues(t, 2+2, r.ResentBound, "10 and 11 of both partitions")

	w.copyOf(ID{1, 11}).Producer = 7
	require.EqualValues(t, 1, w.check().Unexplained, "another producer had nothing to resend")

	w = newWorld()
	w.script.Faults = []Fault{{Name: "brokers", StartMS: 2000, EndMS: 2500, UnsureUntilMS: 2150}}
	w.put(ID{1, 11}, 2900, 1)
	require.EqualValues(t, 1, w.check().Unexplained, "what was committed had an answer")
}

func TestMemberThatIsBackMayReadOnUntilItHears(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.zombie()
	w.put(ID{1, 15}, 2900, 2) // its own, at 2515
	r := w.check()
	require.Empty(t, r.Violations(), "%+v", r)
	require.EqualValues(t, 1, r.ReadOn)

	w.put(ID{1, 16}, w.script.Faults[0].EndMS+hearMS+deliverMS+1, 2)
	w.put(ID{1, 16}, w.script.Faults[0].EndMS+hearMS+deliverMS+2, 2)
	r = w.check()
	require.EqualValues(t, 1, r.Unexplained, "%+v", r)
}

// waiting is how many records of a partition were in the input at the freeze and not out; here those of the partition that
// had no part in it.
func (w *world) waiting(partition int32) (n int) {
	for seq := range int64(worldRecords) {
		if inMS(seq) <= 2050 && outMS(seq) > 2000 && w.copyOf(ID{partition, seq}) != nil {
			n++
		}
	}
	return n
}

func TestCommitOfAZombieIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.zombie()
	w.script.Zombies[0].Successes = []Mark{{Partition: 1, Offset: 5}}
	require.Empty(t, w.check().Violations(), "its commit up to 5 came before the freeze, only the answer was late")

	w.script.Zombies[0].Successes = []Mark{{Partition: 1, Offset: 11}}
	require.Equal(t, "1 commits of a zombie", joined(w.check().Violations()))
}

func TestDeadLettersMayComeInAnyOrder(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.history.Commits = nil
	a, b := w.copyOf(ID{1, 9}), w.copyOf(ID{1, 19})
	a.ID, b.ID = b.ID, a.ID
	a.Sum, b.Sum = b.Sum, a.Sum
	require.Zero(t, w.check().OutOfOrder)
}

func TestProgressIsMeasuredWhereThereWasWork(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.script.Faults = []Fault{{Name: "stall", StartMS: 2000, EndMS: 2300, Clean: true}}
	for i := range w.history.Copies {
		if c := &w.history.Copies[i]; c.AtMS > 2005 && c.AtMS < 2500 && c.Partition == 1 {
			c.AtMS = 2500
		}
	}
	w.history.Commits = nil
	r := w.check()
	require.EqualValues(t, 500, r.LongestPartitionGapMS)
	require.EqualValues(t, 1, r.LongestGapPartition)
	require.EqualValues(t, 100, r.LongestGapMS, "the other partition went on")
	require.Equal(t, []Recovery{{Fault: "stall", FirstOutputMS: 10, LagMS: 0}}, r.Recoveries)
}

func TestFlowMeasuresGapsAndLag(t *testing.T) {
	t.Parallel()
	f := flow{ins: []int64{10, 20, 5000}, outs: []int64{15, 1020, 5001}}
	require.EqualValues(t, 1000, f.longestGap(), "between 1020 and 5000 there was nothing to do")
	for at, lag := range map[int64]int{9: 0, 10: 1, 15: 0, 20: 1, 1019: 1, 1020: 0, 5000: 1, 5001: 0} {
		require.Equal(t, lag, f.lag(at), fmt.Sprint(at))
	}
	require.Equal(t, Recovery{"late", -1, -1}, flow{}.recovery(Fault{Name: "late"}))
}
