package verify

import "slices"

// dyingMS is how long after a member's death the brokers may still append what they had received from it.
const dyingMS = 1000

// quietMS is for how long a member may have written nothing before it was killed.
const quietMS = 30_000

// disruption is a change of the group because of a fault: an owner may have begun at the committed offset, with outputs of
// the owner before lying beyond it.
type disruption struct {
	atMS      int64
	committed map[int32]int64
	// lossy is set where a member may have been given up that lives; else only members that were killed have lost something.
	lossy bool
}

func (c *check) reaches(f Fault, g Generation) bool {
	return f.StartMS <= g.AtMS && g.AtMS <= f.EndMS+c.script.GraceMS
}

// disruptions are the changes of the group within the reach of a fault that was not clean.
func (c *check) disruptions() []disruption {
	var found []disruption
	for _, g := range c.history.Generations {
		caused := slices.ContainsFunc(c.script.Faults, func(f Fault) bool { return !f.Clean && c.reaches(f, g) })
		if !caused {
			continue
		}
		d := disruption{atMS: g.AtMS, committed: make(map[int32]int64)}
		d.lossy = slices.ContainsFunc(c.script.Faults, func(f Fault) bool { return !f.Clean && !f.Crash && c.reaches(f, g) })
		for partition := range c.partitions {
			d.committed[partition] = c.committedAt(partition, g.AtMS)
		}
		found = append(found, d)
	}
	return found
}

// checkDuplicates explains each copy of a record beyond its first, or says that nothing does; and counts what the faults
// allow.
func (c *check) checkDuplicates() {
	for _, items := range c.partitions {
		for _, it := range items {
			for n := 1; n < len(it.copies); n++ {
				c.Duplicates++
				switch {
				case c.isReplay(it, it.copies[n-1], it.copies[n]):
					c.Replayed++
				case c.isLate(it, it.copies[n]):
					c.Late++
				default:
					c.Unexplained++
					c.example("unexplained", "%s, at %d-%d of the input, came out at %d and again at %d (by producers %d and %d)",
						it.ID, it.Partition, it.Offset, it.copies[n-1].AtMS, it.copies[n].AtMS, it.copies[n-1].Producer,
						it.copies[n].Producer)
				}
			}
			c.allow(it)
		}
	}
}

// isReplay says whether the group changed between the two copies while the record was not committed.
func (c *check) isReplay(it *item, before, again *Copy) bool {
	return slices.ContainsFunc(c.disrupted, func(d disruption) bool {
		return before.AtMS <= d.atMS+clockSlackMS && d.atMS <= again.AtMS+clockSlackMS && d.committed[it.Partition] <= it.Offset
	})
}

// isLate says whether the record may have been on its way in a member that was cut off. The late copy may as well be the
// one before, when the next owner comes to the record after it.
func (c *check) isLate(it *item, copied *Copy) bool {
	return slices.ContainsFunc(c.script.Faults, func(f Fault) bool {
		return f.LateUntilMS > 0 && f.StartMS <= copied.AtMS && it.AtMS <= f.LateUntilMS &&
			c.committedAt(it.Partition, f.StartMS) <= it.Offset
	})
}

// allow adds to the bounds what one record may be repeated: once for each change of the group that found it out and not
// committed, or for each death of the member that had written it.
func (c *check) allow(it *item) {
	first := it.firstMS()
	for _, d := range c.disrupted {
		if d.lossy && first <= d.atMS+clockSlackMS && d.committed[it.Partition] <= it.Offset {
			c.ReplayBound++
		}
	}
	for _, f := range c.script.Faults {
		if f.Crash && c.diedWith(it, f) {
			c.ReplayBound++
		}
		if f.LateUntilMS > 0 && it.AtMS <= f.LateUntilMS && first > f.StartMS {
			c.LateBound++
		}
	}
}

// diedWith says whether a killed member had written the record and not committed it.
func (c *check) diedWith(it *item, f Fault) bool {
	if c.committedAt(it.Partition, f.EndMS+dyingMS) > it.Offset {
		return false
	}
	return slices.ContainsFunc(it.copies, func(o *Copy) bool {
		return o.AtMS <= f.EndMS+dyingMS && f.StartMS <= c.lastMS[o.Producer]+quietMS && c.lastMS[o.Producer] <= f.EndMS+dyingMS
	})
}

// checkReplayOrder looks at what one producer wrote of one partition into another: it goes forward, and back only when the
// group has changed, or what was before had been on its way when the member was cut off.
func (c *check) checkReplayOrder() {
	type lane struct {
		producer int64
		dead     bool
		from, to int32
	}
	type place struct {
		*item
		copied *Copy
	}
	last := make(map[lane]place)
	for i := range c.history.Copies {
		o := &c.history.Copies[i]
		it := c.items[o.ID]
		if o.Broken != "" || o.Foreign || it == nil {
			continue
		}
		way := lane{o.Producer, o.Dead, it.Partition, o.Partition}
		before, any := last[way]
		last[way] = place{it, o}
		if !any || it.Offset > before.Offset {
			continue
		}
		changed := slices.ContainsFunc(c.history.Generations, func(g Generation) bool {
			return before.copied.AtMS <= g.AtMS+clockSlackMS && g.AtMS <= o.AtMS+clockSlackMS
		})
		if !changed && !c.isLate(before.item, before.copied) {
			c.OutOfOrder++
			c.example("order", "producer %d wrote %d-%d of the input after %d, at %d-%d, in one generation",
				o.Producer, it.Partition, it.Offset, before.Offset, o.Partition, o.Offset)
		}
	}
}
