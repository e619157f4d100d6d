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

// circuitsMax is how many circuits are remembered.
const circuitsMax = 128

// Circuits is the machine that holds back records whose dependency is down, for all partitions of a process.
//
//	closed ── a record is refused ──► open ── a probe passes ──► closed
//	                                  │  ▲
//	                                  └──┘ a probe is refused: the next one later, with another record
//
// A record that a dependency refuses uses up an attempt when, since it was refused the last time, some other record passed
// and none was newly refused: then the dependency works, and it is this record that it does not like.
type Circuits struct {
	circuits map[string]*circuit
	names    []string // in the order in which they first opened, so that steps are deterministic
}

type circuit struct {
	name    string
	open    bool
	since   time.Time
	err     string
	waiters []waiter // the next to probe first
	probing bool
	refused int32 // probes refused in a row
	probeAt time.Time
	passed  int64 // records that passed while it was open
	newly   int64 // records newly refused
}

// waiter is one record that waits, and what had happened when it was refused the last time.
type waiter struct {
	messages.Incarnation
	offset int64
	passed int64
	newly  int64
}

// CircuitEffects is what to do after a step.
type CircuitEffects struct {
	Verdicts []Addressed[messages.CircuitVerdict]
	Charges  []Addressed[messages.CircuitCharge]
	Events   []stream.Event
	// Open is whether any circuit is open; Changed is set when that is news for the partitions.
	Open    bool
	Changed bool
	Wake    time.Time
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

// NewCircuits makes a machine with every circuit closed.
func NewCircuits() *Circuits { return &Circuits{circuits: make(map[string]*circuit)} }

// Step carries one message into the machine.
func (c *Circuits) Step(now time.Time, m messages.ToCircuits, out *CircuitEffects) {
	before := c.anyOpen()
	switch m := m.(type) {
	case messages.DependencyRefused:
		c.refused(now, m, out)
	case messages.ProbePassed:
		c.probePassed(now, m, out)
	case messages.ProbeDeclined:
		c.probeDeclined(now, m)
	case messages.RecordsPassed:
		for _, name := range c.names {
			c.circuits[name].passed += m.Count
		}
	case messages.Withdrawn:
		if k := c.circuits[m.Name]; k != nil {
			k.drop(func(w waiter) bool { return w.Incarnation == m.Incarnation && w.offset == m.Offset })
		}
	case messages.IncarnationEnded:
		for _, name := range c.names {
			c.circuits[name].drop(func(w waiter) bool { return w.Incarnation == m.Incarnation })
		}
	case messages.CircuitTick:
	}
	for _, name := range c.names {
		c.circuits[name].serve(now, out)
	}
	out.Open = c.anyOpen()
	out.Changed = out.Open != before
}

func (c *Circuits) anyOpen() bool {
	for _, k := range c.circuits {
		if k.open {
			return true
		}
	}
	return false
}

func (c *Circuits) refused(now time.Time, m messages.DependencyRefused, out *CircuitEffects) {
	k := c.circuits[m.Name]
	if k == nil {
		c.forget()
		k = &circuit{name: m.Name}
		c.circuits[m.Name] = k
		c.names = append(c.names, m.Name)
	}
	k.err = m.Err
	w := waiter{Incarnation: m.Incarnation, offset: m.Offset, passed: k.passed}
	i := k.index(m.Incarnation, m.Offset)
	if i >= 0 { // its probe was refused
		old := k.waiters[i]
		if k.passed > old.passed && k.newly == old.newly {
			out.Charges = append(out.Charges, Addressed[messages.CircuitCharge]{
				To: m.Incarnation, Message: messages.CircuitCharge{Offset: m.Offset, Name: m.Name},
			})
		}
		k.waiters = append(k.waiters[:i], k.waiters[i+1:]...)
		k.probing = false
		k.refused++
	} else {
		k.newly++
	}
	w.newly = k.newly
	k.waiters = append(k.waiters, w)
	if !k.open {
		k.open, k.since, k.refused = true, now, 1
		out.Events = append(out.Events, stream.CircuitChanged{Name: k.name, Open: true, Error: m.Err})
		k.probeLater(now, w)
	} else if i >= 0 { // a newcomer does not put off the probe of those before it
		k.probeLater(now, w)
	}
}

// forget makes room for another name: it drops the circuit that has been closed the longest. Names come from a small set,
// so this happens only when someone puts a key into a name.
func (c *Circuits) forget() {
	if len(c.names) < circuitsMax {
		return
	}
	oldest := -1
	for i, name := range c.names {
		if k := c.circuits[name]; !k.open && (oldest < 0 || k.since.Before(c.circuits[c.names[oldest]].since)) {
			oldest = i
		}
	}
	if oldest >= 0 {
		delete(c.circuits, c.names[oldest])
		c.names = slices.Delete(c.names, oldest, oldest+1)
	}
}

// probeLater sets the time of the next probe, after what became of the last one.
func (k *circuit) probeLater(now time.Time, last waiter) {
	k.probeAt = now.Add(probeBackoff.Delay(k.refused, retry.Entropy(last.Epoch, last.offset, k.refused)))
}

// probeDeclined lets another record probe, after a pause: perhaps they all decline.
func (c *Circuits) probeDeclined(now time.Time, m messages.ProbeDeclined) {
	k := c.circuits[m.Name]
	if k == nil || !k.probing || k.index(m.Incarnation, m.Offset) != 0 {
		return
	}
	w := k.waiters[0]
	k.waiters = append(k.waiters[1:], w)
	k.probing = false
	k.probeLater(now, w)
}

// probePassed closes the circuit and lets everyone go on.
func (c *Circuits) probePassed(now time.Time, m messages.ProbePassed, out *CircuitEffects) {
	k := c.circuits[m.Name]
	if k == nil || k.index(m.Incarnation, m.Offset) < 0 {
		return
	}
	for _, w := range k.waiters {
		if w.Incarnation == m.Incarnation && w.offset == m.Offset {
			continue
		}
		out.Verdicts = append(out.Verdicts, Addressed[messages.CircuitVerdict]{
			To: w.Incarnation, Message: messages.CircuitVerdict{Offset: w.offset, Name: k.name},
		})
	}
	k.close(now, out)
}

func (k *circuit) close(now time.Time, out *CircuitEffects) {
	k.waiters, k.open, k.probing, k.refused, k.since, k.probeAt = nil, false, false, 0, now, time.Time{}
	out.Events = append(out.Events, stream.CircuitChanged{Name: k.name})
}

func (k *circuit) index(inc messages.Incarnation, offset int64) int {
	for i, w := range k.waiters {
		if w.Incarnation == inc && w.offset == offset {
			return i
		}
	}
	return -1
}

// drop forgets waiters. When the one that probes is among them, the next may probe at once.
func (k *circuit) drop(gone func(waiter) bool) {
	kept := k.waiters[:0]
	for i, w := range k.waiters {
		if !gone(w) {
			kept = append(kept, w)
		} else if i == 0 {
			k.probing = false
		}
	}
	k.waiters = kept
}

// serve lets the first waiter probe when it is time, and closes a circuit that no one waits for.
func (k *circuit) serve(now time.Time, out *CircuitEffects) {
	if !k.open {
		return
	}
	if len(k.waiters) == 0 {
		k.close(now, out)
		return
	}
	if k.probing {
		return
	}
	if k.probeAt.After(now) {
		if out.Wake.IsZero() || k.probeAt.Before(out.Wake) {
			out.Wake = k.probeAt
		}
		return
	}
	k.probing = true
	w := k.waiters[0]
	out.Verdicts = append(out.Verdicts, Addressed[messages.CircuitVerdict]{
		To: w.Incarnation, Message: messages.CircuitVerdict{Offset: w.offset, Name: k.name, Probe: true},
	})
}

// Status shows every circuit that ever opened.
func (c *Circuits) Status() []stream.CircuitStatus {
	out := make([]stream.CircuitStatus, 0, len(c.names))
	for _, name := range c.names {
		k := c.circuits[name]
		out = append(out, stream.CircuitStatus{
			Name: name, Open: k.open, Since: k.since, Waiting: len(k.waiters), LastError: k.err,
		})
	}
	return out
}
