package sim

import (
	"math"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// begins holds the begin of a call of the handler to G2 and G3: of one record, or of a batch.
func (o *oracle) begins(of *process, part *partition, calls []*attempt, records []stream.Record) {
	part.life.moved = o.w.now
	for i, a := range calls {
		o.alone(of, part, calls[:i], a)
		if !part.life.foreign {
			o.beginsOne(part, a, &records[i])
		}
	}
}

// beginsOne holds the begin of one attempt to what is known of its record.
func (o *oracle) beginsOne(part *partition, a *attempt, r *stream.Record) {
	l := part.life
	if a.record.log != l.log || a.record.offset != r.Offset || string(a.record.key) != string(r.Key) || (a.record.key == nil) != (r.Key == nil) ||
		len(a.record.value) != len(r.Value) {
		o.w.violate("G3", "%s is given %s for its offset %d", l, a.record, r.Offset)
		return
	}
	at, v := l.find(r.Offset)
	if v == nil {
		o.w.violate("G3", "%s handles %s, which it was not given", l, a.record)
		return
	}
	if part.over || part.broken {
		return // its Work goes on until it notices
	}
	if v.concluded {
		o.w.violate("G2", "%s handles %s again: %+v", l, a, *v)
	}
	if !v.working {
		o.w.violate("G3", "%s begins %s, which is in no work that it knows of", l, a)
	}
	if before := l.ahead(at); before != nil && o.tooEarly(before, a) {
		o.w.violate("G3", "%s begins %s before %s", l, a, before.record)
	}
	if o.w.now < v.notBefore {
		o.w.violate("retry", "%s begins %s %s too early", l, a, time.Duration(v.notBefore-o.w.now))
	}
	v.attempts++
	if l.halted && l.calledBack && !v.probes {
		o.w.violate("halt", "%s begins %s although too many attempts fail, and it does not probe", l, a)
	}
}

// attempted holds a record that is begun to the policy of retries.
func (o *oracle) attempted(l *life, v *lived, attempt int32) {
	if l.foreign {
		return
	}
	if limit := o.w.plan.partition.Retry.MaxAttempts; limit > 0 && int(v.failures) >= limit {
		o.w.violate("retry", "%s begins %s after %d failures, %d attempts are allowed", l, v.record, v.failures, limit)
	}
	if attempt < v.failures+1 || attempt > v.failures+v.charges+1 {
		o.w.violate("retry", "%s begins attempt %d at %s, which has failed %d times", l, attempt, v.record, v.failures)
	}
}

// returned notes the end of an attempt. given says that nobody wants to know any more.
func (o *oracle) returned(part *partition, a *attempt, f *messages.Failure, given bool) {
	o.ends(part.of, a)
	l := part.life
	l.moved = o.w.now
	if f == nil && a.outputs == 0 {
		a.record.done = true
	}
	if f != nil && f.Kind == messages.Skipped {
		a.record.done = true
	}
	_, v := l.find(a.record.offset)
	if v == nil || l.foreign || given || a.over || (v.stuck && v.concluded) { // the last: it has been given up
		return
	}
	if f == nil {
		v.concluded = true
		v.finished = a.outputs == 0
		return
	}
	switch f.Kind {
	case messages.Skipped:
		v.concluded, v.finished = true, true
	case messages.Refused:
		v.concluded, v.refused = true, true
	case messages.Unavailable, messages.FailedLater, messages.Failed, messages.TimedOut, messages.Panicked:
	case messages.OutputRefused, messages.StuckTooLong, messages.KeyHeld:
		o.w.violate("handler", "a handler does not give %s", f.Kind.Reason())
	}
}

// pause is the least that the policy leaves between two attempts.
func (o *oracle) pause(failures int32) int64 {
	p := o.w.plan.partition.Retry
	pause := math.Min(float64(p.Initial)*math.Pow(p.Multiplier, float64(failures-1)), float64(p.Max))
	return int64(pause*(1-p.Jitter)) - 1
}

// vain notes the end of an attempt that counts as not made.
func (o *oracle) vain(part *partition, a *attempt) {
	o.ends(part.of, a)
	part.life.moved = o.w.now
}

// emitted numbers an attempt, so that its outputs can be known again.
func (o *oracle) emitted(a *attempt) []byte {
	o.attempts = append(o.attempts, a)
	return strconv.AppendInt(nil, int64(len(o.attempts)-1), 10)
}

// outputAcknowledged: a record is done when all outputs of one attempt are.
func (o *oracle) outputAcknowledged(value []byte) {
	n, err := strconv.Atoi(string(value))
	if err != nil || n >= len(o.attempts) {
		o.w.violate("G1", "an output that no handler has emitted: %q", value)
		return
	}
	a := o.attempts[n]
	if a.acked++; a.acked < a.outputs {
		return
	}
	a.record.done = true
	if v := a.life.at(a.record.offset); v != nil && !a.life.foreign {
		v.finished = true
	}
}

// letterWritten holds the dead-letter topic to G5.
func (o *oracle) letterWritten(l letterRequest) {
	r := o.w.broker.find(l.letter.Record.Value)
	if r.letters++; r.letters > r.expected {
		o.w.violate("G5", "%s has %d dead letters, %d at most were sent", r, r.letters, r.expected)
	}
}

func (o *oracle) letterAcknowledged(l letterRequest) {
	r := o.w.broker.find(l.letter.Record.Value)
	r.done = true
	if v := l.from.life.at(r.offset); v != nil && !l.from.life.foreign {
		v.finished = true
	}
}

// partitionStepped holds what a partition's machine decides to G1, G4 and G5.
func (o *oracle) partitionStepped(part *partition, m messages.ToPartition, out *core.PartitionEffects) {
	l := part.life
	switch m := m.(type) {
	case messages.ReleaseKeys:
		clear(l.held)
	case messages.Drain:
		if !l.draining || m.Deadline.Before(l.drainBy) {
			l.drainBy = m.Deadline
		}
		l.draining = true
	case messages.OperatorPause:
		l.paused = m.Paused
	case messages.DeadLetterResult:
		o.letterAnswered(l, m)
	case messages.Published:
		l.moved = o.w.now
		for _, r := range m.Results {
			if v := l.at(r.Offset); v != nil && r.Err != nil {
				v.outputs = true
			}
		}
	case messages.Outcomes:
		for i := range m.Outcomes {
			o.reported(l, &m.Outcomes[i])
		}
	case messages.CircuitVerdict:
		if v := l.at(m.Offset); v != nil && v.circuit {
			v.circuit, v.rate, v.probes, v.dueBy = m.Probe, m.Probe && v.rate, m.Probe, max(o.w.now, v.notBefore)
			if m.Probe {
				v.notBefore = 0
			}
		}
	case messages.CircuitCharge:
		if v := l.at(m.Offset); v != nil {
			v.charges++
		}
	case messages.CircuitsOpen:
		o.told(l, m, out)
	case messages.Records, messages.Tick:
	}
	o.toCircuits(l, out)
	if len(out.Work)+len(out.Publish)+len(out.DeadLetters) > 0 || out.Handled+out.Skipped > 0 {
		l.moved = o.w.now
	}
	for i := range out.DeadLetters {
		o.letter(l, &out.DeadLetters[i])
	}
	for _, e := range out.Events {
		if e, ok := e.(stream.Dropped); ok {
			o.dropped(l, e)
		}
	}
	if len(out.Latencies) > 0 && l.untold == 0 {
		l.untold = o.w.now
	}
	if out.Watermark != nil {
		l.untold = 0
		o.watermark(l, out.Watermark)
		o.passesOn(part, out.Watermark)
	}
	o.laned(part, out)
	if out.Drained != nil {
		o.watermark(l, &out.Drained.Watermark)
		if d := out.Drained; d.InFlight > 0 && o.w.time().Before(l.drainBy) {
			o.w.violate("drain", "%s gives up %d records in flight %s before its time is over", l, d.InFlight, l.drainBy.Sub(o.w.time()))
		}
	}
}

// letter holds a dead letter that is sent to G5 and to the policy of retries.
func (o *oracle) letter(l *life, d *messages.DeadLetter) {
	r := o.w.broker.find(d.Record.Value)
	r.expected++
	if l.foreign {
		return
	}
	v := l.at(d.Record.Offset)
	if v == nil || v.record != r || len(d.Record.Value) != len(r.value) {
		o.w.violate("G5", "%s sends a dead letter of %s as offset %d", l, r, d.Record.Offset)
		return
	}
	if v.letterOut || (v.finished && !v.stuck) { // the end of a stuck attempt may come too late to be heard
		o.w.violate("G5", "%s sends another dead letter of %s: %+v", l, r, *v)
	}
	if !o.deserved(v) && !o.follows(l, v, d) {
		o.w.violate("G5", "%s gives %s up, which did not deserve it: %+v", l, r, *v)
	}
	v.letters++
	o.holds(l, v, d.Failure.Kind)
	v.letterOut, v.concluded, v.finished = true, true, false
}

// deserved says whether a record may be given up.
func (o *oracle) deserved(v *lived) bool {
	limit := o.w.plan.partition.Retry.MaxAttempts
	exhausted := v.exhausted || limit > 0 && int(v.failures+v.charges) >= limit
	return v.refused || v.outputs || v.stuck || exhausted
}

func (o *oracle) dropped(l *life, e stream.Dropped) {
	v := l.at(e.Offset)
	if l.foreign || v == nil {
		return
	}
	if !o.w.plan.partition.DeadLetterOff || !o.deserved(v) {
		o.w.violate("G5", "%s drops %s: %+v", l, v.record, *v)
	}
	v.concluded, v.finished = true, true
	v.record.done = true
}

func (o *oracle) watermark(l *life, w *messages.Watermark) {
	if w.Offset < l.mark {
		o.w.violate("G4", "the watermark of %s goes back from %d to %d", l, l.mark, w.Offset)
	}
	l.mark = w.Offset
	l.measure(o.w.now, w.Metadata)
	if l.foreign {
		return
	}
	o.checkLeaderEpoch(l, w)
	o.behindPending("G1", "the watermark", l, w.Offset)
	o.checkMetadata("G1", l, w.Offset, w.Metadata)
}
