package core

import (
	"fmt"
	"strings"
	"time"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// RegistryDependency is the name under which a schema registry's outage is reported.
const RegistryDependency = "registry"

// causeAt says why the partition stands where it stands. What an operator must mend comes first.
func (p *Partition) causeAt(now time.Time) (stream.Cause, string) {
	cause, detail := p.recordsCause(now)
	if p.metadataFull && now.Sub(p.fullSince) >= metadataFullAfter && yieldsToFullMetadata(cause) {
		return stream.MetadataFull, detail
	}
	return cause, detail
}

// yieldsToFullMetadata says whether full metadata is what to tell instead of the cause: one that says why a record does not
// end, while full metadata is why no others begin. What an operator must mend, or has done, is told in any case.
func yieldsToFullMetadata(cause stream.Cause) bool {
	switch cause {
	case stream.Flowing, stream.HandlerSlow, stream.RetryBackoff, stream.DependencyDown, stream.RegistryUnavailable:
		return true
	case stream.Idle, stream.HandlerStuck, stream.OutputUnavailable, stream.DeadLetterUnavailable, stream.DeadLetterTooLarge,
		stream.StartOffsetUnavailable, stream.ClaimWaiting, stream.MemoryFull, stream.MetadataFull, stream.CommitFailing,
		stream.Draining, stream.PausedByOperator, stream.OffsetOutOfRange, stream.KafkaUnreachable:
	}
	return false
}

// recordsCause says why the records that are there do not end. That the metadata is full says why no others begin.
func (p *Partition) recordsCause(now time.Time) (stream.Cause, string) {
	switch {
	case p.drain != nil:
		return stream.Draining, ""
	case p.operatorPaused:
		return stream.PausedByOperator, ""
	case p.head == len(p.entries):
		return stream.Idle, ""
	}
	front, known := p.front()
	if known && p.entries[front].state == stream.Stuck {
		return stream.HandlerStuck, errText(errStuck)
	}
	if t := p.refusedDeadLetter(); t != nil {
		if t.tooLarge {
			return stream.DeadLetterTooLarge, errText(t.writeErr)
		}
		return stream.DeadLetterUnavailable, errText(t.writeErr)
	}
	switch {
	case p.headWait.state == stream.DeadLettering && now.Sub(p.headWait.since) >= unacknowledgedAfter,
		p.ledger.States[stream.DeadLettering] > 0 && now.Sub(p.deadLetterAck) >= unacknowledgedAfter:
		return stream.DeadLetterUnavailable, "the broker does not acknowledge"
	case p.headWait.state == stream.Publishing && now.Sub(p.headWait.since) >= unacknowledgedAfter,
		p.ledger.States[stream.Publishing] > 0 && now.Sub(p.publishAck) >= unacknowledgedAfter:
		return stream.OutputUnavailable, "the broker does not acknowledge"
	}
	if !known {
		return stream.Flowing, ""
	}
	if c, detail, waits := p.waitCause(&p.entries[front]); waits {
		return c, detail
	}
	if since, open := p.workSince(front); open && now.Sub(since) >= handlerSlowAfter {
		return stream.HandlerSlow, ""
	}
	if p.parkingHolds() {
		return stream.RetryBackoff, fmt.Sprintf("%d records are parked, with %d at their handlers as many as may be (retry.max_parked)",
			p.Parked(), p.open)
	}
	if e := &p.entries[front]; e.waits() && !p.crowdedSince.IsZero() && now.Sub(p.crowdedSince) >= unacknowledgedAfter {
		return stream.OutputUnavailable, "the outputs that wait for their brokers fill up the memory"
	}
	return stream.Flowing, ""
}

// front is the record that tells where the partition stands: the one that order makes the others wait for, and without
// order among them the lowest, which holds the commit back.
func (p *Partition) front() (i int, ok bool) {
	switch {
	case p.config.Order != ByPartition:
		i = p.lowestBegun()
	case p.open > 0:
		return p.find(p.lanes[0].lowest)
	default:
		i = p.next
	}
	return i, i < len(p.entries)
}

// lowestBegun is the lowest record that a handler has, or had; the lowest of all where there is none. Below it may be some
// that wait for a lane, or for room among the parked ones.
func (p *Partition) lowestBegun() int {
	if s := &p.ledger.States; s[stream.Retrying]+s[stream.Running]+s[stream.Stuck] == 0 {
		return p.head
	}
	i, _ := p.find(p.begunAt)
	for i < len(p.entries)-1 && !p.entries[i].begun() {
		i++
	}
	p.begunAt = p.entries[i].offset
	return i
}

// begun says whether a handler has the record, or had it and is to have it again.
func (e *entry) begun() bool {
	return e.state == stream.Running || e.state == stream.Retrying || e.state == stream.Stuck
}

// tried says whether the record has been with a handler in vain.
func (e *entry) tried() bool { return e.attempt > 1 || e.state == stream.Retrying }

// parkingHolds says whether it is for the records that are parked, or at least as many as those that may come to be, that
// others are not begun.
func (p *Partition) parkingHolds() bool {
	if p.Parked() < int64(p.open) || p.Parked() == 0 || !p.parkedFull() || p.barred() || p.circuits.Halt {
		return false
	}
	_, waits := p.newTurn()
	return waits
}

// workSince is when the record at i was given to the lane that has it.
func (p *Partition) workSince(i int) (since time.Time, open bool) {
	e := &p.entries[i]
	if e.state != stream.Running {
		return time.Time{}, false
	}
	return p.lanes[e.lane].since, true
}

// waitCause is the cause of a record that waits for its next attempt, or that probes a dependency: that is still down, as
// far as anyone knows.
func (p *Partition) waitCause(e *entry) (stream.Cause, string, bool) {
	if p.haltHolds(e) {
		return stream.DependencyDown, p.circuits.Detail, true
	}
	t := p.troubles[e.offset]
	waits := e.state == stream.Retrying || e.state == stream.Running && t != nil && t.probing
	if !waits {
		return 0, "", false
	}
	switch t.circuit {
	case "":
		return stream.RetryBackoff, errText(t.failure.Err), true
	case RegistryDependency:
		return stream.RegistryUnavailable, errText(t.failure.Err), true
	default:
		return stream.DependencyDown, errText(t.failure.Err), true
	}
}

// headWait is since when the oldest record is seen waiting for an acknowledgement: one broker of many may be silent, and the
// watermark stand, while the others acknowledge on and on. The zero value is of one that waits for none.
type headWait struct {
	offset int64
	state  stream.State
	since  time.Time
}

// watchHead keeps the time when the oldest record began to wait.
func (p *Partition) watchHead(now time.Time) {
	if p.head == len(p.entries) {
		p.headWait = headWait{}
		return
	}
	e := &p.entries[p.head]
	switch {
	case e.state != stream.Publishing && e.state != stream.DeadLettering:
		p.headWait = headWait{}
	case p.headWait.offset != e.offset || p.headWait.state != e.state:
		p.headWait = headWait{e.offset, e.state, now}
	}
}

// updateCause reports a change of cause. Idle and flowing alternate all the time and are no news to each other.
func (p *Partition) updateCause(now time.Time, out *PartitionEffects) {
	p.watchHead(now)
	cause, detail := p.causeAt(now)
	p.detail = detail
	if cause == p.cause {
		return
	}
	routine := cause <= stream.Flowing && p.cause <= stream.Flowing
	if !routine {
		out.Events = append(out.Events, stream.CauseChanged{
			Partition: p.inc.Partition, Epoch: p.inc.Epoch, From: p.cause, To: cause, Detail: detail,
		})
	}
	p.cause, p.causeSince = cause, now
}

// wake is when something becomes due without a message.
func (p *Partition) wake(now time.Time) time.Time {
	var at time.Time
	due := func(t time.Time) {
		if t.After(now) && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if p.ended {
		return at
	}
	if p.drain != nil {
		due(*p.drain)
	}
	if p.stuck > 0 && p.config.StuckAfter > 0 {
		due(p.stuckDue)
	}
	if front, ok := p.front(); ok {
		if since, open := p.workSince(front); open {
			due(since.Add(handlerSlowAfter))
		}
	}
	due(p.batchAt)
	if p.metadataFull {
		due(p.fullSince.Add(metadataFullAfter))
	}
	if p.unreported > 0 || p.heldChanged {
		due(p.reportDue())
	}
	if !p.crowdedSince.IsZero() {
		due(p.crowdedSince.Add(unacknowledgedAfter))
	}
	if p.ledger.States[stream.Publishing] > 0 {
		due(p.publishAck.Add(unacknowledgedAfter))
	}
	if p.ledger.States[stream.DeadLettering] > 0 {
		due(p.deadLetterAck.Add(unacknowledgedAfter))
	}
	if !p.headWait.since.IsZero() {
		due(p.headWait.since.Add(unacknowledgedAfter))
	}
	if t, ok := p.alarms.next(); ok {
		due(t)
	}
	return at
}

// Status shows the machine. Committed, End and HeldBytes are not its business and stay unknown.
func (p *Partition) Status(now time.Time) stream.PartitionStatus {
	s := stream.PartitionStatus{
		Partition: p.inc.Partition, Epoch: p.inc.Epoch, Cause: p.cause, Since: p.causeSince, Detail: p.detail,
		Ledger: p.ledger, Start: p.start, Watermark: p.tracker.Watermark(), Committed: -1, End: -1,
	}
	if p.head == len(p.entries) || p.ended {
		return s
	}
	e := &p.entries[p.head]
	s.LagSeconds = max(now.Sub(e.timestamp).Seconds(), 0)
	s.Oldest = &stream.Oldest{Offset: e.offset, Attempt: e.attempt, State: p.state(e), Since: time.Unix(0, e.received)}
	if t := p.troubles[e.offset]; t != nil {
		s.Oldest.LastError = errText(t.failure.Err)
		if t.writeErr != nil {
			s.Oldest.LastError = errText(t.writeErr)
		}
	}
	return s
}

// Standing shows the machine to the watchdog. What the machine cannot know stays unset.
func (p *Partition) Standing(now time.Time) Standing {
	s := Standing{
		Incarnation: p.inc, Ends: p.ends, Received: p.ledger.Received, Unfinished: p.ledger.Unfinished(), Due: p.due,
		Watermark: p.reported.Offset, Offset: p.tracker.Watermark(), Position: p.start,
	}
	if p.ended {
		s.Due = time.Time{}
		return s
	}
	s.Cause, _ = p.recordsCause(now)
	if p.head < len(p.entries) {
		s.Offset = p.entries[p.head].offset
	}
	return s
}

// Next is the offset behind the last record received, or where the incarnation began.
func (p *Partition) Next() int64 {
	if p.ledger.Received == 0 {
		return p.start
	}
	return p.tracker.Last() + 1
}

// Circuit names the dependency that the record waits for which tells where the partition stands; empty when it waits for
// none.
func (p *Partition) Circuit() string {
	i, ok := p.front()
	if !ok {
		return ""
	}
	e := &p.entries[i]
	if p.haltHolds(e) {
		return FailureRateCircuit
	}
	if e.state == stream.Retrying || p.probes(e) {
		return p.troubles[e.offset].circuit
	}
	return ""
}

// Describe shows the machine in a few lines, for a person who looks for a bug.
func (p *Partition) Describe(now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: cause %s since %s; start %d, next %d, watermark %d, received %d", p.inc, p.cause, ago(now, p.causeSince),
		p.start, p.Next(), p.tracker.Watermark(), p.ledger.Received)
	for s, n := range p.ledger.States {
		if n > 0 {
			fmt.Fprintf(&b, ", %s %d", stream.State(s), n)
		}
	}
	if p.head < len(p.entries) && !p.ended {
		e := &p.entries[p.head]
		fmt.Fprintf(&b, "\nlowest record: offset %d, %s, attempt %d, received %s ago", e.offset, e.state, e.attempt,
			ago(now, time.Unix(0, e.received)))
	}
	fmt.Fprintf(&b, "\n%d of %d lanes have work, %d of them stuck; the last work was %d", p.open, len(p.lanes), p.stuck, p.seq)
	if front, ok := p.front(); ok && !p.ended {
		if e := &p.entries[front]; e.state == stream.Running || e.state == stream.Stuck {
			w := &p.lanes[e.lane]
			fmt.Fprintf(&b, "\nwork %d: %d records, the lowest at offset %d, since %s, stuck %t", w.seq, w.size-w.first, w.lowest,
				ago(now, w.since), w.stuck)
		}
	}
	fmt.Fprintf(&b, "\nends %d, troubles %d, refused dead letters %d (resting %d), metadata full %t, keys held %d, circuit %q", p.ends,
		len(p.troubles), p.refusedLetters, p.restingLetters, p.metadataFull, len(p.held), p.Circuit())
	fmt.Fprintf(&b, "\npaused by an operator %t, ended %t, drain by %s, to be woken at %s", p.operatorPaused, p.ended,
		moment(p.drain), moment(&p.due))
	return b.String()
}

func ago(now, t time.Time) string { return now.Sub(t).Round(time.Millisecond).String() }

func moment(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// Check compares the ledger with the records themselves; a difference is a bug.
func (p *Partition) Check() error {
	if err := p.ledger.Check(); err != nil || p.ended {
		return err
	}
	var seen [stream.StateCount]int64
	for i := p.head; i < len(p.entries); i++ {
		if s := p.state(&p.entries[i]); s != stream.Done {
			seen[s]++
		}
	}
	for s := stream.Queued; s < stream.Done; s++ {
		if seen[s] != p.ledger.States[s] {
			return ledgerDifference{state: s, records: seen[s], ledger: p.ledger.States[s]}
		}
	}
	if pending := int64(p.tracker.Pending()); pending != p.ledger.Unfinished() {
		return ledgerDifference{state: stream.Done, records: p.ledger.Received - pending, ledger: p.ledger.States[stream.Done]}
	}
	return nil
}

// ledgerDifference is a ledger that does not agree with the records.
type ledgerDifference struct {
	state           stream.State
	records, ledger int64
}

func (d ledgerDifference) Error() string {
	return fmt.Sprintf("ledger: %d records %s, the ledger says %d (a bug in troupe)", d.records, d.state, d.ledger)
}

// Incarnation is whose machine this is.
func (p *Partition) Incarnation() messages.Incarnation { return p.inc }

// Ledger counts the incarnation's records.
func (p *Partition) Ledger() stream.Ledger { return p.ledger }
