package sim

import (
	"time"

	"github.com/troupe-go/troupe/messages"
)

// lanes is the shell between a partition and its crew.
type lanes struct {
	w     *world
	part  *partition
	crew  *crew
	actor *actor
	armed bool
	timer timer
	look  func()
}

// What lanes are told, as in the shell.
type (
	lanesWork     struct{ works []messages.Work }
	lanesWatch    struct{}
	lanesReplace  struct{ lanes []int }
	lanesCallBack struct{}
)

const watchEvery = 100 * time.Millisecond

func newLanes(p *partition) *lanes {
	l := &lanes{w: p.w, part: p, crew: newCrew(p), timer: timer{w: p.w, of: p.of}}
	l.look = func() { l.actor.tell(lanesWatch{}) }
	l.actor = newActor(p.of, l.receive, l.stop)
	return l
}

func (l *lanes) receive(m any) {
	switch m := m.(type) {
	case lanesWork:
		l.crew.give(m.works)
		l.arm(watchEvery)
	case lanesWatch:
		l.armed = false
		now := l.w.time()
		if again := l.crew.watch(now); !again.IsZero() {
			l.arm(again.Sub(now))
		}
	case lanesCallBack:
		l.crew.callBack()
		l.part.life.calledBack = true
	case lanesReplace:
		l.crew.replace(m.lanes)
	}
}

func (l *lanes) stop() {
	l.crew.close()
	l.timer.stop()
	part := l.part
	l.w.after(part.of, l.w.hop(), func() { part.of.partitions.actor.tell(terminated{part: part}) })
}

func (l *lanes) arm(d time.Duration) {
	if l.armed {
		return
	}
	l.armed = true
	l.timer.reset(d, l.look)
}
