package actors

import (
	"sync"
	"time"

	"github.com/troupe-go/troupe/internal/core/flow"
)

// Pool is the process's handlers: so many may run at once, shared fairly among the crews of the partitions. A goroutine of
// the pool is given a slot and a crew, handles the crew's Works for a turn, and goes on with whatever crew is next:
//
//	offer ──► a goroutine starts ──► slot ──► begin ── handle ──► turn over, or no work ──► next slot ──► ...
//	                                  │           └──◄──┘                                       └──► none: it ends
//	                                  └ while work waits and slots are free, it starts the next goroutine
//
// So nothing is left behind when there is no work, and there are never more goroutines than slots, the lent ones included,
// and one that is about to start. One starts at a time, each by the one before: handlers that return at once are all run by
// those few that the machine's processors run anyway, and handlers that wait cost a goroutine each.
type Pool struct {
	capacity int

	mu       sync.Mutex // taken last: no lock of a crew is taken under it
	turns    *flow.Turns
	crews    map[flow.Group]*crew
	starting bool // a goroutine has been started and has not asked for its slot
}

// NewPool makes a pool of that many slots, at least one.
func NewPool(capacity int) *Pool {
	capacity = max(1, capacity)
	return &Pool{capacity: capacity, turns: flow.NewTurns(capacity), crews: make(map[flow.Group]*crew)}
}

// Capacity is the number of slots.
func (p *Pool) Capacity() int { return p.capacity }

// Running is the number of slots taken, without those lent to stuck attempts.
func (p *Pool) Running() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.turns.Running()
}

// Busy says whether every slot is taken and Works wait for one.
func (p *Pool) Busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.turns.Waiting() > 0 && p.turns.Running() >= p.capacity
}

// join lets a crew take part.
func (p *Pool) join(c *crew) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.group = p.turns.Join()
	p.crews[c.group] = c
}

// leave ends a crew's part. Its attempts that still run keep their slots.
func (p *Pool) leave(c *crew) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turns.Leave(c.group)
	delete(p.crews, c.group)
}

// offer says that so many Works of the crew wait. That some of them are handled within the turn of another, or called back,
// the pool hears later.
func (p *Pool) offer(c *crew, works int) {
	p.mu.Lock()
	p.turns.Offer(c.group, works)
	start := p.wantsMore()
	p.mu.Unlock()
	if start {
		go p.work(nil)
	}
}

// withdraw takes up to so many offers back, and says how many: the others have got a slot already.
func (p *Pool) withdraw(c *crew, works int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.turns.Withdraw(c.group, works)
}

// wantsMore says whether the caller has to start a goroutine, once it has given the lock up.
func (p *Pool) wantsMore() bool {
	if p.starting || p.turns.Waiting() == 0 || p.turns.Running() >= p.capacity {
		return false
	}
	p.starting = true
	return true
}

// grant takes a slot for whoever's turn it is, nil when nobody waits or no slot is free.
func (p *Pool) grant() *crew {
	group, ok := p.turns.Next()
	if !ok {
		return nil
	}
	return p.crews[group]
}

// first gives a goroutine that begins its first slot.
func (p *Pool) first() *crew {
	p.mu.Lock()
	p.starting = false
	c := p.grant()
	start := c != nil && p.wantsMore()
	p.mu.Unlock()
	if start {
		go p.work(nil)
	}
	return c
}

// relay is how a goroutine passes from one Work to another.
type relay struct {
	next *seat // of the same crew, in the same turn
	lent bool  // otherwise: the slot was lent
}

// next gives the crew's slot back and takes the one whose turn it is.
func (p *Pool) next(c *crew, lent bool) *crew {
	p.mu.Lock()
	defer p.mu.Unlock()
	if lent {
		p.turns.Reclaim()
	} else {
		p.turns.Done(c.group)
	}
	return p.grant()
}

// lend lets the pool go on without a slot of the crew's, whose attempt is stuck. If it says true, that slot is given back as
// a lent one.
func (p *Pool) lend(c *crew) bool {
	p.mu.Lock()
	lent := p.turns.Lend(c.group)
	start := lent && p.wantsMore()
	p.mu.Unlock()
	if start {
		go p.work(nil)
	}
	return lent
}

// work is a goroutine of the pool. It begins with a slot of its own or, where the user's code has ended the goroutine before
// by runtime.Goexit, with the seat which that one was at.
func (p *Pool) work(s *seat) {
	defer func() {
		if s != nil {
			go p.work(s)
		}
	}()
	t := newTicks()
	var c *crew
	var r relay
	if s != nil {
		c = s.crew
		r = s.resume(&t)
	} else if c = p.first(); c != nil {
		t.granted = t.now()
		r.next = c.begin(t.granted)
	}
	for c != nil {
		for s = r.next; s != nil; s = r.next {
			r = s.handle(&t)
		}
		if c = p.next(c, r.lent); c != nil {
			t.granted = t.now()
			r = relay{next: c.begin(t.granted)}
		}
	}
}

// ticksMax is how long one reading of the wall clock is built upon, so that a step of it comes through.
const ticksMax = time.Second

// ticks is a goroutine's clock: it reads the monotonic clock only, which is half the price of both.
type ticks struct {
	base    time.Time
	granted time.Time // the slot
}

func newTicks() ticks {
	now := time.Now()
	return ticks{base: now, granted: now}
}

func (t *ticks) now() time.Time {
	passed := time.Since(t.base)
	if passed > ticksMax {
		t.base = time.Now()
		return t.base
	}
	return t.base.Add(passed)
}
