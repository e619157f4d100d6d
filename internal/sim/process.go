package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// process is one process of the program: the tree of actors, and what they share.
type process struct {
	w           *world
	name        string
	dead        bool
	frozen      bool
	thawed      int64
	thawing     []func() // what happened to it while it was frozen
	stopping    bool
	aborted     bool
	guest       bool // it does not start again
	undisturbed bool // its stop began when everything was done, and no fault was left
	failed      string

	epochs     *core.Epochs
	account    *flow.Account
	pool       *pool
	limiter    *limiter
	parking    *flow.Parking
	orphans    *orphans
	partitions *partitions
	publisher  *publisher
	letters    *letterWriter
	pollers    []*poller
	paused     map[stream.Partition]bool // by an operator
	budget     *retry.Budget
	running    map[unit]*attempt // for the oracle
	largest    int64             // the most bytes that a poll has brought of a partition, likewise
	halt       halt              // likewise

	deadline   int64
	closed     int
	taken      bool // down
	unfinished []string
}

// closeReport says how a poller ended.
type closeReport struct{ unfinished []string }

func (w *world) spawn(guest bool) *process {
	w.started++
	p := &process{
		w: w, name: fmt.Sprintf("p%d", w.started), guest: guest, epochs: &core.Epochs{}, account: flow.NewAccount(w.plan.memory),
		paused: make(map[stream.Partition]bool), running: make(map[unit]*attempt),
		budget: retry.NewBudget(retry.Limits{Failures: float64(5 * w.plan.pollers)}),
	}
	p.pool, p.orphans, p.limiter, p.parking = newPool(p), newOrphans(), &limiter{of: p}, flow.NewParking(w.plan.parked)
	p.partitions, p.publisher, p.letters = newPartitions(p), newPublisher(p), newLetterWriter(p)
	w.processes = append(w.processes, p)
	w.say("%s starts", p.name)
	for n := range w.plan.pollers {
		p.pollers = append(p.pollers, nil)
		p.startPoller(n)
	}
	return p
}

func (p *process) startPoller(number int) {
	if p.stopping {
		return
	}
	p.pollers[number] = newPoller(p, number)
}

// pollerFailed replaces a poller and its consumer, after a pause, as long as the budget lasts.
func (p *process) pollerFailed(failed *poller, err error) {
	if p.pollers[failed.number] != failed || failed.replaced {
		return // it has failed before
	}
	failed.replaced = true
	p.w.say("%s: %s failed: %v", p.name, failed.name, err)
	failed.actor.end()
	if p.stopping { // its end may overtake the request to close, which nobody answers then
		p.pollerClosed(failed, closeReport{unfinished: []string{failed.name + " failed"}})
	}
	delay, spent := p.budget.Fail(p.w.time(), retry.Entropy(uint64(failed.number), 0, 0))
	failed.client.retire(p.w.now+int64(15*time.Second), func(error) {
		if spent {
			p.fail("a poller failed too often")
			return
		}
		p.w.after(p, delay, func() { p.startPoller(failed.number) })
	})
}

// fail ends the process with an error; the platform starts it again.
func (p *process) fail(why string) {
	if p.failed == "" {
		p.failed = why
		p.w.say("%s fails: %s", p.name, why)
	}
	p.stop()
}

// stop takes the process down in order: pollers, then producers, then the rest.
func (p *process) stop() {
	if p.stopping {
		return
	}
	p.stopping = true
	w := p.w
	p.undisturbed = w.oracle.ending && p.failed == ""
	w.say("%s stops", p.name)
	p.deadline = w.now + int64(w.plan.shutdown)
	answerBy := p.deadline - int64(min(w.plan.shutdown/10, 500*time.Millisecond))
	w.after(p, w.plan.shutdown, func() { p.takeDown("not all pollers answered") })
	for _, each := range p.pollers {
		if each.replaced { // nothing left to close
			w.after(p, w.hop(), func() { p.pollerClosed(each, closeReport{}) })
			continue
		}
		each.stopBegan(answerBy)
		each.actor.tell(closePoller{deadline: answerBy})
	}
}

func (p *process) pollerClosed(each *poller, r closeReport) {
	if each.reported {
		return
	}
	each.reported = true
	p.unfinished = append(p.unfinished, r.unfinished...)
	if p.closed++; p.closed == len(p.pollers) {
		p.takeDown("")
	}
}

// takeDown closes the producers, and ends.
func (p *process) takeDown(late string) {
	if p.taken {
		return
	}
	p.taken = true
	if late != "" {
		p.unfinished = append(p.unfinished, late)
	}
	deadline := max(p.deadline, p.w.now+int64(time.Second))
	p.publisher.outbox.flush(deadline, func(left int) {
		p.note("publisher", left)
		p.letters.outbox.flush(deadline, func(left int) {
			p.note("dead-letter", left)
			p.exit()
		})
	})
}

func (p *process) note(who string, left int) {
	if left > 0 {
		p.unfinished = append(p.unfinished, fmt.Sprintf("%s: %d messages unacknowledged", who, left))
	}
}

// abort gives up what is in flight: the contexts of all attempts end.
func (p *process) abort() {
	if p.aborted {
		return
	}
	p.aborted = true
	p.w.say("%s is told to give up", p.name)
	for _, part := range p.partitions.living() {
		part.cancel()
	}
	for _, each := range p.pollers {
		each.abort()
	}
}

// exit is the end of the process. In good order or not, nothing of it is left, but what is under way on the network.
func (p *process) exit() {
	w := p.w
	w.say("%s ends %v", p.name, p.unfinished)
	if p.undisturbed && len(p.unfinished) > 0 {
		w.violate("G9", "%s was stopped without any fault, and left: %v", p.name, p.unfinished)
	}
	p.kill()
	if !p.guest {
		w.revive()
	}
}

func (p *process) kill() {
	p.dead = true
	p.thawing = nil
	p.w.processes = slices.DeleteFunc(p.w.processes, func(other *process) bool { return other == p })
}

// revive starts a process in place of one that has ended.
func (w *world) revive() {
	if w.oracle.ending {
		return
	}
	w.after(nil, between(w.chance, 100*time.Millisecond, 3*time.Second), func() {
		if !w.oracle.ending {
			w.spawn(false)
		}
	})
}

func (p *process) freeze(d time.Duration) {
	if p.frozen {
		return
	}
	p.frozen = true
	p.w.say("%s freezes for %s", p.name, d)
	p.w.after(nil, d, p.thaw)
}

// thaw lets everything happen that had been kept back, in its order.
func (p *process) thaw() {
	if !p.frozen || p.dead {
		return
	}
	p.frozen, p.thawed = false, p.w.now
	p.w.say("%s thaws", p.name)
	for _, run := range p.thawing {
		p.w.after(p, 0, run)
	}
	p.thawing = nil
}

// pause is an operator's wish, which outlives pollers.
func (p *process) pause(ps []stream.Partition, paused bool) {
	for _, s := range ps {
		if paused {
			p.paused[s] = true
		} else {
			delete(p.paused, s)
		}
	}
	for _, each := range p.pollers {
		each.actor.tell(messages.OperatorPaused{Partitions: ps, Paused: paused})
	}
}

func (p *process) pausedNow() []stream.Partition {
	ps := make([]stream.Partition, 0, len(p.paused))
	for s := range p.paused {
		ps = append(ps, s)
	}
	slices.SortFunc(ps, stream.ComparePartitions)
	return ps
}
