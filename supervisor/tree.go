// Package supervisor builds the tree of actors of one processor, keeps it alive, and takes it down in order.
//
//	processor                      this package; decides about restarts
//	├── publisher                  fails: replaces its producer; by a bug: the processor fails
//	├── dead-letter                likewise
//	├── partitions                 by a bug: the processor fails
//	│   └── orders-3#17            by a bug: its poller begins the next incarnation, from the committed offset
//	│       └── lanes              a handler's panic costs an attempt and the handler's instance, nothing else
//	└── poller-0 .. poller-n       consumer fails fatally, or by a bug: replaced together with its committer
//	    └── committer-0 .. -n      by a bug: the processor fails
//
// No actor is patched up after a failure: what it knew is not to be trusted. Its incarnations end, and the next ones begin
// from what is committed. Restarts have a budget that refills with time; when it is spent, the processor drains the rest
// and Run returns the error, so that the platform restarts the process.
//
// proto.actor's own strategies are not used. Each actor recovers its panics itself, because proto.actor would drop the
// message that panicked and keep no stack.
package supervisor

import (
	"context"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/stream"
)

// retireTimeout bounds the close of a consumer that has failed.
const retireTimeout = 15 * time.Second

// processor is the actor at the root of the tree.
type processor struct {
	env     *actors.Env
	pollers int
	running map[int]*actor.PID
	budget  *retry.Budget
	stop    *stopPollers
	stopped chan<- struct{}
}

// startPoller brings poller number n up.
type startPoller struct{ number int }

// stopPollers closes every poller. Each reports on the channel, which has room for all.
type stopPollers struct {
	deadline time.Time
	reports  chan<- actors.CloseReport
}

// Receive handles one message.
func (p *processor) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		p.start(ctx)
	case startPoller:
		p.startPoller(ctx, m.number)
	case actors.PollerFailed:
		p.pollerFailed(ctx, m)
	case stopPollers:
		p.stopPollers(ctx, m)
	case *actor.Stopped:
		close(p.stopped)
	}
}

func (p *processor) start(ctx actor.Context) {
	p.env.Processor = ctx.Self()
	p.env.Publisher = spawn(ctx, actors.NewPublisher(p.env), "publisher")
	p.env.Partitions = spawn(ctx, actors.NewPartitions(p.env), "partitions")
	if !p.env.Settings.DeadLetter.Off {
		p.env.DeadLetter = spawn(ctx, actors.NewDeadLetters(p.env), "dead-letter")
	}
	for n := range p.pollers {
		p.startPoller(ctx, n)
	}
}

// spawn starts a child. The names are the processor's own, so that none is taken.
func spawn(ctx actor.Context, props *actor.Props, name string) *actor.PID {
	pid, err := ctx.SpawnNamed(props, name)
	if err != nil {
		panic(fmt.Errorf("spawn %s: %w", name, err))
	}
	return pid
}

func (p *processor) startPoller(ctx actor.Context, number int) {
	if p.stop != nil {
		return
	}
	consumer, err := p.env.Client.Consumer(fmt.Sprintf("%s-%d", p.env.Settings.Name, number), p.env.Settings.ClientOutOfRange())
	if err != nil {
		p.env.Fail(fmt.Errorf("poller-%d: %w", number, err))
		return
	}
	pid, err := ctx.SpawnNamed(actors.NewPoller(p.env, number, consumer), fmt.Sprintf("poller-%d-%d", number, time.Now().UnixNano()))
	if err != nil {
		p.env.Fail(fmt.Errorf("spawn poller-%d: %w", number, err))
		return
	}
	p.running[number] = pid
}

// pollerFailed replaces a poller and its consumer, after a pause, as long as the budget lasts.
func (p *processor) pollerFailed(ctx actor.Context, m actors.PollerFailed) {
	name := fmt.Sprintf("poller-%d", m.Number)
	pid := p.running[m.Number]
	if pid == nil {
		return // it has failed before
	}
	p.env.Emit(stream.Restarted{Kind: "poller", Actor: name, Error: m.Err.Error(), Stack: m.Stack})
	ctx.Stop(pid)
	delete(p.running, m.Number)
	if p.stop != nil { // its end may overtake the request to close, which nobody answers then
		select {
		case p.stop.reports <- actors.CloseReport{Number: m.Number, Unfinished: []string{fmt.Sprintf("%s failed: %v", name, m.Err)}}:
		default:
		}
	}
	delay, spent := p.budget.Fail(time.Now(), retry.Entropy(uint64(m.Number), 0, 0))
	root, self, env := ctx.ActorSystem().Root, ctx.Self(), p.env
	go func() {
		retiring, cancel := context.WithTimeout(context.Background(), retireTimeout)
		defer cancel()
		if err := m.Retire(retiring); err != nil {
			env.Emit(stream.ClientTrouble{Error: err.Error(), Times: 1})
		}
		if spent {
			env.Fail(fmt.Errorf("%s failed too often: %w", name, m.Err))
			return
		}
		select {
		case <-time.After(delay):
			root.Send(self, startPoller{number: m.Number})
		case <-env.Base.Done():
		}
	}()
}

// stopPollers asks all pollers to close. One that is being replaced has nothing left to close.
func (p *processor) stopPollers(ctx actor.Context, m stopPollers) {
	p.stop = &m
	for n := range p.pollers {
		if pid := p.running[n]; pid != nil {
			ctx.Send(pid, actors.ClosePoller{Deadline: m.deadline, Reply: m.reports})
		} else {
			m.reports <- actors.CloseReport{Number: n}
		}
	}
}
