package flow

import (
	"cmp"
	"math"
	"slices"

	"github.com/troupe-go/troupe/stream"
)

// The marks of the byte budget, in percent. They stand wide apart because a pause is dear: the client throws away what
// it has prefetched of the partition and fetches it again.
const (
	lowPercent      = 50 // below: everything resumes
	highPercent     = 80 // above: those that hold most are paused
	fairOnlyPercent = 85 // above: all that hold more than their fair share are
	criticalPercent = 95 // above: only partitions that hold nothing go on
	// fairPercent is what all fair shares together have of the budget.
	fairPercent = 25
)

// Holding is what one assigned partition has of the budget.
type Holding struct {
	Partition stream.Partition
	Held      int64 // bytes
	Paused    bool  // by an earlier decision
}

// Decide says which partitions to pause and which to resume. It is to be called after every poll with all partitions of the
// process that are being delivered, whichever consumer delivers them; each consumer carries out what concerns its own. held
// is only read.
//
// A partition's fair share is a quarter of the budget divided by the number of partitions.
//
//   - Up to the low mark every paused partition resumes.
//   - Above the high mark those that hold more than their fair share are paused, the largest first, until what the
//     others hold is below the low mark.
//   - A little above that all of these are paused: what is left is for those that hold less.
//   - Above the critical mark every partition that holds anything is paused.
//   - Up to the critical mark a paused partition that holds at most half of its fair share resumes.
//   - A partition that holds nothing is never paused.
//
// Why the total stays bounded: above the critical mark the only intake is one poll for a partition that holds nothing,
// after which it is paused. So the total never exceeds the critical mark by more than one poll and, for each partition,
// the records that one poll brought of it.
//
// Why nobody starves, though others may hold their records for ever (a stuck handler, an open circuit, parked retries):
// a partition that finishes what it holds comes to hold nothing, and then goes on whatever the others hold. And those
// others normally leave it room for more than that: at the high mark they stop at what they have, and all fair shares
// together need but a quarter of the budget.
//
// A limit of zero or less is none. The order of the results is determined by the arguments.
func Decide(limit, used int64, held []Holding) (pause, resume []stream.Partition) {
	if len(held) == 0 {
		return nil, nil
	}
	fair := percent(limit, fairPercent) / int64(len(held))
	resumeAt := fair / 2
	switch {
	case limit <= 0 || used <= percent(limit, lowPercent):
		resumeAt = math.MaxInt64
	case used > percent(limit, criticalPercent):
		resumeAt = 0
		pause = pauses(held, 0, math.MaxInt64)
	case used > percent(limit, fairOnlyPercent):
		pause = pauses(held, fair, math.MaxInt64)
	case used > percent(limit, highPercent):
		enough := used - percent(limit, lowPercent)
		for i := range held {
			if held[i].Paused && held[i].Held > resumeAt {
				enough -= held[i].Held
			}
		}
		pause = pauses(held, fair, enough)
	}
	for i := range held {
		if held[i].Paused && held[i].Held <= resumeAt {
			resume = append(resume, held[i].Partition)
		}
	}
	slices.SortFunc(resume, stream.ComparePartitions)
	return pause, resume
}

// pauses picks partitions that hold more than above, the largest first, until those picked hold at least enough.
func pauses(held []Holding, above, enough int64) []stream.Partition {
	candidates := make([]Holding, 0, len(held))
	for i := range held {
		if !held[i].Paused && held[i].Held > above {
			candidates = append(candidates, held[i])
		}
	}
	slices.SortFunc(candidates, func(a, b Holding) int {
		return cmp.Or(cmp.Compare(b.Held, a.Held), stream.ComparePartitions(a.Partition, b.Partition))
	})
	var pause []stream.Partition
	for i := 0; i < len(candidates) && enough > 0; i++ {
		enough -= candidates[i].Held
		pause = append(pause, candidates[i].Partition)
	}
	return pause
}

// percent does not overflow for any limit.
func percent(limit, hundredths int64) int64 { return limit/100*hundredths + limit%100*hundredths/100 }
