package meter

import (
	"math"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// scanBucket is the bucket found the slow way.
func scanBucket(s *scale, v float64) int {
	for i, bound := range s.bounds {
		if v <= bound {
			return i
		}
	}
	return -1
}

func TestBucketIsTheLowestBoundNotBelowTheValue(t *testing.T) {
	t.Parallel()
	for _, s := range []*scale{transitions(), attemptTimes(), latencies(), newScale(1), newScale(1, 1.01, 1.02, 1.03, 700)} {
		for _, bound := range s.finite() {
			for _, v := range []float64{bound, math.Nextafter(bound, 0), math.Nextafter(bound, math.Inf(1))} {
				require.Equal(t, scanBucket(s, v), s.bucket(v), "value %v", v)
			}
		}
		for _, v := range []float64{0, math.SmallestNonzeroFloat64, secondsMax, math.MaxFloat64, math.Inf(1)} {
			require.Equal(t, scanBucket(s, v), s.bucket(v), "value %v", v)
		}
	}
}

func TestBucketAgreesWithAScanOfTheBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		bounds := rapid.SliceOfNDistinct(rapid.Float64Range(1e-9, 1e9), 1, bucketsMax-1, rapid.ID[float64]).Draw(t, "bounds")
		s := newScale(sorted(bounds)...)
		v := rapid.Float64Range(0, 1e10).Draw(t, "value")
		if got, want := s.bucket(v), scanBucket(s, v); got != want {
			t.Fatalf("%v belongs to bucket %d of %v, got %d", v, want, s.bounds, got)
		}
	})
}

func TestHistogramCountsCumulatively(t *testing.T) {
	t.Parallel()
	h := newHistogram(newScale(1, 2, 5))
	h.Observe(1)
	h.ObserveN(1.5, 3)
	h.ObserveN(99, 0)
	h.ObserveN(99, -4)
	h.Observe(7)
	v := h.value(nil)
	require.Equal(t, uint64(5), v.Count)
	require.InDelta(t, 12.5, v.Sum, 1e-9)
	require.Equal(t, []uint64{1, 4, 4}, []uint64{v.Buckets[0].Count, v.Buckets[1].Count, v.Buckets[2].Count})
}

func TestAbsurdValuesDoNotSpoilTheSum(t *testing.T) {
	t.Parallel()
	h := newHistogram(newScale(1))
	local := h.Local()
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -3} {
		h.Observe(v)
		local.Observe(v)
	}
	h.Merge(local)
	v := h.value(nil)
	require.Equal(t, uint64(8), v.Count)
	require.Equal(t, uint64(6), v.Buckets[0].Count)
	require.InDelta(t, 2*secondsMax, v.Sum, 1)
}

func TestMergeBringsInWhatWasGatheredOnce(t *testing.T) {
	t.Parallel()
	h := newHistogram(newScale(1, 2))
	local := h.Local()
	local.Observe(0.5)
	local.ObserveN(3, 2)
	local.ObserveN(3, 0)
	require.Equal(t, int64(3), local.Len())
	require.Zero(t, h.value(nil).Count)
	h.Merge(local)
	h.Merge(local)
	require.Zero(t, local.Len())
	v := h.value(nil)
	require.Equal(t, uint64(3), v.Count)
	require.InDelta(t, 6.5, v.Sum, 1e-9)
}

func TestMergeIntoOtherBoundsPanics(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { newHistogram(newScale(1)).Merge(newHistogram(newScale(2)).Local()) })
}

func TestBadBoundsPanic(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { newScale() })
	require.Panics(t, func() { newScale(0, 1) })
	require.Panics(t, func() { newScale(2, 1) })
	require.Panics(t, func() { newScale(make([]float64, bucketsMax)...) })
}

func TestConcurrentObservationsAreAllCounted(t *testing.T) {
	t.Parallel()
	const goroutines, rounds = 4, 1000
	m := New(Build{})
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			local := m.ProcessDuration(ResultDone).Local()
			for range rounds {
				local.Observe(0.25)
				m.EndToEndLatency().Observe(0.5)
				m.ConsumerRecords("orders").Add(2)
			}
			m.ProcessDuration(ResultDone).Merge(local)
		})
	}
	wg.Wait()
	require.Equal(t, int64(2*goroutines*rounds), m.ConsumerRecords("orders").Value())
	require.InDelta(t, goroutines*rounds*0.25, m.ProcessDuration(ResultDone).value(nil).Sum, 1e-6)
	require.InDelta(t, goroutines*rounds*0.5, m.EndToEndLatency().value(nil).Sum, 1e-6)
	require.Equal(t, uint64(goroutines*rounds), m.EndToEndLatency().value(nil).Count)
}

func BenchmarkLocalObserve(b *testing.B) {
	local := New(Build{}).ProcessDuration(ResultDone).Local()
	values := [8]float64{.0000007, .0003, .002, .0000009, .04, .8, .00001, 12}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		local.Observe(values[i&7])
		i++
	}
}

func BenchmarkHistogramObserve(b *testing.B) {
	h := New(Build{}).ProcessDuration(ResultDone)
	b.ReportAllocs()
	for b.Loop() {
		h.Observe(.0003)
	}
}

func BenchmarkCounterLookup(b *testing.B) {
	m := New(Build{})
	b.ReportAllocs()
	for b.Loop() {
		m.DeadLetters("orders.placed", "exhausted").Inc()
	}
}
