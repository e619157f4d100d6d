package sim

import (
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// turn is how long the records of one Work are handled before they are reported and others have the slot.
const turn = 10 * time.Millisecond

// seat is where one Work of a crew is handled, record by record or as a batch.
type seat struct {
	w    *world
	crew *crew

	work    messages.Work
	at      int // the record of the work
	began   int64
	attempt core.Attempt
	outcome messages.Outcome
	handler bool // an instance exists
	lent    bool
	called  bool // back: no further record of the Work is begun
	waits   bool // for the rate limit
	given   bool // given up
	orphan  bool // the next incarnation waits for it

	calls   int        // of the handler, so that one that is over is known
	current []*attempt // of the present call: one, or those of a batch
	handled int64      // since when the handler is at it
	takes   time.Duration
	endless bool
	heeds   bool
	stopAt  int // the record of a batch from which on none is attempted; 0 for none
}

func (s *seat) take(work messages.Work) {
	s.work, s.at, s.began = work, 0, s.w.now
	s.outcome = messages.Outcome{Lane: work.Lane, Seq: work.Seq}
}

func (s *seat) leave() {
	s.work, s.outcome, s.lent, s.called = messages.Work{}, messages.Outcome{}, false, false
}

// handle opens a handler if there is none, and calls it.
func (s *seat) handle() {
	if !s.handler && s.w.factories && !s.w.calm {
		s.except(messages.Failure{Kind: messages.Unavailable, Err: errFactory, Name: "handler"})
		s.crew.finish(s)
		return
	}
	s.handler = true
	s.call()
}

// call begins the attempt at the next record, or at all of a batch. The rate limit comes before the handler.
func (s *seat) call() {
	s.attempt.Started = s.w.time()
	s.calls++
	if s.crew.of.limiter.wait(s) {
		return
	}
	s.begin()
}

// begin calls the handler.
func (s *seat) begin() {
	w, part := s.w, s.crew.part
	n := 1
	if w.plan.partition.BatchRecords > 0 {
		n = len(s.work.Records)
	}
	records := s.work.Records[s.at : s.at+n]
	s.handled = w.now
	s.current, s.takes, s.endless, s.heeds, s.stopAt = s.current[:0], 0, false, true, 0
	for i := range records {
		a := w.plays(part.life, w.broker.find(records[i].Value), records[i].Attempt)
		s.current = append(s.current, a)
		s.takes = max(s.takes, a.takes)
		s.endless, s.heeds = s.endless || a.endless, s.heeds && a.heeds
	}
	s.panics()
	if n > 1 && (w.hits(HandlerFails, 0.1) || !s.heeds && w.hits(HandlerStuck, 0.5)) {
		s.stopAt = 1 + int(w.chance.Uint64()%uint64(n-1))
	}
	w.oracle.begins(s.crew.of, part, s.current, records)
	if w.logs() {
		for _, a := range s.current {
			w.say("%s handles %s #%d lane %d: fails %v %s, %d outputs, takes %s", s.crew.of.name, a, part.inc.Epoch, s.work.Lane, a.fails,
				a.failure.Kind.Reason(), a.outputs, s.takes)
		}
	}
	if s.endless && !w.calm {
		call := s.calls
		w.oracle.endless = append(w.oracle.endless, func() { s.endsAfter(time.Millisecond, call) })
		return
	}
	s.endsAfter(s.takes, s.calls)
	if part.over && s.heeds {
		s.canceled()
	}
}

// panics lets all records of a batch fail with the one that panics.
func (s *seat) panics() {
	for _, a := range s.current {
		if a.fails && a.failure.Kind == messages.Panicked {
			for _, other := range s.current {
				other.fail(a.failure)
			}
			return
		}
	}
}

func (s *seat) endsAfter(d time.Duration, call int) {
	s.w.after(s.crew.of, d, func() {
		if s.calls == call && len(s.current) > 0 {
			s.returned()
		}
	})
}

// canceled ends the present call because its context has ended.
func (s *seat) canceled() {
	about := true
	s.stopAt = 0
	for _, a := range s.current {
		if a.fails && (a.failure.Kind == messages.Refused || a.failure.Kind == messages.Skipped) {
			continue // it is about to say so
		}
		a.fail(messages.Failure{Kind: messages.Failed, Err: errCanceled})
		about = false
	}
	if !about {
		s.endsAfter(s.w.hop(), s.calls)
	}
}

// returned is the end of a call of the handler.
func (s *seat) returned() {
	overran := !s.attempt.Cancelled.IsZero()
	obedient := !overran && !s.attempt.Stuck
	s.attempt = core.Attempt{}
	on := true
	for i, a := range s.current {
		counts, well := false, false
		if s.stopAt == 0 || i < s.stopAt {
			counts, well = s.note(a, obedient, overran)
		}
		if !counts {
			on = false
			for _, rest := range s.current[i:] {
				s.w.oracle.vain(s.crew.part, rest)
			}
			break
		}
		on = on && well
	}
	clear(s.current)
	s.current = s.current[:0]
	if on && obedient && !s.given && !s.called && s.at < len(s.work.Records) && s.w.now-s.began <= int64(turn) {
		s.call()
		return
	}
	s.crew.finish(s)
}

// note puts the end of an attempt into the outcome. One that failed because its context was cancelled with the incarnation
// counts as not made. well says that the next record may be handled.
func (s *seat) note(a *attempt, obedient, overran bool) (counts, well bool) {
	o, part := &s.outcome, s.crew.part
	if !a.fails {
		if a.outputs > 0 {
			value := s.w.oracle.emitted(a)
			for range a.outputs {
				o.Outputs = append(o.Outputs, messages.Output{
					Index: s.at, Message: stream.Message{Topic: "out", Key: a.record.identity(), Value: value},
				})
			}
		}
		s.at++
		o.Attempted++
		s.w.oracle.returned(part, a, nil, s.given)
		return true, true
	}
	f := a.failure
	if overran && (f.Kind == messages.Failed || f.Kind == messages.FailedLater) {
		f.Kind = messages.TimedOut
	}
	inVain := f.Kind == messages.Failed || f.Kind == messages.FailedLater || f.Kind == messages.Unavailable
	if part.over && obedient && inVain {
		return false, false
	}
	if f.Kind == messages.Panicked {
		s.handler = false
	}
	s.except(f)
	s.w.oracle.returned(part, a, &f, s.given)
	return true, f.Kind == messages.Skipped || (f.Kind == messages.Refused && !s.w.plan.partition.HoldKeys)
}

// except notes that the attempt at the present record has failed.
func (s *seat) except(f messages.Failure) {
	s.outcome.Exceptions = append(s.outcome.Exceptions, messages.Exception{Index: s.at, Failure: f})
	s.at++
	s.outcome.Attempted++
}

// watch looks at the attempt that runs now. It cancels one whose time is up, reports one that ignores that, and reports the
// records before a slow one.
func (s *seat) watch(now time.Time) (again time.Time) {
	verdict, again := core.Watch(now, s.attempt, s.w.plan.timeout)
	if next := now.Add(watchEvery); !s.attempt.Stuck && (again.IsZero() || again.After(next)) {
		again = next
	}
	switch verdict {
	case core.WatchNothing:
		if s.outcome.Attempted > 0 && !s.given && !s.attempt.Started.IsZero() && now.Sub(s.attempt.Started) > turn {
			s.reportSoFar(false)
		}
	case core.WatchCancel:
		s.attempt.Cancelled = now
		s.w.oracle.timeIsUp(s)
		if len(s.current) > 0 && s.heeds {
			s.canceled()
		}
	case core.WatchStuck:
		s.attempt.Stuck = true
		if !s.given {
			s.reportSoFar(true)
		}
		s.endsInTime()
	}
	if s.attempt.Stuck && !s.lent {
		if s.lent = s.crew.of.pool.lend(s.crew); !s.lent && again.IsZero() {
			again = now.Add(loanEvery)
		}
	}
	return again
}

// reportSoFar reports the records of a Work before the one that the seat is at.
func (s *seat) reportSoFar(stuck bool) {
	o := s.outcome
	o.Going = !stuck
	if stuck {
		o.Stuck, o.StuckSince = true, s.attempt.Started
	}
	s.outcome = messages.Outcome{Lane: o.Lane, Seq: o.Seq, First: o.First + o.Attempted}
	s.crew.report(o)
}

// endsInTime lets a stuck attempt end at about the moment at which it is given up, now and then: its outcome is then on its
// way when the next work begins.
func (s *seat) endsInTime() {
	after := s.w.plan.partition.StuckAfter
	if len(s.current) > 0 && after > 0 && s.w.hits(HandlerStuck, 0.8) {
		s.endsAfter(after+s.w.span(HandlerStuck, 0, 60*time.Microsecond), s.calls)
	}
}
