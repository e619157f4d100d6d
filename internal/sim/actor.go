package sim

import "time"

// actor is a mailbox and who reads it. As in the actor library, mail is taken in the order in which it was sent, one
// message at a time, each after a delay; an end goes before all mail, and the mail that is left is dropped. While an actor
// is blocked in a message (only pollers are), it takes none.
type actor struct {
	w       *world
	of      *process
	mail    []any
	head    int
	running bool // a turn is scheduled
	blocked bool
	ending  bool
	ended   bool
	lags    bool // it may wait much longer for its turn than others, among the laggards
	receive func(m any)
	stopped func()
	turn    func()
}

func newActor(of *process, receive func(any), stopped func()) *actor {
	a := &actor{w: of.w, of: of, receive: receive, stopped: stopped}
	a.turn = a.next
	return a
}

func (a *actor) tell(m any) {
	if a.ended {
		return
	}
	a.mail = append(a.mail, m)
	a.schedule()
}

// end stops the actor before its next message.
func (a *actor) end() {
	if a.ended || a.ending {
		return
	}
	a.ending = true
	a.schedule()
}

func (a *actor) schedule() {
	if a.running || a.blocked {
		return
	}
	a.running = true
	d := a.w.hop()
	if a.lags && a.w.laggy && a.w.chance.Uint64()&15 == 0 {
		d += between(a.w.chance, 0, 1500*time.Millisecond)
	}
	a.w.after(a.of, d, a.turn)
}

// unblock lets an actor that waited inside a message go on to the next.
func (a *actor) unblock() {
	a.blocked = false
	if a.ending || a.head < len(a.mail) {
		a.schedule()
	}
}

func (a *actor) next() {
	a.running = false
	if a.ended || a.blocked {
		return
	}
	if a.ending {
		a.ended, a.mail = true, nil
		if a.stopped != nil {
			a.stopped()
		}
		return
	}
	m := a.mail[a.head]
	a.mail[a.head] = nil
	a.head++
	if a.head == len(a.mail) {
		a.mail, a.head = a.mail[:0], 0
	}
	a.receive(m)
	if !a.blocked && (a.ending || a.head < len(a.mail)) {
		a.schedule()
	}
}
