package actors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/internal/meter"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// turn is how long a worker handles records before it reports and lets others have its slot.
const turn = 10 * time.Millisecond

// watchEvery is how often a lane looks at a worker that has work.
const watchEvery = 100 * time.Millisecond

// loanEvery is how often a stuck attempt asks again for a slot of its own.
const loanEvery = time.Second

// worker is the goroutine of a lane that runs the user's code. It is given one Work at a time and answers each with an
// Outcome; a second one, if the first said that an attempt was stuck.
type worker struct {
	env       *Env
	partition stream.Partition
	ctx       context.Context // of the incarnation
	work      chan messages.Work
	report    func(messages.Outcome) // called with mu held: it must not wait

	handler stream.Handler // the goroutine's own; nil after a panic
	timings map[string]*meter.Histogram

	mu      sync.Mutex // guards what the lane may look at while a handler runs
	attempt core.Attempt
	actx    *attemptContext
	outcome messages.Outcome
	given   bool // given up: the outcome is of no interest, the goroutine ends
	lent    bool
	pending bool   // has work, or will find some in the channel
	busy    bool   // handles it
	ended   func() // to call when an orphan's attempt has ended
	phase   core.LanePhase
	phaseAt time.Time
	recall  context.CancelFunc // ends the wait for the turn of the present work
	back    bool               // the work is to be given back if it is not begun
}

func newWorker(ctx context.Context, env *Env, p stream.Partition, report func(messages.Outcome)) *worker {
	w := &worker{
		env: env, partition: p, ctx: ctx, work: make(chan messages.Work, 1), report: report,
		timings: make(map[string]*meter.Histogram),
	}
	go w.run()
	return w
}

// give hands over work. There is room for it, because a lane has one Work at a time.
func (w *worker) give(work messages.Work) {
	w.mu.Lock()
	w.pending = true
	w.mu.Unlock()
	w.work <- work
}

// run takes work until the channel is closed. A handler that calls runtime.Goexit ends the goroutine in the middle of it:
// then the work is reported from here, and another goroutine goes on.
func (w *worker) run() {
	finished := false
	defer func() {
		w.mu.Lock()
		handling := w.busy
		w.mu.Unlock()
		if finished || !handling {
			return
		}
		w.record(&stream.Record{}, errGoexit)
		if w.finish() {
			go w.run()
		}
	}()
	for work := range w.work {
		if !w.awaitTurn(work) {
			w.giveBack(work)
			continue
		}
		w.handle(work)
		if !w.finish() {
			break
		}
	}
	w.closeHandler()
	finished = true
}

// awaitTurn waits until no attempt of an earlier incarnation runs any more, and for a slot. It is false when the work is not
// to be begun: the incarnation has ended, or wants it back.
func (w *worker) awaitTurn(work messages.Work) bool {
	wait, cancel := context.WithCancel(w.ctx)
	defer cancel()
	w.mu.Lock()
	w.recall = cancel
	back := w.back
	w.mu.Unlock()
	if back {
		return false
	}
	w.enter(core.LaneAwaitsOrphan)
	if !w.env.Orphans.Wait(wait, w.partition) {
		return false
	}
	w.enter(core.LaneAwaitsSlot)
	if !w.env.Slots.Acquire(wait) {
		return false
	}
	if !w.take(work) {
		w.env.Slots.Release()
		return false
	}
	return true
}

// callBack asks for work that has not begun: it is given back at once.
func (w *worker) callBack() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.pending || w.busy {
		return
	}
	w.back = true
	if w.recall != nil {
		w.recall()
	}
}

// giveBack reports that nothing of the work was begun, if somebody still wants to know.
func (w *worker) giveBack(work messages.Work) {
	w.mu.Lock()
	defer w.mu.Unlock()
	wanted := w.back && !w.given
	w.pending, w.back, w.recall, w.phase = false, false, nil, core.LaneIdle
	if wanted {
		w.report(messages.Outcome{Lane: work.Lane, Seq: work.Seq})
	}
}

// enter notes what the worker is at.
func (w *worker) enter(phase core.LanePhase) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.phase, w.phaseAt = phase, time.Now()
}

// lane shows what the worker is at; it may be called from any goroutine.
func (w *worker) lane() core.Lane {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := core.Lane{Phase: w.phase, Since: w.phaseAt, Slots: w.env.Slots.Capacity()}
	if w.phase == core.LaneHandles && !w.attempt.Started.IsZero() {
		l.Since = w.attempt.Started
	}
	return l
}

// take makes the worker busy with the work, unless its incarnation has ended while it waited for its turn. From here on
// the attempts are an orphan's when the worker is given up.
func (w *worker) take(work messages.Work) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.given || w.back || w.ctx.Err() != nil {
		return false
	}
	w.env.Handlers.Add(1)
	w.outcome = messages.Outcome{Lane: work.Lane, Seq: work.Seq}
	w.actx = newAttemptContext(w.ctx, w.env.Settings.Timeout)
	w.busy = true
	return true
}

// handle runs the handler on the records, one after another, until one of them has to be tried again or the turn is over.
func (w *worker) handle(work messages.Work) {
	begun, spent := time.Now(), time.Duration(0) // time.Since reads one clock, time.Now two
	defer w.actx.cancel()
	timing := w.timing(meter.ResultDone).Local()
	defer w.timing(meter.ResultDone).Merge(timing)
	if err := w.openHandler(); err != nil {
		w.record(&stream.Record{}, err)
		return
	}
	w.enter(core.LaneHandles)
	for i := range work.Records {
		r := &work.Records[i]
		w.begin(begun.Add(spent))
		err := call(w.actx, w.handler, r)
		before := spent
		spent = time.Since(begun)
		goOn := w.record(r, err)
		if err == nil {
			timing.Observe((spent - before).Seconds())
		} else {
			w.timing(w.lastReason()).Observe((spent - before).Seconds())
		}
		if !goOn || spent > turn {
			return
		}
	}
}

// begin notes the start of an attempt, for the lane's watch.
func (w *worker) begin(now time.Time) {
	w.actx.started.Store(now.UnixNano())
	w.mu.Lock()
	w.attempt.Started = now
	w.mu.Unlock()
}

// record notes the end of an attempt and says whether the next record may be handled.
func (w *worker) record(r *stream.Record, err error) bool {
	kind, goOn := w.note(r, err)
	if err != nil && kind == messages.Panicked {
		w.enter(core.LaneCloses)
		w.handler = discard(w.handler) // without the lock: this is the user's code, and the lane must not wait for it
	}
	return goOn
}

// note puts the end of an attempt into the outcome. An attempt that failed because its context was cancelled with the
// incarnation counts as not made: the record is not to blame, and must not become a dead letter for it.
func (w *worker) note(r *stream.Record, err error) (kind messages.FailureKind, goOn bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	overran := !w.attempt.Cancelled.IsZero()
	stuck := w.attempt.Stuck
	w.attempt = core.Attempt{}
	o := &w.outcome
	index := o.First + o.Attempted
	if err == nil {
		o.Attempted++
		for _, m := range r.Outputs() {
			o.Outputs = append(o.Outputs, messages.Output{Index: index, Message: m})
		}
		return 0, !overran && !stuck && !w.given
	}
	f := verdict(err, overran, w.env.Settings.Timeout)
	if w.ctx.Err() != nil && !overran && !stuck && inVain(f) {
		return f.Kind, false
	}
	o.Attempted++
	o.Exceptions = append(o.Exceptions, messages.Exception{Index: index, Failure: f})
	return f.Kind, !overran && !stuck && !w.given && w.env.Settings.goesOn(f.Kind)
}

// lastReason is the reason of the last exception, for the metrics.
func (w *worker) lastReason() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.outcome.Exceptions); n > 0 {
		return w.outcome.Exceptions[n-1].Failure.Kind.Reason()
	}
	return meter.ResultDone
}

func (w *worker) timing(result string) *meter.Histogram {
	h := w.timings[result]
	if h == nil {
		h = w.env.Meter.ProcessDuration(result)
		w.timings[result] = h
	}
	return h
}

// finish reports the outcome and gives the slot back. It says whether the worker is still wanted.
func (w *worker) finish() bool {
	w.mu.Lock()
	outcome, given, ended, lent := w.outcome, w.given, w.ended, w.lent
	w.outcome = messages.Outcome{}
	w.pending, w.busy, w.lent, w.back, w.recall, w.phase = false, false, false, false, nil, core.LaneIdle
	w.env.Handlers.Add(-1)
	if !given {
		w.report(outcome) // with the lock held, so that it does not overtake a report of watch
	}
	w.mu.Unlock()
	if lent {
		w.env.Slots.Reclaim()
	} else {
		w.env.Slots.Release()
	}
	if ended != nil {
		ended()
	}
	return !given
}

// watch looks at the attempt that runs now. It cancels one whose time is up and reports one that ignores that. It also
// reports the records before a slow one, so that they are committed meanwhile. It says when to look again.
func (w *worker) watch(now time.Time) (again time.Time) {
	w.mu.Lock()
	verdict, again := core.Watch(now, w.attempt, w.env.Settings.Timeout)
	if next := now.Add(watchEvery); w.pending && !w.attempt.Stuck && (again.IsZero() || again.After(next)) {
		again = next
	}
	var report *messages.Outcome
	switch verdict {
	case core.WatchNothing:
		if w.outcome.Attempted > 0 && !w.attempt.Started.IsZero() && now.Sub(w.attempt.Started) > turn {
			o := w.outcome
			o.Going = true
			report = &o
			w.outcome = messages.Outcome{Lane: o.Lane, Seq: o.Seq, First: o.First + o.Attempted}
		}
	case core.WatchCancel:
		w.attempt.Cancelled = now
		w.actx.expire()
	case core.WatchStuck:
		w.attempt.Stuck = true
		o := w.outcome
		o.Stuck, o.StuckSince = true, w.attempt.Started
		report = &o
		w.outcome = messages.Outcome{Lane: o.Lane, Seq: o.Seq, First: o.First + o.Attempted}
	}
	if w.needsLoan(now) {
		if w.lent = w.env.Slots.Lend(); !w.lent && again.IsZero() {
			again = now.Add(loanEvery)
		}
	}
	if report != nil {
		w.report(*report)
	}
	w.mu.Unlock()
	return again
}

// needsLoan says whether the user's code holds a slot although its time is up and its context cancelled, as far as it has one,
// so that the pool should go on without that slot.
func (w *worker) needsLoan(now time.Time) bool {
	if !w.busy || w.lent {
		return false
	}
	beside := w.phase == core.LaneOpens || w.phase == core.LaneCloses
	timeout := w.env.Settings.Timeout
	return w.attempt.Stuck || (beside && timeout > 0 && now.Sub(w.phaseAt) >= timeout+core.CancelGrace)
}

// abandon gives the worker up. An attempt that still runs is an orphan until it ends, and the partition's next incarnation
// waits for it; unless its record is over, because it was stuck for too long.
func (w *worker) abandon(over bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.given {
		return
	}
	w.given = true
	if w.busy && !over {
		w.ended = w.env.Orphans.Add(w.partition)
	}
	close(w.work)
}

// openHandler makes the lane's handler where there is none. What it needs and cannot get is a dependency that is down: no
// record is to blame for it.
func (w *worker) openHandler() (err error) {
	if w.handler != nil {
		return nil
	}
	w.enter(core.LaneOpens)
	defer func() {
		if v := recover(); v != nil {
			err = stream.Unavailable(fmt.Errorf("NewHandler for %s: panic: %v", w.partition, v), "handler")
		}
	}()
	h, err := w.env.Settings.NewHandler(w.partition)
	if err == nil && h == nil {
		err = errors.New("it returned no handler")
	}
	if err != nil {
		return stream.Unavailable(fmt.Errorf("NewHandler for %s: %w", w.partition, err), "handler")
	}
	w.handler = h
	return nil
}

func (w *worker) closeHandler() { w.handler = discard(w.handler) }

// discard closes a handler that is not needed any more. A panic on the way is as good as an end.
func discard(h stream.Handler) stream.Handler {
	if c, ok := h.(io.Closer); ok {
		defer func() { _ = recover() }()
		_ = c.Close()
	}
	return nil
}
