package actors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/internal/meter"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// crew is the lanes of one incarnation: the Works that wait for a slot of the pool, the seats at which the others are
// handled, and what there is to report.
//
//	give ──► queue ──begin──► running seat ──finish──► outcomes ──collect──► the partition
//	              └──callBack──────────────────────────────┘
//
// Truth is here and not in a mailbox: the partition is sent one message when there is something to collect, and collects
// whatever there is by the time it comes to that.
type crew struct {
	env       *Env
	partition stream.Partition
	ctx       context.Context // of the incarnation
	ready     func()          // tells the partition to collect; it must not wait
	group     flow.Group      // in the pool

	mu       sync.Mutex // no user code runs under it
	queue    []messages.Work
	head     int       // of the queue
	surplus  int       // offers to the pool beyond what is queued; below 0: what is queued and not offered
	waits    time.Time // since when the first of the queue waits for nothing but a slot, or for the orphans
	held     bool      // by orphans: what waits is not offered
	running  []*seat
	idle     []*seat // the last used is the first to be used again
	outcomes []messages.Outcome
	timing   *meter.Local // of attempts that went well
	timings  map[string]*meter.Histogram
	closed   bool
	called   bool   // the partition was told that there is something to collect, and has not collected since
	more     bool   // the partition has more to give
	watched  bool   // by the lanes, until there is no more work
	orphans  int    // seats that still run although the crew is closed
	ended    func() // to call when the last of them has ended
}

func newCrew(ctx context.Context, env *Env, p stream.Partition, ready func()) *crew {
	c := &crew{env: env, partition: p, ctx: ctx, ready: ready, timings: make(map[string]*meter.Histogram)}
	c.timing = c.timingOf(meter.ResultDone).Local()
	env.Pool.join(c)
	return c
}

// give takes Works to be handled, and says whether the caller has to see to it that the crew is watched. While attempts of an
// earlier incarnation of the partition run, nothing is begun.
func (c *crew) give(works []messages.Work) (unwatched bool) {
	now, orphans := time.Now(), c.env.Orphans.Any(c.partition)
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return false
	}
	unwatched, c.watched = !c.watched, true
	if c.head == len(c.queue) {
		c.waits = now
	}
	if c.head > 0 && len(c.queue)+len(works) > cap(c.queue) {
		kept := copy(c.queue, c.queue[c.head:])
		clear(c.queue[kept:])
		c.queue, c.head = c.queue[:kept], 0
	}
	c.queue = append(c.queue, works...)
	wait := orphans && !c.held
	c.held = c.held || orphans
	if c.held {
		c.surplus -= len(works)
	} else {
		c.env.Pool.offer(c, len(works))
	}
	c.mu.Unlock()
	if wait {
		go c.awaitOrphans()
	}
	return unwatched
}

// awaitOrphans offers what waits once no attempt of an earlier incarnation runs any more.
func (c *crew) awaitOrphans() {
	if !c.env.Orphans.Wait(c.ctx, c.partition) {
		return
	}
	c.mu.Lock()
	c.held, c.waits = false, time.Now()
	waiting := max(0, -c.surplus)
	c.surplus += waiting
	c.env.Pool.offer(c, waiting)
	c.mu.Unlock()
}

// begin seats the Work that waits the longest, in a slot that the pool has given. It gives nil when there is none any more,
// or nothing is to be begun because the incarnation has ended: no one would know of the attempt.
func (c *crew) begin(now time.Time) (s *seat) {
	c.mu.Lock()
	if s = c.sit(now); s == nil {
		c.surplus--
		c.balance()
	}
	ready := c.runsLow()
	c.mu.Unlock()
	if ready {
		c.ready()
	}
	return s
}

// goOn seats a Work in the slot of one that has ended, as long as its turn lasts. The lock is held.
func (c *crew) goOn(t *ticks, now time.Time) (s *seat) {
	if now.Sub(t.granted) <= turn {
		s = c.sit(now)
	}
	if s != nil {
		c.surplus++ // it was offered, and needs no slot any more
	} else {
		c.balance()
	}
	return s
}

// balance withdraws the offers that are too many. The lock is held: were the number wrong for a moment, a slot that comes
// in that moment and finds no Work would be counted for one that is offered then, and nobody would come for it.
func (c *crew) balance() {
	if c.surplus > 0 {
		c.surplus -= c.env.Pool.withdraw(c, c.surplus)
	}
}

func (c *crew) sit(now time.Time) *seat {
	if c.closed || c.held || c.head == len(c.queue) || c.ctx.Err() != nil {
		return nil
	}
	s := c.seat()
	s.take(c.queue[c.head], now)
	c.queue[c.head] = messages.Work{}
	if c.head++; c.head == len(c.queue) {
		c.queue, c.head = c.queue[:0], 0
	}
	c.waits = now
	s.index = len(c.running)
	c.running = append(c.running, s)
	c.env.Handlers.Add(1)
	return s
}

// seat gives a free seat. There are as many as have ever been taken at once.
func (c *crew) seat() *seat {
	last := len(c.idle) - 1
	if last < 0 {
		return &seat{crew: c}
	}
	s := c.idle[last]
	c.idle[last] = nil
	c.idle = c.idle[:last]
	return s
}

// aftermath is what is to be done at the end of a Work without the lock.
type aftermath struct {
	ready   bool
	ended   func()
	handler stream.Handler
}

// finish ends the Work of a seat. The lock is held.
func (c *crew) finish(s *seat) aftermath {
	last := len(c.running) - 1
	c.running[s.index] = c.running[last]
	c.running[s.index].index = s.index
	c.running[last] = nil
	c.running = c.running[:last]
	c.env.Handlers.Add(-1)
	var end aftermath
	if !s.given {
		end.ready = c.report(s.outcome)
		s.leave()
		c.idle = append(c.idle, s)
		return end
	}
	s.actx.cancel()
	end.handler = s.handler
	if c.closed {
		c.timingOf(meter.ResultDone).Merge(c.timing)
	}
	if s.orphan {
		if c.orphans--; c.orphans == 0 {
			end.ended = c.ended
		}
	}
	return end
}

// settle does what remains of a Work's end. The lock is not held.
func (c *crew) settle(end aftermath) {
	if end.ready {
		c.ready()
	}
	if end.ended != nil {
		end.ended()
	}
	if end.handler != nil {
		closeApart(end.handler)
	}
}

// report keeps an outcome for the partition, which has to be told if it is the first. The lock is held, so outcomes of one
// lane do not overtake one another.
func (c *crew) report(o messages.Outcome) (first bool) {
	c.outcomes = append(c.outcomes, o)
	return c.call()
}

// collect gives the outcomes there are, in the order in which they came. The slice that it gave before is used again.
func (c *crew) collect(before []messages.Outcome) []messages.Outcome {
	clear(before)
	c.mu.Lock()
	defer c.mu.Unlock()
	outcomes := c.outcomes
	c.outcomes, c.called = before[:0], false
	c.timingOf(meter.ResultDone).Merge(c.timing)
	return outcomes
}

// callBack gives back every Work that has not begun, and every record as soon as none before it is at an attempt. An attempt
// that awaits a limit is as good as not begun. Works that are given later are not concerned: a partition that drains gives
// none, but one that is halted gives probes, and goes on after it.
func (c *crew) callBack() {
	c.mu.Lock()
	for _, s := range c.running {
		s.called = true
		s.recall()
	}
	works := c.queue[c.head:]
	ready := false
	for i := range works {
		ready = c.report(messages.Outcome{Lane: works[i].Lane, Seq: works[i].Seq}) || ready
	}
	c.surplus += len(works)
	c.empty()
	c.balance()
	c.mu.Unlock()
	if ready {
		c.ready()
	}
}

func (c *crew) empty() {
	clear(c.queue)
	c.queue, c.head = c.queue[:0], 0
}

// replace gives up the stuck attempts of lanes: what they still say is of no interest.
func (c *crew) replace(lanes []int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, lane := range lanes {
		for _, s := range c.running {
			if s.work.Lane == lane && s.attempt.Stuck && !s.given {
				s.given = true
			}
		}
	}
}

// close ends the crew with its incarnation. What has not begun is forgotten. Attempts that still run are orphans until they
// end, and the partition's next incarnation waits for them; but not for those whose record is over, because it was stuck
// for too long.
func (c *crew) close() {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed = true
	c.empty()
	for _, s := range c.running {
		if !s.given {
			s.given, s.orphan = true, true
			c.orphans++
		}
	}
	if c.orphans > 0 {
		c.ended = c.env.Orphans.Add(c.partition)
	}
	if len(c.running) > 0 {
		time.AfterFunc(core.CancelGrace, c.lendOrphans)
	}
	c.timingOf(meter.ResultDone).Merge(c.timing)
	handlers := make([]stream.Handler, 0, len(c.idle))
	for _, s := range c.idle {
		if s.actx != nil {
			s.actx.cancel()
		}
		handlers = append(handlers, s.handler)
	}
	c.idle = nil
	c.mu.Unlock()
	c.env.Pool.leave(c)
	closeApart(handlers...)
}

// lendOrphans lets the pool go on without the slots of attempts that ignore the end of their incarnation.
func (c *crew) lendOrphans() {
	c.mu.Lock()
	defer c.mu.Unlock()
	again := false
	for _, s := range c.running {
		if !s.lent {
			s.lent = c.env.Pool.lend(c)
			again = again || !s.lent
		}
	}
	if again {
		time.AfterFunc(loanEvery, c.lendOrphans)
	}
}

func (c *crew) timingOf(result string) *meter.Histogram {
	h := c.timings[result]
	if h == nil {
		h = c.env.Meter.ProcessDuration(result)
		c.timings[result] = h
	}
	return h
}

// open makes a handler. What that needs and cannot get is a dependency that is down: no record is to blame for it.
func (c *crew) open() (h stream.Handler, err error) {
	defer func() {
		if v := recover(); v != nil {
			h, err = nil, stream.Unavailable(fmt.Errorf("NewHandler for %s: panic: %v", c.partition, v), "handler")
		}
	}()
	h, err = c.env.Settings.NewHandler(c.partition)
	if _, batches := h.(stream.BatchHandler); err == nil && !batches && c.env.Settings.Partition.BatchRecords > 0 {
		err = fmt.Errorf("it returned a %T, which takes no batches", h)
	}
	if err == nil && h == nil {
		err = errors.New("it returned no handler")
	}
	if err != nil {
		return nil, stream.Unavailable(fmt.Errorf("NewHandler for %s: %w", c.partition, err), "handler")
	}
	return h, nil
}

// closeApart closes handlers that are not needed any more, on a goroutine that nobody waits for.
func closeApart(handlers ...stream.Handler) {
	var closers []io.Closer
	for _, h := range handlers {
		if c, ok := h.(io.Closer); ok {
			closers = append(closers, c)
		}
	}
	if len(closers) > 0 {
		go closeAll(closers)
	}
}

// closeAll goes on behind one that calls runtime.Goexit.
func closeAll(closers []io.Closer) {
	defer func() {
		if len(closers) > 0 {
			go closeAll(closers)
		}
	}()
	for len(closers) > 0 {
		c := closers[0]
		closers = closers[1:]
		discard(c)
	}
}

// discard closes a handler, if it wants to be closed. A panic on the way is as good as an end.
func discard(handler any) {
	if c, ok := handler.(io.Closer); ok {
		defer func() { _ = recover() }()
		_ = c.Close()
	}
}
