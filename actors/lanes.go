package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// lanes watches the time of a crew's attempts, and ends the crew with the partition. It runs no user code.
type lanes struct {
	guard
	crew   *crew
	parent *actor.PID
	timer  *time.Timer
}

// lanesWork tells the lanes that there is work again.
type lanesWork struct{}

// lanesWatch is their message to themselves that it is time to look at the attempts.
type lanesWatch struct{}

// lanesBroken tells a partition that its lanes failed by a bug.
type lanesBroken struct{ failure *bug }

// Receive handles one message.
func (l *lanes) Receive(ctx actor.Context) {
	if failure := l.run(ctx, l.receive); failure != nil {
		ctx.Send(l.parent, lanesBroken{failure: failure})
	}
}

func (l *lanes) receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case lanesWork:
		l.arm(ctx, watchEvery)
	case lanesWatch:
		now := time.Now()
		if again := l.crew.watch(now); !again.IsZero() {
			l.arm(ctx, again.Sub(now))
		}
	case *actor.Stopping:
		l.crew.close()
		if l.timer != nil {
			l.timer.Stop()
		}
	}
}

// arm makes the lanes look at their attempts after d.
func (l *lanes) arm(ctx actor.Context, d time.Duration) {
	if l.timer == nil {
		root, self := ctx.ActorSystem().Root, ctx.Self()
		l.timer = time.AfterFunc(d, func() { root.Send(self, lanesWatch{}) })
		return
	}
	l.timer.Reset(d)
}
