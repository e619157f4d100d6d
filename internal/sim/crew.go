package sim

import (
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/messages"
)

// crew is the lanes of one incarnation: the Works that wait for a slot of the pool, the seats at which the others are
// handled, and what there is to report. The partition is sent one message when there is something to collect, and collects
// whatever there is by the time it comes to that.
type crew struct {
	w    *world
	of   *process
	part *partition

	// the pool's
	group  flow.Group
	slots  int
	leaves bool
	gone   bool

	queue    []messages.Work
	held     bool // by orphans: what waits is not offered
	running  []*seat
	idle     []*seat
	outcomes []messages.Outcome
	closed   bool
	orphans  int
	ended    func()

	// for the oracle
	offered int   // Works that wait for a slot
	ahead   int   // crews with as few slots that have waited longer
	givenAt int64 // when the last Work was given, or held no longer
}

// outcomesReady tells a partition that its crew has outcomes to collect.
type outcomesReady struct{}

// loanEvery is how often a stuck attempt asks again for a slot of its own.
const loanEvery = time.Second

func newCrew(p *partition) *crew {
	c := &crew{w: p.w, of: p.of, part: p}
	p.of.pool.join(c)
	return c
}

func (c *crew) give(works []messages.Work) {
	if c.closed {
		return
	}
	c.queue = append(c.queue, works...)
	c.givenAt = c.w.now
	orphans := len(c.of.orphans.running[c.part.inc.Partition]) > 0
	wait := orphans && !c.held
	c.held = c.held || orphans
	if wait {
		c.w.after(c.of, c.w.hop(), c.awaitOrphans)
	}
	if !c.held {
		c.of.pool.offer(c, len(works))
	}
}

// awaitOrphans offers what waits once no attempt of an earlier incarnation runs any more.
func (c *crew) awaitOrphans() {
	switch {
	case !c.of.orphans.wait(c.part.inc.Partition, func() { c.w.after(c.of, c.w.hop(), c.awaitOrphans) }), c.part.over:
	default:
		c.held, c.givenAt = false, c.w.now
		c.of.pool.offer(c, len(c.queue))
	}
}

// begin seats the Work that waits the longest, if there is still one to be begun.
func (c *crew) begin() *seat {
	if c.closed || c.held || len(c.queue) == 0 || c.part.over {
		return nil
	}
	s := c.seat()
	s.take(c.queue[0])
	c.queue = c.queue[1:]
	c.running = append(c.running, s)
	return s
}

func (c *crew) seat() *seat {
	last := len(c.idle) - 1
	if last < 0 {
		return &seat{w: c.w, crew: c}
	}
	s := c.idle[last]
	c.idle = c.idle[:last]
	return s
}

// finish ends the Work of a seat, whose goroutine goes on to the next slot.
func (c *crew) finish(s *seat) {
	for i, other := range c.running {
		if other == s {
			last := len(c.running) - 1
			c.running[i] = c.running[last]
			c.running = c.running[:last]
			break
		}
	}
	lent := s.lent
	if s.given {
		if s.orphan {
			if c.orphans--; c.orphans == 0 {
				c.ended()
			}
		}
	} else {
		outcome := s.outcome
		s.leave()
		c.idle = append(c.idle, s)
		c.report(outcome)
	}
	c.of.pool.next(c, lent)
}

// report keeps an outcome for the partition, which has to be told if it is the first.
func (c *crew) report(o messages.Outcome) {
	c.outcomes = append(c.outcomes, o)
	if len(c.outcomes) == 1 {
		c.part.actor.tell(outcomesReady{})
	}
}

// collect gives the outcomes there are. The slice that it gave before is used again.
func (c *crew) collect(before []messages.Outcome) []messages.Outcome {
	clear(before)
	outcomes := c.outcomes
	c.outcomes = before[:0]
	return outcomes
}

// callBack gives back every Work that has not begun, and every record as soon as none before it is at an attempt. One that
// awaits the rate limit is as good as not begun.
func (c *crew) callBack() {
	for _, s := range c.running {
		s.called = true
		if s.waits && !s.given {
			s.giveBack()
		}
	}
	back := c.queue
	c.queue = nil
	for i := range back {
		c.report(messages.Outcome{Lane: back[i].Lane, Seq: back[i].Seq})
	}
	c.of.pool.withdraw(c, len(back))
}

// replace gives up the stuck attempts of lanes: what they still say is of no interest.
func (c *crew) replace(given []int) {
	for _, lane := range given {
		for _, s := range c.running {
			if s.work.Lane == lane && s.attempt.Stuck && !s.given {
				s.given = true
				for _, a := range s.current {
					a.over = true
				}
			}
		}
	}
}

// close ends the crew with its incarnation. Attempts that still run are orphans until they end, but not those whose record is
// over because it was stuck for too long.
func (c *crew) close() {
	if c.closed {
		return
	}
	c.closed, c.queue, c.idle = true, nil, nil
	for _, s := range c.running {
		if !s.given {
			s.given, s.orphan = true, true
			c.orphans++
		}
	}
	if c.orphans > 0 {
		c.ended = c.of.orphans.add(c.part.inc.Partition)
	}
	if len(c.running) > 0 {
		c.w.after(c.of, core.CancelGrace, c.lendOrphans)
	}
	c.of.pool.leave(c)
}

// lendOrphans lets the pool go on without the slots of attempts that ignore the end of their incarnation.
func (c *crew) lendOrphans() {
	again := false
	for _, s := range c.running {
		if !s.lent {
			s.lent = c.of.pool.lend(c)
			again = again || !s.lent
		}
	}
	if again {
		c.w.after(c.of, loanEvery, c.lendOrphans)
	}
}

// contextEnded ends the attempts that heed the incarnation's context.
func (c *crew) contextEnded() {
	for _, s := range c.running {
		switch {
		case s.waits:
			s.giveBack()
		case len(s.current) > 0 && s.heeds:
			s.canceled()
		}
	}
}

// watch looks at the attempts that run now, and says when to look again.
func (c *crew) watch(now time.Time) (again time.Time) {
	if len(c.queue) > 0 {
		again = now.Add(watchEvery)
	}
	for _, s := range c.running {
		if due := s.watch(now); !due.IsZero() && (again.IsZero() || due.Before(again)) {
			again = due
		}
	}
	return again
}
