package sim

import (
	"time"

	"github.com/troupe-go/troupe/internal/core/retry"
)

// outbox writes messages with one producer and keeps each until its fate is known, as the shell's does.
type outbox[T any] struct {
	w       *world
	of      *process
	actor   *actor
	name    string
	away    func() bool              // the topic cannot be written now, and the client keeps trying
	refuses func(item T) (err error) // the broker refuses the message for itself
	written func(item T)             // the broker has it
	again   func(item T)             // it may be written once more
	settled func(item T, err error)  // its fate

	open    bool // there is a producer
	era     int
	slots   []outboxSlot[T]
	free    []int
	backlog []int
	waiting bool
	budget  *retry.Budget

	inFlight int // with the client
	flushed  func(left int)
}

type outboxSlot[T any] struct {
	used   bool
	queued bool
	item   T
}

// delivery report, and the outbox's messages to itself
type (
	delivered struct {
		era, at int
		fate    produceFate
		err     error
	}
	outboxRetry   struct{}
	outboxRenewed struct{ era int }
)

// produceFate is what happens to a message on its way.
type produceFate uint8

const (
	produceAcknowledged produceFate = iota
	produceRefused
	produceUndelivered // given back; perhaps it is written
	produceFatal       // the producer is of no more use; perhaps it is written
)

const (
	outboxPause   = 10 * time.Millisecond
	producerQueue = 100
	errRefused    = simError("the broker refuses the message")
)

func (o *outbox[T]) begin() {
	o.open = true
	o.budget = retry.NewBudget(retry.Limits{})
}

func (o *outbox[T]) write(item T) {
	at := len(o.slots)
	if n := len(o.free); n > 0 {
		at, o.free = o.free[n-1], o.free[:n-1]
	} else {
		o.slots = append(o.slots, outboxSlot[T]{})
	}
	o.slots[at] = outboxSlot[T]{used: true, item: item}
	if len(o.backlog) > 0 || !o.open || !o.produce(at) {
		o.backlog = append(o.backlog, at)
		if o.open {
			o.later()
		}
	}
}

// produce gives one message to the client, and says whether there was room.
func (o *outbox[T]) produce(at int) bool {
	if o.inFlight >= producerQueue {
		return false
	}
	o.slots[at].queued = true
	o.inFlight++
	o.send(o.era, at, o.slots[at].item)
	return true
}

func (o *outbox[T]) send(era, at int, item T) {
	fate, written := o.fate()
	o.w.after(nil, o.w.network(), func() {
		if o.away() {
			if !o.of.dead {
				o.w.after(o.of, o.w.broker.later(), func() { o.send(era, at, item) })
			}
			return
		}
		err := o.refuses(item)
		switch {
		case err != nil:
			fate = produceRefused
		case fate == produceAcknowledged || written:
			o.written(item)
		}
		o.w.after(nil, o.w.network(), func() {
			if !o.of.dead {
				o.w.after(o.of, 0, func() { o.report(delivered{era: era, at: at, fate: fate, err: err}) })
			}
		})
	})
}

// fate draws whether the producer fails with this message.
func (o *outbox[T]) fate() (f produceFate, written bool) {
	if !o.w.hits(ProducerFails, 0.04) {
		return produceAcknowledged, true
	}
	r := o.w.streams[ProducerFails]
	return pick(r, produceUndelivered, produceUndelivered, produceFatal), r.IntN(2) == 0
}

func (o *outbox[T]) report(d delivered) {
	o.inFlight--
	o.actor.tell(d)
	if o.inFlight == 0 && o.flushed != nil {
		o.flushed(0)
	}
}

// receive handles what every outbox hears; false when the message is for someone else.
func (o *outbox[T]) receive(m any) bool {
	switch m := m.(type) {
	case delivered:
		o.delivered(m)
	case outboxRetry:
		o.waiting = false
		o.drainBacklog()
	case outboxRenewed:
		if m.era == o.era {
			o.open = true
			o.drainBacklog()
		}
	default:
		return false
	}
	return true
}

func (o *outbox[T]) delivered(d delivered) {
	if d.era != o.era || !o.slots[d.at].queued {
		return
	}
	switch d.fate {
	case produceAcknowledged:
		o.settle(d.at, nil)
	case produceRefused:
		o.settle(d.at, d.err)
	case produceUndelivered:
		o.slots[d.at].queued = false
		o.again(o.slots[d.at].item)
		o.backlog = append(o.backlog, d.at)
		o.later()
	case produceFatal:
		o.renew()
		return
	}
	o.drainBacklog()
}

func (o *outbox[T]) settle(at int, err error) {
	item := o.slots[at].item
	o.slots[at] = outboxSlot[T]{}
	o.free = append(o.free, at)
	o.settled(item, err)
}

func (o *outbox[T]) drainBacklog() {
	for len(o.backlog) > 0 && o.open {
		if !o.produce(o.backlog[0]) {
			o.later()
			return
		}
		o.backlog = o.backlog[1:]
	}
}

func (o *outbox[T]) later() {
	if o.waiting {
		return
	}
	o.waiting = true
	o.w.after(o.of, outboxPause, func() { o.actor.tell(outboxRetry{}) })
}

// renew replaces the producer. Everything unsettled is written again, which may write it twice.
func (o *outbox[T]) renew() {
	if !o.open {
		return
	}
	o.era++
	era := o.era
	o.open = false
	o.backlog = o.backlog[:0]
	for at := range o.slots {
		if o.slots[at].used {
			o.slots[at].queued = false
			o.backlog = append(o.backlog, at)
			o.again(o.slots[at].item)
		}
	}
	delay, spent := o.budget.Fail(o.w.time(), retry.Entropy(uint64(era), 0, 0))
	if spent {
		o.of.fail(o.name + ": the producer failed too often")
		return
	}
	o.w.after(o.of, delay, func() { o.actor.tell(outboxRenewed{era: era}) })
}

// flush waits until the client has nothing left, or for the deadline; done hears how many are unacknowledged.
func (o *outbox[T]) flush(deadline int64, done func(left int)) {
	unsent := len(o.backlog)
	o.open = false
	o.era++
	o.flushed = func(left int) {
		o.flushed = nil
		done(left + unsent)
	}
	if o.inFlight == 0 {
		o.flushed(0)
		return
	}
	o.w.after(o.of, durationUntil(o.w.now, deadline), func() {
		if o.flushed != nil {
			o.flushed(o.inFlight)
		}
	})
}
