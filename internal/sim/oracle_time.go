package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// standstill is how long a partition may stand still before it must have a cause that says why.
const standstill = 5 * time.Second

// look is what the oracle checks once a second.
func (o *oracle) look() {
	w := o.w
	w.after(nil, time.Second, o.look)
	for _, p := range w.processes {
		if p.frozen || w.now < p.thawed+int64(standstill) {
			continue
		}
		o.slotsStand(p)
		for _, part := range p.partitions.living() {
			o.cause(part)
			o.fresh(part.life)
			o.overdue(part)
			o.leaked(part)
			o.heldBack(part)
			o.metadataCause(part)
			o.leftovers(part)
			o.parked(part)
			o.reports(part)
		}
	}
	if o.ending {
		o.end()
		return
	}
	if !w.calm {
		return
	}
	left := o.unfinished()
	switch {
	case left == "" && (!o.settled() || w.now < o.calmAt+int64(quietTime)):
	case left == "":
		w.say("everything is done and committed")
		o.ending = true
		o.endBy = w.now + int64(w.plan.shutdown+time.Minute)
		for _, p := range slices.Clone(w.processes) {
			p.stop()
		}
		o.end()
	}
	if !o.ending && w.now > o.calmAt+int64(settleTime) {
		w.violate("G8", "%s after the end of all faults:\n%s%s", settleTime, left, o.states())
	}
}

// quietTime is how long after the end of all faults the processes are stopped at the earliest: who reads a topic that was
// made again has noticed by then.
const quietTime = topicsInterval + 5*time.Second

// settled says whether no effect of a fault is left.
func (o *oracle) settled() bool {
	w := o.w
	if w.broker.group.preparing || w.broker.changed || len(w.processes) == 0 {
		return false
	}
	for _, p := range w.processes {
		if p.stopping {
			return false
		}
		for _, each := range p.pollers {
			c := each.client
			if each.replaced || !each.member() || c.calls > 0 || len(each.committer.flying) > 0 || c.joining || c.serving ||
				len(c.pending) > 0 || c.failure != nil || w.broker.group.member(c.id) == nil {
				return false
			}
		}
		for _, part := range p.partitions.everyone {
			if part.broken || part.actor.ended {
				return false
			}
		}
	}
	return true
}

// end waits until all processes have ended in good order.
func (o *oracle) end() {
	if len(o.w.processes) == 0 {
		if left := o.unfinished(); left != "" {
			o.w.violate("G9", "after a clean stop: %s", left)
		}
		o.w.over = true
		return
	}
	if o.w.now > o.endBy {
		o.w.violate("G9", "processes do not end:\n%s", o.states())
	}
}

// cause holds a partition to G8: one that stands still names the cause.
func (o *oracle) cause(part *partition) {
	ledger := part.machine.Ledger()
	if part.broken || o.w.now < part.life.moved+int64(standstill) || ledger.Unfinished() == 0 {
		return
	}
	s := part.machine.Status(o.w.time())
	if s.Cause != stream.Idle && s.Cause != stream.Flowing {
		return
	}
	if _, _, _, named := part.poller.ownership.Status(part.inc.Partition); named || part.poller.revoking != nil {
		return
	}
	o.w.violate("G8", "%s has stood still for %s and says it is %s: %+v", part.inc, time.Duration(o.w.now-part.life.moved), s.Cause, ledger)
}

// fresh holds a start that a policy chose to its promise: it is committed at once.
func (o *oracle) fresh(l *life) {
	c := l.poller.committer
	if l.freshBy == 0 || !l.owned || l.disowned || l.poller.broken {
		return
	}
	_, _, failing := c.machine.Status(o.w.time(), l.inc)
	if len(c.flying) > 0 || failing != nil {
		l.freshBy = o.w.now + int64(freshWithin)
		return
	}
	if o.w.now > max(l.freshBy, c.returned+int64(freshWithin)) {
		o.w.violate("start", "%s began at %d by a policy, and that is not committed", l, l.start)
	}
}

// leaked finds actors of incarnations that nobody owns any more and nobody has ended.
func (o *oracle) leaked(part *partition) {
	incs := part.poller.ownership.Incarnations(part.inc.Partition)
	if (len(incs) > 0 && incs[0] == part.inc && !part.poller.replaced) || part.poller.revoking != nil || part.of.stopping {
		part.strayAt = 0
		return
	}
	if part.strayAt == 0 {
		part.strayAt = o.w.now
	}
	if o.w.now > part.strayAt+int64(20*time.Second) {
		o.w.violate("leak", "the actor of %s goes on since %s, and nobody owns it", part.inc, time.Duration(part.strayAt))
	}
}

// overdue holds attempts to the timeout, and stuck ones to the time after which they are given up.
func (o *oracle) overdue(part *partition) {
	now, l := o.w.now, part.life
	if part.broken || part.actor.ending || l.draining {
		return
	}
	const slack = int64(2 * time.Second)
	for _, seat := range part.lanes.crew.running {
		if len(seat.current) == 0 || !seat.attempt.Cancelled.IsZero() {
			continue
		}
		if ran := now - seat.handled; ran > int64(o.w.plan.timeout)+slack {
			o.w.violate("timeout", "%s runs for %s and is not cancelled", seat.current[0], time.Duration(ran))
		}
	}
	after := int64(o.w.plan.partition.StuckAfter)
	for lane := range l.lanes {
		if at := l.lanes[lane].stuckAt; after > 0 && at != 0 && now > at+after+slack {
			o.w.violate("stuck", "%s has a stuck attempt in lane %d since %s and does not give it up", l, lane, time.Duration(at))
		}
	}
}

// timeIsUp holds the end of an attempt's time to what the handler itself has had of it: a wait for the rate limit is not the
// handler's.
func (o *oracle) timeIsUp(s *seat) {
	if ran := o.w.now - s.handled; s.waits || ran < int64(o.w.plan.timeout) {
		o.w.violate("timeout", "%s cancels an attempt after %s, waiting %v", s.crew.part.inc, time.Duration(ran), s.waits)
	}
}

// flowDecided holds the budget to G7: the marks are heeded, and it is exceeded by no more than a poll and one poll's share of
// each partition.
func (o *oracle) flowDecided(p *poller, held []flow.Holding, pause, resume []stream.Partition) {
	account := p.of.account
	limit, used := account.Limit(), account.Used()
	if limit <= 0 {
		return
	}
	if used > limit+p.of.largest*int64(1+len(p.of.partitions.everyone)) {
		o.w.violate("G7", "%s holds %d bytes, %d are allowed", p.of.name, used, limit)
	}
	open, above := int64(0), false
	for _, h := range held {
		paused := (h.Paused || slices.Contains(pause, h.Partition)) && !slices.Contains(resume, h.Partition)
		switch {
		case paused && used*2 <= limit:
			o.w.violate("G7", "%s stays paused although %d of %d bytes are held", h.Partition, used, limit)
		case paused:
		case used*100 > limit*95 && h.Held > 0:
			o.w.violate("G7", "%s holds %d and goes on although %d of %d bytes are held", h.Partition, h.Held, used, limit)
		default:
			open += h.Held
			above = above || h.Held > limit/4/int64(len(held))
		}
	}
	if used*100 > limit*80 && above && open*2 > limit {
		o.w.violate("G7", "%d of %d bytes are held, %d by partitions that go on", used, limit, open)
	}
}

// unfinished says what is not done or not committed; it is empty when everything is.
func (o *oracle) unfinished() string {
	var b strings.Builder
	for _, t := range o.w.broker.topics {
		for _, log := range t.logs {
			if t.gone {
				fmt.Fprintf(&b, "%s is gone\n", log.partition)
				continue
			}
			if why := o.unfinishedOf(log); why != "" && !o.excused(log) {
				b.WriteString(why)
			}
		}
	}
	return b.String()
}

func (o *oracle) unfinishedOf(log *partitionLog) string {
	c := o.w.broker.committed(log.partition)
	if r := log.pending(); r != nil {
		return fmt.Sprintf("%s is not done (log %d to %d, committed %d)\n", r, log.start, log.end, c.offset)
	}
	for i := len(log.records) - 1; i >= 0; i-- {
		if r := log.records[i]; r.offset >= log.start && r.offset >= log.floor {
			// What a stranger wrote over, and what a store of offsets is ahead, is committed with the next progress.
			if c.offset <= r.offset && !c.foreign && !o.w.plan.faults.Has(Stored) {
				return fmt.Sprintf("%s is not committed (log %d to %d, committed %d)\n", r, log.start, log.end, c.offset)
			}
			return ""
		}
	}
	return ""
}

// excused says whether a partition waits for an operator, because the policies say so, and says that it does.
func (o *oracle) excused(log *partitionLog) bool {
	if o.w.plan.start.Reset != core.ResetError && o.w.plan.start.OutOfRange != core.ResetError {
		return false
	}
	for _, p := range o.w.processes {
		for _, each := range p.pollers {
			cause, _, _, named := each.ownership.Status(log.partition)
			if named && (cause == stream.StartOffsetUnavailable || cause == stream.OffsetOutOfRange) {
				log.excused = true
			}
		}
	}
	return log.excused
}

// calmed notes that faults have stopped, and ends the attempts that would never end.
func (o *oracle) calmed() {
	o.calmAt = o.w.now
	for _, end := range o.endless {
		end()
	}
	o.endless = nil
}

// replaced notes incarnations that end because others begin, or because they are lost.
func (o *oracle) replaced(p *poller, incs []messages.Incarnation) {
	for _, inc := range incs {
		if l := o.life(p.of, inc); l != nil {
			l.clean = false
		}
	}
}

// states shows who owns what, and why it stands where it stands.
func (o *oracle) states() string {
	var b strings.Builder
	for _, p := range o.w.processes {
		fmt.Fprintf(&b, "%s frozen %v stopping %v slots %d/%d/%d orphans %v\n", p.name, p.frozen, p.stopping,
			p.pool.turns.Running(), p.pool.turns.Lent(), p.pool.turns.Waiting(), len(p.orphans.running))
		for _, each := range p.pollers {
			c := each.client
			fmt.Fprintf(&b, "  %s broken %v member %d epoch %d joining %v wants %v serving %v pending %v failure %v polling %v blocked %v revoking %v\n", each.name,
				each.broken, c.id, c.epoch, c.joining, c.wantsJoin, c.serving, c.pending, c.failure, c.polling, each.actor.blocked, each.revoking != nil)
			for _, d := range c.owned {
				fmt.Fprintf(&b, "    %s started %v paused %v position %d\n", d.Partition, d.started, d.paused, d.position)
			}
			for _, inc := range each.ownership.Incarnations() {
				cause, _, detail, _ := each.ownership.Status(inc.Partition)
				fmt.Fprintf(&b, "    %s %s %s\n", inc, cause, detail)
			}
		}
		for _, part := range p.partitions.living() {
			s := part.machine.Status(o.w.time())
			fmt.Fprintf(&b, "  %s %s %s %v oldest %+v\n", part.inc, s.Cause, s.Detail, s.Ledger.States, s.Oldest)
		}
	}
	for _, m := range o.w.broker.group.members {
		fmt.Fprintf(&b, "member %d of %s assigned %v revoking %v joined %v\n", m.id, m.client.name, m.assigned, m.revoking, m.joined)
	}
	return b.String()
}

// sayEvents writes events to the event log.
func (w *world) sayEvents(who string, events []stream.Event) {
	for _, e := range events {
		w.say("%s event %s %s", who, e.EventName(), show(e))
	}
}

// sayStep writes a step of a partition to the event log.
func (w *world) sayStep(p *partition, m messages.ToPartition) {
	if records, ok := m.(messages.Records); ok {
		w.say("%s %s records %d..%d", p.of.name, p.inc, records.Records[0].Offset, records.Records[len(records.Records)-1].Offset)
	} else {
		w.say("%s %s %s", p.of.name, p.inc, show(m))
	}
	out := &p.effects
	for _, work := range out.Work {
		w.say("%s %s work %d in lane %d: %d from %d", p.of.name, p.inc, work.Seq, work.Lane, len(work.Records), work.Records[0].Offset)
	}
	for i := range out.DeadLetters {
		w.say("%s %s dead letter of %d", p.of.name, p.inc, out.DeadLetters[i].Record.Offset)
	}
	if out.Watermark != nil {
		w.say("%s %s watermark %d %q", p.of.name, p.inc, out.Watermark.Offset, out.Watermark.Metadata)
	}
	if out.Drained != nil {
		w.say("%s %s %s", p.of.name, p.inc, show(*out.Drained))
	}
	w.sayEvents(p.of.name, out.Events)
}
