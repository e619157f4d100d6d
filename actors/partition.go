package actors

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/internal/meter"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// manyHandlers at once wait for something and tend to return together. A partition lets those return that are about to before
// it collects, and collects them all.
const manyHandlers = 16

// partition is the shell of one incarnation. It runs no user code: a handler that panics or hangs cannot take the offsets
// with it.
type partition struct {
	guard
	env       *Env
	inc       messages.Incarnation
	self      *actor.PID
	committer *actor.PID
	parent    *actor.PID
	share     *flow.Share
	parked    int64 // of the process's parked records, this partition's

	mu      sync.Mutex // held while the machine steps, for those who read its status
	machine *core.Partition
	torn    bool // the machine panicked in a step, and is not to be looked at
	tornAt  time.Time

	effects core.PartitionEffects
	ctx     context.Context // of the handlers' attempts
	cancel  context.CancelFunc
	lanes   *actor.PID
	crew    *crew
	more    bool               // the crew is to ask for more Works
	results []messages.Outcome // collected last
	drained chan<- drainReply
	wakeAt  time.Time
	timer   *time.Timer

	latency   *meter.Local
	doneCount *meter.Counter
	skipCount *meter.Counter
}

// drainRequest is a Drain with the place to answer at: not the poller's mailbox, because the poller waits.
type drainRequest struct {
	messages.Drain
	reply chan<- drainReply
}

// drainReply ends an incarnation. ok is false when its actor is broken and its offsets cannot be trusted.
type drainReply struct {
	messages.Drained
	inc messages.Incarnation
	ok  bool
}

// outcomesReady tells a partition that its crew has outcomes to collect.
type outcomesReady struct{}

func newPartition(g guard, env *Env, start core.PartitionStart, share *flow.Share, committer, parent *actor.PID) *partition {
	ctx, cancel := context.WithCancel(env.Base)
	return &partition{
		guard: g, env: env, inc: start.Incarnation, committer: committer, parent: parent, share: share,
		machine: core.NewPartition(time.Now(), env.Settings.Partition, start), ctx: ctx, cancel: cancel,
		latency:   env.Meter.EndToEndLatency().Local(),
		doneCount: env.Meter.ProcessRecords(meter.ResultDone), skipCount: env.Meter.ProcessRecords(meter.ResultSkipped),
	}
}

// Receive handles one message.
func (p *partition) Receive(ctx actor.Context) {
	if p.broken {
		if m, ok := ctx.Message().(drainRequest); ok {
			m.reply <- drainReply{inc: p.inc}
		}
	}
	if failure := p.run(ctx, p.receive); failure != nil {
		p.cancel()
		if p.drained != nil { // the poller waits
			p.drained <- drainReply{inc: p.inc}
			p.drained = nil
		}
		ctx.Send(p.parent, partitionBroken{inc: p.inc, failure: failure})
	}
}

func (p *partition) receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		p.start(ctx)
	case *actor.Stopping:
		p.stop()
		if p.env.Parking.Leave(p.parked) {
			ctx.Send(p.parent, parkingFree{})
		}
	case drainRequest:
		p.drained = m.reply
		p.step(ctx, m.Drain)
		p.crew.callBack()
	case outcomesReady:
		if p.env.Handlers.Load() >= manyHandlers {
			runtime.Gosched()
		}
		p.results = p.crew.collect(p.results)
		p.step(ctx, messages.Outcomes{Outcomes: p.results})
		clear(p.results) // which have outputs
	case lanesBroken:
		panic(m.failure)
	case messages.ToPartition:
		p.step(ctx, m)
	}
}

// start brings up the lanes.
func (p *partition) start(ctx actor.Context) {
	root, self := ctx.ActorSystem().Root, ctx.Self()
	p.self = self
	p.env.Parking.Join()
	p.crew = newCrew(p.ctx, p.env, p.inc.Partition, func() { root.Send(self, outcomesReady{}) })
	lanes, err := ctx.SpawnNamed(p.env.watched("lanes", p.inc.String()+" lanes", func(g guard) actor.Actor {
		return &lanes{guard: g, crew: p.crew, parent: self}
	}), "lanes")
	if err != nil {
		panic(err) // the name is the partition's own
	}
	p.lanes = lanes
	p.env.Board.add(p)
}

// step gives the machine a message and carries out what it decides.
func (p *partition) step(ctx actor.Context, m messages.ToPartition) {
	now := time.Now()
	out := &p.effects
	out.Reset()
	p.advance(now, m, out)
	p.account(ctx, out)
	for _, d := range out.Latencies {
		p.latency.Observe(d.Seconds())
	}
	p.env.Meter.EndToEndLatency().Merge(p.latency)
	p.env.Meter.StaleMessages().Add(int64(out.Stale))
	p.doneCount.Add(out.Handled)
	p.skipCount.Add(out.Skipped)
	p.env.Emit(out.Events...)
	if out.CancelWork {
		p.cancel()
	}
	if out.CallBack {
		p.crew.callBack()
	}
	if len(out.ReplaceLanes) > 0 {
		p.crew.replace(out.ReplaceLanes)
	}
	if len(out.Work) > 0 && p.crew.give(out.Work) {
		ctx.Send(p.lanes, lanesWork{})
	}
	if more := p.machine.LanesLimited(); more != p.more {
		p.more = more
		p.crew.await(more)
	}
	if len(out.Publish) > 0 {
		ctx.Send(p.env.Publisher, publishRequest{from: ctx.Self(), outputs: append([]messages.PublishOutput(nil), out.Publish...)})
	}
	for i := range out.DeadLetters {
		ctx.Send(p.env.DeadLetter, deadLetterRequest{from: ctx.Self(), letter: out.DeadLetters[i]})
	}
	for _, c := range out.Circuits {
		ctx.Send(p.parent, circuitMessage{from: p.inc, ToCircuits: c})
	}
	if out.Watermark != nil {
		ctx.Send(p.committer, messages.WatermarkReport{Watermark: *out.Watermark})
	}
	if out.Drained != nil && p.drained != nil {
		p.drained <- drainReply{Drained: *out.Drained, inc: p.inc, ok: true}
		p.drained = nil
	}
	if out.Fault != nil {
		p.env.Fail(out.Fault)
	}
	p.park(ctx, p.machine.Parked())
	p.arm(ctx, now, out.Wake)
	out.Reset() // or it would keep records until the next step
}

// account brings the byte budget in line with what the step has ended and put out.
func (p *partition) account(ctx actor.Context, out *core.PartitionEffects) {
	p.share.Give(out.Released)
	for i := range out.Publish {
		p.env.Account.Charge(flow.Outputs, flow.MessageCost(&out.Publish[i].Message))
	}
	if p.env.Account.Freed() {
		ctx.Send(p.parent, roomAgain{})
	}
}

// park counts the partition's parked records with those of the process.
func (p *partition) park(ctx actor.Context, n int64) {
	if n == p.parked {
		return
	}
	if p.env.Parking.Change(n - p.parked) {
		ctx.Send(p.parent, parkingFree{})
	}
	p.parked = n
}

func (p *partition) advance(now time.Time, m messages.ToPartition, out *core.PartitionEffects) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.torn, p.tornAt = true, now
	p.machine.LimitParked(p.env.Parking.Allows(p.parked))
	p.machine.Crowd(now, p.env.Account.Crowded())
	p.machine.LimitLanes(p.crew.room())
	p.machine.Step(now, m, out)
	p.torn = false
}

// arm sees to it that a Tick comes by the time the machine wants one. A timer that fires early does no harm, so it is only
// ever brought forward.
func (p *partition) arm(ctx actor.Context, now, at time.Time) {
	if at.IsZero() || (!p.wakeAt.IsZero() && p.wakeAt.After(now) && !at.Before(p.wakeAt)) {
		return
	}
	p.wakeAt = at
	if p.timer == nil {
		root, self := ctx.ActorSystem().Root, ctx.Self()
		p.timer = time.AfterFunc(at.Sub(now), func() { root.Send(self, messages.Tick{}) })
		return
	}
	p.timer.Reset(at.Sub(now))
}

// stop ends the incarnation. What is not done is read again by whoever owns the partition next.
func (p *partition) stop() {
	p.cancel()
	p.mu.Lock()
	p.machine.Abandon()
	abandoned := p.machine.Ledger().States[stream.Abandoned]
	p.mu.Unlock()
	p.env.Meter.ProcessRecords(meter.ResultAbandoned).Add(abandoned)
	p.env.Board.remove(p)
	p.share.Close()
	if p.timer != nil {
		p.timer.Stop()
	}
}

// status shows the machine; it may be called from any goroutine.
func (p *partition) status(now time.Time) stream.PartitionStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.torn {
		return stream.PartitionStatus{
			Partition: p.inc.Partition, Epoch: p.inc.Epoch, Cause: stream.Draining, Since: p.tornAt, Start: -1, Watermark: -1,
			Detail: "its actor has failed; the next incarnation follows",
		}
	}
	s := p.machine.Status(now)
	if s.Cause == stream.HandlerSlow {
		if cause, since, detail, ok := p.crew.standing().Explain(); ok {
			s.Cause, s.Since, s.Detail = cause, since, detail
		}
	}
	s.HeldBytes = p.share.Held()
	return s
}

// standing shows the partition to the watchdog. It is false when the machine is in the middle of a step: that the step does
// not end is seen by its mailbox.
func (p *partition) standing(now time.Time, open map[string]bool) (s core.Standing, next int64, ok bool) {
	if !p.mu.TryLock() {
		return core.Standing{}, 0, false
	}
	defer p.mu.Unlock()
	if p.torn { // the next incarnation is due
		return core.Standing{Incarnation: p.inc, Cause: stream.Flowing, Unfinished: 1, Watermark: -1, Offset: -1}, -1, true
	}
	s = p.machine.Standing(now)
	s.Lane = p.crew.standing()
	s.CircuitOpen = core.IsCircuitOpen(open, p.machine.Circuit())
	return s, p.machine.Next(), true
}

// heldKeys are the keys that are held because of a dead letter; it may be called from any goroutine.
func (p *partition) heldKeys() []stream.HeldKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.torn {
		return nil
	}
	return p.machine.HeldKeys()
}

// describe shows the partition to a person who looks for a bug.
func (p *partition) describe(now time.Time) string {
	lane := p.crew.standing()
	running, waiting := p.crew.count()
	at := fmt.Sprintf("\nlanes: %s since %s; %d handled, %d wait; holds %d bytes", lane.Phase, now.Sub(lane.Since).Round(time.Millisecond),
		running, waiting, p.share.Held())
	if !p.mu.TryLock() {
		return p.inc.String() + ": its machine is in the middle of a step" + at
	}
	defer p.mu.Unlock()
	if p.torn {
		return p.inc.String() + ": its machine has failed" + at
	}
	return p.machine.Describe(now) + at
}

// check compares the ledger with the records; it may be called from any goroutine.
func (p *partition) check() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.torn {
		return nil
	}
	return p.machine.Check()
}
