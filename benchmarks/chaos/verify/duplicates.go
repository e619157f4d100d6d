package verify

import "slices"

// dyingMS is how long after a member's death the brokers may still append what they had received from it.
const dyingMS = 1000

// quietMS is for how long a member may have written nothing before it was killed.
const quietMS = 30_000

// hearMS is how soon a member that is back must have heard that it was given up: clients wait up to ten seconds before they
// connect again, and then there is a heartbeat and its answer.
const hearMS = 12_000

// deliverMS is how long what it held then may take to reach the brokers.
const deliverMS = 20_000

// answerMS is how long an acknowledgement may be on its way.
const answerMS = 5000

// disruption is a change of the group because of a fault: an owner may have begun at the committed offset, with outputs of
// the owner before lying beyond it.
type disruption struct {
	atMS      int64
	committed map[int32]*Commit
	// lossy is set where a member may have been given up that lives; else only members that were killed have lost something.
	lossy bool
	// unheard is set where the brokers were gone: a member that was given up meanwhile hears of it when they are back.
	unheard bool
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
		d := disruption{atMS: g.AtMS, committed: make(map[int32]*Commit)}
		d.lossy = slices.ContainsFunc(c.script.Faults, func(f Fault) bool { return !f.Clean && !f.Crash && c.reaches(f, g) })
		d.unheard = slices.ContainsFunc(c.script.Faults, func(f Fault) bool {
			return !f.Clean && !f.Crash && f.LateUntilMS == 0 && c.reaches(f, g)
		})
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
				case c.isResent(it, it.copies[n-1], it.copies[n]):
					c.Resent++
				case c.isReadOn(it, it.copies[n-1]) || c.isReadOn(it, it.copies[n]):
					c.ReadOn++
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
		return before.AtMS <= d.atMS+clockSlackMS && d.atMS <= again.AtMS+clockSlackMS && !d.committed[it.Partition].covers(it.Offset)
	})
}

// isLate says whether the record may have been on its way in a member that was cut off. The late copy may as well be the
// one before, when the next owner comes to the record after it.
func (c *check) isLate(it *item, copied *Copy) bool {
	return c.isUnheard(it, copied) || slices.ContainsFunc(c.script.Faults, func(f Fault) bool {
		return f.LateUntilMS > 0 && f.StartMS <= copied.AtMS && it.AtMS <= f.LateUntilMS &&
			!c.committedAt(it.Partition, f.StartMS).covers(it.Offset)
	})
}

// isUnheard says whether a member that had been given up, because the brokers did not answer it, may have written the record
// before it could hear of that. What it held, it writes as soon as they are back.
func (c *check) isUnheard(it *item, copied *Copy) bool {
	return slices.ContainsFunc(c.disrupted, func(d disruption) bool {
		return d.unheard && d.atMS-clockSlackMS <= copied.AtMS && copied.AtMS <= d.atMS+hearMS && !d.committed[it.Partition].covers(it.Offset)
	})
}

// isResent says whether the producer may have had no answer for the copy before, and written it again: an idempotent producer
// begins a new epoch when the brokers do not know its sequence any more. Nothing of it was committed, or it had an answer.
func (c *check) isResent(it *item, before, again *Copy) bool {
	return before.Producer == again.Producer && !c.committedAt(it.Partition, again.AtMS).covers(it.Offset) &&
		slices.ContainsFunc(c.script.Faults, func(f Fault) bool { return c.mayBeUnanswered(it, before, f) && f.StartMS <= again.AtMS })
}

// mayBeUnanswered says whether a copy's acknowledgement may have been lost in a fault.
func (c *check) mayBeUnanswered(it *item, o *Copy, f Fault) bool {
	return f.StartMS-answerMS <= o.AtMS && o.AtMS <= f.UnsureUntilMS && !c.committedAt(it.Partition, f.StartMS).covers(it.Offset)
}

// isReadOn says whether the copy may be of a member that has read on because it had not heard yet that it was given up:
// Kafka asks nobody who fetches whether he is a member. What it held when it heard may come out once it has a connection.
func (c *check) isReadOn(it *item, copied *Copy) bool {
	return slices.ContainsFunc(c.script.Faults, func(f Fault) bool {
		return f.LateUntilMS > 0 && f.StartMS <= copied.AtMS && copied.AtMS <= f.EndMS+hearMS+deliverMS &&
			it.AtMS <= f.EndMS+hearMS && !c.committedAt(it.Partition, f.StartMS).covers(it.Offset)
	})
}

// allow adds to the bounds what one record may be repeated: once for each change of the group that found it out and not
// committed, or for each death of the member that had written it. What a commit's metadata names counts as committed.
func (c *check) allow(it *item) {
	first := it.firstMS()
	if slices.ContainsFunc(c.disrupted, func(d disruption) bool {
		return first <= d.atMS && d.committed[it.Partition].names(it.Offset)
	}) {
		c.Spared++
	}
	for _, d := range c.disrupted {
		if d.lossy && first <= d.atMS+clockSlackMS && !d.committed[it.Partition].covers(it.Offset) {
			c.ReplayBound++
		}
	}
	if slices.ContainsFunc(it.copies, func(o *Copy) bool { return c.isUnheard(it, o) }) {
		c.LateBound++
	}
	for _, f := range c.script.Faults {
		if f.Crash && c.diedWith(it, f) {
			c.ReplayBound++
		}
		if f.LateUntilMS > 0 && it.AtMS <= f.LateUntilMS && first > f.StartMS {
			c.LateBound++
		}
		if len(it.copies) > 0 && c.mayBeUnanswered(it, it.copies[0], f) {
			c.ResentBound++
		}
	}
}

// diedWith says whether a killed member had written the record and not committed it.
func (c *check) diedWith(it *item, f Fault) bool {
	if c.committedAt(it.Partition, f.EndMS+dyingMS).covers(it.Offset) {
		return false
	}
	return slices.ContainsFunc(it.copies, func(o *Copy) bool {
		return o.AtMS <= f.EndMS+dyingMS && f.StartMS <= c.lastMS[o.Producer]+quietMS && c.lastMS[o.Producer] <= f.EndMS+dyingMS
	})
}

// checkReplayOrder looks at the outputs that one producer wrote of one partition into another: they go forward, and back only
// when the group has changed, when what was before had been on its way in a member that was cut off, or when an
// acknowledgement was lost. In key order that holds for each key, without order for none. Dead letters are not promised in
// order.
func (c *check) checkReplayOrder() {
	if c.script.Order == Unordered {
		return
	}
	type lane struct {
		producer int64
		from, to int32
		key      int32
	}
	type place struct {
		*item
		copied *Copy
	}
	last := make(map[lane]place)
	for i := range c.history.Copies {
		o := &c.history.Copies[i]
		it := c.items[o.ID]
		if o.Dead || o.Broken != "" || o.Foreign || it == nil {
			continue
		}
		way := lane{producer: o.Producer, from: it.Partition, to: o.Partition}
		if c.script.Order == ByKey {
			way.key = o.Key
		}
		before, any := last[way]
		last[way] = place{it, o}
		if !any || it.Offset > before.Offset || c.changedBetween(before.copied, o) || c.wasResent(it, o) ||
			c.isLate(before.item, before.copied) || c.isReadOn(before.item, before.copied) {
			continue
		}
		c.OutOfOrder++
		c.example("order", "producer %d wrote %d-%d of the input after %d, at %d-%d, in one generation",
			o.Producer, it.Partition, it.Offset, before.Offset, o.Partition, o.Offset)
	}
}

func (c *check) changedBetween(before, after *Copy) bool {
	return slices.ContainsFunc(c.history.Generations, func(g Generation) bool {
		return before.AtMS <= g.AtMS+clockSlackMS && g.AtMS <= after.AtMS+clockSlackMS
	})
}

// wasResent says whether a copy is one more of the same producer's.
func (c *check) wasResent(it *item, o *Copy) bool {
	return slices.ContainsFunc(it.copies, func(before *Copy) bool {
		return before != o && before.AtMS <= o.AtMS && c.isResent(it, before, o)
	})
}
