package offset

import (
	"math"
	"slices"
	"sort"
)

// DoneSet answers which offsets an earlier owner of the partition had done already. The zero value holds none.
type DoneSet struct {
	runs []Run // ascending, apart
	at   int   // the run that the last question ended at
}

// NewDoneSet makes the set of decoded runs, which must ascend. It keeps the slice.
func NewDoneSet(runs []Run) DoneSet { return DoneSet{runs: runs} }

// Contains says whether offset was done. Asked in ascending order, as records arrive, all questions together cost one
// pass over the runs; after a step back the next one is a binary search.
func (s *DoneSet) Contains(offset int64) bool {
	if s.at > 0 && offset <= s.runs[s.at-1].Last {
		s.at = sort.Search(len(s.runs), func(i int) bool { return offset <= s.runs[i].Last })
	}
	for s.at < len(s.runs) && s.runs[s.at].Last < offset {
		s.at++
	}
	return s.at < len(s.runs) && s.runs[s.at].First <= offset
}

// Clamp takes every offset from end on out of the set; end is the log's end (the offset that the next record written
// will get). What lies there cannot have been handled, whatever the metadata says.
func (s *DoneSet) Clamp(end int64) {
	keep := sort.Search(len(s.runs), func(i int) bool { return s.runs[i].Last >= end })
	if keep < len(s.runs) && s.runs[keep].First < end {
		s.runs = slices.Clone(s.runs[:keep+1])
		s.runs[keep].Last = end - 1
	} else {
		s.runs = s.runs[:keep]
	}
	s.at = 0
}

// From is the part of the set that is not below offset, as runs.
func (s *DoneSet) From(offset int64) []Run {
	rest := slices.Clone(s.runs[sort.Search(len(s.runs), func(i int) bool { return s.runs[i].Last >= offset }):])
	if len(rest) > 0 {
		rest[0].First = max(rest[0].First, offset)
	}
	return rest
}

// Count is how many offsets the set holds, gaps in the log included.
func (s *DoneSet) Count() int64 {
	total := int64(0)
	for _, run := range s.runs {
		length := run.Last - run.First + 1
		if length > math.MaxInt64-total {
			return math.MaxInt64
		}
		total += length
	}
	return total
}

// Last is the greatest offset of the set, and whether there is one.
func (s *DoneSet) Last() (int64, bool) {
	if len(s.runs) == 0 {
		return 0, false
	}
	return s.runs[len(s.runs)-1].Last, true
}

// Runs are the set's runs, ascending. The caller must not change them.
func (s *DoneSet) Runs() []Run { return s.runs }
