package offset_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/internal/core/offset"
)

// oracle is a tracker too simple to be wrong: a list of offsets and a map.
type oracle struct {
	start int64
	given []int64
	done  map[int64]bool
}

func (o *oracle) add(at int64) error {
	if at < o.start || len(o.given) > 0 && at <= o.given[len(o.given)-1] {
		return offset.ErrNotAscending
	}
	o.given = append(o.given, at)
	return nil
}

func (o *oracle) finish(at int64) error {
	switch {
	case at < o.watermark():
		return offset.ErrAlreadyDone
	case !slices.Contains(o.given, at):
		return offset.ErrUnknown
	case o.done[at]:
		return offset.ErrAlreadyDone
	}
	o.done[at] = true
	return nil
}

func (o *oracle) finishRange(first, last int64) (int, error) {
	if last < first {
		return 0, offset.ErrBackwards
	}
	if first < o.watermark() {
		return 0, offset.ErrAlreadyDone
	}
	var in []int64
	for _, at := range o.given {
		if at >= first && at <= last {
			if o.done[at] {
				return 0, offset.ErrAlreadyDone
			}
			in = append(in, at)
		}
	}
	for _, at := range in {
		o.done[at] = true
	}
	return len(in), nil
}

func (o *oracle) watermark() int64 {
	mark := o.start
	for _, at := range o.given {
		if !o.done[at] {
			return mark
		}
		mark = at + 1
	}
	return mark
}

func (o *oracle) pending() (n int, lowest int64) {
	for _, at := range slices.Backward(o.given) {
		if !o.done[at] {
			n, lowest = n+1, at
		}
	}
	return n, lowest
}

func (o *oracle) beyond() []offset.Run {
	var runs []offset.Run
	open, passed := false, false
	for _, at := range o.given {
		switch {
		case !o.done[at]:
			open, passed = false, true
		case !passed:
		case open:
			runs[len(runs)-1].Last = at
		default:
			runs, open = append(runs, offset.Run{First: at, Last: at}), true
		}
	}
	return runs
}

func TestTrackerAgreesWithOracleUnderRandomSchedules(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		start := rapid.Int64Range(0, 1000).Draw(t, "start")
		tracker := offset.NewTracker(start)
		model := &oracle{start: start, done: map[int64]bool{}}
		anywhere := func(t *rapid.T, label string) int64 {
			return rapid.Int64Range(start-2, tracker.Last()+3).Draw(t, label)
		}
		t.Repeat(map[string]func(*rapid.T){
			"add many": func(t *rapid.T) {
				at := tracker.Last() + 1 + rapid.Int64Range(-1, 4).Draw(t, "gap")
				for range rapid.IntRange(1, 150).Draw(t, "count") {
					want := model.add(at)
					require.ErrorIs(t, tracker.Add(at), want)
					at++
				}
			},
			"add sparse": func(t *rapid.T) {
				for range rapid.IntRange(1, 20).Draw(t, "count") {
					at := tracker.Last() + rapid.Int64Range(1, 3).Draw(t, "step")
					require.NoError(t, model.add(at))
					require.NoError(t, tracker.Add(at))
				}
			},
			"done": func(t *rapid.T) {
				at := anywhere(t, "offset")
				require.ErrorIs(t, tracker.Done(at), model.finish(at))
			},
			"done lowest": func(t *rapid.T) {
				if at, ok := tracker.Lowest(); ok {
					require.NoError(t, tracker.Done(at))
					require.NoError(t, model.finish(at))
				}
			},
			"done range": func(t *rapid.T) {
				first := anywhere(t, "first")
				last := first + rapid.Int64Range(-1, 200).Draw(t, "length")
				n, err := tracker.DoneRange(first, last)
				wantN, want := model.finishRange(first, last)
				require.ErrorIs(t, err, want)
				require.Equal(t, wantN, n)
			},
			"": func(t *rapid.T) {
				require.Equal(t, model.watermark(), tracker.Watermark())
				n, lowest := model.pending()
				require.Equal(t, n, tracker.Pending())
				at, ok := tracker.Lowest()
				require.Equal(t, n > 0, ok)
				require.Equal(t, lowest, at)
				require.Equal(t, model.beyond(), tracker.DoneBeyond())
			},
		})
	})
}

// TestWindowIsReused lets a window of records wander over many ring lengths, so that stale done bits would show.
func TestWindowIsReused(t *testing.T) {
	t.Parallel()
	tracker := offset.NewTracker(0)
	const window = 100
	for at := range int64(100_000) {
		require.NoError(t, tracker.Add(at))
		if at >= window {
			require.NoError(t, tracker.Done(at-window))
			require.Equal(t, at-window+1, tracker.Watermark())
			require.Equal(t, window, tracker.Pending())
		}
	}
}

// TestNothingIsAllocatedPerRecord is not parallel: allocations are counted for the whole process.
func TestNothingIsAllocatedPerRecord(t *testing.T) {
	tracker := offset.NewTracker(0)
	next := int64(0)
	batch := func() {
		first := next
		for ; next < first+1000; next++ {
			if next%100 != 7 { // gaps
				_ = tracker.Add(next)
			}
		}
		_ = tracker.Done(next - 1)
		_, _ = tracker.DoneRange(first, next-2)
	}
	batch()
	require.Zero(t, testing.AllocsPerRun(100, batch))
	require.Equal(t, next, tracker.Watermark())
}

func BenchmarkAddDoneRange(b *testing.B) {
	const batch = 500
	tracker := offset.NewTracker(0)
	next := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		first := next
		for ; next < first+batch; next++ {
			if err := tracker.Add(next); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := tracker.DoneRange(first, next-1); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/record")
}

func BenchmarkAddDoneOutOfOrder(b *testing.B) {
	const window = 4096
	tracker := offset.NewTracker(0)
	for at := range int64(window) {
		if err := tracker.Add(at); err != nil {
			b.Fatal(err)
		}
	}
	next := int64(window)
	b.ReportAllocs()
	for b.Loop() {
		// Pairs finish the wrong way round.
		if err := tracker.Add(next); err != nil {
			b.Fatal(err)
		}
		if err := tracker.Done((next - window) ^ 1); err != nil {
			b.Fatal(err)
		}
		next++
	}
}

func BenchmarkEncode(b *testing.B) {
	tracker := offset.NewTracker(1_000_000)
	for at := int64(1_000_000); at < 1_010_000; at++ {
		if err := tracker.Add(at); err != nil {
			b.Fatal(err)
		}
		if at%10 != 0 {
			if err := tracker.Done(at); err != nil {
				b.Fatal(err)
			}
		}
	}
	var runs []offset.Run
	b.ReportAllocs()
	for b.Loop() {
		runs = tracker.AppendDoneBeyond(runs[:0])
		if s, _ := offset.Encode(tracker.Watermark(), "AAAAAAAAAAAAAAAAAAAAAA", runs, 0); s == "" {
			b.Fatal("nothing encoded")
		}
	}
}
