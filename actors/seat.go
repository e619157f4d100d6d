package actors

import (
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// turn is how long the records of one Work are handled before they are reported and others have the slot.
const turn = 10 * time.Millisecond

// attemptsMax is how many attempts share a context. What a handler has tied to it and never let go of is so let go of at
// last.
const attemptsMax = 1024

// seat is where one Work of a crew is handled: a handler's instance with the context of its attempts. A goroutine of the
// pool has it from begin to finish; the crew's lock guards what others look at meanwhile.
type seat struct {
	crew    *crew
	handler stream.Handler // the goroutine's own; nil before the first Work and after a panic

	index    int // among those that run
	actx     *attemptContext
	attempts uint64 // made here, so that a pause of an earlier one is told from the present one
	pauses   int    // of the present one that have not ended
	work     messages.Work
	at       int       // the record of the work
	began    time.Time // the work
	attempt  core.Attempt
	outcome  messages.Outcome
	emitted  int64 // bytes of the outcome's outputs, which the budget does not count yet
	phase    core.LanePhase
	phaseAt  time.Time
	lent     bool
	called   bool // back: no further record of the Work is begun
	recalled bool // the context was cancelled because the Work was called back while the attempt awaited a limit
	given    bool // given up: the outcome is of no interest, the seat is not used again
	orphan   bool // the next incarnation waits for it
}

// take begins a Work. The crew's lock is held, in all methods here that do not say otherwise.
func (s *seat) take(work messages.Work, now time.Time) {
	s.work, s.at, s.began = work, 0, now
	s.outcome, s.emitted = messages.Outcome{Lane: work.Lane, Seq: work.Seq}, 0
	if s.actx == nil {
		s.actx = newAttemptContext(s)
	}
	if s.handler == nil {
		s.enter(core.LaneOpens, now)
		return
	}
	s.attend(now)
}

// attend begins the attempt at the next record.
func (s *seat) attend(now time.Time) {
	s.phase = core.LaneHandles
	s.attempts++
	s.attempt.Started = now
	s.actx.started.Store(now.UnixNano())
}

func (s *seat) enter(phase core.LanePhase, now time.Time) { s.phase, s.phaseAt = phase, now }

// leave makes the seat ready for its next Work.
func (s *seat) leave() {
	s.work, s.outcome = messages.Work{}, messages.Outcome{}
	s.phase, s.lent, s.called = core.LaneIdle, false, false
	if s.recalled || s.actx.overdue.Load() || s.attempts-s.actx.since >= attemptsMax {
		s.actx.cancel()
		s.actx, s.recalled = nil, false
	}
}

// outcomeFrom is what is to be said of the records behind those that o has spoken of.
func outcomeFrom(o *messages.Outcome) messages.Outcome {
	return messages.Outcome{Lane: o.Lane, Seq: o.Seq, First: o.First + o.Attempted}
}

// handle runs the handler on the records, one after another, until one of them has to be tried again, or the turn is over.
// It runs without the lock, and says where the goroutine goes on.
func (s *seat) handle(t *ticks) relay {
	if s.handler == nil {
		handler, err := s.crew.open()
		if on, r := s.opened(handler, err, t); !on {
			return r
		}
	}
	if h, ok := s.batchHandler(); ok {
		return s.handleBatch(h, t)
	}
	for {
		record := &s.work.Records[s.at]
		err := call(s.actx, s.handler, record)
		if on, r := s.returned(record, err, t); !on {
			return r
		}
	}
}

// resume goes on where a goroutine was ended by the user's code. It runs without the lock.
func (s *seat) resume(t *ticks) (r relay) {
	s.crew.mu.Lock()
	phase := s.phase
	s.crew.mu.Unlock()
	switch phase {
	case core.LaneOpens:
		_, r = s.opened(nil, stream.Unavailable(errOpenGoexit, "handler"), t)
		return r
	case core.LaneCloses:
		s.handler = nil
		return s.finish()
	case core.LaneHandles, core.LaneAwaitsLimit, core.LaneIdle, core.LaneAwaitsOrphan, core.LaneAwaitsSlot:
	}
	if _, ok := s.batchHandler(); ok {
		return s.returnedBatch(errGoexit, t)
	}
	_, r = s.returned(&s.work.Records[s.at], errGoexit, t)
	return r
}

// opened takes what NewHandler has given. It runs without the lock.
func (s *seat) opened(handler stream.Handler, err error, t *ticks) (on bool, r relay) {
	var failure messages.Failure
	if err != nil {
		failure, _ = judge(err, false, 0)
	}
	s.handler = handler
	c := s.crew
	c.mu.Lock()
	if err == nil && !s.given && c.ctx.Err() == nil {
		s.attend(t.now())
		c.mu.Unlock()
		return true, relay{}
	}
	if err != nil {
		s.except(failure)
	}
	c.mu.Unlock()
	return false, s.finish()
}

// returned takes what the handler has returned for a record, and says whether the next one is to be handled. It runs
// without the lock: an error is the user's code too.
func (s *seat) returned(record *stream.Record, err error, t *ticks) (on bool, r relay) {
	var (
		failure messages.Failure
		vain    bool
		c       = s.crew
		now     = t.now()
	)
	if err != nil {
		failure, vain = judge(err, s.actx.overdue.Load(), c.env.Settings.Timeout)
	}
	c.mu.Lock()
	on = s.note(record, err, failure, vain, now)
	if on && now.Sub(s.began) <= turn {
		s.attend(now)
		c.mu.Unlock()
		return true, relay{}
	}
	return false, s.part(err != nil && broke(failure), now, t)
}

// part ends the Work; the turn goes on with another one, if it may. A handler that is broken is closed before. Part unlocks
// the crew.
func (s *seat) part(broken bool, now time.Time, t *ticks) relay {
	c := s.crew
	if broken {
		s.enter(core.LaneCloses, now)
		c.mu.Unlock()
		discard(s.handler) // user code
		s.handler = nil
		return s.finish()
	}
	lent := s.lent
	end := c.finish(s)
	var next *seat
	if lent {
		c.balance()
	} else {
		next = c.goOn(t, now)
	}
	end.ready = c.runsLow() || end.ready
	c.mu.Unlock()
	c.settle(end)
	return relay{next: next, lent: lent}
}

// finish ends the Work, and the turn with it. It runs without the lock.
func (s *seat) finish() relay {
	c := s.crew
	c.mu.Lock()
	r := relay{lent: s.lent}
	c.balance()
	end := c.finish(s)
	c.mu.Unlock()
	c.settle(end)
	return r
}

// note puts the end of an attempt into the outcome, and says whether the next record may be handled. An attempt that failed
// because its context was cancelled with the incarnation, or because it was recalled, counts as not made: the record is not
// to blame, and must not become a dead letter for it.
func (s *seat) note(r *stream.Record, err error, f messages.Failure, vain bool, now time.Time) (on bool) {
	s.unpause(now)
	c, spent := s.crew, now.Sub(s.attempt.Started)
	obedient := s.attempt.Cancelled.IsZero() && !s.attempt.Stuck
	s.attempt = core.Attempt{}
	more := s.at+1 < len(s.work.Records)
	if err == nil {
		c.timing.Observe(spent.Seconds())
		for _, m := range r.Outputs() {
			s.outcome.Outputs = append(s.outcome.Outputs, messages.Output{Index: s.at, Message: m})
			s.emitted += flow.MessageCost(&m)
		}
		s.at++
		s.outcome.Attempted++
		full := c.env.OutputsAtOnce > 0 && s.emitted > c.env.OutputsAtOnce
		return more && obedient && !s.given && !s.called && !full
	}
	c.timingOf(f.Kind.Reason()).Observe(spent.Seconds())
	if vain && obedient && (s.recalled || c.ctx.Err() != nil) {
		return false
	}
	s.except(f)
	return more && obedient && !s.given && !s.called && c.env.Settings.goesOn(f.Kind)
}

// except notes that the attempt at the present record has failed.
func (s *seat) except(f messages.Failure) {
	s.outcome.Exceptions = append(s.outcome.Exceptions, messages.Exception{Index: s.at, Failure: f})
	s.at++
	s.outcome.Attempted++
}

// pause stops the clock of the attempt that the context belongs to now. It runs without the lock, on any goroutine.
func (s *seat) pause(actx *attemptContext) (resume func()) {
	s.crew.mu.Lock()
	defer s.crew.mu.Unlock()
	if s.actx != actx || s.attempt.Started.IsZero() || !s.attempt.Cancelled.IsZero() {
		return func() {}
	}
	if s.pauses++; s.pauses == 1 {
		now := time.Now()
		s.attempt.Paused = now
		s.enter(core.LaneAwaitsLimit, now)
		actx.started.Store(0)
		s.recall()
	}
	of, resumed := s.attempts, false
	return func() {
		s.crew.mu.Lock()
		defer s.crew.mu.Unlock()
		if resumed || s.attempts != of || s.pauses == 0 {
			return
		}
		resumed = true
		if s.pauses > 1 {
			s.pauses--
			return
		}
		s.unpause(time.Now())
	}
}

// recall cancels the attempt if it waits for nothing but a limit while its Work is called back.
func (s *seat) recall() {
	if s.called && s.pauses > 0 && !s.given {
		s.recalled = true
		s.actx.cancel()
	}
}

// unpause lets the clock of the attempt go on.
func (s *seat) unpause(now time.Time) {
	if s.pauses == 0 {
		return
	}
	s.pauses = 0
	s.attempt.Started = s.attempt.Started.Add(now.Sub(s.attempt.Paused))
	s.attempt.Paused = time.Time{}
	s.phase = core.LaneHandles
	s.actx.started.Store(s.attempt.Started.UnixNano())
}
