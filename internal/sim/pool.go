package sim

import (
	"slices"

	"github.com/troupe-go/troupe/internal/core/flow"
)

// pool is the shell around the process's handlers: so many may run at once, shared among the crews of the partitions.
type pool struct {
	of       *process
	turns    *flow.Turns
	crews    map[flow.Group]*crew
	starting bool // a goroutine has been started and has not asked for its slot

	// for the oracle
	all       []*crew
	taken     int // slots
	lent      int
	grantedAt int64
}

func newPool(of *process) *pool {
	return &pool{of: of, turns: flow.NewTurns(of.w.plan.concurrency), crews: make(map[flow.Group]*crew)}
}

func (p *pool) join(c *crew) {
	c.group = p.turns.Join()
	p.crews[c.group] = c
	p.all = append(p.all, c)
}

// leave ends a crew's part. Its attempts that still run keep their slots.
func (p *pool) leave(c *crew) {
	c.leaves = true
	p.turns.Withdraw(c.group, int(^uint(0)>>1))
	c.offered = 0
	p.forget(c)
}

func (p *pool) forget(c *crew) {
	if c.leaves && c.slots == 0 && !c.gone {
		c.gone = true
		delete(p.crews, c.group)
		p.all = slices.DeleteFunc(p.all, func(other *crew) bool { return other == c })
		p.turns.Leave(c.group)
	}
}

func (p *pool) offer(c *crew, works int) {
	if works == 0 || c.leaves {
		return
	}
	p.turns.Offer(c.group, works)
	if c.offered += works; c.offered == works {
		p.lineUp(c)
	}
	p.startMore()
}

func (p *pool) withdraw(c *crew, works int) {
	if !c.leaves {
		p.turns.Withdraw(c.group, works)
		c.offered = max(c.offered-works, 0)
	}
}

// startMore starts a goroutine if there is work for one, and a slot.
func (p *pool) startMore() {
	if p.starting || p.turns.Waiting() == 0 || p.turns.Running() >= p.of.w.plan.concurrency {
		return
	}
	p.starting = true
	p.of.w.after(p.of, p.of.w.hop(), p.first)
}

// first is the begin of a goroutine.
func (p *pool) first() {
	p.starting = false
	if c := p.grant(); c != nil {
		p.startMore()
		p.run(c)
	}
}

// run is a goroutine that has a slot of the crew's: it begins a Work, whose end takes it to the next slot.
func (p *pool) run(c *crew) {
	if s := c.begin(); s != nil {
		s.handle()
		return
	}
	p.next(c, false)
}

// next gives the crew's slot back and takes the one whose turn it is. The scheduler may let the goroutine wait before it goes
// on.
func (p *pool) next(c *crew, lent bool) {
	if lent {
		p.lent--
		p.turns.Reclaim()
	} else {
		p.taken--
		p.turns.Done(c.group)
		c.slots--
		p.lineUp(c)
	}
	next := p.grant()
	p.forget(c)
	if next != nil {
		p.of.w.after(p.of, p.of.w.hop(), func() { p.run(next) })
	}
}

// lend lets the pool go on without a slot of the crew's, whose attempt is stuck.
func (p *pool) lend(c *crew) bool {
	if !p.turns.Lend(c.group) {
		if p.lent < p.of.w.plan.concurrency && c.slots > 0 {
			p.of.w.violate("turns", "%s is not lent a slot, although %d are", c.part.inc, p.lent)
		}
		return false
	}
	p.taken--
	p.lent++
	if p.lent > p.of.w.plan.concurrency {
		p.of.w.violate("concurrency", "%d slots are lent, %d may be", p.lent, p.of.w.plan.concurrency)
	}
	c.slots--
	p.lineUp(c)
	p.forget(c)
	p.startMore()
	return true
}

// grant takes a slot for whoever's turn it is, nil when nobody waits or no slot is free.
func (p *pool) grant() *crew {
	group, ok := p.turns.Next()
	if !ok {
		return nil
	}
	c := p.crews[group]
	p.fair(c)
	c.slots++
	c.offered--
	p.lineUp(c)
	p.taken++
	p.grantedAt = p.of.w.now
	if p.taken > p.of.w.plan.concurrency {
		p.of.w.violate("concurrency", "%d handlers run at once, %d may", p.taken, p.of.w.plan.concurrency)
	}
	return c
}

// lineUp notes how many crews that wait and have as many slots have waited longer, for the oracle.
func (p *pool) lineUp(c *crew) {
	c.ahead = 0
	for _, other := range p.all {
		if other != c && other.offered > 0 && other.slots == c.slots {
			c.ahead++
		}
	}
}

// fair says that a slot goes to a crew that waits and has the fewest, and of these to the one that has waited longest.
func (p *pool) fair(c *crew) {
	w := p.of.w
	if c.offered <= 0 {
		w.violate("turns", "%s is given a slot, but nothing of it waits for one", c.part.inc)
	}
	for _, other := range p.all {
		if other == c || other.offered <= 0 {
			continue
		}
		if other.slots < c.slots {
			w.violate("turns", "%s is given a slot and has %d, while %s waits and has %d", c.part.inc, c.slots, other.part.inc, other.slots)
		}
		if other.slots == c.slots {
			if other.ahead--; other.ahead < 0 {
				w.violate("turns", "%s is given a slot although %s has as few and waits longer", c.part.inc, other.part.inc)
			}
		}
	}
}

// idleWhileWorkWaits says whether work waits for a slot although there is one, and for how long none has been given.
func (p *pool) idleWhileWorkWaits() (waits *crew, since int64) {
	if p.taken >= p.of.w.plan.concurrency {
		return nil, 0
	}
	for _, c := range p.all {
		if len(c.queue) > 0 && !c.held && !c.closed && !c.part.over {
			return c, max(p.grantedAt, c.givenAt)
		}
	}
	return nil, 0
}
