package flow

import "math/bits"

// counts is a set of small numbers that knows its lowest. One bit stands for a number, and one bit of summary for a word
// of 64 numbers, so the search looks at one word for each 4,096 numbers that the set may hold, and one more.
type counts struct {
	words   []uint64
	summary []uint64
}

// newCounts makes an empty set for the numbers from 0 to size-1.
func newCounts(size int) counts {
	words := (size + 63) / 64
	return counts{words: make([]uint64, words), summary: make([]uint64, (words+63)/64)}
}

func (c counts) add(n int) {
	c.words[n>>6] |= 1 << (n & 63)
	c.summary[n>>12] |= 1 << (n >> 6 & 63)
}

func (c counts) remove(n int) {
	c.words[n>>6] &^= 1 << (n & 63)
	if c.words[n>>6] == 0 {
		c.summary[n>>12] &^= 1 << (n >> 6 & 63)
	}
}

// lowest is the lowest number of the set, -1 when it is empty.
func (c counts) lowest() int {
	for i, word := range c.summary {
		if word != 0 {
			at := i<<6 + bits.TrailingZeros64(word)
			return at<<6 + bits.TrailingZeros64(c.words[at])
		}
	}
	return -1
}
