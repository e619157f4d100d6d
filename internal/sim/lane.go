package sim

import (
	"time"

	"github.com/troupe-go/troupe/messages"
)

// lane is the shell between a partition and the worker that runs the handler.
type lane struct {
	w       *world
	part    *partition
	actor   *actor
	worker  *worker
	givenUp []*worker // that still run
	armed   bool
	timer   timer
	look    func()
}

type laneWatch struct{}

// laneReplace tells a lane to give its worker up.
type laneReplace struct{}

// laneCallBack tells a lane to give back work that has not begun.
type laneCallBack struct{}

const watchEvery = 100 * time.Millisecond

func newLane(p *partition) *lane {
	l := &lane{w: p.w, part: p, timer: timer{w: p.w, of: p.of}}
	l.look = func() { l.actor.tell(laneWatch{}) }
	l.actor = newActor(p.of, l.receive, l.stop)
	return l
}

func (l *lane) receive(m any) {
	switch m := m.(type) {
	case messages.Work:
		if l.worker == nil {
			l.worker = newWorker(l.part)
		}
		l.worker.give(m)
		l.arm(watchEvery)
	case laneWatch:
		l.armed = false
		if l.worker == nil {
			return
		}
		now := l.w.time()
		if again := l.worker.watch(now); !again.IsZero() {
			l.arm(again.Sub(now))
		}
	case laneCallBack:
		if l.worker != nil {
			l.worker.callBack()
		}
	case laneReplace:
		l.abandon(true)
	}
}

func (l *lane) stop() {
	l.abandon(false)
	part := l.part
	l.w.after(part.of, l.w.hop(), func() { part.of.partitions.actor.tell(terminated{part: part}) })
}

func (l *lane) abandon(over bool) {
	if l.worker != nil {
		l.givenUp = append(l.givenUp, l.worker)
		l.worker.abandon(over)
		l.worker = nil
	}
	l.timer.stop()
	l.armed = false
}

func (l *lane) arm(d time.Duration) {
	if l.armed {
		return
	}
	l.armed = true
	l.timer.reset(d, l.look)
}

// contextEnded tells the workers that the incarnation's context is cancelled.
func (l *lane) contextEnded() {
	if l.worker != nil {
		l.worker.contextEnded()
	}
	for _, w := range l.givenUp {
		w.contextEnded()
	}
}
