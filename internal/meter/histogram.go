package meter

import (
	"math"
	"sync/atomic"

	"github.com/troupe-go/troupe/stream"
)

// Histogram counts durations in seconds by fixed upper bounds. Any goroutine may observe; on the hot path a Local gathers
// first and Merge brings a batch of observations in.
//
// A value that is not above zero, or not a number, counts as zero: clocks of two machines differ, and a latency between
// them may come out negative.
type Histogram struct {
	scale *scale
	// sum holds the bits of a float64: latencies of old records add up beyond what whole nanoseconds hold.
	sum    atomic.Uint64
	counts [bucketsMax]atomic.Int64
}

func newHistogram(s *scale) *Histogram { return &Histogram{scale: s} }

// Observe counts one value.
func (h *Histogram) Observe(seconds float64) { h.ObserveN(seconds, 1) }

// ObserveN counts a value n times; n below one is ignored.
func (h *Histogram) ObserveN(seconds float64, n int64) {
	if n < 1 {
		return
	}
	seconds = sane(seconds)
	h.counts[h.scale.bucket(seconds)].Add(n)
	h.addSum(seconds * float64(n))
}

// Local gives an accumulator for one goroutine.
func (h *Histogram) Local() *Local { return &Local{scale: h.scale} }

// Merge counts what the accumulator has gathered and empties it. It panics when the accumulator was made by a histogram
// with other bounds, which is a bug of the caller.
func (h *Histogram) Merge(l *Local) {
	if l.scale != h.scale {
		panic("meter: a local accumulator was merged into a histogram with other bounds")
	}
	if l.touched == 0 {
		return
	}
	for i := range len(h.scale.bounds) {
		if n := l.counts[i]; n != 0 {
			h.counts[i].Add(n)
			l.counts[i] = 0
		}
	}
	h.addSum(l.sum)
	l.sum, l.touched = 0, 0
}

func (h *Histogram) addSum(seconds float64) {
	for {
		old := h.sum.Load()
		if h.sum.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+seconds)) {
			return
		}
	}
}

// value is a snapshot. Its count is the sum of its buckets, so the two agree while others observe; the sum of seconds may
// be ahead or behind by what is being observed.
func (h *Histogram) value(labels []string) stream.MetricValue {
	finite := h.scale.finite()
	v := stream.MetricValue{
		LabelValues: labels,
		Sum:         math.Float64frombits(h.sum.Load()),
		Buckets:     make([]stream.Bucket, len(finite)),
	}
	for i, bound := range finite {
		v.Count += uint64(h.counts[i].Load())
		v.Buckets[i] = stream.Bucket{UpperBound: bound, Count: v.Count}
	}
	v.Count += uint64(h.counts[len(finite)].Load())
	return v
}

// Local gathers observations of one goroutine without atomics.
type Local struct {
	scale   *scale
	sum     float64
	touched int64
	counts  [bucketsMax]int64
}

// Observe counts one value.
func (l *Local) Observe(seconds float64) {
	seconds = sane(seconds)
	l.counts[l.scale.bucket(seconds)]++
	l.sum += seconds
	l.touched++
}

// ObserveN counts a value n times; n below one is ignored.
func (l *Local) ObserveN(seconds float64, n int64) {
	if n < 1 {
		return
	}
	seconds = sane(seconds)
	l.counts[l.scale.bucket(seconds)] += n
	l.sum += seconds * float64(n)
	l.touched += n
}

// Len is how many observations wait to be merged.
func (l *Local) Len() int64 { return l.touched }

// secondsMax is about three hundred years: one absurd timestamp must not make a sum infinite for ever.
const secondsMax = 1e10

func sane(seconds float64) float64 {
	if !(seconds > 0) { // also not a number
		return 0
	}
	return min(seconds, secondsMax)
}
