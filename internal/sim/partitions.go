package sim

import (
	"slices"
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/messages"
)

// partitions is the shell of the parent of all partition actors; it hosts the circuits.
type partitions struct {
	w        *world
	of       *process
	actor    *actor
	children map[messages.Incarnation]*partition
	stopping map[*partition]func()
	everyone []*partition // children and stopping
	circuits *core.Circuits
	effects  core.CircuitEffects
	budget   *retry.Budget
	timer    timer
	tick     func()
}

// spawnPartition asks for the actor of an incarnation; partitionSpawned answers the poller.
type spawnPartition struct {
	start  core.PartitionStart
	share  *flow.Share
	poller *poller
}

// stopPartition ends an incarnation's actor.
type stopPartition struct{ inc messages.Incarnation }

// terminated says that a partition's actor, and its lane, have stopped.
type terminated struct{ part *partition }

// partitionBroken says that a partition's actor failed.
type partitionBroken struct{ inc messages.Incarnation }

// parkingFree says that more records may be parked than before: fewer are, or there are fewer partitions.
type parkingFree struct{}

// circuitMessage carries a partition's message to the circuits.
type circuitMessage struct {
	from messages.Incarnation
	messages.ToCircuits
}

func newPartitions(of *process) *partitions {
	p := &partitions{
		w: of.w, of: of, children: make(map[messages.Incarnation]*partition), stopping: make(map[*partition]func()),
		circuits: core.NewCircuits(of.w.plan.partition.FailureRate), budget: retry.NewBudget(retry.Limits{}), timer: timer{w: of.w, of: of},
	}
	p.tick = func() { p.actor.tell(messages.CircuitTick{}) }
	p.actor = newActor(of, p.receive, nil)
	p.actor.lags = true // so that incarnations outlive what has been decided about them
	return p
}

func (p *partitions) receive(m any) {
	switch m := m.(type) {
	case spawnPartition:
		p.spawn(m)
	case stopPartition:
		p.stop(m.inc)
	case terminated:
		if stopped := p.stopping[m.part]; stopped != nil {
			delete(p.stopping, m.part)
			p.everyone = slices.DeleteFunc(p.everyone, func(other *partition) bool { return other == m.part })
			stopped()
		}
	case partitionBroken:
		p.failed(m)
	case circuitMessage:
		if _, ok := p.children[m.from]; ok {
			p.step(m.ToCircuits)
		}
	case messages.CircuitTick:
		p.step(m)
	case parkingFree:
		for _, inc := range sorted(p.children) {
			p.children[inc].actor.tell(messages.Tick{})
		}
	}
}

// spawn begins an incarnation. Those of the partition that are older end; one that is not the newest is not begun. Which of
// two pollers is the rightful owner nobody knows here: the one whose incarnation gives way may begin another after a pause,
// in which the other has heard of it if it is a zombie.
func (p *partitions) spawn(m spawnPartition) {
	inc := m.start.Incarnation
	newest := true
	for _, other := range sorted(p.children) {
		switch {
		case other.Partition != inc.Partition:
		case other.Epoch < inc.Epoch:
			p.givesWay(other, p.children[other].poller)
			p.stop(other)
		default:
			newest = false
		}
	}
	if !newest {
		m.share.Close()
		p.givesWay(inc, m.poller)
		return
	}
	part := newPartition(p.of, m)
	p.children[inc] = part
	p.everyone = append(p.everyone, part)
	if told := p.circuits.Told(); told.Open {
		part.actor.tell(told)
	}
	m.poller.actor.tell(partitionSpawned{part: part})
}

func (p *partitions) givesWay(inc messages.Incarnation, poller *poller) {
	p.w.after(p.of, givesWayFor, func() {
		poller.actor.tell(messages.PartitionFailed{Incarnation: inc, Err: errGaveWay})
	})
}

const (
	givesWayFor = time.Second
	errGaveWay  = simError("another poller of this process was given the partition")
)

// stop ends an incarnation. Until it has stopped, its attempts are not among the orphans yet.
func (p *partitions) stop(inc messages.Incarnation) {
	part, ok := p.children[inc]
	if !ok {
		return
	}
	delete(p.children, inc)
	p.stopping[part] = p.of.orphans.add(inc.Partition)
	part.actor.end()
	p.step(messages.IncarnationEnded{Incarnation: inc})
}

// failed has the poller begin the next incarnation, after a pause, as long as the budget of failures lasts.
func (p *partitions) failed(m partitionBroken) {
	part, ok := p.children[m.inc]
	if !ok {
		return
	}
	delay, spent := p.budget.Fail(p.w.time(), retry.Entropy(m.inc.Epoch, 0, 0))
	if spent {
		p.of.fail(m.inc.String() + " failed too often")
		return
	}
	p.w.after(p.of, delay, func() {
		part.poller.actor.tell(messages.PartitionFailed{Incarnation: m.inc, Err: errActorFailed})
	})
}

// step gives the circuits a message and carries out what they decide.
func (p *partitions) step(m messages.ToCircuits) {
	w, out := p.w, &p.effects
	out.Reset()
	p.circuits.Step(w.time(), m, out)
	if w.logs() {
		w.say("%s circuits %s", p.of.name, show(m))
		w.sayEvents(p.of.name, out.Events)
	}
	w.oracle.circuitsStepped(p.of, m, out)
	if out.Changed {
		for _, inc := range sorted(p.children) {
			p.children[inc].actor.tell(out.Open)
		}
	}
	for _, v := range out.Charges {
		p.tell(v.To, v.Message)
	}
	for _, v := range out.Verdicts {
		p.tell(v.To, v.Message)
	}
	if !out.Wake.IsZero() {
		p.timer.reset(out.Wake.Sub(w.time()), p.tick)
	}
}

func (p *partitions) tell(inc messages.Incarnation, m messages.ToPartition) {
	if part, ok := p.children[inc]; ok {
		part.actor.tell(m)
	}
}

// living gives the partitions' actors in the order of their epochs, those that are about to stop last.
func (p *partitions) living() []*partition {
	var out []*partition
	for _, inc := range sorted(p.children) {
		out = append(out, p.children[inc])
	}
	return out
}
