package core

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// outcome takes what a lane says of its work: the records that have a result, the stuck one, and those that the lane has
// not begun, which are queued again.
func (p *Partition) outcome(now time.Time, o *messages.Outcome, out *PartitionEffects) {
	if o.Lane < 0 || o.Lane >= len(p.lanes) {
		out.Stale++
		return
	}
	w := &p.lanes[o.Lane]
	if !w.open || o.Seq != w.seq || o.First != w.first {
		out.Stale++
		return
	}
	i, known := p.find(w.lowest)
	if !known {
		out.Fault = fmt.Errorf("%s: outcome of offset %d, which is not known (a bug in troupe)", p.inc, w.lowest)
		return
	}
	end := o.First + o.Attempted
	goesOn, stuck := o.Going && end < w.size, o.Stuck && end < w.size
	begun := end
	if stuck {
		begun = p.stuckUntil(w, end)
	}
	if !goesOn {
		p.fitWork(&p.entries[i], w.size, end)
		p.requeueLines(w, begun)
	}
	rest, passed := p.settle(now, i, w, o, out)
	p.count(o)
	if passed > 0 && p.circuits.Open {
		out.Circuits = append(out.Circuits, messages.RecordsPassed{Incarnation: p.inc, Count: passed})
	}
	switch {
	case goesOn:
		w.first, w.lowest = end, p.entries[rest].offset
		return
	case stuck:
		left := w.size - begun
		p.becomeStuck(now, rest, w, o, out)
		p.requeue(rest+1, left)
	default:
		left := w.size - end
		p.closeWork(o.Lane)
		p.requeue(rest, left)
	}
}

// settle gives every record with a result its next state, beginning at entry i. It returns the first entry without one,
// and how many records were handled well.
func (p *Partition) settle(now time.Time, i int, w *work, o *messages.Outcome, out *PartitionEffects) (rest int, passed int64) {
	exceptions, outputs := o.Exceptions, o.Outputs
	end := o.First + o.Attempted
	p.settled = w.lowest
	p.ends += uint64(o.Attempted)
	for index := o.First; index < end; index++ {
		i = p.member(w, index, i)
		e := &p.entries[i]
		e.fresh = nil
		sent := outputs
		for len(outputs) > 0 && outputs[0].Index == index {
			outputs = outputs[1:]
		}
		sent = sent[:len(sent)-len(outputs)]
		switch {
		case len(exceptions) > 0 && exceptions[0].Index == index:
			p.failed(now, i, exceptions[0].Failure, out)
			exceptions = exceptions[1:]
		case len(sent) > 0:
			passed++
			p.passProbe(e, out)
			p.publish(now, e, sent, out)
		default:
			passed++
			p.passProbe(e, out)
			p.handled(now, i, out)
		}
	}
	if end < w.size {
		i = p.member(w, end, i)
	}
	return i, passed
}

// member gives the entry of a work's record: in partition order the next that a lane has, from entry i on.
func (p *Partition) member(w *work, index, i int) int {
	if p.config.Order != ByPartition {
		i, _ = p.find(w.offsets[index])
		return i
	}
	for p.entries[i].state != stream.Running && p.entries[i].state != stream.Stuck {
		i++
	}
	return i
}

// handled ends a record that was handled well.
func (p *Partition) handled(now time.Time, i int, out *PartitionEffects) {
	out.Handled++
	p.finishAt(now, i, out)
}

// skipped reports a record that was ended on purpose, together with those before it of the same reason.
func (p *Partition) skipped(e *entry, reason string, out *PartitionEffects) {
	out.Skipped++
	if n := len(out.Events); n > 0 {
		if last, ok := out.Events[n-1].(stream.Skipped); ok && last.Reason == reason {
			last.Last = e.offset
			last.Count++
			out.Events[n-1] = last
			return
		}
	}
	out.Events = append(out.Events, stream.Skipped{
		Partition: p.inc.Partition, Epoch: p.inc.Epoch, First: e.offset, Last: e.offset, Count: 1, Reason: reason,
	})
}

// publish sends a record's outputs.
func (p *Partition) publish(now time.Time, e *entry, outputs []messages.Output, out *PartitionEffects) {
	for i := range outputs {
		out.Publish = append(out.Publish, messages.PublishOutput{Offset: e.offset, Message: outputs[i].Message})
	}
	e.outputs = int32(len(outputs))
	p.awaitBroker(now, e, stream.Publishing)
}

// requeue puts the n records that the lane had in partition order, but did not begin, back in the queue. The first is at or
// above entry i. They are stuck where the batch was that they are of.
func (p *Partition) requeue(i, n int) {
	if p.config.Order != ByPartition {
		return
	}
	for ; n > 0; i++ {
		if e := &p.entries[i]; e.state == stream.Running || e.state == stream.Stuck {
			p.move(e, stream.Queued)
			p.goOn(i)
			n--
		}
	}
}

// requeueLines does so in the other orders, for the records of a work from an index on. It comes before the others get their
// results, so that what is behind one that is parked is queued.
func (p *Partition) requeueLines(w *work, from int) {
	if p.config.Order == ByPartition {
		return
	}
	for _, off := range w.offsets[min(from, w.size):w.size] {
		i, ok := p.find(off)
		if !ok {
			continue
		}
		e := &p.entries[i]
		p.move(e, stream.Queued)
		if p.isFirst(e) {
			p.giveTurnBack(e)
		}
	}
}

// trouble gives the notes on a record, new ones if there are none.
func (p *Partition) trouble(off int64) *trouble {
	t := p.troubles[off]
	if t == nil {
		t = &trouble{}
		p.troubles[off] = t
	}
	return t
}

// failed decides what a failure means for a record.
func (p *Partition) failed(now time.Time, i int, f messages.Failure, out *PartitionEffects) {
	e := &p.entries[i]
	if f.Kind == messages.Unavailable && f.Name == FailureRateCircuit {
		f.Name = SharedCircuit // that name is not a dependency's
	}
	p.endProbe(e, f, out)
	switch f.Kind {
	case messages.Skipped:
		p.skipped(e, f.Name, out)
		p.finishAt(now, i, out)
	case messages.Refused, messages.OutputRefused, messages.StuckTooLong, messages.KeyHeld:
		t := p.trouble(e.offset)
		t.failures++
		p.giveUp(now, i, f, out)
	case messages.Unavailable:
		p.awaitCircuit(now, i, f.Name, f, out)
	case messages.Panicked:
		out.Events = append(out.Events, stream.Panicked{
			Partition: p.inc.Partition, Epoch: p.inc.Epoch, Offset: e.offset, Value: errText(f.Err), Stack: f.Stack,
		})
		p.retryLater(now, i, f, out)
	case messages.Failed, messages.FailedLater, messages.TimedOut:
		p.retryLater(now, i, f, out)
	}
}

// endProbe tells the circuit what a failure of its probe means. Only a record that came to its end shows that the
// dependency works; a timeout, a panic or another error may well be how this one notices that it does not.
func (p *Partition) endProbe(e *entry, f messages.Failure, out *PartitionEffects) {
	t := p.troubles[e.offset]
	if t == nil {
		return
	}
	switch f.Kind {
	case messages.Skipped, messages.Refused, messages.OutputRefused:
		p.passProbe(e, out)
	case messages.Unavailable:
		if f.Name != t.circuit {
			p.withdrawProbe(e, t, out)
		}
	case messages.Failed, messages.FailedLater, messages.TimedOut, messages.Panicked:
		if t.circuit != FailureRateCircuit || !p.circuits.Halt {
			p.withdrawProbe(e, t, out)
		}
	case messages.StuckTooLong, messages.KeyHeld:
		p.withdrawProbe(e, t, out)
	}
}

// awaitAttempt lets the record at i wait for its next attempt, and with it those that order puts behind it.
func (p *Partition) awaitAttempt(i int) {
	e := &p.entries[i]
	p.move(e, stream.Retrying)
	p.park(e)
	if p.config.Order == ByPartition {
		p.next = min(p.next, i)
	}
}

// alarm sets the time of a record's next attempt, or of its dead letter's. That time keeps no monotonic clock, because alarms
// have none: while the wall clock is being adjusted the two disagree, and an alarm that seemed too early would be lost.
func (p *Partition) alarm(t *trouble, off int64, at time.Time) {
	t.retryAt = at.Round(0)
	p.alarms.set(at, off)
}

// retryLater uses up an attempt, unless so many fail that it is not for the records.
func (p *Partition) retryLater(now time.Time, i int, f messages.Failure, out *PartitionEffects) {
	if p.circuits.Halt {
		p.awaitCircuit(now, i, FailureRateCircuit, f, out)
		return
	}
	e := &p.entries[i]
	t := p.trouble(e.offset)
	t.failures++
	if p.config.Retry.Exhausted(t.failures) {
		p.giveUp(now, i, f, out)
		return
	}
	delay := f.After
	if f.Kind != messages.FailedLater {
		delay = p.config.Retry.Delay(t.failures, retry.Entropy(p.inc.Epoch, p.jitterOf(e), t.failures))
	}
	t.failure, t.since = f, now
	p.leaveCircuit(t)
	p.awaitAttempt(i)
	p.alarm(t, e.offset, now.Add(delay))
	p.retriedEvent(e, t, delay, out)
	e.attempt = t.failures + 1
}

// jitterOf is what sets the jitter of a record's wait apart from that of others. Those that failed in one batch wait for the
// same time, and are tried again in one.
func (p *Partition) jitterOf(e *entry) int64 {
	if p.config.BatchRecords > 0 {
		return p.settled
	}
	return e.offset
}

func (p *Partition) retriedEvent(e *entry, t *trouble, delay time.Duration, out *PartitionEffects) {
	out.Events = append(out.Events, stream.Retried{
		Partition: p.inc.Partition, Epoch: p.inc.Epoch, Offset: e.offset, Attempt: e.attempt,
		Reason: t.failure.Kind.Reason(), Error: errText(t.failure.Err), DelayMS: delay.Milliseconds(),
	})
}

// giveUp hands a record to the dead letters, or does what the configuration says instead.
func (p *Partition) giveUp(now time.Time, i int, f messages.Failure, out *PartitionEffects) {
	e := &p.entries[i]
	t := p.trouble(e.offset)
	t.failure, t.since, t.failedAt, t.retryAt, t.givenUp = f, now, now, time.Time{}, nil
	p.leaveCircuit(t)
	switch {
	case !p.config.DeadLetterOff && !p.hold(now, e, out):
		t.givenUp = f.Err
		t.failure.Err = fmt.Errorf("%d keys of the partition are held, and no other can be: release some: %w", len(p.held), f.Err)
		p.awaitAttempt(i)
		p.alarm(t, e.offset, now.Add(max(p.config.Retry.Max, holdTriesMin)))
	case !p.config.DeadLetterOff:
		p.awaitBroker(now, e, stream.DeadLettering)
		p.writeDeadLetter(e, t, out)
	case p.config.OnErrorDrop:
		out.Events = append(out.Events, stream.Dropped{
			Partition: p.inc.Partition, Epoch: p.inc.Epoch, Offset: e.offset, Error: errText(f.Err),
		})
		p.finishAt(now, i, out)
	default:
		p.awaitAttempt(i)
		t.retryAt = now.Add(time.Duration(1<<62 - 1))
		if out.Fault == nil {
			out.Fault = fmt.Errorf("%s: record at offset %d cannot be handled and dead letters are off: %w",
				p.inc.Partition, e.offset, f.Err)
		}
	}
}

func (p *Partition) writeDeadLetter(e *entry, t *trouble, out *PartitionEffects) {
	if t.writeErr != nil {
		p.restingLetters--
	}
	t.writes++
	t.retryAt = time.Time{}
	out.DeadLetters = append(out.DeadLetters, messages.DeadLetter{
		Record: e.record(p.inc.Partition), Failure: t.failure, Attempts: t.failures, FailedAt: t.failedAt,
	})
}

// deadLettered takes the fate of a dead letter. One that was not written is written again, with backoff, for ever.
func (p *Partition) deadLettered(now time.Time, m messages.DeadLetterResult, out *PartitionEffects) {
	i, ok := p.find(m.Offset)
	if !ok || p.entries[i].state != stream.DeadLettering {
		out.Stale++
		return
	}
	p.ends++
	t := p.trouble(m.Offset)
	if t.writeErr != nil {
		p.refusedLetters--
		t.writeErr = nil
	}
	if m.Err != nil {
		p.refusedLetters++
		p.restingLetters++
		t.writeErr, t.tooLarge = m.Err, m.TooLarge
		p.alarm(t, m.Offset, now.Add(deadLetterRetry.Delay(t.writes, retry.Entropy(p.inc.Epoch, m.Offset, t.writes))))
		return
	}
	p.deadLetterAck = now
	p.letterWritten(&p.entries[i])
	out.Events = append(out.Events, stream.DeadLettered{
		Partition: p.inc.Partition, Epoch: p.inc.Epoch, Offset: m.Offset, Target: m.Target,
		Reason: t.failure.DeadLetterReason(), Attempts: t.failures, Error: errText(t.failure.Err),
	})
	p.finishAt(now, i, out)
}

// published takes the fate of outputs: a record is done when all of its outputs are acknowledged. One refused output is
// enough for a dead letter, once the fate of the others is known too.
func (p *Partition) published(now time.Time, results []messages.PublishResult, out *PartitionEffects) {
	for _, r := range results {
		i, ok := p.find(r.Offset)
		if !ok || p.entries[i].state != stream.Publishing {
			out.Stale++
			continue
		}
		p.publishAck = now
		p.ends++
		e := &p.entries[i]
		if r.Err != nil {
			p.trouble(r.Offset).outputErr = r.Err
		}
		e.outputs--
		if e.outputs > 0 {
			continue
		}
		if t := p.troubles[r.Offset]; t != nil && t.outputErr != nil {
			p.failed(now, i, messages.Failure{Kind: messages.OutputRefused, Err: t.outputErr}, out)
			continue
		}
		p.handled(now, i, out)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
