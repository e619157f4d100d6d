package actors

import (
	"time"

	"github.com/troupe-go/troupe/internal/core"
)

const (
	// watchEvery is how often a crew that has work is looked at.
	watchEvery = 100 * time.Millisecond
	// loanEvery is how often a stuck attempt asks again for a slot of its own.
	loanEvery = time.Second
)

// watch looks at the attempts that run now. It cancels those whose time is up and reports those that ignore that. It also
// reports the records before a slow one of the same Work, so that they are committed meanwhile. It says when to look again.
func (c *crew) watch(now time.Time) (again time.Time) {
	c.mu.Lock()
	if c.head < len(c.queue) {
		again = now.Add(watchEvery)
	}
	ready := false
	for _, s := range c.running {
		due, reported := c.watchSeat(s, now)
		ready = ready || reported
		if !due.IsZero() && (again.IsZero() || due.Before(again)) {
			again = due
		}
	}
	c.watched = !again.IsZero()
	c.mu.Unlock()
	if ready {
		c.ready()
	}
	return again
}

func (c *crew) watchSeat(s *seat, now time.Time) (again time.Time, ready bool) {
	verdict, again := core.Watch(now, s.attempt, c.env.Settings.Timeout)
	if next := now.Add(watchEvery); !s.attempt.Stuck && (again.IsZero() || again.After(next)) {
		again = next
	}
	switch verdict {
	case core.WatchNothing:
		if s.outcome.Attempted > 0 && !s.given && !s.attempt.Started.IsZero() && now.Sub(s.attempt.Started) > turn {
			ready = c.reportSoFar(s, false)
		}
	case core.WatchCancel:
		s.attempt.Cancelled = now
		s.actx.expire()
	case core.WatchStuck:
		s.attempt.Stuck = true
		if !s.given {
			ready = c.reportSoFar(s, true)
		}
	}
	if c.needsLoan(s, now) {
		if s.lent = c.env.Pool.lend(c); !s.lent && again.IsZero() {
			again = now.Add(loanEvery)
		}
	}
	return again, ready
}

// reportSoFar reports the records of a Work before the one that a seat is at.
func (c *crew) reportSoFar(s *seat, stuck bool) (first bool) {
	o := s.outcome
	o.Going = !stuck
	if stuck {
		o.Stuck, o.StuckSince = true, s.attempt.Started
	}
	s.outcome = outcomeFrom(&o)
	return c.report(o)
}

// needsLoan says whether the user's code holds a slot although its time is up and its context cancelled, as far as it has
// one, so that the pool should go on without that slot.
func (c *crew) needsLoan(s *seat, now time.Time) bool {
	if s.lent {
		return false
	}
	beside := s.phase == core.LaneOpens || s.phase == core.LaneCloses
	timeout := c.env.Settings.Timeout
	return s.attempt.Stuck || (beside && timeout > 0 && now.Sub(s.phaseAt) >= timeout+core.CancelGrace)
}

// standing shows what the crew is at; it may be called from any goroutine.
func (c *crew) standing() core.Lane {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := core.Lane{Slots: c.env.Pool.Capacity()}
	for _, s := range c.running {
		if s.given {
			continue
		}
		since := s.phaseAt
		if s.phase == core.LaneHandles && !s.attempt.Started.IsZero() {
			since = s.attempt.Started
		}
		if l.Phase == core.LaneIdle || since.Before(l.Since) {
			l.Phase, l.Since = s.phase, since
		}
	}
	if l.Phase == core.LaneIdle && c.head < len(c.queue) {
		l.Phase, l.Since = core.LaneAwaitsSlot, c.waits
		if c.held {
			l.Phase = core.LaneAwaitsOrphan
		}
	}
	return l
}

// count says how many Works are being handled, those given up included, and how many wait.
func (c *crew) count() (running, waiting int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.running), len(c.queue) - c.head
}
