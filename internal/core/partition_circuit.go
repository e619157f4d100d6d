package core

import (
	"time"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// circuitsOpen takes what the circuits tell every partition.
func (p *Partition) circuitsOpen(m messages.CircuitsOpen, out *PartitionEffects) {
	halts := m.Halt && !p.circuits.Halt
	p.circuits = m
	if halts {
		p.refund(m.Since)
		out.CallBack = p.open > 0
	}
}

// refund gives back the attempts that were used up since so many failed that it was not for the records. Otherwise records
// would run out of attempts in an outage that lets a probe pass now and then.
func (p *Partition) refund(since time.Time) {
	for off, t := range p.troubles {
		if t.failures == 0 || !t.failure.Kind.Retriable() || t.since.Before(since) {
			continue
		}
		i, ok := p.find(off)
		if !ok {
			continue
		}
		if e := &p.entries[i]; e.waits() || e.state == stream.Running {
			t.failures--
			e.attempt = t.failures + 1
		}
	}
}

// circuitVerdict lets a waiting record go on.
func (p *Partition) circuitVerdict(now time.Time, m messages.CircuitVerdict, out *PartitionEffects) {
	i, ok := p.find(m.Offset)
	t := p.troubles[m.Offset]
	if !ok || t == nil || t.circuit != m.Name {
		p.staleVerdict(m, out)
		return
	}
	switch waits := p.entries[i].state == stream.Retrying; {
	case !waits && t.probing && !m.Probe: // another probe has passed meanwhile, and nobody waits for this one
		p.leaveCircuit(t)
	case !waits:
		p.staleVerdict(m, out)
	case m.Probe && (p.barred() || p.behind(i)):
		out.Circuits = append(out.Circuits, messages.ProbeDeclined{Incarnation: p.inc, Offset: m.Offset, Name: m.Name})
	case m.Probe:
		p.delist(t)
		t.probing = true
		p.goOn(i)
	default:
		p.leaveCircuit(t)
		if t.retryAt.After(now) { // RetryAfter
			p.alarm(t, m.Offset, t.retryAt)
			return
		}
		t.retryAt = now
		p.goOn(i)
	}
}

// staleVerdict answers for a record that does not wait any more.
func (p *Partition) staleVerdict(m messages.CircuitVerdict, out *PartitionEffects) {
	out.Stale++
	if m.Probe {
		out.Circuits = append(out.Circuits, messages.Withdrawn{Incarnation: p.inc, Offset: m.Offset, Name: m.Name})
	}
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
	p.leaveCircuit(t)
}

// withdrawProbe tells the circuit that a record does not wait for it any more, and that its probe has shown nothing.
func (p *Partition) withdrawProbe(e *entry, t *trouble, out *PartitionEffects) {
	if t.circuit == "" {
		return
	}
	out.Circuits = append(out.Circuits, messages.Withdrawn{Incarnation: p.inc, Offset: e.offset, Name: t.circuit})
	p.leaveCircuit(t)
}

func (p *Partition) leaveCircuit(t *trouble) {
	p.delist(t)
	t.circuit, t.probing = "", false
}

// behind says whether order makes the record at i wait for another one that waits.
func (p *Partition) behind(i int) bool {
	if p.config.Order != ByPartition {
		return false
	}
	for j := p.next; j < i; j++ {
		if p.entries[j].waits() {
			return true
		}
	}
	return false
}

// awaitCircuit lets the record at i wait for the circuit that refused it. One that is behind another could not probe, so it
// waits for that one only.
func (p *Partition) awaitCircuit(now time.Time, i int, name string, f messages.Failure, out *PartitionEffects) {
	e := &p.entries[i]
	t := p.trouble(e.offset)
	p.leaveCircuit(t)
	t.failure, t.since, t.retryAt = f, now, time.Time{}
	if f.Kind == messages.FailedLater {
		t.retryAt = now.Add(f.After) // when the circuit has closed before
	}
	behind := p.behind(i)
	p.awaitAttempt(i)
	if behind {
		p.alarm(t, e.offset, later(now, t.retryAt))
		p.retriedEvent(e, t, 0, out)
		return
	}
	t.circuit = name
	out.Circuits = append(out.Circuits, messages.DependencyRefused{
		Incarnation: p.inc, Offset: e.offset, Name: name, Err: errText(f.Err),
	})
	p.retriedEvent(e, t, 0, out)
}

// probes says whether a record is to be begun, or was, as a probe.
func (p *Partition) probes(e *entry) bool {
	if len(p.troubles) == 0 {
		return false
	}
	t := p.troubles[e.offset]
	return t != nil && t.probing
}

// enlist sees to it that a partition that may begin nothing but probes has one to offer that was not refused: the record
// that it would begin.
func (p *Partition) enlist(now time.Time, out *PartitionEffects) {
	if !p.circuits.Halt || p.enlisted > 0 || p.barred() {
		return
	}
	if i, ok := p.nextTurn(now, false, out); ok && !p.probes(&p.entries[i]) {
		p.entries[i].ready = false
		p.enlistAt(now, i, out)
	}
}

func (p *Partition) enlistAt(now time.Time, i int, out *PartitionEffects) {
	e := &p.entries[i]
	t := p.trouble(e.offset)
	t.since, t.retryAt, t.circuit, t.enlisted = now, time.Time{}, FailureRateCircuit, true
	p.enlisted++
	p.awaitAttempt(i)
	out.Circuits = append(out.Circuits, messages.Enlisted{Incarnation: p.inc, Offset: e.offset, Name: FailureRateCircuit})
}

func (p *Partition) delist(t *trouble) {
	if t.enlisted {
		t.enlisted = false
		p.enlisted--
	}
}

// count notes what an outcome shows of what the handler depends on.
func (p *Partition) count(o *messages.Outcome) {
	if !p.config.FailureRate.on() || p.circuits.Halt {
		return
	}
	p.counted.passed += int64(o.Attempted)
	for i := range o.Exceptions {
		switch kind := o.Exceptions[i].Failure.Kind; {
		case kind.Retriable():
			p.counted.failed++
			p.counted.passed--
		case kind == messages.Unavailable:
			p.counted.passed--
		}
	}
}

// tellCounts reports the attempts that were counted.
func (p *Partition) tellCounts(out *PartitionEffects) {
	if p.counted == (attempts{}) {
		return
	}
	out.Circuits = append(out.Circuits, messages.AttemptsCounted{
		Incarnation: p.inc, Passed: p.counted.passed, Failed: p.counted.failed,
	})
	p.counted = attempts{}
}

// haltHolds says whether it is for the failures of others that a record does not go on.
func (p *Partition) haltHolds(e *entry) bool {
	if !p.circuits.Halt {
		return false
	}
	t := p.troubles[e.offset]
	switch {
	case t == nil || t.circuit == "":
		return e.waits()
	case t.circuit == FailureRateCircuit:
		return e.state == stream.Retrying || t.probing
	}
	return false
}
