package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/messages"
)

// lane is the shell between a partition and the worker that runs the user's handler. It passes work on, watches the time
// of attempts, and replaces a worker that is given up.
type lane struct {
	guard
	part   *partition
	parent *actor.PID
	worker *worker
	timer  *time.Timer
	armed  bool
}

// laneWatch is the lane's message to itself that it is time to look at the attempt.
type laneWatch struct{}

// laneReplace tells a lane to give its worker up.
type laneReplace struct{}

// laneCallBack tells a lane to give back work that has not begun.
type laneCallBack struct{}

// newLane makes the lane of a partition. It uses what of it may be used from any goroutine.
func newLane(g guard, of *partition, parent *actor.PID) *lane {
	return &lane{guard: g, part: of, parent: parent}
}

// Receive handles one message.
func (l *lane) Receive(ctx actor.Context) {
	if failure := l.run(ctx, l.receive); failure != nil {
		ctx.Send(l.parent, laneBroken{failure: failure})
	}
}

func (l *lane) receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case messages.Work:
		if l.worker == nil {
			system, parent := ctx.ActorSystem(), l.parent
			l.worker = newWorker(l.part.ctx, l.part.env, l.part.inc.Partition, func(o messages.Outcome) { system.Root.Send(parent, o) })
			l.part.worker.Store(l.worker)
		}
		l.worker.give(m)
		l.arm(ctx, watchEvery)
	case laneWatch:
		l.armed = false
		if l.worker == nil {
			return
		}
		now := time.Now()
		if again := l.worker.watch(now); !again.IsZero() {
			l.arm(ctx, again.Sub(now))
		}
	case laneCallBack:
		if l.worker != nil {
			l.worker.callBack()
		}
	case laneReplace:
		l.abandon(true)
	case *actor.Stopping:
		l.abandon(false)
	}
}

func (l *lane) abandon(over bool) {
	if l.worker != nil {
		l.worker.abandon(over)
		l.worker = nil
		l.part.worker.Store(nil)
	}
	if l.timer != nil {
		l.timer.Stop()
	}
	l.armed = false
}

// arm makes the lane look at its worker's attempt after d, if it is not going to anyway.
func (l *lane) arm(ctx actor.Context, d time.Duration) {
	if l.armed {
		return
	}
	l.armed = true
	if l.timer == nil {
		root, self := ctx.ActorSystem().Root, ctx.Self()
		l.timer = time.AfterFunc(d, func() { root.Send(self, laneWatch{}) })
		return
	}
	l.timer.Reset(d)
}
