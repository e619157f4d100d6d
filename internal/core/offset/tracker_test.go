package offset_test

import (
	"math"
	"math/rand/v2"
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
	case at < o.watermark() || o.insideRun(at):
		return offset.ErrAlreadyDone
	case !slices.Contains(o.given, at):
		return offset.ErrUnknown
	case o.done[at]:
		return offset.ErrAlreadyDone
	}
	o.done[at] = true
	return nil
}

func (o *oracle) insideRun(at int64) bool {
	return slices.ContainsFunc(o.beyond(), func(run offset.Run) bool { return run.First <= at && at <= run.Last })
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
	rapid.Check(t, agreesWithOracle)
}

func FuzzTrackerAgreesWithOracle(f *testing.F) { f.Fuzz(rapid.MakeFuzz(agreesWithOracle)) }

func agreesWithOracle(t *rapid.T) {
	start := rapid.Int64Range(0, 1000).Draw(t, "start")
	tracker := offset.NewTracker(start)
	model := &oracle{start: start, done: map[int64]bool{}}
	anywhere := func(t *rapid.T, label string) int64 {
		return rapid.Int64Range(start-2, tracker.Last()+3).Draw(t, label)
	}
	done := func(t *rapid.T, at int64) {
		require.ErrorIs(t, tracker.Done(at), model.finish(at), "offset %d", at)
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
		"done": func(t *rapid.T) { done(t, anywhere(t, "offset")) },
		"done lowest": func(t *rapid.T) {
			if at, ok := tracker.Lowest(); ok {
				done(t, at)
			}
		},
		"done many": func(t *rapid.T) {
			first := anywhere(t, "first")
			for at := range rapid.Int64Range(0, 50).Draw(t, "length") {
				done(t, first+at)
			}
		},
		"compact": func(*rapid.T) { tracker.Compact() },
		"": func(t *rapid.T) {
			require.Equal(t, model.watermark(), tracker.Watermark())
			n, lowest := model.pending()
			require.Equal(t, n, tracker.Pending())
			at, ok := tracker.Lowest()
			require.Equal(t, n > 0, ok)
			require.Equal(t, lowest, at)
			beyond := model.beyond()
			require.Equal(t, beyond, tracker.DoneBeyond())
			require.Equal(t, len(beyond) > 0, tracker.HasBeyond())
			limit := rapid.IntRange(1, 5).Draw(t, "limit")
			require.Equal(t, beyond[:min(limit, len(beyond))], tracker.AppendDoneBeyond(nil, limit))
		},
	})
}

func TestRunsAreAppendedToThoseThatAreThere(t *testing.T) {
	t.Parallel()
	tracker := offset.NewTracker(0)
	for at := range int64(10) {
		require.NoError(t, tracker.Add(at))
	}
	for _, at := range []int64{1, 2, 4, 8, 9} {
		require.NoError(t, tracker.Done(at))
	}
	runs := []offset.Run{{First: -9, Last: -8}}
	runs = tracker.AppendDoneBeyond(runs, 2)
	require.Equal(t, []offset.Run{{First: -9, Last: -8}, {First: 1, Last: 2}, {First: 4, Last: 4}}, runs)
	require.Len(t, tracker.AppendDoneBeyond(runs, 0), 6)
	require.Len(t, tracker.AppendDoneBeyond(nil, 3), 3)
}

func TestFarthestOffsetsAreFound(t *testing.T) {
	t.Parallel()
	tracker := offset.NewTracker(0)
	given := []int64{0, 1, 5, math.MaxInt64 - 7, math.MaxInt64 - 1}
	for _, at := range given {
		require.NoError(t, tracker.Add(at))
	}
	for _, at := range []int64{4, math.MaxInt64 / 2, math.MaxInt64 - 2, math.MaxInt64} {
		require.ErrorIs(t, tracker.Done(at), offset.ErrUnknown)
	}
	for i := range given {
		require.NoError(t, tracker.Done(given[len(given)-1-i]))
	}
	require.EqualValues(t, math.MaxInt64, tracker.Watermark())
}

// TestWindowIsReused lets a window of records wander far, so that stale marks would show.
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
	var runs []offset.Run
	for _, held := range []int64{-1, 0} {
		batch := func() {
			first := next
			for ; next < first+1000; next++ {
				if next%100 != 7 { // gaps
					_ = tracker.Add(next)
				}
			}
			for at := next - 1; at >= first; at-- {
				if at%100 != 7 && at != held {
					_ = tracker.Done(at)
				}
			}
			runs = tracker.AppendDoneBeyond(runs[:0], 0)
		}
		held += next
		for range 10 {
			batch()
		}
		require.Zero(t, testing.AllocsPerRun(100, batch))
	}
	require.Equal(t, 1, tracker.Pending())
	require.Equal(t, []offset.Run{{First: tracker.Watermark() + 1, Last: next - 1}}, runs)
}

func BenchmarkAddDoneInOrder(b *testing.B) {
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
		for at := first; at < next; at++ {
			if err := tracker.Done(at); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/record")
}

// BenchmarkAddDoneAtRandom finishes a random one of 4,096 records for each new one; with one stuck, and with every
// hundredth offset a transaction marker.
func BenchmarkAddDoneAtRandom(b *testing.B) {
	const window = 4096
	for _, c := range []struct {
		name  string
		stuck bool
		gap   int64
	}{{name: "plain"}, {name: "stuck", stuck: true}, {name: "gaps", gap: 100}} {
		b.Run(c.name, func(b *testing.B) {
			tracker := offset.NewTracker(0)
			var open [window]int64
			next := int64(1)
			add := func() int64 {
				if c.gap > 0 && next%c.gap == 0 {
					next++
				}
				if err := tracker.Add(next); err != nil {
					b.Fatal(err)
				}
				next++
				return next - 1
			}
			if c.stuck {
				add()
			}
			for i := range open {
				open[i] = add()
			}
			random := rand.New(rand.NewPCG(1, 1))
			b.ReportAllocs()
			for b.Loop() {
				i := random.IntN(window)
				if err := tracker.Done(open[i]); err != nil {
					b.Fatal(err)
				}
				open[i] = add()
			}
		})
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
		runs = tracker.AppendDoneBeyond(runs[:0], 0)
		if s, _ := offset.Encode(tracker.Watermark(), "AAAAAAAAAAAAAAAAAAAAAA", runs, 0); s == "" {
			b.Fatal("nothing encoded")
		}
	}
}
