package core

import (
	"slices"
	"time"

	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// probeBackoff spaces the probes of an open circuit.
var probeBackoff = retry.Policy{Initial: 500 * time.Millisecond, Multiplier: 2, Max: 30 * time.Second, Jitter: 0.2}

const (
	// circuitsMax is how many dependencies have a circuit of their own; the others share one.
	circuitsMax = 128
	// FailureRateCircuit is the name of the circuit that opens when too many attempts fail.
	FailureRateCircuit = "failure-rate"
	// SharedCircuit is that of the dependencies beyond circuitsMax.
	SharedCircuit = "others"
)

// Circuits is the machine that holds back records whose dependency is down, for all partitions of a process.
//
//	closed ── a record is refused ──► open ── a probe passes ──► closed
//	                                  │  ▲
//	                                  └──┘ a probe is refused: the next one later, with another record
//
// The records of all incarnations probe in turn. A record that a dependency refuses uses up an attempt when, since it was
// refused the last time, some other record passed and none was newly refused: then the dependency works, and it is this
// record that it does not like.
//
// One circuit is of no dependency: it opens when too many of all attempts fail. As long as it is open
//
//   - partitions begin nothing but probes, those of the other circuits too: a partition may have nothing to begin but records
//     that wait for those, so refusing to probe could wait for ever. Whichever comes back first, its probe passes and its
//     records go on to wait for the other if they need it.
//   - each partition that has something to begin keeps a record enlisted that has not been refused, so there is a probe as
//     long as there is anything to do, and it is not always one of those that fail.
//   - no attempt is used up, because what is refused now is no evidence against a record.
//   - the probe that comes to no conclusion about another circuit is spaced like one that was refused; the same outage would
//     otherwise make one record after the other probe.
type Circuits struct {
	circuits map[string]*circuit
	order    []*circuit // in which they first opened, so that steps are deterministic
	opened   int        // circuits that are open
	waiters  map[messages.Incarnation]map[int64]*waiter
	window   attemptWindow
	rate     *circuit // nil when the policy is off
	shared   *circuit // nil until it is needed
	told     messages.CircuitsOpen
}

// CircuitEffects is what to do after a step.
type CircuitEffects struct {
	Verdicts []Addressed[messages.CircuitVerdict]
	Charges  []Addressed[messages.CircuitCharge]
	Events   []stream.Event
	// Open is what partitions are to know; Changed is set when that is news for them.
	Open    messages.CircuitsOpen
	Changed bool
	// Shown: the status may have changed.
	Shown bool
	Wake  time.Time
}

// Addressed is a message for one incarnation.
type Addressed[M any] struct {
	To      messages.Incarnation
	Message M
}

// Reset empties the effects for the next step.
func (e *CircuitEffects) Reset() {
	*e = CircuitEffects{Verdicts: e.Verdicts[:0], Charges: e.Charges[:0], Events: e.Events[:0]}
}

func (e *CircuitEffects) wake(at time.Time) {
	if e.Wake.IsZero() || at.Before(e.Wake) {
		e.Wake = at
	}
}

// NewCircuits makes a machine with every circuit closed.
func NewCircuits(policy FailureRatePolicy) *Circuits {
	c := &Circuits{
		circuits: make(map[string]*circuit), waiters: make(map[messages.Incarnation]map[int64]*waiter),
		window: attemptWindow{policy: policy},
	}
	if policy.on() {
		c.rate = &circuit{name: FailureRateCircuit, halts: true}
		c.circuits[c.rate.name] = c.rate
		c.order = append(c.order, c.rate)
	}
	return c
}

// Step carries one message into the machine.
func (c *Circuits) Step(now time.Time, m messages.ToCircuits, out *CircuitEffects) {
	out.Shown = true
	switch m := m.(type) {
	case messages.DependencyRefused:
		c.refused(now, m, out)
	case messages.Enlisted:
		c.enlisted(m, out)
	case messages.AttemptsCounted:
		c.counted(now, m, out)
	case messages.ProbePassed:
		c.probePassed(now, m, out)
	case messages.ProbeDeclined:
		c.probeDeclined(now, m)
	case messages.RecordsPassed:
		c.recordsPassed(m, out)
	case messages.Withdrawn:
		c.withdrawn(now, m)
	case messages.IncarnationEnded:
		c.ended(m.Incarnation)
	case messages.CircuitTick:
	}
	if c.opened > 0 {
		for _, k := range c.order {
			c.serve(now, k, out)
		}
	}
	out.Changed = c.told.Open != (c.opened > 0) || c.told.Halt != c.halted()
	if out.Changed {
		c.told = messages.CircuitsOpen{Open: c.opened > 0, Halt: c.halted()}
		if c.told.Halt {
			c.told.Since, c.told.Detail = c.window.since(c.rate.since), c.rate.rate
		}
	}
	out.Open = c.told
}

// halted says whether nothing but probes is to be begun.
func (c *Circuits) halted() bool { return c.rate != nil && c.rate.open }

// Told is what partitions are to know.
func (c *Circuits) Told() messages.CircuitsOpen { return c.told }

// waiter gives a record that waits for a dependency, or nil.
func (c *Circuits) waiter(inc messages.Incarnation, off int64, name string) *waiter {
	if w := c.waiters[inc][off]; w != nil && w.name == name {
		return w
	}
	return nil
}

// wait makes a record wait for a circuit. One record waits for one.
func (c *Circuits) wait(k *circuit, inc messages.Incarnation, off int64, name string, fresh bool) *waiter {
	of := c.waiters[inc]
	if of == nil {
		of = make(map[int64]*waiter)
		c.waiters[inc] = of
	}
	if before := of[off]; before != nil {
		c.forget(before)
		c.waiters[inc] = of
	}
	w := &waiter{Incarnation: inc, offset: off, circuit: k, name: name, fresh: fresh}
	of[off] = w
	k.waiting++
	k.queue(w)
	return w
}

// forget takes a record out that does not wait any more, and says whether its probe was awaited.
func (c *Circuits) forget(w *waiter) (awaited bool) {
	c.release(w)
	if !w.probing {
		c.depart(w)
	}
	return w.circuit.leave(w)
}

// release takes a record out of a circuit that is about to be closed.
func (c *Circuits) release(w *waiter) {
	of := c.waiters[w.Incarnation]
	delete(of, w.offset)
	if len(of) == 0 {
		delete(c.waiters, w.Incarnation)
	}
}

func (c *Circuits) refused(now time.Time, m messages.DependencyRefused, out *CircuitEffects) {
	w := c.waiter(m.Incarnation, m.Offset, m.Name)
	if w != nil {
		c.refusedAgain(now, w, m.Err, out)
		return
	}
	k := c.circuitOf(m.Name)
	if k.halts && !k.open { // it has closed meanwhile
		out.Verdicts = append(out.Verdicts, Addressed[messages.CircuitVerdict]{
			To: m.Incarnation, Message: messages.CircuitVerdict{Offset: m.Offset, Name: m.Name},
		})
		return
	}
	k.say(m)
	k.newly++
	w = c.wait(k, m.Incarnation, m.Offset, m.Name, false)
	w.passed, w.newly = k.passed, k.newly
	if !k.open { // a newcomer does not put off the probe of those before it
		c.opened++
		k.begin(now, out)
		k.probeLater(now, w)
	}
}

// refusedAgain notes that a record's probe was refused.
func (c *Circuits) refusedAgain(now time.Time, w *waiter, err string, out *CircuitEffects) {
	k := w.circuit
	k.say(messages.DependencyRefused{Name: w.name, Err: err})
	if k.passed > w.passed && k.newly == w.newly && !c.halted() {
		out.Charges = append(out.Charges, Addressed[messages.CircuitCharge]{
			To: w.Incarnation, Message: messages.CircuitCharge{Offset: w.offset, Name: w.name},
		})
	}
	w.passed, w.newly = k.passed, k.newly
	if !w.probing {
		return // it waits as before
	}
	awaited := k.endProbe(w)
	w.fresh = false
	k.queue(w)
	if awaited {
		k.refused++
		k.probeLater(now, w)
	}
}

// say keeps what was said last.
func (k *circuit) say(m messages.DependencyRefused) {
	switch {
	case k.halts:
		k.err = k.rate + "; the last: " + m.Err
	case k.shared:
		k.err = m.Name + ": " + m.Err
	default:
		k.err = m.Err
	}
}

// enlisted lets a record wait that was not refused.
func (c *Circuits) enlisted(m messages.Enlisted, out *CircuitEffects) {
	k := c.circuits[m.Name]
	if k == nil || !k.open {
		out.Verdicts = append(out.Verdicts, Addressed[messages.CircuitVerdict]{
			To: m.Incarnation, Message: messages.CircuitVerdict{Offset: m.Offset, Name: m.Name},
		})
		return
	}
	c.wait(k, m.Incarnation, m.Offset, m.Name, true)
}

// counted opens the circuit of no dependency when too many attempts failed. Those that end while it is open show nothing new.
func (c *Circuits) counted(now time.Time, m messages.AttemptsCounted, out *CircuitEffects) {
	out.Shown = false
	if c.rate == nil || c.rate.open {
		return
	}
	c.window.add(now, attempts{passed: m.Passed, failed: m.Failed})
	if !c.window.exceeded() {
		return
	}
	k := c.rate
	k.rate = c.window.String()
	k.err = k.rate
	c.opened++
	k.begin(now, out)
	k.probeLater(now, &waiter{Incarnation: m.Incarnation})
	out.Shown = true
}

// recordsPassed counts records that passed. Those that were under way when everything was halted are no evidence of what a
// dependency does to the others.
func (c *Circuits) recordsPassed(m messages.RecordsPassed, out *CircuitEffects) {
	out.Shown = false
	if c.halted() {
		return
	}
	for _, k := range c.order {
		k.passed += m.Count
	}
}

// circuitOf gives the circuit for a name, a new one if there is room, or else the one that names share.
func (c *Circuits) circuitOf(name string) *circuit {
	if k := c.circuits[name]; k != nil {
		return k
	}
	if name == SharedCircuit || !c.makeRoom() {
		if c.shared == nil {
			c.shared = &circuit{name: SharedCircuit, shared: true}
			c.circuits[SharedCircuit] = c.shared
			c.order = append(c.order, c.shared)
		}
		return c.shared
	}
	k := &circuit{name: name}
	c.circuits[name] = k
	c.order = append(c.order, k)
	return k
}

// makeRoom makes room for another name: if need be it drops the circuit that has been closed the longest. It is false when
// none is closed. Names come from a small set, so this happens only when someone puts a key into a name.
func (c *Circuits) makeRoom() bool {
	named, oldest := 0, -1
	for i, k := range c.order {
		if k == c.rate || k == c.shared {
			continue
		}
		named++
		if !k.open && (oldest < 0 || k.since.Before(c.order[oldest].since)) {
			oldest = i
		}
	}
	if named < circuitsMax {
		return true
	}
	if oldest < 0 {
		return false
	}
	delete(c.circuits, c.order[oldest].name)
	c.order = slices.Delete(c.order, oldest, oldest+1)
	return true
}

// probeDeclined lets another incarnation probe, after a pause when all have declined.
func (c *Circuits) probeDeclined(now time.Time, m messages.ProbeDeclined) {
	w := c.waiter(m.Incarnation, m.Offset, m.Name)
	if w == nil || !w.probing {
		return
	}
	k := w.circuit
	awaited := k.endProbe(w)
	k.queue(w)
	if !awaited {
		return
	}
	k.declined++
	if k.declined >= len(k.turns) {
		k.probeLater(now, w)
	}
}

// withdrawn forgets a record that does not wait any more. When it was the one that probes, the next may probe at once; while
// everything is halted, after a pause.
func (c *Circuits) withdrawn(now time.Time, m messages.Withdrawn) {
	w := c.waiter(m.Incarnation, m.Offset, m.Name)
	if w == nil {
		return
	}
	if awaited := c.forget(w); awaited && c.halted() {
		w.circuit.probeLater(now, w)
	}
}

// ended forgets the records of an incarnation.
func (c *Circuits) ended(inc messages.Incarnation) {
	for _, w := range c.waiters[inc] {
		w.circuit.leave(w)
	}
	delete(c.waiters, inc)
	for _, k := range c.order {
		if of := k.crowds[inc]; of != nil {
			*of = crowd{inc: inc, queued: of.queued} // it is passed over at its turn
		}
	}
}

// probePassed closes the circuit and lets everyone go on.
func (c *Circuits) probePassed(now time.Time, m messages.ProbePassed, out *CircuitEffects) {
	w := c.waiter(m.Incarnation, m.Offset, m.Name)
	if w == nil {
		return
	}
	c.forget(w)
	c.close(now, w.circuit, out)
}

func (c *Circuits) close(now time.Time, k *circuit, out *CircuitEffects) {
	if k.waiting > 0 {
		for _, w := range c.waitersOf(k) {
			c.release(w)
			out.Verdicts = append(out.Verdicts, Addressed[messages.CircuitVerdict]{
				To: w.Incarnation, Message: messages.CircuitVerdict{Offset: w.offset, Name: w.name},
			})
		}
	}
	c.opened--
	k.end(now, out)
	if k.halts {
		c.window.begin(now)
	}
}

// IsCircuitOpen says whether the dependency that a record waits for is known to be down, by the circuits that are open.
func IsCircuitOpen(open map[string]bool, name string) bool {
	if is, known := open[name]; known || name == "" {
		return is
	}
	return open[SharedCircuit]
}

// Status shows every circuit that ever opened.
func (c *Circuits) Status() []stream.CircuitStatus {
	out := make([]stream.CircuitStatus, 0, len(c.order))
	for _, k := range c.order {
		out = append(out, stream.CircuitStatus{
			Name: k.name, Open: k.open, Since: k.since, Waiting: k.waiting, LastError: k.err,
		})
	}
	return out
}
