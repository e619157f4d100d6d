package sim

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"
)

// epoch is when virtual time begins.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// event is something that happens at a moment of virtual time. One that belongs to a process waits while the process is
// frozen and is dropped when it is dead.
type event struct {
	at  int64
	seq uint64
	of  *process
	run func()
}

// world is one simulation. Everything in it happens on one goroutine, in the order of its events.
type world struct {
	config Config
	plan   plan

	now    int64 // nanoseconds since epoch
	seq    uint64
	events []event // a heap, by time and then by sequence
	steps  int64

	chance  *rand.Rand // of delays
	keys    *rand.Rand // of the records' keys
	streams [faultCount]*rand.Rand

	broker    *broker
	processes []*process // those that live, in the order of their start
	started   int        // processes ever
	oracle    *oracle
	calm      bool // faults have stopped
	over      bool

	laggy     bool
	databases [dependencies]bool // down
	factories bool               // NewHandler fails
	outage    bool               // handlers fail

	log       *bufio.Writer
	violation *Violation
}

func newWorld(c Config) *world {
	w := &world{config: c, chance: newChance(c.Seed, 0), keys: newChance(c.Seed, 1<<33)}
	for i := range w.streams {
		w.streams[i] = newChance(c.Seed, uint64(i)+1)
	}
	w.plan = drawPlan(c)
	if c.Log != nil {
		w.log = bufio.NewWriter(c.Log)
	}
	w.oracle = newOracle(w)
	w.broker = newBroker(w)
	return w
}

// time is the present moment as the machines see it.
func (w *world) time() time.Time { return epoch.Add(time.Duration(w.now)) }

// after lets something happen later. The process may be nil: then it happens whatever becomes of any process.
func (w *world) after(of *process, d time.Duration, run func()) {
	w.seq++
	w.push(event{at: w.now + max(int64(d), 0), seq: w.seq, of: of, run: run})
}

func (e *event) before(other *event) bool {
	return e.at < other.at || (e.at == other.at && e.seq < other.seq)
}

func (w *world) push(e event) {
	w.events = append(w.events, e)
	at := len(w.events) - 1
	for at > 0 {
		parent := (at - 1) / 2
		if !w.events[at].before(&w.events[parent]) {
			return
		}
		w.events[at], w.events[parent] = w.events[parent], w.events[at]
		at = parent
	}
}

func (w *world) pop() event {
	first := w.events[0]
	last := len(w.events) - 1
	w.events[0] = w.events[last]
	w.events[last] = event{}
	w.events = w.events[:last]
	for at := 0; ; {
		child := 2*at + 1
		if child >= last {
			return first
		}
		if child+1 < last && w.events[child+1].before(&w.events[child]) {
			child++
		}
		if !w.events[child].before(&w.events[at]) {
			return first
		}
		w.events[at], w.events[child] = w.events[child], w.events[at]
		at = child
	}
}

// turn runs events until the end of the simulation. A panic of a machine is a violation like any other.
func (w *world) turn() {
	defer func() {
		if v := recover(); v != nil {
			w.violate("panic", "%v\n%s", v, debug.Stack())
		}
	}()
	for !w.over && w.violation == nil && len(w.events) > 0 {
		e := w.pop()
		w.now = e.at
		if p := e.of; p != nil {
			if p.dead {
				continue
			}
			if p.frozen {
				p.thawing = append(p.thawing, e.run)
				continue
			}
		}
		w.steps++
		e.run()
	}
	if !w.over && w.violation == nil {
		w.violate("end", "nothing more happens, but the simulation is not over")
	}
}

// violate notes the first violation.
func (w *world) violate(rule, format string, args ...any) {
	if w.violation != nil {
		return
	}
	w.violation = &Violation{Rule: rule, Text: fmt.Sprintf(format, args...), At: time.Duration(w.now), Step: w.steps}
	w.say("VIOLATION %s", w.violation)
}

// say writes a line of the event log. On the hot path ask logs first: the arguments cost an allocation.
func (w *world) say(format string, args ...any) {
	if w.log == nil {
		return
	}
	fmt.Fprintf(w.log, "%12.6f ", time.Duration(w.now).Seconds())
	fmt.Fprintf(w.log, format, args...)
	_ = w.log.WriteByte('\n')
}

func (w *world) logs() bool { return w.log != nil }

// hop is how long a goroutine or an actor waits until the scheduler of its process runs it.
func (w *world) hop() time.Duration {
	r := w.chance.Uint64()
	d := time.Duration(r & (1<<14 - 1))
	if r>>58 == 0 {
		d += time.Duration(r >> 20 & (1<<21 - 1))
	}
	if w.laggy && r>>44&15 == 1 {
		d += time.Duration(r >> 15 & (1<<28 - 1))
	}
	return d
}

// network is how long a request, or its answer, is under way.
func (w *world) network() time.Duration {
	r := w.chance.Uint64()
	d := 200*time.Microsecond + time.Duration(r&(1<<21-1))
	if r>>58 == 0 {
		d += time.Duration(r >> 22 & (1<<28 - 1))
	}
	return d
}

// between draws a duration evenly.
func between(r *rand.Rand, low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	return low + time.Duration(r.Int64N(int64(high-low)))
}

// timer is something that happens once unless it is set again or stopped before.
type timer struct {
	w   *world
	of  *process
	set uint64
}

func (t *timer) reset(d time.Duration, run func()) {
	t.set++
	set := t.set
	t.w.after(t.of, d, func() {
		if t.set == set {
			run()
		}
	})
}

func (t *timer) stop() { t.set++ }

// flush ends the event log.
func (w *world) flush() error {
	if w.log == nil {
		return nil
	}
	return w.log.Flush()
}
