package sim

import (
	"slices"
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// halt is what the oracle knows of a process's circuit for the rate of failures.
type halt struct {
	open   bool
	counts []count // since it closed, of the last window
	probes map[recordOf]int64
	rested int64         // when it opened, or a probe came to an end that did not close it
	rest   time.Duration // the least until the next probe; it doubles with each that is refused
}

// count is what a process was told of attempts at one moment.
type count struct {
	at int64
	tally
}

// tally counts attempts by what they show of the rate of failures.
type tally struct{ passed, failed int64 }

// recordOf is a record in one incarnation.
type recordOf struct {
	inc    messages.Incarnation
	offset int64
}

// The circuits' own times: how long they leave alone a probe that does not end, and the least between two probes.
const (
	probePatience = 45 * time.Second
	probeRest     = 400 * time.Millisecond
	probeRestMax  = 24 * time.Second
)

// circuitsStepped holds the circuit for the rate of failures to its policy: it opens when the rate is reached and not
// before, lets one record probe at a time, and closes when that one passes.
func (o *oracle) circuitsStepped(p *process, m messages.ToCircuits, out *core.CircuitEffects) {
	h, policy := &p.halt, &o.w.plan.partition.FailureRate
	was := h.open
	passed := false
	switch m := m.(type) {
	case messages.AttemptsCounted:
		if !was {
			h.add(o.w.now, policy, tally{m.Passed, m.Failed})
		}
	case messages.ProbePassed:
		passed = h.ends(recordOf{m.Incarnation, m.Offset}, m.Name, 0)
	case messages.DependencyRefused:
		if before := h.rested; h.ends(recordOf{m.Incarnation, m.Offset}, m.Name, o.w.now) && h.rested != before {
			h.rest = min(2*h.rest, probeRestMax)
		}
	case messages.Withdrawn:
		h.ends(recordOf{m.Incarnation, m.Offset}, m.Name, o.w.now)
	case messages.ProbeDeclined:
		h.ends(recordOf{m.Incarnation, m.Offset}, m.Name, 0)
	case messages.IncarnationEnded:
		for of := range h.probes {
			if of.inc == m.Incarnation {
				delete(h.probes, of)
			}
		}
	case messages.Enlisted, messages.RecordsPassed, messages.CircuitTick:
	}
	for _, e := range out.Events {
		if e, ok := e.(stream.CircuitChanged); ok && e.Name == core.FailureRateCircuit {
			o.rateChanged(p, e.Open, passed)
		}
	}
	switch {
	case !was && !h.open && h.exceeded(o.w.now, policy, true):
		o.w.violate("halt", "%s does not open the circuit, the counts are %v by %+v", p.name, h.counts, *policy)
	case passed && h.open:
		o.w.violate("halt", "%s leaves the circuit open although a probe has passed", p.name)
	case out.Changed && out.Open.Halt != h.open:
		o.w.violate("halt", "%s tells the partitions %+v, and the circuit is open: %v", p.name, out.Open, h.open)
	case h.open && len(out.Charges) > 0:
		o.w.violate("halt", "%s charges %v while too many attempts fail", p.name, out.Charges)
	}
	for i := range out.Verdicts {
		o.probeGiven(p, &out.Verdicts[i])
	}
}

// rateChanged holds a change of the circuit to its reason.
func (o *oracle) rateChanged(p *process, open, passed bool) {
	h, policy := &p.halt, &o.w.plan.partition.FailureRate
	switch {
	case open == h.open:
		o.w.violate("halt", "%s opens or closes the circuit a second time", p.name)
	case open && !h.exceeded(o.w.now, policy, false):
		o.w.violate("halt", "%s opens the circuit, the counts are %v by %+v", p.name, h.counts, *policy)
	case !open && !passed:
		o.w.violate("halt", "%s closes the circuit, and no probe has passed", p.name)
	}
	*h = halt{open: open, counts: h.counts[:0], probes: make(map[recordOf]int64), rested: o.w.now, rest: probeRest}
}

// probeGiven holds a probe to being the only one, and not too soon.
func (o *oracle) probeGiven(p *process, v *core.Addressed[messages.CircuitVerdict]) {
	if v.Message.Name != core.FailureRateCircuit || !v.Message.Probe {
		return
	}
	h := &p.halt
	for of, at := range h.probes {
		if o.w.now < at+int64(probePatience) {
			o.w.violate("halt", "%s lets %d of %s probe beside %d of %s", p.name, v.Message.Offset, v.To, of.offset, of.inc)
		}
	}
	if !h.open || o.w.now < h.rested+int64(h.rest) {
		o.w.violate("halt", "%s lets %d of %s probe %s after the last probe's end; open: %v", p.name, v.Message.Offset, v.To,
			time.Duration(o.w.now-h.rested), h.open)
		return
	}
	h.probes[recordOf{v.To, v.Message.Offset}] = o.w.now
}

// ends notes the end of a probe, and says whether it was one. The next one may follow after a rest, if rested is set.
func (h *halt) ends(of recordOf, name string, rested int64) bool {
	at, probes := h.probes[of]
	if !probes || name != core.FailureRateCircuit {
		return false
	}
	delete(h.probes, of)
	if rested > 0 && rested < at+int64(probePatience) { // nobody waits for it any more
		h.rested = rested
	}
	return true
}

// add keeps what was counted within the last window.
func (h *halt) add(now int64, policy *core.FailureRatePolicy, t tally) {
	h.counts = append(h.counts, count{now, t})
	for h.counts[0].at < now-int64(policy.Window) {
		h.counts = h.counts[1:]
	}
}

// exceeded says whether too many attempts failed within the window, which is about as long as the policy says: it slides by
// tenths. Surely is whatever the tenth.
func (h *halt) exceeded(now int64, policy *core.FailureRatePolicy, surely bool) bool {
	if policy.Rate == 0 || len(h.counts) == 0 || surely && h.counts[len(h.counts)-1].at != now {
		return false
	}
	sum, certain, possible := tally{}, true, false
	for i := len(h.counts) - 1; i >= 0; i-- {
		c := &h.counts[i]
		sum.passed, sum.failed = sum.passed+c.passed, sum.failed+c.failed
		youngest := now - c.at
		if i > 0 && now-h.counts[i-1].at < int64(policy.Window)*9/10 {
			continue // the one before it counts in any case
		}
		if youngest > int64(policy.Window) {
			break
		}
		total := sum.passed + sum.failed
		is := total >= max(policy.MinRecords, 1) && float64(sum.failed) >= policy.Rate*float64(total)
		certain, possible = certain && is, possible || is
	}
	if surely {
		return certain
	}
	return possible
}

// tally counts the attempts of an outcome, unless the partition knows that the circuit is open. An attempt that a dependency
// refused says nothing.
func (l *life) tally(m *messages.Outcome) {
	if l.halted {
		return
	}
	l.counts.passed += int64(m.Attempted)
	for i := range m.Exceptions {
		switch m.Exceptions[i].Failure.Kind {
		case messages.Failed, messages.FailedLater, messages.TimedOut, messages.Panicked:
			l.counts.failed++
			l.counts.passed--
		case messages.Unavailable:
			l.counts.passed--
		case messages.Refused, messages.Skipped, messages.OutputRefused, messages.StuckTooLong, messages.KeyHeld:
		}
	}
}

// toCircuits takes what a partition tells the circuits.
func (o *oracle) toCircuits(l *life, out *core.PartitionEffects) {
	var said tally
	for _, m := range out.Circuits {
		switch m := m.(type) {
		case messages.AttemptsCounted:
			said = tally{said.passed + m.Passed, said.failed + m.Failed}
		case messages.Enlisted:
			if v := l.at(m.Offset); v != nil {
				v.circuit, v.rate, v.waited, v.failedAt = true, true, true, o.w.now
			}
		case messages.ProbeDeclined:
			if v := l.at(m.Offset); v != nil {
				v.probes = false
			}
		case messages.Withdrawn:
			if v := l.at(m.Offset); v != nil && v.rate && v.failedAt == o.w.now && m.Name == core.FailureRateCircuit {
				o.w.violate("halt", "%s withdraws the probe of %s, which has failed", l, v.record)
			}
		case messages.DependencyRefused, messages.ProbePassed, messages.RecordsPassed, messages.IncarnationEnded, messages.CircuitTick:
		}
	}
	if o.w.plan.partition.FailureRate.Rate > 0 && said != l.counts {
		o.w.violate("halt", "%s counts %+v attempts, and they were %+v", l, said, l.counts)
	}
	l.counts = tally{}
}

// told takes what a partition hears of the circuits. When it is halted it takes back what its lanes have not begun, and gives
// back the last attempt of each record that failed when many did.
func (o *oracle) told(l *life, m messages.CircuitsOpen, out *core.PartitionEffects) {
	halts := m.Halt && !l.halted
	l.halted = m.Halt
	if !halts {
		return
	}
	l.calledBack = l.open == 0
	if l.open > 0 && !out.CallBack {
		o.w.violate("halt", "%s is halted and does not call back %d works", l, l.open)
	}
	since := int64(m.Since.Sub(epoch))
	for i := l.next; i < len(l.lived); i++ {
		if v := &l.lived[i]; v.failures > 0 && v.retriable && v.failedAt >= since && !l.isStuck(v.record.offset) {
			v.failures--
		}
	}
}

// isStuck says whether an attempt at a record is stuck, as far as the machine knows.
func (l *life) isStuck(offset int64) bool {
	for lane := range l.lanes {
		if work := &l.lanes[lane]; work.stuckAt != 0 && slices.Contains(work.offsets, offset) {
			return true
		}
	}
	return false
}

// onlyProbes says that a partition begins nothing else while too many attempts fail.
func (o *oracle) onlyProbes(l *life, works []messages.Work) {
	if !l.halted {
		return
	}
	for i := range works {
		for n := range works[i].Records {
			if v := l.at(works[i].Records[n].Offset); !v.probes {
				o.w.violate("halt", "%s begins %s although too many attempts fail, and it does not probe", l, v.record)
			}
		}
	}
}

// awaitsRate says whether a record waits for too many attempts to have failed, or probes. Otherwise nobody would find out
// that they do not any more.
func (l *life) awaitsRate() bool {
	return slices.ContainsFunc(l.lived[l.next:], func(v lived) bool { return v.rate && v.circuit && !v.concluded })
}
