package sim

import (
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// turn is how long a worker handles records before it reports and lets others have its slot.
const turn = 10 * time.Millisecond

// loanEvery is how often a stuck attempt asks again for a slot of its own.
const loanEvery = time.Second

// worker is the goroutine of a lane that runs the handler, one Work at a time.
type worker struct {
	w    *world
	of   *process
	part *partition

	phase workerPhase
	queue []messages.Work
	slot  uint64 // the ticket of the slot that is waited for
	token int    // of the step that is awaited, so that one that is not wanted any more is known

	work    messages.Work
	at      int
	begun   int64
	attempt core.Attempt
	current *attempt
	outcome messages.Outcome
	handler bool // an instance exists
	given   bool
	lent    bool
	pending bool
	back    bool // the work is to be given back if it is not begun
	ended   func()
}

// workerPhase is where a worker's goroutine is.
//
//	idle ──► woken ──► awaits orphans ──► awaits a slot ──► granted ──► busy ──► woken
type workerPhase uint8

const (
	workerIdle workerPhase = iota
	workerWoken
	workerAwaitsOrphans
	workerAwaitsSlot
	workerGranted
	workerBusy
)

func newWorker(p *partition) *worker { return &worker{w: p.w, of: p.of, part: p} }

func (k *worker) give(work messages.Work) {
	k.pending = true
	k.queue = append(k.queue, work)
	if k.phase == workerIdle {
		k.later(workerWoken, k.next)
	}
}

// later lets the goroutine go on when it is scheduled.
func (k *worker) later(phase workerPhase, run func()) {
	k.phase = phase
	k.token++
	token := k.token
	k.w.after(k.of, k.w.hop(), func() {
		if k.token == token {
			run()
		}
	})
}

// next takes work until there is none.
func (k *worker) next() {
	if len(k.queue) == 0 {
		k.phase = workerIdle
		return
	}
	k.work = k.queue[0]
	k.queue = k.queue[1:]
	if k.back {
		k.giveBack()
		return
	}
	k.awaitOrphans()
}

// awaitOrphans waits until no attempt of an earlier incarnation runs any more, and then for a slot.
func (k *worker) awaitOrphans() {
	k.phase = workerAwaitsOrphans
	k.token++
	token := k.token
	gone := k.of.orphans.wait(k.part.inc.Partition, func() {
		if k.token == token {
			k.later(workerAwaitsOrphans, k.awaitOrphans)
		}
	})
	switch {
	case gone:
		k.awaitSlot()
	case k.part.over:
		k.later(workerWoken, k.giveBack)
	}
}

func (k *worker) awaitSlot() {
	k.phase = workerAwaitsSlot
	id, granted := k.of.slots.acquire(func() { k.later(workerGranted, k.take) })
	k.slot = id
	switch {
	case granted:
		k.take()
	case k.part.over:
		k.wake()
	}
}

// wake ends a wait for orphans or for a slot.
func (k *worker) wake() {
	switch k.phase {
	case workerAwaitsSlot:
		k.of.slots.cancel(k.slot)
		k.later(workerWoken, k.giveBack)
	case workerAwaitsOrphans:
		k.later(workerWoken, k.giveBack)
	case workerIdle, workerWoken, workerGranted, workerBusy: // it will notice
	}
}

// callBack asks for work that has not begun.
func (k *worker) callBack() {
	if !k.pending || k.phase == workerBusy {
		return
	}
	k.back = true
	k.wake()
}

// giveBack reports that nothing of the work was begun, if somebody still wants to know.
func (k *worker) giveBack() {
	wanted := k.back && !k.given
	k.pending, k.back = false, false
	if wanted {
		k.part.actor.tell(messages.Outcome{Lane: k.work.Lane, Seq: k.work.Seq})
	}
	k.next()
}

// contextEnded wakes a worker that waits, and ends an attempt that heeds its context.
func (k *worker) contextEnded() {
	if k.phase != workerBusy {
		k.wake()
	} else if a := k.current; a != nil && a.heeds {
		k.canceled()
	}
}

// take begins the work, unless the incarnation has ended, or wants it back.
func (k *worker) take() {
	if k.given || k.back || k.part.over {
		k.of.slots.release()
		k.giveBack()
		return
	}
	k.phase = workerBusy
	k.outcome = messages.Outcome{Lane: k.work.Lane, Seq: k.work.Seq}
	k.begun = k.w.now
	k.at = 0
	if !k.openHandler() {
		k.note(nil, &messages.Failure{Kind: messages.Unavailable, Err: errFactory, Name: "handler"})
		k.finish()
		return
	}
	k.begin()
}

func (k *worker) openHandler() bool {
	if !k.handler && k.w.factories && !k.w.calm {
		k.w.oracle.factoryFailed(k.part, k.work.Records[0])
		return false
	}
	k.handler = true
	return true
}

// begin calls the handler.
func (k *worker) begin() {
	r := &k.work.Records[k.at]
	k.attempt.Started = k.w.time()
	a := k.w.plays(k.part.life, k.w.broker.find(r.Key), r.Attempt)
	k.current = a
	k.w.oracle.begins(k.of, k.part, a, r)
	if k.w.logs() {
		k.w.say("%s handles %s #%d: fails %v %s, %d outputs, takes %s", k.of.name, a, k.part.inc.Epoch, a.fails, a.failure.Kind.Reason(), a.outputs, a.takes)
	}
	if a.endless && !k.w.calm {
		k.w.oracle.endless = append(k.w.oracle.endless, func() { k.endsAfter(time.Millisecond, a) })
		return
	}
	k.endsAfter(a.takes, a)
	if k.part.over && a.heeds {
		k.canceled()
	}
}

func (k *worker) endsAfter(d time.Duration, a *attempt) {
	k.w.after(k.of, d, func() {
		if k.current == a {
			k.returned(a)
		}
	})
}

// canceled ends the present attempt because its context has ended.
func (k *worker) canceled() {
	a := k.current
	if a.fails && (a.failure.Kind == messages.Refused || a.failure.Kind == messages.Skipped) {
		return // it is about to say so
	}
	a.fail(messages.Failure{Kind: messages.Failed, Err: errCanceled})
	k.endsAfter(k.w.hop(), a)
}

// returned is the end of a call of the handler.
func (k *worker) returned(a *attempt) {
	k.current = nil
	var failure *messages.Failure
	if a.fails {
		f := a.failure
		failure = &f
	}
	goOn := k.note(a, failure)
	k.at++
	if goOn && k.w.now-k.begun <= int64(turn) && k.at < len(k.work.Records) {
		k.begin()
		return
	}
	k.finish()
}

// note puts the end of an attempt into the outcome, as the shell's worker does.
func (k *worker) note(a *attempt, f *messages.Failure) (goOn bool) {
	overran, stuck := !k.attempt.Cancelled.IsZero(), k.attempt.Stuck
	k.attempt = core.Attempt{}
	o := &k.outcome
	index := o.First + o.Attempted
	if f == nil {
		o.Attempted++
		if a.outputs > 0 {
			value := k.w.oracle.emitted(a)
			for range a.outputs {
				o.Outputs = append(o.Outputs, messages.Output{Index: index, Message: stream.Message{Topic: "out", Key: a.record.key, Value: value}})
			}
		}
		k.w.oracle.returned(k.part, a, nil, k.given)
		return !overran && !stuck && !k.given
	}
	if overran && (f.Kind == messages.Failed || f.Kind == messages.FailedLater) {
		f.Kind = messages.TimedOut
	}
	inVain := f.Kind == messages.Failed || f.Kind == messages.FailedLater || f.Kind == messages.Unavailable
	if k.part.over && !overran && !stuck && inVain {
		if a != nil {
			k.w.oracle.vain(k.part, a)
		}
		return false
	}
	o.Attempted++
	o.Exceptions = append(o.Exceptions, messages.Exception{Index: index, Failure: *f})
	if f.Kind == messages.Panicked {
		k.handler = false
	}
	if a != nil {
		k.w.oracle.returned(k.part, a, f, k.given)
	}
	return !overran && !stuck && !k.given && (f.Kind == messages.Skipped || f.Kind == messages.Refused)
}

// finish reports the outcome and gives the slot back.
func (k *worker) finish() {
	outcome := k.outcome
	k.outcome = messages.Outcome{}
	lent, ended := k.lent, k.ended
	k.pending, k.back, k.lent, k.ended, k.phase = false, false, false, nil, workerIdle
	if !k.given {
		k.part.actor.tell(outcome)
	}
	if lent {
		k.of.slots.reclaim()
	} else {
		k.of.slots.release()
	}
	if ended != nil {
		ended()
	}
	if !k.given {
		k.later(workerWoken, k.next)
	}
}

// watch looks at the attempt that runs now.
func (k *worker) watch(now time.Time) (again time.Time) {
	verdict, again := core.Watch(now, k.attempt, k.w.plan.timeout)
	if next := now.Add(watchEvery); k.pending && !k.attempt.Stuck && (again.IsZero() || again.After(next)) {
		again = next
	}
	switch verdict {
	case core.WatchNothing:
		if k.outcome.Attempted > 0 && !k.attempt.Started.IsZero() && now.Sub(k.attempt.Started) > turn {
			o := k.outcome
			o.Going = true
			k.outcome = messages.Outcome{Lane: o.Lane, Seq: o.Seq, First: o.First + o.Attempted}
			k.part.actor.tell(o)
		}
	case core.WatchCancel:
		k.attempt.Cancelled = now
		if a := k.current; a != nil && a.heeds {
			k.canceled()
		}
	case core.WatchStuck:
		k.attempt.Stuck = true
		o := k.outcome
		o.Stuck, o.StuckSince = true, k.attempt.Started
		k.outcome = messages.Outcome{Lane: o.Lane, Seq: o.Seq, First: o.First + o.Attempted}
		k.part.actor.tell(o)
		k.endsInTime()
	}
	if k.phase == workerBusy && !k.lent && k.attempt.Stuck {
		if k.lent = k.of.slots.lend(); !k.lent && again.IsZero() {
			again = now.Add(loanEvery)
		}
	}
	return again
}

// endsInTime lets a stuck attempt end at about the moment at which it is given up, now and then: its outcome is then on its
// way when the next work begins.
func (k *worker) endsInTime() {
	a, after := k.current, k.w.plan.partition.StuckAfter
	if a != nil && after > 0 && k.w.hits(HandlerStuck, 0.5) {
		k.endsAfter(after+k.w.span(HandlerStuck, 0, 60*time.Microsecond), a)
	}
}

// abandon gives the worker up. An attempt that still runs is an orphan until it ends, unless its record is over.
func (k *worker) abandon(over bool) {
	if k.given {
		return
	}
	k.given = true
	if k.phase == workerBusy && !over {
		k.ended = k.of.orphans.add(k.part.inc.Partition)
	}
	if over && k.current != nil {
		k.current.over = true
	}
}
