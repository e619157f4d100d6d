package sim

import (
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// unit is what is handled by one attempt at a time in a process: a partition, a key or a record, by the order.
type unit struct {
	partition stream.Partition
	line      uint64
	offset    int64 // of a record that is kept in no order; -1 otherwise
}

// line is what a record is kept in order with, and false when with nothing. Keys of the same hash count as one.
func (w *world) line(r *record) (line uint64, ordered bool) {
	switch w.plan.partition.Order {
	case core.ByPartition:
		return 0, true
	case core.ByKey:
		if r.key != nil {
			return w.plan.partition.KeyHash(r.key), true
		}
	case core.Unordered:
	}
	return 0, false
}

// alone says that no attempt runs that must not run beside this one, of whatever incarnation. In partition order the
// records of a batch, which are those before it in the call, are handled together.
func (o *oracle) alone(of *process, part *partition, batch []*attempt, a *attempt) {
	a.running = true
	line, ordered := o.w.line(a.record)
	a.unit = unit{partition: part.inc.Partition, line: line, offset: -1}
	if !ordered {
		a.unit.offset = a.record.offset
	}
	if other := of.running[a.unit]; other != nil && other.running && !other.over {
		together := o.w.plan.partition.Order == core.ByPartition && len(batch) > 0 && other == batch[len(batch)-1]
		if !together || other.record.offset >= a.record.offset {
			o.w.violate("G3", "%s begins %s while %s runs in the same process", of.name, a, other)
		}
	}
	of.running[a.unit] = a
}

// ends notes that an attempt does not run any more.
func (o *oracle) ends(of *process, a *attempt) {
	a.running = false
	if of.running[a.unit] == a {
		delete(of.running, a.unit)
	}
}

// find gives the notes on a record with their index.
func (l *life) find(offset int64) (int, *lived) {
	i := l.index(offset)
	if i < len(l.lived) && l.lived[i].record.offset == offset {
		return i, &l.lived[i]
	}
	return -1, nil
}

// ahead gives what must be concluded before the record at an index is begun, or nil.
func (l *life) ahead(at int) *lived {
	v := &l.lived[at]
	for v.before >= 0 && l.lived[v.before].concluded {
		v.before = l.lived[v.before].before
	}
	if v.before < 0 {
		return nil
	}
	return &l.lived[v.before]
}

// tooEarly says whether an attempt begins too early behind a record that is not concluded: all of a batch begin together.
func (o *oracle) tooEarly(before *lived, a *attempt) bool {
	return o.w.plan.partition.Order != core.ByPartition || o.w.plan.partition.BatchRecords == 0 || !before.working ||
		before.record.offset >= a.record.offset
}

// reported notes what a lane says of its work, if it is still its work.
func (o *oracle) reported(l *life, m *messages.Outcome) {
	if m.Lane >= len(l.lanes) {
		return
	}
	work := &l.lanes[m.Lane]
	if !work.open || work.seq != m.Seq {
		return
	}
	work.stuckAt = 0
	end := m.First + m.Attempted
	l.tally(m)
	for _, offset := range work.offsets[m.First:end] {
		l.at(offset).working = false
	}
	for i := range m.Exceptions {
		o.failed(l, l.at(work.offsets[m.Exceptions[i].Index]), &m.Exceptions[i].Failure)
	}
	switch {
	case m.Going && end < len(work.offsets):
		return
	case m.Stuck:
		work.stuckAt = o.w.now
		rest := work.offsets[end:]
		if o.w.plan.partition.BatchRecords == 0 { // of a batch all are in the handler
			for _, offset := range rest[1:] {
				l.at(offset).working = false
			}
			work.offsets = work.offsets[:end+1]
			rest = rest[:1]
		}
		for _, offset := range rest {
			l.at(offset).stuck = true
		}
	default:
		l.close(work)
	}
}

// close notes that a lane has no work any more.
func (l *life) close(work *openWork) {
	for _, offset := range work.offsets {
		l.at(offset).working = false
	}
	*work = openWork{offsets: work.offsets[:0]}
	l.open--
}

// failed notes when a record that has failed is to be tried again, and whether that uses up an attempt: not while so many fail
// that it is not for the records.
func (o *oracle) failed(l *life, v *lived, f *messages.Failure) {
	v.circuit, v.rate, v.probes = false, false, false
	v.waited, v.failedAt, v.retriable = true, o.w.now, false
	switch f.Kind {
	case messages.Unavailable:
		v.circuit = true
	case messages.FailedLater, messages.Failed, messages.TimedOut, messages.Panicked:
		v.retriable = true
		v.dueBy, v.notBefore = o.w.now+int64(f.After), o.w.now+int64(f.After)
		if l.halted {
			v.circuit, v.rate = true, true
			return
		}
		v.failures++
		p := o.w.plan.partition.Retry
		v.exhausted = p.MaxAttempts > 0 && int(v.failures+v.charges) >= p.MaxAttempts
		if f.Kind != messages.FailedLater {
			v.dueBy = o.w.now + int64(float64(p.Max)*(1+p.Jitter))
			v.notBefore = o.w.now + o.pause(v.failures)
		}
	case messages.Refused, messages.Skipped, messages.OutputRefused, messages.StuckTooLong, messages.KeyHeld:
	}
}

// laned holds what a machine gives to its lanes to the limits: a lane has one Work at a time, there are no more than allowed,
// and nothing new is begun while it drains, is paused, has too many parked records or too much metadata.
func (o *oracle) laned(part *partition, out *core.PartitionEffects) {
	l, plan := part.life, &o.w.plan.partition
	for _, lane := range out.ReplaceLanes {
		if work := &l.lanes[lane]; work.open {
			l.close(work)
		} else {
			o.w.violate("lanes", "%s replaces lane %d, which has no work", l, lane)
		}
	}
	for lane := range l.lanes {
		if out.Fault != nil { // it ends the process, which gives up stuck attempts
			l.lanes[lane].stuckAt = 0
		}
	}
	for i := range out.Work {
		o.given(l, &out.Work[i])
	}
	most := plan.Lanes
	if plan.Order == core.ByPartition {
		most = 1
	}
	if l.open > most {
		o.w.violate("lanes", "%s has %d works at once, %d are allowed", l, l.open, most)
	}
	if out.Drained != nil {
		for lane := range l.lanes {
			if work := &l.lanes[lane]; work.open {
				l.close(work)
			}
		}
	}
	if len(out.Work) == 0 {
		return
	}
	if l.draining || l.paused || l.refused > 0 && !l.foreign {
		o.w.violate("drain", "%s begins work while it drains (%v), is paused (%v) or has %d refused dead letters", l, l.draining, l.paused, l.refused)
	}
	if !l.foreign {
		o.withinLimits(part, out.Work)
		o.onlyProbes(l, out.Work)
	}
}

// withinLimits holds the records that are begun to the limits of parked records and of metadata.
func (o *oracle) withinLimits(part *partition, works []messages.Work) {
	l, plan := part.life, &o.w.plan.partition
	ledger := part.machine.Ledger()
	parked := ledger.States[stream.Retrying] + ledger.States[stream.Parked]
	for i := range works {
		may := parked + int64(l.open-len(works)+i) // what is handled may have to be parked
		full := plan.Order != core.ByPartition && o.tooMany(part, may)
		for n := range works[i].Records {
			v := l.at(works[i].Records[n].Offset)
			first := n == 0 || plan.BatchRecords > 0 && plan.Order != core.ByPartition // not only behind the one before it
			if first && full && !v.dispatched && !v.waited {
				o.w.violate("parked", "%s begins %s with %d parked records and more in other lanes, %d are allowed, and %d by the process", l,
					v.record, parked, plan.MaxParked, o.allowance(part))
			}
			if l.full && (n == 0 || plan.Order != core.ByPartition) && !v.probes && !l.near(v.record.offset) {
				o.w.violate("metadata", "%s begins %s with %d characters of metadata, before %d", l, v.record, l.metadata, l.lowest())
			}
			v.dispatched = true
		}
	}
}

// near says whether the offset is so close above the lowest one that, however those between them end, the metadata stays
// within its limit. A run and the gap before it take no more bytes than offsets, and three bytes are four characters.
func (l *life) near(offset int64) bool {
	lowest := l.lowest()
	return offset <= lowest || offset < lowest+int64(l.metadataLeft)*3/4
}

// lowest is the lowest offset that is not finished.
func (l *life) lowest() int64 {
	for i := range l.lived {
		if v := &l.lived[i]; !v.finished && !inside(l.covered, v.record.offset) {
			return v.record.offset
		}
	}
	return l.log.end
}

// given notes the Work of a lane.
func (o *oracle) given(l *life, m *messages.Work) {
	for m.Lane >= len(l.lanes) {
		l.lanes = append(l.lanes, openWork{})
	}
	work := &l.lanes[m.Lane]
	if work.open {
		o.w.violate("lanes", "%s gives lane %d work %d, and it has work %d", l, m.Lane, m.Seq, work.seq)
		return
	}
	*work = openWork{open: true, seq: m.Seq, offsets: work.offsets[:0]}
	l.open++
	for i := range m.Records {
		v := l.at(m.Records[i].Offset)
		if v == nil || v.working {
			o.w.violate("lanes", "%s gives lane %d offset %d, which it does not have or another lane has", l, m.Lane, m.Records[i].Offset)
			return
		}
		if key := o.heldKeyOf(l, v.record); key != nil {
			o.w.violate("hold", "%s gives %s to a handler although its key is held for %d", l, v.record, key.offset)
		}
		o.attempted(l, v, m.Records[i].Attempt)
		v.working, v.ripe = true, 0
		work.offsets = append(work.offsets, m.Records[i].Offset)
	}
}

// letterAnswered notes the fate of a dead letter.
func (o *oracle) letterAnswered(l *life, m messages.DeadLetterResult) {
	v := l.at(m.Offset)
	if v == nil || !v.letterOut {
		return
	}
	if v.letterRefused {
		l.refused--
	}
	if key := o.heldKeyOf(l, v.record); key != nil && m.Err == nil {
		key.written = true
	}
	v.letterRefused = m.Err != nil
	if v.letterRefused {
		v.letterOut = false
		l.refused++
	}
}

// checkLeaderEpoch says that a watermark carries the leader epoch of the highest record below it.
func (o *oracle) checkLeaderEpoch(l *life, w *messages.Watermark) {
	i := l.index(w.Offset) - 1
	if w.LeaderEpoch == -1 && (i < 0 || w.Offset == l.start || inside(l.covered, w.Offset-1)) { // done before, and perhaps not read yet
		return
	}
	if i < 0 || w.LeaderEpoch != leaderEpoch(l.lived[i].record.offset) {
		o.w.violate("leader-epoch", "%s reports %d with leader epoch %d", l, w.Offset, w.LeaderEpoch)
	}
}

// heldBack holds a partition to G10: what may be begun is begun while a lane is free, whatever other keys wait for.
func (o *oracle) heldBack(part *partition) {
	l, plan := part.life, &o.w.plan.partition
	if part.broken || part.over || part.actor.ending || l.foreign || l.draining || l.paused || l.refused > 0 ||
		l.full || l.open >= o.lanesMost() {
		return
	}
	if plan.HoldKeys && (plan.Order == core.ByPartition || o.w.plan.hashBits < 64 || o.w.plan.log == longLog) {
		return // others may wait for a dead letter of a key that is held, or for a key to be released
	}
	ledger := part.machine.Ledger()
	parked := ledger.States[stream.Retrying] + ledger.States[stream.Parked]
	parked += int64(l.open)
	full := plan.Order != core.ByPartition && (o.tooMany(part, parked) || part.allowed > 0 && parked >= part.allowed && !o.mustHear(part))
	patience := int64(0)
	if o.w.plan.parked > 0 { // it has to be told that others have fewer
		patience = int64(lateness + time.Second)
	}
	if plan.BatchRecords > 0 {
		patience += int64(2*plan.BatchWait + time.Second)
	}
	for l.next < len(l.lived) && l.lived[l.next].concluded {
		l.next++
	}
	if l.halted && l.awaitsRate() {
		return
	}
	known := part.machine.Next() // what is on its way to the machine is above
	for i := l.next; i < len(l.lived) && l.lived[i].record.offset < known; i++ {
		v := &l.lived[i]
		switch {
		case !o.mayBegin(l, i) || full && !v.waited:
			v.ripe = 0
		case v.ripe == 0 && patience > 0:
			v.ripe = o.w.now
		case o.w.now >= v.ripe+patience:
			o.w.violate("G10", "%s does not begin %s, with %d works: %+v; %+v", l, v.record, l.open, *v, ledger)
			return
		}
	}
}

func (o *oracle) lanesMost() int {
	if o.w.plan.partition.Order == core.ByPartition {
		return 1
	}
	return max(1, o.w.plan.partition.Lanes)
}

// mayBegin says whether nothing but a lane is missing for an attempt at the record.
func (o *oracle) mayBegin(l *life, at int) bool {
	v := &l.lived[at]
	if v.concluded || v.working || v.circuit || o.heldKeyOf(l, v.record) != nil || l.ahead(at) != nil || v.ordered && l.handled(v.line) {
		return false
	}
	if o.w.plan.partition.HoldKeys && v.ordered && l.lettersBefore(at) {
		return false
	}
	return v.dueBy == 0 || o.w.now > v.dueBy+int64(lateness)
}

// handled says whether a lane has a record of a line, as far as the machine knows.
func (l *life) handled(line uint64) bool {
	for lane := range l.lanes {
		for _, offset := range l.lanes[lane].offsets {
			if v := l.at(offset); v.working && v.ordered && v.line == line {
				return true
			}
		}
	}
	return false
}

// lateness is how late a timer may be, with the mail that follows.
const lateness = 2 * time.Second

// slotsStand holds a process's pool to G10: work does not wait while a slot is free.
func (o *oracle) slotsStand(p *process) {
	if c, since := p.pool.idleWhileWorkWaits(); c != nil && o.w.now > since+int64(standstill) {
		o.w.violate("G10", "%d works of %s wait for a slot since %s, and %d of %d are taken", len(c.queue), c.part.inc,
			time.Duration(since), p.pool.taken, o.w.plan.concurrency)
	}
}

// metadataCause holds a partition whose metadata is full to its cause.
func (o *oracle) metadataCause(part *partition) {
	l := part.life
	ledger := part.machine.Ledger()
	if part.broken || part.over || ledger.Unfinished() == 0 {
		return
	}
	cause := part.machine.Status(o.w.time()).Cause
	if cause == stream.MetadataFull {
		o.full++
	}
	if cause == stream.MetadataFull && !l.full {
		o.w.violate("cause", "%s says that its metadata is full, and it has %d characters", l, l.metadata)
	}
	weaker := cause == stream.Flowing || cause == stream.HandlerSlow || cause == stream.RetryBackoff || cause == stream.DependencyDown
	if l.full && weaker && o.w.now > l.fullAt+int64(time.Second+lateness) { // a moment is no news
		o.w.violate("cause", "%s is %s, and its metadata has %d characters", l, cause, l.metadata)
	}
}

// leftovers says that a machine without records holds nothing else.
func (o *oracle) leftovers(part *partition) {
	l, ledger := part.life, part.machine.Ledger()
	if o.w.plan.partition.HoldKeys {
		return // a record may go to the dead letters before its alarm
	}
	if part.broken || part.over || l.draining || l.paused || l.metadata > 0 || ledger.Unfinished() > 0 {
		return
	}
	if err := part.machine.Idle(); err != nil {
		o.w.violate("leak", "%s has no records: %v", l, err)
	}
}
