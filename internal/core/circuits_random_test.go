package core

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// circuitWorld is a deliberately dumb model around the circuits: sets of records that wait, and of those that probe.
type circuitWorld struct {
	t       *rapid.T
	c       *Circuits
	now     time.Time
	out     CircuitEffects
	next    int64
	waiting map[waitingRecord]bool
	probing map[waitingRecord]bool
}

type waitingRecord struct {
	messages.Incarnation
	offset int64
	name   string
}

func (w *circuitWorld) step(m messages.ToCircuits) {
	w.out.Reset()
	w.c.Step(w.now, m, &w.out)
	for _, v := range w.out.Verdicts {
		r := waitingRecord{v.To, v.Message.Offset, v.Message.Name}
		if !w.waiting[r] {
			w.t.Fatalf("%s %d does not wait for %s", r.Incarnation, r.offset, r.name)
		}
		if w.probing[r] {
			w.t.Fatalf("%s %d probes already", r.Incarnation, r.offset)
		}
		if !v.Message.Probe {
			delete(w.waiting, r)
			continue
		}
		for other := range w.probing {
			if other.name == r.name {
				w.t.Fatalf("%s %d is to probe %s while %s %d does", r.Incarnation, r.offset, r.name, other.Incarnation, other.offset)
			}
		}
		w.probing[r] = true
	}
	for _, c := range w.out.Charges {
		if r := (waitingRecord{c.To, c.Message.Offset, c.Message.Name}); !w.waiting[r] {
			w.t.Fatalf("%s %d is charged and does not wait", r.Incarnation, r.offset)
		}
	}
	if w.out.Open != (len(w.waiting) > 0) {
		w.t.Fatalf("any open: %t, and %d wait", w.out.Open, len(w.waiting))
	}
}

// pick draws one of a set, in an order that does not depend on the map's.
func (w *circuitWorld) pick(set map[waitingRecord]bool) waitingRecord {
	list := make([]waitingRecord, 0, len(set))
	for r := range set {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b waitingRecord) int { return cmp.Compare(a.offset, b.offset) })
	return rapid.SampledFrom(list).Draw(w.t, "record")
}

func (w *circuitWorld) refuse(r waitingRecord) {
	w.waiting[r] = true
	delete(w.probing, r)
	w.step(messages.DependencyRefused{Incarnation: r.Incarnation, Offset: r.offset, Name: r.name})
}

// answer ends a probe.
func (w *circuitWorld) answer(r waitingRecord, answer string) {
	delete(w.probing, r)
	switch answer {
	case "refused":
		w.refuse(r)
	case "passed":
		delete(w.waiting, r)
		w.step(messages.ProbePassed{Incarnation: r.Incarnation, Offset: r.offset, Name: r.name})
		for other := range w.waiting {
			if other.name == r.name {
				w.t.Fatalf("%s %d waits for %s, which has passed a probe", other.Incarnation, other.offset, r.name)
			}
		}
	case "declined":
		w.step(messages.ProbeDeclined{Incarnation: r.Incarnation, Offset: r.offset, Name: r.name})
	case "withdrawn":
		delete(w.waiting, r)
		w.step(messages.Withdrawn{Incarnation: r.Incarnation, Offset: r.offset, Name: r.name})
	}
}

func (w *circuitWorld) incarnation() messages.Incarnation {
	n := rapid.Int32Range(0, 4).Draw(w.t, "partition")
	return messages.Incarnation{Partition: stream.Partition{Topic: "orders", Number: n}, Epoch: uint64(n) + 1}
}

func (w *circuitWorld) tick(at time.Time) {
	w.now = at
	w.step(messages.CircuitTick{})
}

func TestCircuitsAgreeWithTheDumbModelUnderAnySchedule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &circuitWorld{
			t: t, c: NewCircuits(), now: epoch, waiting: make(map[waitingRecord]bool), probing: make(map[waitingRecord]bool),
		}
		t.Repeat(map[string]func(*rapid.T){
			"refused": func(t *rapid.T) {
				w.next++
				w.refuse(waitingRecord{w.incarnation(), w.next, rapid.SampledFrom([]string{"db", "cache"}).Draw(t, "name")})
			},
			"probe": func(t *rapid.T) {
				if len(w.probing) == 0 {
					t.Skip("nobody probes")
				}
				w.answer(w.pick(w.probing), rapid.SampledFrom([]string{"refused", "refused", "passed", "declined", "withdrawn"}).Draw(t, "answer"))
			},
			"withdrawn": func(t *rapid.T) {
				if len(w.waiting) == 0 {
					t.Skip("nobody waits")
				}
				w.answer(w.pick(w.waiting), "withdrawn")
			},
			"ended": func(*rapid.T) {
				inc := w.incarnation()
				for r := range w.waiting {
					if r.Incarnation == inc {
						delete(w.waiting, r)
						delete(w.probing, r)
					}
				}
				w.step(messages.IncarnationEnded{Incarnation: inc})
			},
			"records": func(*rapid.T) { w.step(messages.RecordsPassed{Incarnation: w.incarnation(), Count: 3}) },
			"time": func(t *rapid.T) {
				w.tick(w.now.Add(time.Duration(rapid.IntRange(1, 5000).Draw(t, "ms")) * time.Millisecond))
			},
		})
		w.settle()
	})
}

// settle lets every probe pass: then nobody may be left waiting (G8).
func (w *circuitWorld) settle() {
	for range 1000 {
		switch {
		case len(w.waiting) == 0:
			return
		case len(w.probing) > 0:
			w.answer(w.pick(w.probing), "passed")
		case w.out.Wake.IsZero():
			w.t.Fatalf("%d wait, nobody probes, and there is no time to wake", len(w.waiting))
		default:
			w.tick(w.out.Wake)
		}
	}
	w.t.Fatal("does not settle")
}
