package actors

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/meter"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

const (
	pollWaitMax = 100 * time.Millisecond // with every partition being read and nothing to do
	// pollWaitMin is for while starts are awaited, which come by mail, and while there are records: a client in C that waits
	// longer makes the timers of Go late, those of handlers too, by half a millisecond on two cores.
	pollWaitMin    = 10 * time.Millisecond
	flowInterval   = 50 * time.Millisecond
	endsInterval   = time.Second
	topicsInterval = 10 * time.Second
	quietInterval  = 20 * time.Second // between two questions about partitions of which nothing comes
	quietAfter     = 10 * time.Second
	quietTroubled  = time.Second // the client has reported trouble
	lookupTimeout  = 10 * time.Second
	troubleEvery   = 30 * time.Second
)

// poller is the shell around one consumer, and the only one whose Receive blocks: each does one bounded poll and sends
// itself the next. It owns the assignment, and feeds the partitions' actors.
type poller struct {
	guard
	env      *Env
	number   int
	consumer kafka.Consumer

	mu           sync.Mutex // held while the machine steps, for those who read its status
	ownership    *core.Ownership
	clientEnds   map[stream.Partition]int64 // the logs' ends as the client last saw them with a fetch
	brokerEnds   map[stream.Partition]int64 // as the brokers last said, of those that they were asked about
	unreachable  error                      // why the brokers did not answer the last question about quiet partitions
	unreachedAt  time.Time
	askingEnds   atomic.Bool
	askingTopics atomic.Bool
	lastPoll     atomic.Int64 // Unix nanoseconds, of the end of the last poll step
	standsUntil  atomic.Int64 // likewise; it may stand still until then, to give partitions back
	failed       atomic.Bool

	effects    core.OwnershipEffects
	fetch      kafka.Fetch
	pids       map[messages.Incarnation]*actor.PID
	shares     map[messages.Incarnation]*flow.Share
	fedAt      map[messages.Incarnation]time.Time // when its last records came, or it was started
	troubled   bool                               // the client has reported trouble since the last question
	quietAt    time.Time                          // when to ask about quiet partitions next
	counters   map[string]topicCounters
	recordSize int64 // of a record in the budget, as a moving average
	pace       flow.Pace
	self       *actor.PID
	committer  *actor.PID
	shell      *committer
	ctx        context.Context // of lookups and commits
	cancel     context.CancelFunc
	actorCtx   actor.Context // of the message being handled, for the listener
	timer      *time.Timer
	flowAt     time.Time
	endsAt     time.Time
	topicsAt   time.Time
	releases   uint64
	troubles   troubles
	closing    *ClosePoller
	report     CloseReport
}

type topicCounters struct{ records, bytes *meter.Counter }

// pollNext is the poller's message to itself.
type pollNext struct{}

// ClosePoller stops a poller: it drains, commits, leaves the group, and reports.
type ClosePoller struct {
	Deadline time.Time
	Reply    chan<- CloseReport
}

// CloseReport says how a poller ended. Unfinished names what did not finish in time.
type CloseReport struct {
	Number     int
	Unfinished []string
}

// PollerFailed tells the processor that a poller's consumer is of no more use, or that the poller failed by a bug.
type PollerFailed struct {
	Number int
	Err    error
	Stack  string
	// Retire closes what the poller leaves behind; it blocks until ctx ends.
	Retire func(ctx context.Context) error
}

// NewPoller gives the props of the poller of a consumer.
func NewPoller(env *Env, number int, consumer kafka.Consumer) *actor.Props {
	return env.watched("poller", pollerName(number), func(g guard) actor.Actor { return newPoller(g, env, number, consumer) })
}

func newPoller(g guard, env *Env, number int, consumer kafka.Consumer) *poller {
	ctx, cancel := context.WithCancel(context.Background())
	return &poller{
		guard: g, env: env, number: number, consumer: consumer, ownership: core.NewOwnership(env.Settings.Start, env.Epochs),
		clientEnds: make(map[stream.Partition]int64), brokerEnds: make(map[stream.Partition]int64),
		pids: make(map[messages.Incarnation]*actor.PID), shares: make(map[messages.Incarnation]*flow.Share),
		fedAt: make(map[messages.Incarnation]time.Time), counters: make(map[string]topicCounters), ctx: ctx, cancel: cancel,
	}
}

// Receive handles one message.
func (p *poller) Receive(ctx actor.Context) {
	if m, ok := ctx.Message().(ClosePoller); ok && p.broken {
		m.Reply <- CloseReport{Number: p.number, Unfinished: []string{p.name() + " failed before"}}
	}
	p.actorCtx = ctx
	if failure := p.run(ctx, p.receive); failure != nil {
		p.fail(ctx, failure, string(failure.stack))
	}
}

func (p *poller) name() string { return pollerName(p.number) }

func pollerName(number int) string { return fmt.Sprintf("poller-%d", number) }

func (p *poller) receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		p.start(ctx)
	case pollNext:
		p.poll(ctx)
	case partitionSpawned:
		p.pids[m.inc] = m.pid
		p.step(messages.PartitionReady{Incarnation: m.inc})
		if active, ok := p.ownership.Active(m.inc.Partition); !ok || active != m.inc {
			p.stopIncarnation(m.inc)
		}
	case messages.ToOwnership:
		p.step(m)
	case ClosePoller:
		p.close(m)
	case *actor.Stopping:
		p.stop()
	}
}

func (p *poller) start(ctx actor.Context) {
	p.self = ctx.Self()
	p.lastPoll.Store(time.Now().UnixNano())
	paused := p.env.Board.addPoller(p)
	name := fmt.Sprintf("committer-%d", p.number)
	committer, err := ctx.SpawnNamed(p.env.watched("committer", name, func(g guard) actor.Actor {
		p.setShell(newCommitter(p.ctx, g, p.env, p.number, p.consumer))
		return p.shell
	}), name)
	if err != nil {
		panic(err) // the name is the poller's own
	}
	p.committer = committer
	if len(paused) > 0 {
		p.step(messages.OperatorPaused{Partitions: paused, Paused: true})
	}
	if err := p.consumer.Subscribe(p.env.Settings.Topics, p); err != nil {
		p.fail(ctx, fmt.Errorf("subscribe to %v: %w", p.env.Settings.Topics, err), "")
		return
	}
	ctx.Send(ctx.Self(), pollNext{})
}

// poll does one bounded step: it polls, feeds the partitions, and now and then looks at the budget and the logs' ends.
func (p *poller) poll(ctx actor.Context) {
	if p.closing != nil || p.broken {
		return
	}
	wait := pollWaitMax
	if !p.ownership.Settled() || p.env.Account.Used() > 0 {
		wait = pollWaitMin
	}
	room, paced, taken := p.room()
	defer taken()
	if paced {
		wait = 0
	}
	err := p.consumer.Poll(wait, room, &p.fetch)
	now := time.Now()
	p.lastPoll.Store(now.UnixNano())
	p.fetch.Take(func(b kafka.Batch) { p.feed(ctx, b) })
	if err != nil {
		p.fail(ctx, err, "")
		return
	}
	if account := p.env.Account; now.After(p.flowAt) || account.Used() > account.Limit()/2 {
		p.flowAt = now.Add(flowInterval)
		p.decideFlow()
	}
	if now.After(p.endsAt) {
		p.endsAt = now.Add(endsInterval)
		p.lookAtEnds(now)
	}
	if now.After(p.topicsAt) {
		p.topicsAt = now.Add(topicsInterval)
		p.lookAtTopics()
	}
	if paced {
		time.Sleep(pollRest)
	}
	ctx.Send(ctx.Self(), pollNext{})
}

// step gives the ownership machine a message and carries out what it decides.
func (p *poller) step(m messages.ToOwnership) {
	ctx := p.actorCtx
	now := time.Now()
	out := &p.effects
	out.Reset()
	p.mu.Lock()
	p.ownership.Step(now, m, out)
	p.mu.Unlock()
	p.env.Meter.StaleMessages().Add(int64(out.Stale))
	p.env.Emit(out.Events...)
	if revoked, ok := m.(messages.PartitionsRevoked); ok {
		p.forget(revoked.Partitions)
	}
	if lost, ok := m.(messages.PartitionsLost); ok {
		p.forget(lost.Partitions)
	}
	if len(out.Disown) > 0 {
		ctx.Send(p.committer, messages.Disown{Incarnations: append([]messages.Incarnation(nil), out.Disown...)})
	}
	for _, inc := range out.Stop {
		p.stopIncarnation(inc)
	}
	if len(out.Lookup) > 0 {
		p.lookUp(append([]messages.Incarnation(nil), out.Lookup...))
	}
	for _, own := range out.Own {
		ctx.Send(p.committer, own)
	}
	for _, start := range out.Spawn {
		share := p.env.Account.Open(start.Incarnation.Partition)
		p.shares[start.Incarnation] = share
		ctx.Send(p.env.Partitions, spawnPartition{start: start, share: share, poller: ctx.Self(), committer: p.committer})
	}
	for _, o := range out.Operator {
		if pid := p.pids[o.To]; pid != nil {
			ctx.Send(pid, o.Message)
		}
	}
	p.instruct(out)
	p.arm(ctx, now, out.Wake)
}

// instruct tells the client what to deliver. What it refuses because a rebalance goes on is settled by that rebalance.
func (p *poller) instruct(out *core.OwnershipEffects) {
	for _, s := range out.Start {
		p.fedAt[s.Incarnation] = time.Now()
		err := p.consumer.Start(s.Partition, s.Offset)
		switch {
		case err == nil, errors.Is(err, kafka.ErrNotOwned):
		case errors.Is(err, kafka.ErrOffsetOutOfRange): // this consumer can read it no more
			p.fail(p.actorCtx, err, "")
			return
		default:
			p.env.Emit(stream.StartUnavailable{Partition: s.Partition, Epoch: s.Epoch, Error: err.Error()})
			root, self, inc := p.actorCtx.ActorSystem().Root, p.actorCtx.Self(), s.Incarnation
			time.AfterFunc(lookupTimeout/10, func() {
				root.Send(self, messages.PartitionFailed{Incarnation: inc, Err: err})
			})
		}
	}
	if len(out.Pause) > 0 {
		p.heed(p.consumer.Pause(out.Pause))
	}
	if len(out.Resume) > 0 {
		p.heed(p.consumer.Resume(out.Resume))
	}
}

func (p *poller) heed(err error) {
	if err != nil && !errors.Is(err, kafka.ErrNotOwned) {
		p.Trouble(err)
	}
}

func (p *poller) arm(ctx actor.Context, now, at time.Time) {
	if at.IsZero() {
		return
	}
	if p.timer != nil {
		p.timer.Stop()
	}
	root, self := ctx.ActorSystem().Root, ctx.Self()
	p.timer = time.AfterFunc(at.Sub(now), func() { root.Send(self, messages.OwnershipTick{}) })
}

func (p *poller) stopIncarnation(inc messages.Incarnation) {
	if share := p.shares[inc]; share != nil {
		share.SetIntake(flow.IntakeClosed)
		delete(p.shares, inc)
	}
	delete(p.fedAt, inc)
	delete(p.pids, inc) // which may not be known yet
	p.actorCtx.Send(p.env.Partitions, stopPartition{inc: inc})
}

// owns says whether this member owns a partition; it may be called from any goroutine.
func (p *poller) owns(s stream.Partition) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.ownership.Incarnations(s)) > 0
}

// fail reports that this poller is of no more use. Its incarnations end without a commit.
func (p *poller) fail(ctx actor.Context, err error, stack string) {
	p.broken = true
	p.failed.Store(true)
	ctx.Send(p.env.Processor, PollerFailed{Number: p.number, Err: err, Stack: stack, Retire: p.retire})
}

// retire closes the consumer of a poller that has failed. The client waits for the calls that are on their way.
func (p *poller) retire(ctx context.Context) error {
	p.cancel()
	if err := p.consumer.Close(ctx); err != nil {
		return fmt.Errorf("%s: closing its consumer: %w", p.name(), err)
	}
	return nil
}

// stop ends what is left when the actor ends.
func (p *poller) stop() {
	p.cancel()
	if p.timer != nil {
		p.timer.Stop()
	}
	for inc := range p.pids {
		p.stopIncarnation(inc)
	}
	for _, inc := range p.ownership.Incarnations() { // also those whose actor was asked for, and is not known yet
		p.actorCtx.Send(p.env.Partitions, stopPartition{inc: inc})
	}
	p.env.Board.removePoller(p)
}
