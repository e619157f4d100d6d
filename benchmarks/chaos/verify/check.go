package verify

import (
	"cmp"
	"math"
	"slices"
)

// never is the time of what has not happened.
const never = math.MaxInt64

// item is a record of the input and what became of it.
type item struct {
	Input
	acknowledged bool
	copies       []*Copy // by time of append, and by offset within a partition
}

// firstMS is when the record first came out.
func (i *item) firstMS() int64 {
	if len(i.copies) == 0 {
		return never
	}
	return i.copies[0].AtMS
}

// check is a check under way.
type check struct {
	Report
	history    *History
	script     *Script
	items      map[ID]*item
	partitions map[int32][]*item // by offset
	commits    map[int32][]Commit
	disrupted  []disruption
	lastMS     map[int64]int64 // when each producer wrote last
}

// Check compares what was acknowledged, what was done to the pipeline, and what is in the logs.
func Check(h *History, ledger []Entry, s *Script) Report {
	c := &check{
		history: h, script: s, items: make(map[ID]*item, len(h.Inputs)), partitions: make(map[int32][]*item),
		commits: make(map[int32][]Commit), lastMS: make(map[int64]int64),
	}
	c.Commits, c.Generations = int64(len(h.Commits)), int64(len(h.Generations))
	c.takeInputs(ledger)
	c.takeCopies()
	for _, commit := range h.Commits {
		c.commits[commit.Partition] = append(c.commits[commit.Partition], commit)
	}
	c.disrupted = c.disruptions()
	c.checkFates()
	c.checkDuplicates()
	c.checkOrder()
	c.checkReplayOrder()
	c.checkCommits()
	c.checkZombies()
	c.checkEnds()
	c.measureProgress()
	return c.Report
}

func (c *check) takeInputs(ledger []Entry) {
	for i := range c.history.Inputs {
		in := &c.history.Inputs[i]
		it := &item{Input: *in}
		if _, twice := c.items[in.ID]; twice {
			c.BrokerLost++
			c.example("broker", "%s is in the input twice, the second time at %d-%d", in.ID, in.Partition, in.Offset)
			continue
		}
		c.items[in.ID] = it
		c.partitions[in.Partition] = append(c.partitions[in.Partition], it)
	}
	for _, items := range c.partitions {
		slices.SortFunc(items, func(a, b *item) int { return cmp.Compare(a.Offset, b.Offset) })
	}
	for _, e := range ledger {
		c.Acknowledged++
		it := c.items[e.ID]
		if it == nil || it.Partition != e.Partition || it.Offset != e.Offset || it.Sum != e.Sum {
			c.BrokerLost++
			c.example("broker", "%s was acknowledged at %d-%d, and is not there", e.ID, e.Partition, e.Offset)
			continue
		}
		it.acknowledged = true
	}
	c.Indeterminate = int64(len(c.items)) - c.Acknowledged + c.BrokerLost
}

func (c *check) takeCopies() {
	for i := range c.history.Copies {
		o := &c.history.Copies[i]
		if o.Dead {
			c.DeadLetters++
		} else {
			c.Outputs++
		}
		where := "output"
		if o.Dead {
			where = "dead letter"
		}
		c.lastMS[o.Producer] = max(c.lastMS[o.Producer], o.AtMS)
		if o.Broken != "" {
			c.Corrupted++
			c.example("corrupted", "%s %d-%d: %s", where, o.Partition, o.Offset, o.Broken)
			continue
		}
		it := c.items[o.ID]
		switch {
		case o.Foreign || it == nil:
			c.Phantom++
			c.example("phantom", "%s %d-%d is %s, which nobody wrote", where, o.Partition, o.Offset, o.ID)
			continue
		case o.Sum != it.Sum:
			c.Corrupted++
			c.example("corrupted", "%s %d-%d is not %s byte for byte", where, o.Partition, o.Offset, o.ID)
		case o.Dead != it.Poison:
			c.Misdirected++
			c.example("misdirected", "%s %d-%d is %s, poison %t", where, o.Partition, o.Offset, o.ID, it.Poison)
		}
		it.copies = append(it.copies, o)
	}
	for _, it := range c.items {
		slices.SortStableFunc(it.copies, func(a, b *Copy) int { return cmp.Compare(a.AtMS, b.AtMS) })
	}
}

// checkFates looks for what never came out.
func (c *check) checkFates() {
	for partition, items := range c.partitions {
		committed := c.history.Committed[partition]
		for _, it := range items {
			if len(it.copies) > 0 || !it.acknowledged {
				continue
			}
			if it.Offset < committed {
				c.Lost++
				c.example("lost", "%s at %d-%d, committed up to %d", it.ID, partition, it.Offset, committed)
			} else {
				c.Unseen++
				c.example("unseen", "%s at %d-%d, committed up to %d", it.ID, partition, it.Offset, committed)
			}
		}
	}
}

// checkOrder looks at the first copies of each key's outputs, in the order in which they lie in their partition.
func (c *check) checkOrder() {
	if c.script.Order == Unordered {
		return
	}
	last := make(map[int32]int64)
	seen := make(map[ID]bool, len(c.items))
	for i := range c.history.Copies {
		o := &c.history.Copies[i]
		if o.Dead || o.Broken != "" || o.Foreign || c.items[o.ID] == nil || seen[o.ID] {
			continue
		}
		seen[o.ID] = true
		before, any := last[o.Key]
		if any && o.Seq < before {
			c.OutOfOrder++
			c.example("order", "%s first came at %d-%d, after #%d of that key", o.ID, o.Partition, o.Offset, before)
			continue
		}
		last[o.Key] = o.Seq
	}
}

// checkEnds looks where the group stands.
func (c *check) checkEnds() {
	for partition, end := range c.history.Ends {
		committed, any := c.history.Committed[partition]
		if !any && end == 0 {
			continue
		}
		switch {
		case committed < end:
			c.Undrained += end - committed
			c.example("undrained", "partition %d is committed up to %d and ends at %d", partition, committed, end)
		case committed > end:
			c.Overcommitted++
			c.example("overcommitted", "partition %d is committed up to %d and ends at %d", partition, committed, end)
		}
	}
}
