package sim

import (
	"errors"
	"slices"
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/messages"
)

// partition is the shell of one incarnation.
type partition struct {
	w       *world
	of      *process
	actor   *actor
	inc     messages.Incarnation
	poller  *poller
	share   *flow.Share
	machine *core.Partition
	effects core.PartitionEffects
	lanes   *lanes
	results []messages.Outcome // collected last
	parked  int64              // of the process's parked records
	life    *life

	over    bool // its context is cancelled
	broken  bool
	steps   int
	drained func(drainReply)
	wakeAt  time.Time
	timer   timer
	tick    func()
	strayAt int64 // since when nobody owns the incarnation, for the oracle
	allowed int64 // parked records at the last step, likewise
	left    bool  // it counts no more among the partitions, likewise
}

// drainRequest is a Drain with the place to answer at, because the poller waits.
type drainRequest struct {
	messages.Drain
	reply func(drainReply)
}

// drainReply ends an incarnation. ok is false when its actor is broken.
type drainReply struct {
	messages.Drained
	inc messages.Incarnation
	ok  bool
}

// crashActor makes a partition's actor panic.
type crashActor struct{}

func newPartition(of *process, m spawnPartition) *partition {
	w := of.w
	p := &partition{
		w: w, of: of, inc: m.start.Incarnation, poller: m.poller, share: m.share,
		machine: core.NewPartition(w.time(), w.plan.partition, m.start), timer: timer{w: w, of: of},
		life: w.oracle.life(of, m.start.Incarnation),
	}
	of.parking.Join()
	p.over = of.aborted
	p.tick = func() { p.actor.tell(messages.Tick{}) }
	p.actor = newActor(of, p.receive, p.stop)
	p.lanes = newLanes(p)
	return p
}

func (p *partition) receive(m any) {
	if p.broken {
		if m, ok := m.(drainRequest); ok {
			m.reply(drainReply{inc: p.inc})
		}
		return
	}
	switch m := m.(type) {
	case drainRequest:
		p.drained = m.reply
		p.step(m.Drain)
		p.lanes.actor.tell(lanesCallBack{})
	case outcomesReady:
		p.results = p.lanes.crew.collect(p.results)
		p.step(messages.Outcomes{Outcomes: p.results})
	case crashActor:
		p.crash()
	case messages.ToPartition:
		p.step(m)
	}
}

// crash is what the shell does when the machine panics.
func (p *partition) crash() {
	p.broken = true
	p.w.say("%s %s: its actor fails", p.of.name, p.inc)
	p.cancel()
	if p.drained != nil {
		p.drained(drainReply{inc: p.inc})
		p.drained = nil
	}
	p.of.partitions.actor.tell(partitionBroken{inc: p.inc})
}

// step gives the machine a message and carries out what it decides, in the shell's order.
func (p *partition) step(m messages.ToPartition) {
	w, out := p.w, &p.effects
	now := w.time()
	out.Reset()
	p.allowed = p.of.parking.Allows(p.parked)
	p.machine.LimitParked(p.allowed)
	p.machine.Step(now, m, out)
	if w.logs() {
		w.sayStep(p, m)
	}
	p.check()
	w.oracle.partitionStepped(p, m, out)
	if out.Released > 0 {
		p.share.Give(out.Released)
	}
	if out.CancelWork {
		p.cancel()
	}
	if out.CallBack {
		p.lanes.actor.tell(lanesCallBack{})
	}
	if len(out.ReplaceLanes) > 0 {
		p.lanes.actor.tell(lanesReplace{lanes: slices.Clone(out.ReplaceLanes)})
	}
	if len(out.Work) > 0 {
		p.lanes.actor.tell(lanesWork{works: slices.Clone(out.Work)})
	}
	if len(out.Publish) > 0 {
		p.of.publisher.actor.tell(publishRequest{from: p, outputs: append([]messages.PublishOutput(nil), out.Publish...)})
	}
	for i := range out.DeadLetters {
		p.of.letters.actor.tell(letterRequest{from: p, letter: out.DeadLetters[i]})
	}
	for _, c := range out.Circuits {
		p.of.partitions.actor.tell(circuitMessage{from: p.inc, ToCircuits: c})
	}
	if out.Watermark != nil {
		p.poller.committer.actor.tell(messages.WatermarkReport{Watermark: *out.Watermark})
	}
	if out.Drained != nil && p.drained != nil {
		p.drained(drainReply{Drained: *out.Drained, inc: p.inc, ok: true})
		p.drained = nil
	}
	if out.Fault != nil {
		p.fault(out.Fault)
	}
	p.park(p.machine.Parked())
	p.arm(now, out.Wake)
}

// park counts the partition's parked records with those of the process.
func (p *partition) park(n int64) {
	if n == p.parked {
		return
	}
	if p.of.parking.Change(n - p.parked) {
		p.of.partitions.actor.tell(parkingFree{})
	}
	p.parked = n
}

// check asks the machine whether its ledger agrees with its records; of a long one, whose every record is looked at, now and
// then.
func (p *partition) check() {
	p.steps++
	if ledger := p.machine.Ledger(); p.steps%16 != 0 && ledger.Unfinished() > 200 {
		return
	}
	if err := p.machine.Check(); err != nil {
		p.w.violate("conservation", "%s: %v", p.inc, err)
	}
}

// fault ends the process. That is a violation unless a handler has been stuck for too long.
func (p *partition) fault(err error) {
	if !p.w.plan.faults.Has(HandlerStuck) || p.w.plan.partition.StuckAfter == 0 || p.w.plan.partition.StuckDeadLetter {
		p.w.violate("fault", "%s: %v", p.inc, err)
	}
	p.of.fail(err.Error())
}

// arm sees to it that a Tick comes by the time the machine wants one; it is only ever brought forward.
func (p *partition) arm(now, at time.Time) {
	if at.IsZero() || (!p.wakeAt.IsZero() && p.wakeAt.After(now) && !at.Before(p.wakeAt)) {
		return
	}
	p.wakeAt = at
	p.timer.reset(at.Sub(now), p.tick)
}

// cancel ends the context of the handlers' attempts.
func (p *partition) cancel() {
	if p.over {
		return
	}
	p.over = true
	p.lanes.crew.contextEnded()
}

// stop ends the incarnation. What is not done is read again by whoever owns the partition next.
func (p *partition) stop() {
	p.cancel()
	p.machine.Abandon()
	if err := p.machine.Check(); err != nil {
		p.w.violate("conservation", "%s, at its end: %v", p.inc, err)
	}
	p.share.Close()
	if p.of.parking.Leave(p.parked) {
		p.of.partitions.actor.tell(parkingFree{})
	}
	p.left = true
	p.timer.stop()
	p.lanes.actor.end()
}

var errActorFailed = errors.New("the partition's actor has failed")
