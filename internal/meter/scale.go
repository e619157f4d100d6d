package meter

import (
	"math"
	"slices"
)

// bucketsMax bounds the buckets of a histogram, the infinite one included.
const bucketsMax = 32

// cellShift leaves a float64's exponent and the two highest bits of its fraction: a cell is a quarter of an octave.
const cellShift = 50

// scale is the upper bounds of a histogram's buckets with an index over them: a positive float's bits, read as an integer,
// grow with its value, so a shift finds the cell of a value, and the cell names the first bucket that can hold it.
// Bounds are wider apart than a cell, so at most a step or two remain.
type scale struct {
	bounds []float64 // ascending; the last is +Inf
	base   int       // the cell of the lowest bound
	first  []uint8   // by cell from base: the first bucket whose bound is not below the cell
}

// newScale makes a scale of finite, positive bounds. Bounds are constants of this package, so a fault in them panics.
func newScale(bounds ...float64) *scale {
	if len(bounds) == 0 || len(bounds) >= bucketsMax || bounds[0] <= 0 || !slices.IsSorted(bounds) {
		panic("meter: bounds must be from 1 to 31 positive numbers in ascending order")
	}
	s := &scale{
		bounds: append(slices.Clone(bounds), math.Inf(1)),
		base:   int(math.Float64bits(bounds[0]) >> cellShift),
	}
	last := int(math.Float64bits(bounds[len(bounds)-1]) >> cellShift)
	for cell := s.base; cell <= last; cell++ {
		lowest := math.Float64frombits(uint64(cell) << cellShift)
		i := 0
		for s.bounds[i] < lowest {
			i++
		}
		s.first = append(s.first, uint8(i))
	}
	return s
}

// bucket gives the index of the lowest bound that is not below v, which is not negative.
func (s *scale) bucket(v float64) int {
	cell := int(math.Float64bits(v)>>cellShift) - s.base
	cell = min(max(cell, 0), len(s.first)-1)
	i := int(s.first[cell])
	for v > s.bounds[i] {
		i++
	}
	return i
}

// finite are the bounds without the last.
func (s *scale) finite() []float64 { return s.bounds[:len(s.bounds)-1] }
