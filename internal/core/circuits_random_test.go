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
	probing map[waitingRecord]time.Time // since when
	halted  bool
	counted attempts // since the other circuit began anew
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
		if _, ok := w.probing[r]; ok && v.Message.Probe {
			w.t.Fatalf("%s %d probes already", r.Incarnation, r.offset)
		}
		if !v.Message.Probe {
			delete(w.waiting, r)
			delete(w.probing, r) // its attempt is no probe any more
			continue
		}
		for other, since := range w.probing {
			if other.name == r.name && w.now.Sub(since) < probePatience {
				w.t.Fatalf("%s %d is to probe %s while %s %d does", r.Incarnation, r.offset, r.name, other.Incarnation, other.offset)
			}
		}
		w.probing[r] = w.now
	}
	for _, c := range w.out.Charges {
		if r := (waitingRecord{c.To, c.Message.Offset, c.Message.Name}); !w.waiting[r] {
			w.t.Fatalf("%s %d is charged and does not wait", r.Incarnation, r.offset)
		}
	}
	if w.halted && len(w.out.Charges) > 0 {
		w.t.Fatalf("charged while everything is halted")
	}
	if w.out.Open.Halt != w.halted {
		w.t.Fatalf("halt: %t, and the model says %t", w.out.Open.Halt, w.halted)
	}
	if w.out.Open.Open != (len(w.waiting) > 0 || w.halted) {
		w.t.Fatalf("any open: %t, and %d wait", w.out.Open.Open, len(w.waiting))
	}
	w.checkSomebodyProbes()
}

// checkSomebodyProbes wants a probe for every dependency somebody waits for, or a time for one.
func (w *circuitWorld) checkSomebodyProbes() {
	waiting, probing := make(map[string]int), make(map[string]int)
	for r := range w.waiting {
		waiting[r.name]++
	}
	for r := range w.probing {
		probing[r.name]++
	}
	for name, n := range waiting {
		if probing[name] < n && w.out.Wake.IsZero() {
			w.t.Fatalf("%d of %d that wait for %s probe, and there is no time to wake", probing[name], n, name)
		}
	}
}

// pick draws one of a set, in an order that does not depend on the map's.
func pick[V any](w *circuitWorld, set map[waitingRecord]V) waitingRecord {
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

// count reports attempts, of which so many may open the circuit of no dependency.
func (w *circuitWorld) count(passed, failed int64) {
	if !w.halted {
		w.counted.passed += passed
		w.counted.failed += failed
		total := w.counted.passed + w.counted.failed
		w.halted = total >= 10 && 2*w.counted.failed >= total
	}
	w.step(messages.AttemptsCounted{Incarnation: w.incarnation(), Passed: passed, Failed: failed})
}

// answer ends a probe.
func (w *circuitWorld) answer(r waitingRecord, answer string) {
	delete(w.probing, r)
	switch answer {
	case "refused":
		w.refuse(r)
	case "moved": // refused by another dependency
		delete(w.waiting, r)
		w.step(messages.Withdrawn{Incarnation: r.Incarnation, Offset: r.offset, Name: r.name})
		if r.name = "cache"; w.halted {
			r.name = FailureRateCircuit
		}
		w.refuse(r)
	case "passed":
		waits := w.waiting[r] // or else another probe has passed while it hung
		delete(w.waiting, r)
		if waits && r.name == FailureRateCircuit {
			w.halted, w.counted = false, attempts{}
		}
		w.step(messages.ProbePassed{Incarnation: r.Incarnation, Offset: r.offset, Name: r.name})
		for other := range w.waiting {
			if waits && other.name == r.name {
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
			t: t, c: NewCircuits(FailureRatePolicy{Rate: 0.5, Window: 1000 * time.Hour, MinRecords: 10}), now: epoch,
			waiting: make(map[waitingRecord]bool), probing: make(map[waitingRecord]time.Time),
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
				answers := []string{"refused", "refused", "passed", "declined", "withdrawn", "moved"}
				w.answer(pick(w, w.probing), rapid.SampledFrom(answers).Draw(t, "answer"))
			},
			"withdrawn": func(t *rapid.T) {
				if len(w.waiting) == 0 {
					t.Skip("nobody waits")
				}
				w.answer(pick(w, w.waiting), "withdrawn")
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
			"counted": func(t *rapid.T) {
				w.count(rapid.Int64Range(0, 4).Draw(t, "passed"), rapid.Int64Range(0, 4).Draw(t, "failed"))
			},
			"fails": func(*rapid.T) {
				if !w.halted {
					return
				}
				w.next++
				w.refuse(waitingRecord{w.incarnation(), w.next, FailureRateCircuit})
			},
			"enlisted": func(t *rapid.T) {
				if !w.halted {
					t.Skip("nothing is halted")
				}
				w.next++
				r := waitingRecord{w.incarnation(), w.next, FailureRateCircuit}
				w.waiting[r] = true
				w.step(messages.Enlisted{Incarnation: r.Incarnation, Offset: r.offset, Name: r.name})
			},
			"long time": func(*rapid.T) { w.tick(w.now.Add(2 * time.Minute)) },
			"records":   func(*rapid.T) { w.step(messages.RecordsPassed{Incarnation: w.incarnation(), Count: 3}) },
			"time": func(t *rapid.T) {
				w.tick(w.now.Add(time.Duration(rapid.IntRange(1, 5000).Draw(t, "ms")) * time.Millisecond))
			},
		})
		w.settle()
	})
}

// settle lets every probe pass: then nobody may be left waiting (G8), and nothing be halted.
func (w *circuitWorld) settle() {
	for range 1000 {
		switch {
		case len(w.probing) > 0:
			w.answer(pick(w, w.probing), "passed")
		case len(w.waiting) == 0 && !w.halted:
			return
		case len(w.waiting) == 0:
			r := waitingRecord{messages.Incarnation{Epoch: 9}, 0, FailureRateCircuit}
			w.waiting[r] = true
			w.step(messages.Enlisted{Incarnation: r.Incarnation, Offset: r.offset, Name: r.name})
		case w.out.Wake.IsZero():
			w.t.Fatalf("%d wait, nobody probes, and there is no time to wake", len(w.waiting))
		default:
			w.tick(w.out.Wake)
		}
	}
	w.t.Fatal("does not settle")
}
