package verify

import (
	"math"
	"slices"
	"sort"
)

// What counts as the lag before a fault: the most of these milliseconds, and never less than so many records.
const (
	levelMS      = 3000
	levelRecords = 200
	sampleMS     = 100
)

// measureProgress measures the longest waits and how soon things were as before each fault.
func (c *check) measureProgress() {
	var ins, outs []int64
	c.LongestGapPartition = -1
	for partition, items := range c.partitions {
		doneMS := int64(math.MinInt64)
		for _, it := range items {
			ins = append(ins, it.AtMS)
			first := it.firstMS()
			if first == never {
				continue
			}
			outs = append(outs, first)
			if gap := first - max(it.AtMS, doneMS); gap > c.LongestPartitionGapMS {
				c.LongestPartitionGapMS, c.LongestGapPartition = gap, partition
			}
			doneMS = max(doneMS, first)
		}
	}
	slices.Sort(ins)
	slices.Sort(outs)
	flow := flow{ins, outs}
	c.LongestGapMS = flow.longestGap()
	for _, f := range c.script.Faults {
		c.Recoveries = append(c.Recoveries, flow.recovery(f))
	}
}

// flow are the times at which records went in and first came out, in order.
type flow struct{ ins, outs []int64 }

func upTo(times []int64, atMS int64) int {
	return sort.Search(len(times), func(i int) bool { return times[i] > atMS })
}

// lag is how many records were in and not out.
func (f flow) lag(atMS int64) int { return upTo(f.ins, atMS) - upTo(f.outs, atMS) }

// longestGap is the longest time without an output while there was a record to come out.
func (f flow) longestGap() int64 {
	longest := int64(0)
	last := int64(math.MinInt64)
	for n, out := range f.outs {
		begin := last
		if n < len(f.ins) {
			begin = max(begin, f.ins[n]) // before it came in, nothing was to come out
		}
		longest = max(longest, out-begin)
		last = out
	}
	return longest
}

func (f flow) recovery(fault Fault) Recovery {
	r := Recovery{Fault: fault.Name, FirstOutputMS: -1, LagMS: -1}
	if n := upTo(f.outs, fault.EndMS); n < len(f.outs) {
		r.FirstOutputMS = f.outs[n] - fault.EndMS
	}
	level := levelRecords
	for at := fault.StartMS - levelMS; at <= fault.StartMS; at += sampleMS {
		level = max(level, f.lag(at))
	}
	if len(f.outs) == 0 {
		return r
	}
	for at := fault.EndMS; at <= f.outs[len(f.outs)-1]+sampleMS; at += sampleMS {
		if f.lag(at) <= level {
			r.LagMS = at - fault.EndMS
			return r
		}
	}
	return r
}
