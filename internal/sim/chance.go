package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/troupe-go/troupe/messages"
)

// newChance makes a random stream of a seed.
func newChance(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

// hits draws from a fault's stream whether it happens now.
func (w *world) hits(f Fault, probability float64) bool {
	return w.plan.faults.Has(f) && !w.calm && w.streams[f].Float64() < probability
}

// span draws a duration from a fault's stream.
func (w *world) span(f Fault, low, high time.Duration) time.Duration {
	return between(w.streams[f], low, high)
}

// commitFate is what happens to a commit on its way.
type commitFate struct {
	lost       bool
	unanswered bool
	slow       time.Duration
	timeout    time.Duration
}

func (w *world) commitFate() commitFate {
	f := commitFate{timeout: time.Second}
	if w.hits(CommitLost, 0.15) {
		f.lost, f.timeout = true, w.span(CommitLost, 100*time.Millisecond, 8*time.Second)
	}
	if w.hits(CommitApplied, 0.15) {
		f.unanswered, f.timeout = true, w.span(CommitApplied, 100*time.Millisecond, 8*time.Second)
	}
	if w.hits(CommitSlow, 0.35) {
		f.slow = w.span(CommitSlow, 50*time.Millisecond, 6*time.Second)
		if w.streams[CommitSlow].IntN(20) == 0 { // beyond what a revoke waits for
			f.slow = w.plan.maxPoll
		}
	}
	return f
}

func (w *world) lookupFails() bool { return w.hits(LookupFails, 0.4) }

// store is a user's own store of offsets, kept by what the handler does: all below it is done. It may be behind what is
// committed, and ahead of it.
func (w *world) store(f *position) {
	l := w.broker.log(f.partition)
	if !w.plan.faults.Has(Stored) || w.plan.faults.Has(Recreation) || l == nil || f.err != nil {
		return
	}
	f.stored = l.end
	if r := l.pending(); r != nil {
		f.stored = r.offset
	}
	if behind := w.streams[Stored].Int64N(6); behind < 4 {
		f.stored = max(f.stored-behind, l.start)
	}
}

// nature is what is particular to a record, whoever handles it and however often.
type nature uint8

const (
	ordinary       nature = iota
	refused               // Permanent
	skipped               // Skip
	poisonous             // fails every time
	unservable            // the dependency refuses it every time
	outputRefused         // the broker refuses its output
	letterTooLarge        // Permanent, and its dead letter is too large
)

func (n nature) String() string {
	return [...]string{"", "permanent", "skip", "poison", "unservable", "output-refused", "letter-too-large"}[n]
}

// nature draws what a new record is like.
func (w *world) nature() nature {
	for _, n := range [...]struct {
		fault  Fault
		nature nature
		share  float64
	}{
		{HandlerRefuses, refused, 0.05},
		{HandlerSkips, skipped, 0.08},
		{Poison, poisonous, 0.03},
		{DependencyPoison, unservable, 0.03},
		{OutputRefused, outputRefused, 0.04},
		{LetterTooLarge, letterTooLarge, 0.03},
	} {
		if w.hits(n.fault, n.share) {
			return n.nature
		}
	}
	return ordinary
}

// key draws the key of a new record, and says whether it is the one that fails. The first of the keys is the hot one, and
// empty, which is not the same as none; the second is the bad one.
func (w *world) key() (key []byte, bad bool) {
	r, p := w.keys, &w.plan
	switch draw := r.Float64(); {
	case p.faults.Has(BadKey) && draw < p.bad:
		return []byte("k1"), true
	case r.Float64() < p.null:
		return nil, false
	case r.Float64() < p.hot:
		return []byte{}, false
	}
	n := r.IntN(p.keys)
	if n == 1 && p.faults.Has(BadKey) {
		n = p.keys
	}
	return fmt.Appendf(nil, "k%d", n), false
}

// gap draws how many offsets before a new record no record has.
func (w *world) gap() int64 {
	gap := int64(0)
	if w.hits(Gaps, 0.2) {
		gap = 1 + w.streams[Gaps].Int64N(4)
	}
	if w.plan.log == wideLog {
		gap += 1<<50 + w.keys.Int64N(1<<48)
	}
	return gap
}

// attempt is one call of the handler for one record: what it will do, and what came of it.
type attempt struct {
	life    *life
	record  *record
	number  int32
	takes   time.Duration
	endless bool // until faults stop
	heeds   bool // its context
	outputs int
	failure messages.Failure // when fails
	fails   bool
	over    bool // given up: order behind it is not promised
	unit    unit // of which only one may run
	acked   int  // outputs acknowledged
	running bool
}

func (a *attempt) String() string { return fmt.Sprintf("%s attempt %d", a.record, a.number) }

const (
	errHandler   = simError("the handler failed")
	errPermanent = simError("the handler refuses the record")
	errDown      = simError("connection refused")
	errCanceled  = simError("context canceled")
	errPanic     = simError("panic in the handler")
	errFactory   = simError("NewHandler failed")
)

// plays draws what an attempt does.
func (w *world) plays(l *life, r *record, number int32) *attempt {
	a := &attempt{life: l, record: r, number: number, heeds: true, takes: time.Duration(w.chance.Uint64() & (1<<18 - 1))}
	a.outputs = max(0, int(w.chance.Uint64()&7)-4)
	switch r.nature {
	case refused, letterTooLarge:
		a.fail(messages.Failure{Kind: messages.Refused, Err: errPermanent})
		return a
	case skipped:
		a.fail(messages.Failure{Kind: messages.Skipped, Name: "unwanted"})
		return a
	case poisonous:
		if w.calm && w.plan.partition.FailureRate.Rate > 0 {
			break // as with the next
		}
		a.fail(messages.Failure{Kind: messages.Failed, Err: errHandler})
	case unservable:
		if w.calm {
			break // else, were it the only one left, nobody could tell it from a dependency that is down
		}
		a.fail(messages.Failure{Kind: messages.Unavailable, Err: errDown, Name: "service-0"})
	case outputRefused:
		a.outputs = max(a.outputs, 1)
	case ordinary:
	}
	if w.calm {
		return a
	}
	w.misbehaves(a)
	if r.bad && w.plan.faults.Has(BadKey) {
		a.fail(messages.Failure{Kind: messages.Failed, Err: errHandler})
	}
	return a
}

func (a *attempt) fail(f messages.Failure) { a.fails, a.failure = true, f }

// misbehaves draws what goes wrong with an attempt.
func (w *world) misbehaves(a *attempt) {
	if w.hits(HandlerSlow, 0.1) {
		a.takes = w.span(HandlerSlow, time.Millisecond, time.Second)
	}
	if w.hits(HandlerFails, 0.1) {
		a.fail(messages.Failure{Kind: messages.Failed, Err: errHandler})
		if w.streams[HandlerFails].IntN(3) == 0 {
			a.fail(messages.Failure{Kind: messages.FailedLater, Err: errHandler, After: w.span(HandlerFails, 0, 3*time.Second)})
		}
	}
	if w.hits(HandlerPanics, 0.05) {
		a.fail(messages.Failure{Kind: messages.Panicked, Err: errPanic})
	}
	for i, down := range w.databases {
		if down && w.streams[DependencyDown].IntN(3) > 0 {
			a.fail(messages.Failure{Kind: messages.Unavailable, Err: errDown, Name: fmt.Sprintf("service-%d", i)})
			break
		}
	}
	if w.outage && w.streams[Outage].IntN(8) > 0 {
		a.fail(messages.Failure{Kind: messages.Failed, Err: errHandler})
	}
	if w.hits(HandlerHangs, 0.03) {
		a.takes, a.endless = w.plan.timeout+w.span(HandlerHangs, 0, 2*time.Second), false
	}
	if w.hits(HandlerStuck, 0.03) {
		a.heeds = false
		a.takes = w.plan.timeout + w.span(HandlerStuck, 0, 12*time.Second)
		a.endless = w.streams[HandlerStuck].IntN(4) == 0
	}
}
