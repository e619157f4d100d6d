package actors

import (
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

const giveWayPause = time.Second

var errGaveWay = errors.New("another poller of this process was given the partition")

// Partitions is the parent of all partition actors. It never blocks, unlike the pollers, so it can supervise; and it hosts
// the circuits, which concern all partitions.
type Partitions struct {
	guard
	env      *Env
	children map[messages.Incarnation]child
	stopping map[string]func() // by the actor's id: to call when it has stopped
	circuits *core.Circuits
	effects  core.CircuitEffects
	ended    bool // stopping: nothing more is spawned
	budget   *retry.Budget
	timer    *time.Timer
}

type child struct {
	pid    *actor.PID
	poller *actor.PID
}

// spawnPartition asks for the actor of an incarnation; partitionSpawned answers the poller.
type spawnPartition struct {
	start     core.PartitionStart
	share     *flow.Share
	poller    *actor.PID
	committer *actor.PID
}

type partitionSpawned struct {
	inc messages.Incarnation
	pid *actor.PID
}

// stopPartition ends an incarnation's actor.
type stopPartition struct{ inc messages.Incarnation }

// parkingFree says that more records may be parked than before: fewer are, or there are fewer partitions.
type parkingFree struct{}

// roomAgain says that the budget has room for outputs again.
type roomAgain struct{}

// partitionBroken says that a partition's actor failed by a bug.
type partitionBroken struct {
	inc     messages.Incarnation
	failure *bug
}

// circuitMessage carries a partition's message to the circuits. One that was under way when its incarnation ended is
// dropped: a record that nobody will try again must not wait for a probe, because the others wait for it.
type circuitMessage struct {
	from messages.Incarnation
	messages.ToCircuits
}

// NewPartitions gives the props of the parent.
func NewPartitions(env *Env) *actor.Props {
	return env.watched("partitions", "partitions", func(g guard) actor.Actor {
		return &Partitions{
			guard: g, env: env, children: make(map[messages.Incarnation]child), stopping: make(map[string]func()),
			circuits: core.NewCircuits(env.Settings.Partition.FailureRate), budget: retry.NewBudget(retry.Limits{}),
		}
	})
}

// Receive handles one message.
func (p *Partitions) Receive(ctx actor.Context) {
	if failure := p.run(ctx, p.receive); failure != nil {
		p.env.Fail(fmt.Errorf("partitions actor: %w\n%s", failure, failure.stack))
	}
}

func (p *Partitions) receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		p.env.Board.setCircuits(p.circuits.Status())
	case spawnPartition:
		p.spawn(ctx, m)
	case stopPartition:
		p.stop(ctx, m.inc)
	case *actor.Terminated:
		if stopped := p.stopping[m.Who.Id]; stopped != nil {
			delete(p.stopping, m.Who.Id)
			stopped()
		}
	case partitionBroken:
		p.failed(ctx, m)
	case circuitMessage:
		if _, ok := p.children[m.from]; ok {
			p.step(ctx, m.ToCircuits)
		}
	case messages.CircuitTick:
		p.step(ctx, m)
	case parkingFree, roomAgain:
		for _, c := range p.children {
			ctx.Send(c.pid, messages.Tick{})
		}
	case *actor.Stopping:
		p.ended = true
		if p.timer != nil {
			p.timer.Stop()
		}
	}
}

// spawn begins an incarnation. Those of the partition that are older end: this process was given it anew, perhaps through
// another poller, and theirs has not said so yet or has failed. One that is not the newest any more is not begun. Which of
// two pollers is the rightful owner nobody knows here, because one that was given up may begin an incarnation before it
// hears of that.
func (p *Partitions) spawn(ctx actor.Context, m spawnPartition) {
	inc := m.start.Incarnation
	newest := true
	for other := range p.children {
		if other.Partition != inc.Partition {
			continue
		}
		if other.Epoch < inc.Epoch {
			p.giveWay(ctx, other, p.children[other].poller)
			p.stop(ctx, other)
		} else {
			newest = false
		}
	}
	if p.ended {
		m.share.Close()
		return
	}
	if !newest {
		m.share.Close()
		p.giveWay(ctx, inc, m.poller)
		return
	}
	props := p.env.watched("partition", inc.String(), func(g guard) actor.Actor {
		return newPartition(g, p.env, m.start, m.share, m.committer, ctx.Self())
	})
	pid, err := ctx.SpawnNamed(props, fmt.Sprintf("%s#%d", inc.Partition, inc.Epoch))
	if err != nil {
		panic(fmt.Errorf("spawn %s: %w", inc, err)) // an epoch is used once
	}
	p.children[inc] = child{pid: pid, poller: m.poller}
	if told := p.circuits.Told(); told.Open {
		ctx.Send(pid, told)
	}
	ctx.Send(m.poller, partitionSpawned{inc: inc, pid: pid})
}

// giveWay has the poller of an incarnation that ends for another one's sake begin the next, after a pause in which it hears
// that it was given up, if it was.
func (p *Partitions) giveWay(ctx actor.Context, inc messages.Incarnation, poller *actor.PID) {
	root := ctx.ActorSystem().Root
	time.AfterFunc(giveWayPause, func() {
		root.Send(poller, messages.PartitionFailed{Incarnation: inc, Err: errGaveWay})
	})
}

// stop ends an incarnation.
func (p *Partitions) stop(ctx actor.Context, inc messages.Incarnation) {
	c, ok := p.children[inc]
	if !ok {
		return
	}
	delete(p.children, inc)
	// Until it has stopped, its attempts are not among the orphans yet.
	p.stopping[c.pid.Id] = p.env.Orphans.Add(inc.Partition)
	ctx.Stop(c.pid)
	p.step(ctx, messages.IncarnationEnded{Incarnation: inc})
}

// failed has the poller begin the next incarnation, after a pause, as long as the budget of failures lasts.
func (p *Partitions) failed(ctx actor.Context, m partitionBroken) {
	c, ok := p.children[m.inc]
	if !ok {
		return
	}
	p.env.Emit(stream.Restarted{
		Kind: "partition", Actor: m.inc.String(), Error: m.failure.Error(), Stack: string(m.failure.stack),
	})
	delay, spent := p.budget.Fail(time.Now(), retry.Entropy(m.inc.Epoch, 0, 0))
	if spent {
		p.env.Fail(fmt.Errorf("%s failed too often: %w", m.inc, m.failure))
		return
	}
	root, poller := ctx.ActorSystem().Root, c.poller
	time.AfterFunc(delay, func() {
		root.Send(poller, messages.PartitionFailed{Incarnation: m.inc, Err: m.failure})
	})
}

// step gives the circuits a message and carries out what they decide.
func (p *Partitions) step(ctx actor.Context, m messages.ToCircuits) {
	now := time.Now()
	out := &p.effects
	out.Reset()
	p.circuits.Step(now, m, out)
	p.env.Emit(out.Events...)
	if out.Changed { // before the verdicts, or partitions would not begin what they let go on
		for _, c := range p.children {
			ctx.Send(c.pid, out.Open)
		}
	}
	for _, v := range out.Charges {
		p.tell(ctx, v.To, v.Message)
	}
	for _, v := range out.Verdicts {
		p.tell(ctx, v.To, v.Message)
	}
	if out.Shown {
		p.env.Board.setCircuits(p.circuits.Status())
	}
	if out.Wake.IsZero() {
		return
	}
	root, self := ctx.ActorSystem().Root, ctx.Self()
	if p.timer != nil {
		p.timer.Stop()
	}
	p.timer = time.AfterFunc(out.Wake.Sub(now), func() { root.Send(self, messages.CircuitTick{}) })
}

func (p *Partitions) tell(ctx actor.Context, inc messages.Incarnation, m messages.ToPartition) {
	if c, ok := p.children[inc]; ok {
		ctx.Send(c.pid, m)
	}
}
