package actors

import (
	"fmt"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/internal/core"
)

// vitals are what can be seen of an actor from outside: how much mail waits, and what it is at. They are counted beside the
// mailbox, because nobody but its actor may look into it.
type vitals struct {
	kind, name string
	posted     atomic.Int64
	handled    atomic.Int64
	since      atomic.Int64 // Unix nanoseconds of the message's beginning; 0 between messages
	message    atomic.Value // the reflect.Type of the message
}

// MailboxStarted is of no interest.
func (v *vitals) MailboxStarted() {}

// MessagePosted counts what comes in.
func (v *vitals) MessagePosted(any) { v.posted.Add(1) }

// MessageReceived counts what has been handled.
func (v *vitals) MessageReceived(any) { v.handled.Add(1) }

// MailboxEmpty is of no interest.
func (v *vitals) MailboxEmpty() {}

// begin notes that a message is being handled; end that it no longer is.
func (v *vitals) begin(message any) {
	v.message.Store(reflect.TypeOf(message))
	v.since.Store(time.Now().UnixNano())
}

func (v *vitals) end() { v.since.Store(0) }

// loop shows the actor to the watchdog.
func (v *vitals) loop() core.Loop {
	handled, busy := v.handled.Load(), v.since.Load() != 0
	queued := v.posted.Load() - handled
	if busy {
		queued--
	}
	return core.Loop{Kind: v.kind, Name: v.name, Handled: handled, Queued: max(queued, 0), Busy: busy}
}

// describe shows the actor in one line.
func (v *vitals) describe(now time.Time) string {
	l := v.loop()
	at := "idle"
	if since := v.since.Load(); since != 0 {
		at = fmt.Sprintf("at %v for %s", v.message.Load(), now.Sub(time.Unix(0, since)).Round(time.Millisecond))
	}
	return fmt.Sprintf("%s %s: %d queued, %d handled, %s", v.kind, v.name, l.Queued, l.Handled, at)
}

// watched gives the props of an actor that the watchdog looks at until it has stopped.
func (e *Env) watched(kind, name string, produce func(guard) actor.Actor) *actor.Props {
	v := &vitals{kind: kind, name: name}
	return actor.PropsFromProducer(func() actor.Actor {
		e.Board.addLoop(v)
		return produce(guard{vitals: v, board: e.Board})
	}, actor.WithMailbox(actor.Unbounded(v)), actor.WithDispatcher(e.Dispatcher))
}
