package offset

import (
	"cmp"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Compact does what happens by itself after many records, for tests with few.
func (t *Tracker) Compact() { t.compact() }

// One offset stays pending while the log goes on for long: at a distance of 10 million the account is as small as at one
// of a few thousand.
func TestMemoryFollowsWhatIsPendingNotTheDistance(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		step  int64 // every step-th offset is a transaction marker; 0: none
		stuck int64 // every stuck-th offset stays pending; 0: only the first
		until int64 // 0: 10 million
		most  int
	}{
		"every offset":        {most: 2 * (marksSlack + marksPerPending)},
		"transaction markers": {step: 3, most: 2 * (marksSlack + marksPerPending)},
		"some stay pending":   {step: 10, stuck: 10_001, until: 2_000_000, most: 2 * (marksSlack + 200*marksPerPending)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tracker := NewTracker(0)
			held := []int64{0}
			failed := tracker.Add(0)
			for at := int64(1); at < cmp.Or(c.until, 10_000_000) && failed == nil; at++ {
				if c.step > 0 && at%c.step == 0 {
					continue
				}
				failed = tracker.Add(at)
				if c.stuck > 0 && at%c.stuck == 0 {
					held = append(held, at)
				} else if failed == nil {
					failed = tracker.Done(at)
				}
				if cap(tracker.marks) > c.most {
					require.Failf(t, "too many marks", "%d at offset %d", cap(tracker.marks), at)
				}
			}
			require.NoError(t, failed)
			require.Len(t, held, tracker.Pending())
			require.Len(t, tracker.DoneBeyond(), len(held))
			for _, at := range held {
				require.Equal(t, at, tracker.marks[tracker.head])
				require.NoError(t, tracker.Done(at))
			}
			require.Equal(t, tracker.Last()+1, tracker.Watermark())
			require.False(t, tracker.HasBeyond())
		})
	}
}

// After a burst of pending offsets the memory for them is given back while the log goes on.
func TestMemoryOfABurstIsGivenBack(t *testing.T) {
	t.Parallel()
	const burst = 1 << 16
	tracker := NewTracker(0)
	for at := range int64(burst) {
		require.NoError(t, tracker.Add(at))
	}
	require.GreaterOrEqual(t, cap(tracker.marks), burst)
	for at := range int64(burst) {
		require.NoError(t, tracker.Done(at))
	}
	for at := int64(burst); at < 5*burst; at++ {
		require.NoError(t, tracker.Add(at))
		require.NoError(t, tracker.Done(at))
	}
	require.Equal(t, marksMin, cap(tracker.marks))
	require.EqualValues(t, 5*burst, tracker.Watermark())
}

// Records finish in random order within a window, some of them never: what the tracker says is checked against a map,
// across many compactions.
func TestManyCompactionsKeepTheAccountExact(t *testing.T) {
	t.Parallel()
	const seed, window, records = 7, 300, 100_000
	random := rand.New(rand.NewPCG(seed, seed))
	tracker := NewTracker(0)
	var open, held []int64
	given := map[int64]bool{}
	at := int64(0)
	for range records {
		at += 1 + int64(random.IntN(12)/10)
		given[at] = true
		require.NoError(t, tracker.Add(at))
		open = append(open, at)
		for len(open) > window {
			i := random.IntN(len(open))
			if random.IntN(1000) == 0 {
				held = append(held, open[i])
			} else {
				require.NoError(t, tracker.Done(open[i]), "seed %d", seed)
				require.ErrorIs(t, tracker.Done(open[i]), ErrAlreadyDone)
			}
			open[i] = open[len(open)-1]
			open = open[:len(open)-1]
		}
		require.Equal(t, len(open)+len(held), tracker.Pending())
		require.LessOrEqual(t, cap(tracker.marks), 4*(marksPerPending*(window+len(held))+marksSlack))
	}
	isPending := map[int64]bool{}
	for _, p := range append(open, held...) {
		isPending[p] = true
	}
	lowest, _ := tracker.Lowest()
	require.True(t, isPending[lowest])
	covered := 0
	for _, run := range tracker.DoneBeyond() {
		require.True(t, given[run.First] && given[run.Last])
		for o := run.First; o <= run.Last; o++ {
			require.False(t, isPending[o], "offset %d, seed %d", o, seed)
			if given[o] {
				covered++
			}
		}
	}
	beyond := 0
	for o := range given {
		if o > lowest && !isPending[o] {
			beyond++
		}
	}
	require.Equal(t, beyond, covered)
}
