package core

import (
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

var errStuck = errors.New("the handler ignores its cancelled context")

// dispatch gives the lane the next run of records, if order and limits allow.
func (p *Partition) dispatch(now time.Time, out *PartitionEffects) {
	for p.next < len(p.entries) && !p.entries[p.next].waits() {
		p.next++
	}
	if p.next == len(p.entries) || out.Fault != nil || p.held() {
		return
	}
	e := &p.entries[p.next]
	size := p.workSize
	if e.state == stream.Retrying {
		t := p.troubles[e.offset]
		if !t.mayRun(now) {
			return
		}
		if t.probing {
			size = 1
		}
	}
	p.seq++
	p.work = work{open: true, seq: p.seq, lowest: e.offset, since: now}
	records := p.take(size)
	p.work.size = len(records)
	out.Work = append(out.Work, messages.Work{Seq: p.seq, Records: records})
}

// waits says whether the record waits for the lane.
func (e *entry) waits() bool { return e.state == stream.Queued || e.state == stream.Retrying }

// take marks up to size records as running and gives them to the handler. As long as they lie side by side in the batch
// they were polled in, and no handler has had them, that takes no copy.
func (p *Partition) take(size int) []stream.Record {
	if run := p.freshRun(size); len(run) > 0 {
		for ; p.next < len(p.entries) && p.entries[p.next].offset <= run[len(run)-1].Offset; p.next++ {
			p.move(&p.entries[p.next], stream.Running)
		}
		return run
	}
	size = min(size, len(p.entries)-p.next)
	records := make([]stream.Record, 0, size)
	for ; p.next < len(p.entries) && len(records) < size; p.next++ {
		e := &p.entries[p.next]
		if !e.waits() {
			continue
		}
		if e.state == stream.Retrying && len(records) > 0 {
			break
		}
		p.move(e, stream.Running)
		records = append(records, e.record(p.inc.Partition))
	}
	return records
}

// freshRun gives the records from the next one on that lie side by side in its batch; none when they are so few that it is
// better to copy them together with others.
func (p *Partition) freshRun(size int) []stream.Record {
	batch := p.entries[p.next].fresh
	size = min(size, len(p.entries)-p.next)
	n := 0
	for n < min(size, len(batch)) {
		e := &p.entries[p.next+n]
		if e.state != stream.Queued || e.fresh == nil || e.offset != batch[n].Offset {
			break
		}
		n++
	}
	if n < min(size, workRecordsMin) {
		return nil
	}
	return batch[:n:n]
}

// fitWork sets the size of the next Work by how far the lane came with the last. A slow handler gets few records at a time,
// or the rest would be handed out again and again.
func (p *Partition) fitWork(size, attempted int) {
	if attempted == size {
		p.workSize = min(2*p.workSize, workRecordsMax)
		return
	}
	p.workSize = max(2*attempted, workRecordsMin)
}

// mayRun says whether a retrying record's wait is over.
func (t *trouble) mayRun(now time.Time) bool {
	if t.circuit != "" {
		return t.probing
	}
	return !t.retryAt.After(now)
}

// held says whether nothing may be begun now: the lane is busy, the partition drains or is paused, or the limits of what
// waits for the broker, or of the commit's metadata, are reached. While a dead letter is refused nothing more is begun
// either, so that an outage of the dead-letter topic does not turn the whole backlog into pending dead letters. Full
// metadata does not hold back the lowest record that is not done: only its end makes the metadata shorter.
func (p *Partition) held() bool {
	s := &p.ledger.States
	return p.work.open || p.drain != nil || p.operatorPaused ||
		s[stream.Publishing] >= publishingMax || s[stream.DeadLettering] >= deadLetteringMax ||
		p.refusedLetters > 0 || (p.metadataFull() && p.next > p.head)
}

// refusedDeadLetter gives the trouble of a dead letter that could not be written, or nil.
func (p *Partition) refusedDeadLetter() *trouble {
	if p.refusedLetters == 0 {
		return nil
	}
	for i := p.head; i < len(p.entries); i++ {
		if e := &p.entries[i]; e.state == stream.DeadLettering {
			if t := p.troubles[e.offset]; t.writeErr != nil {
				return t
			}
		}
	}
	return nil
}

// circuitVerdict lets a waiting record go on.
func (p *Partition) circuitVerdict(now time.Time, m messages.CircuitVerdict, out *PartitionEffects) {
	i, ok := p.find(m.Offset)
	t := p.troubles[m.Offset]
	if !ok || t == nil || p.entries[i].state != stream.Retrying || t.circuit != m.Name {
		out.Stale++
		return
	}
	if m.Probe {
		if p.held() {
			out.Circuits = append(out.Circuits, messages.ProbeDeclined{Incarnation: p.inc, Offset: m.Offset, Name: m.Name})
			return
		}
		t.probing = true
		return
	}
	t.circuit, t.probing, t.retryAt = "", false, now
}

// circuitCharge uses up an attempt of a record that its dependency refuses while it serves others.
func (p *Partition) circuitCharge(now time.Time, m messages.CircuitCharge, out *PartitionEffects) {
	i, ok := p.find(m.Offset)
	t := p.troubles[m.Offset]
	if !ok || t == nil || p.entries[i].state != stream.Retrying || t.circuit != m.Name {
		out.Stale++
		return
	}
	t.failures++
	if !p.config.Retry.Exhausted(t.failures) {
		p.entries[i].attempt = t.failures + 1
		return
	}
	p.withdrawProbe(&p.entries[i], t, out)
	p.giveUp(now, i, t.failure, out)
}

// passProbe tells the circuit that its probe did not meet the dependency down.
func (p *Partition) passProbe(e *entry, out *PartitionEffects) {
	if len(p.troubles) == 0 {
		return
	}
	t := p.troubles[e.offset]
	if t == nil || t.circuit == "" {
		return
	}
	out.Circuits = append(out.Circuits, messages.ProbePassed{Incarnation: p.inc, Offset: e.offset, Name: t.circuit})
	t.circuit, t.probing = "", false
}

// withdrawProbe tells the circuit that a record does not wait for it any more, and that its probe has shown nothing.
func (p *Partition) withdrawProbe(e *entry, t *trouble, out *PartitionEffects) {
	if t.circuit == "" {
		return
	}
	out.Circuits = append(out.Circuits, messages.Withdrawn{Incarnation: p.inc, Offset: e.offset, Name: t.circuit})
	t.circuit, t.probing = "", false
}

// serveTimers does what has become due: dead letters to write again, attempts that have been stuck for too long. An
// incarnation that drains leaves refused dead letters to its successor: one written now would be written twice.
func (p *Partition) serveTimers(now time.Time, out *PartitionEffects) {
	if p.restingLetters > 0 && p.drain == nil {
		for i := p.head; i < len(p.entries); i++ {
			e := &p.entries[i]
			if e.state != stream.DeadLettering {
				continue
			}
			if t := p.troubles[e.offset]; !t.retryAt.IsZero() && !t.retryAt.After(now) {
				p.writeDeadLetter(e, t, out)
			}
		}
	}
	if !p.work.stuck || p.config.StuckAfter == 0 || now.Before(p.work.since.Add(p.config.StuckAfter)) {
		return
	}
	i, ok := p.find(p.work.lowest)
	if !ok {
		return
	}
	t := p.trouble(p.work.lowest)
	err := fmt.Errorf("%w for %s", errStuck, now.Sub(t.since).Round(time.Second))
	if !p.config.StuckDeadLetter {
		if out.Fault == nil {
			out.Fault = fmt.Errorf("%s: record at offset %d: %w; the process must be restarted", p.inc.Partition, p.work.lowest, err)
		}
		return
	}
	p.work = work{}
	out.ReplaceLane = true
	p.failed(now, i, messages.Failure{Kind: messages.StuckTooLong, Err: err}, out)
}

// startDrain stops dispatch. The earliest deadline counts.
func (p *Partition) startDrain(deadline time.Time) {
	if p.drain == nil || deadline.Before(*p.drain) {
		p.drain = &deadline
	}
}

// finishDrain ends the incarnation when nothing is in flight any more, or the deadline has come.
func (p *Partition) finishDrain(now time.Time, out *PartitionEffects) {
	if p.drain == nil {
		return
	}
	inFlight := p.inFlight()
	if inFlight > 0 && now.Before(*p.drain) {
		return
	}
	p.Abandon()
	out.CancelWork = p.work.open
	w := p.reported
	w.Records = 0
	out.Drained = &messages.Drained{
		Watermark: w, Abandoned: p.ledger.States[stream.Abandoned], InFlight: inFlight,
	}
}

// inFlight counts the records whose end a drain waits for. A record that waits for its next attempt is not among them, nor
// one whose dead letter the broker has refused and that is not being written again.
func (p *Partition) inFlight() int64 {
	s := &p.ledger.States
	return s[stream.Running] + s[stream.Stuck] + s[stream.Publishing] + s[stream.Storing] + s[stream.DeadLettering] -
		int64(p.restingLetters)
}
