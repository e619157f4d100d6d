package sim

import (
	"time"

	"github.com/troupe-go/troupe/internal/core"
)

// limiter is the rate limit that handlers have around them, one for a process: a bucket of tokens, and a queue for it.
type limiter struct {
	of    *process
	full  int64 // when the bucket is full, if nobody takes a token
	queue []waiting
	armed bool
}

// waiting is a call of the handler that waits.
type waiting struct {
	*seat
	call int
}

// wait takes a token, or lets the seat wait for one and says so. Its attempt's clock stands still meanwhile.
func (l *limiter) wait(s *seat) bool {
	w := l.of.w
	switch {
	case w.plan.limitEvery == 0:
		return false
	case s.crew.part.over:
		s.waits = true
		s.giveBack()
		return true
	case len(l.queue) == 0 && l.take():
		return false
	}
	s.waits, s.attempt.Paused = true, w.time()
	l.queue = append(l.queue, waiting{s, s.calls})
	l.arm()
	if s.called {
		s.giveBack()
	}
	return true
}

// wants is the time from which on there is a token.
func (l *limiter) wants() int64 {
	plan := &l.of.w.plan
	return l.full - (plan.limitBurst-1)*int64(plan.limitEvery)
}

func (l *limiter) take() bool {
	w := l.of.w
	if l.wants() > w.now {
		return false
	}
	l.full = max(l.full, w.now) + int64(w.plan.limitEvery)
	return true
}

func (l *limiter) arm() {
	if l.armed || len(l.queue) == 0 {
		return
	}
	l.armed = true
	w := l.of.w
	w.after(l.of, time.Duration(l.wants()-w.now), l.serve)
}

// serve lets those go on who came first. Who has left the queue meanwhile has taken no token.
func (l *limiter) serve() {
	l.armed = false
	for len(l.queue) > 0 {
		s := l.queue[0]
		waits := s.waits && s.calls == s.call
		if waits && !l.take() {
			break
		}
		l.queue = l.queue[1:]
		if waits {
			s.goOn()
		}
	}
	l.arm()
}

// goOn calls the handler at last.
func (s *seat) goOn() {
	s.waits = false
	s.attempt.Started = s.attempt.Started.Add(s.w.time().Sub(s.attempt.Paused))
	s.attempt.Paused = time.Time{}
	s.begin()
}

// giveBack ends an attempt that waits for the rate limit: it counts as not made.
func (s *seat) giveBack() {
	s.waits = false
	s.attempt = core.Attempt{}
	s.calls++
	call := s.calls
	s.w.after(s.crew.of, s.w.hop(), func() {
		if s.calls == call {
			s.crew.finish(s)
		}
	})
}
