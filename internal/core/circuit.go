package core

import (
	"cmp"
	"slices"
	"time"

	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

const (
	// probePatience is how long a probe may take before another record probes too: it may hang for ever where attempts have
	// no time limit. It is longer than an attempt takes by default. Each probe that hangs doubles it for the next.
	probePatience = 45 * time.Second
	// hangingMax is after how many probes that hang the patience does not grow any more.
	hangingMax = 7
)

// circuit holds back the records that one dependency refused. All that is done for one record takes the same time, however
// many wait.
type circuit struct {
	name    string
	shared  bool // by names for which there is no room
	halts   bool // while it is open, nothing but probes is begun
	open    bool
	since   time.Time
	err     string
	rate    string // why it opened, if it halts
	crowds  map[messages.Incarnation]*crowd
	turns   []*crowd // whose records probe in turn, the next first; some may have none any more
	waiting int
	refused int32 // probes refused in a row
	probeAt time.Time
	passed  int64 // records that passed while it was open
	newly   int64 // records newly refused

	probe      *waiter // the one that probes, of which the end is awaited
	probeUntil time.Time
	hanging    int // probes of which the end is not awaited any more
	declined   int // crowds that have declined to probe since the last pause
}

// crowd is the records of one incarnation that wait for a circuit, without those that probe. The fresh ones have not been
// refused by it, and probe first: of those that have, many may fail for their own reasons. An offset whose record does not
// wait any more is passed over at its turn.
type crowd struct {
	inc     messages.Incarnation
	fresh   ring
	refused ring
	live    int  // offsets of records that wait
	queued  bool // among the turns
}

// goneMax is how many offsets more than there are records a crowd keeps.
const goneMax = 64

// waiter is one record that waits for a circuit, and what had happened when it was refused the last time.
type waiter struct {
	messages.Incarnation
	offset  int64
	circuit *circuit
	name    string // by which the record knows the dependency
	passed  int64
	newly   int64
	fresh   bool // not refused by this circuit
	probing bool
}

// queue puts a record that waits behind those of its incarnation.
func (k *circuit) queue(w *waiter) {
	c := k.crowds[w.Incarnation]
	if c == nil {
		if k.crowds == nil {
			k.crowds = make(map[messages.Incarnation]*crowd)
		}
		c = &crowd{inc: w.Incarnation}
		k.crowds[w.Incarnation] = c
	}
	c.live++
	if w.fresh {
		c.fresh.push(w.offset)
	} else {
		c.refused.push(w.offset)
	}
	if !c.queued {
		c.queued = true
		k.turns = append(k.turns, c)
	}
}

// leave takes a record out that does not wait any more, and says whether its probe was awaited.
func (k *circuit) leave(w *waiter) (awaited bool) {
	k.waiting--
	return k.endProbe(w)
}

// endProbe notes that a record does not probe any more, and says whether its probe was awaited.
func (k *circuit) endProbe(w *waiter) (awaited bool) {
	switch {
	case !w.probing:
		return false
	case k.probe == w:
		k.probe, awaited = nil, true
	default:
		k.hanging--
	}
	w.probing = false
	return awaited
}

// probeLater sets the time of the next probe, after what became of the last one.
func (k *circuit) probeLater(now time.Time, last *waiter) {
	k.declined = 0
	k.probeAt = now.Add(probeBackoff.Delay(k.refused, retry.Entropy(last.Epoch, last.offset, k.refused)))
}

// begin opens the circuit.
func (k *circuit) begin(now time.Time, out *CircuitEffects) {
	k.open, k.since, k.refused = true, now, 1
	out.Events = append(out.Events, stream.CircuitChanged{Name: k.name, Open: true, Error: k.err})
}

// end closes it. No record waits for it any more.
func (k *circuit) end(now time.Time, out *CircuitEffects) {
	*k = circuit{
		name: k.name, shared: k.shared, halts: k.halts, since: now, err: k.err, passed: k.passed, newly: k.newly,
	}
	out.Events = append(out.Events, stream.CircuitChanged{Name: k.name})
}

// serve lets the next record probe when it is time, and gives the time when there is something to do.
func (c *Circuits) serve(now time.Time, k *circuit, out *CircuitEffects) {
	if !k.open {
		return
	}
	if k.waiting == 0 && !k.halts {
		c.close(now, k, out)
		return
	}
	if k.probe != nil && !now.Before(k.probeUntil) {
		k.probe = nil
		k.hanging++
	}
	switch {
	case k.probe != nil:
		if k.waiting > k.hanging+1 {
			out.wake(k.probeUntil)
		}
	case k.probeAt.After(now):
		if k.waiting > k.hanging {
			out.wake(k.probeAt)
		}
	default:
		c.letProbe(now, k, out)
	}
}

// letProbe lets the record probe whose turn it is.
func (c *Circuits) letProbe(now time.Time, k *circuit, out *CircuitEffects) {
	w := c.nextWaiter(k)
	if w == nil {
		return
	}
	w.probing = true
	k.probe = w
	k.probeUntil = now.Add(probePatience << min(k.hanging, hangingMax))
	if k.waiting > k.hanging+1 {
		out.wake(k.probeUntil)
	}
	out.Verdicts = append(out.Verdicts, Addressed[messages.CircuitVerdict]{
		To: w.Incarnation, Message: messages.CircuitVerdict{Offset: w.offset, Name: w.name, Probe: true},
	})
}

// nextWaiter takes the record whose turn it is out of its crowd, and lets the other incarnations come before that one's next.
func (c *Circuits) nextWaiter(k *circuit) *waiter {
	for len(k.turns) > 0 {
		first := k.turns[0]
		k.turns[0] = nil
		k.turns = k.turns[1:]
		first.queued = false
		for _, r := range []*ring{&first.fresh, &first.refused} {
			for off, ok := r.first(); ok; off, ok = r.first() {
				r.drop()
				w := c.waiters[first.inc][off]
				if w == nil || w.circuit != k || w.probing {
					continue
				}
				first.live--
				if first.live > 0 {
					first.queued = true
					k.turns = append(k.turns, first)
				}
				return w
			}
		}
		delete(k.crowds, first.inc)
	}
	return nil
}

// depart takes a record that does not wait any more out of its crowd, and now and then the offsets of those that did so.
func (c *Circuits) depart(w *waiter) {
	of := w.circuit.crowds[w.Incarnation]
	of.live--
	if of.fresh.count+of.refused.count <= 2*of.live+goneMax {
		return
	}
	for _, r := range []*ring{&of.fresh, &of.refused} {
		var kept ring
		for off, ok := r.first(); ok; off, ok = r.first() {
			r.drop()
			if left := c.waiters[of.inc][off]; left != nil && left.circuit == w.circuit && !left.probing {
				kept.push(off)
			}
		}
		*r = kept
	}
}

// waitersOf gives the records that wait for a circuit, by incarnation and offset.
func (c *Circuits) waitersOf(k *circuit) []*waiter {
	list := make([]*waiter, 0, k.waiting)
	for _, of := range c.waiters {
		for _, w := range of {
			if w.circuit == k {
				list = append(list, w)
			}
		}
	}
	slices.SortFunc(list, func(a, b *waiter) int {
		return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.offset, b.offset))
	})
	return list
}
