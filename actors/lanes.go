package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/messages"
)

// lanes is the shell between a partition and its crew. It passes work on, watches the time of attempts, and gives up those
// that are stuck for too long. It runs no user code.
type lanes struct {
	guard
	crew   *crew
	parent *actor.PID
	timer  *time.Timer
	armed  bool
}

// lanesWork are Works for the lanes.
type lanesWork struct{ works []messages.Work }

// lanesWatch is the lanes' message to themselves that it is time to look at the attempts.
type lanesWatch struct{}

// lanesReplace tells them to give the stuck attempts of some lanes up.
type lanesReplace struct{ lanes []int }

// lanesCallBack tells them to give back work that has not begun.
type lanesCallBack struct{}

// lanesBroken tells a partition that its lanes failed by a bug.
type lanesBroken struct{ failure *bug }

// Receive handles one message.
func (l *lanes) Receive(ctx actor.Context) {
	if failure := l.run(ctx, l.receive); failure != nil {
		ctx.Send(l.parent, lanesBroken{failure: failure})
	}
}

func (l *lanes) receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case lanesWork:
		l.crew.give(m.works)
		l.arm(ctx, watchEvery)
	case lanesWatch:
		l.armed = false
		now := time.Now()
		if again := l.crew.watch(now); !again.IsZero() {
			l.arm(ctx, again.Sub(now))
		}
	case lanesCallBack:
		l.crew.callBack()
	case lanesReplace:
		l.crew.replace(m.lanes)
	case *actor.Stopping:
		l.crew.close()
		if l.timer != nil {
			l.timer.Stop()
		}
	}
}

// arm makes the lanes look at their attempts after d, if they are not going to anyway.
func (l *lanes) arm(ctx actor.Context, d time.Duration) {
	if l.armed {
		return
	}
	l.armed = true
	if l.timer == nil {
		root, self := ctx.ActorSystem().Root, ctx.Self()
		l.timer = time.AfterFunc(d, func() { root.Send(self, lanesWatch{}) })
		return
	}
	l.timer.Reset(d)
}
