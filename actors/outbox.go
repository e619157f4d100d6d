package actors

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// outbox writes messages with one producer and keeps each until its fate is known. What cannot be written now is written
// later; a producer that has failed for good is replaced, and what it had is written again, which may write it twice.
//
// It belongs to one actor, which passes delivery reports on from its mailbox.
type outbox[T any] struct {
	env      *Env
	name     string
	self     *actor.PID
	root     *actor.RootContext
	settled  func(item T, m *stream.Message, err error) // the fate of a message: acknowledged, or refused for itself
	producer kafka.Producer
	era      uint64 // of the producer; reports of an earlier one are stale
	slots    []outboxSlot[T]
	free     []int
	backlog  []int // slots whose message the client has no room for, in order
	most     int64 // bytes that the client may have, which may keep a copy of them; 0 is no limit
	queued   int64 // bytes that it has
	budget   *retry.Budget
	waiting  bool // a retry of the backlog is on its way
}

type outboxSlot[T any] struct {
	used    bool
	queued  bool // with the client
	cost    int64
	item    T
	message stream.Message
}

// deliveries are reports of the client's, of the producer of that era.
type deliveries struct {
	era     uint64
	reports []kafka.Delivery
}

// outboxRetry tells an outbox to try its backlog again.
type outboxRetry struct{}

// outboxRenewed brings a producer in place of one that failed.
type outboxRenewed struct {
	era      uint64
	producer kafka.Producer
	err      error
}

const outboxPause = 10 * time.Millisecond

// open makes the first producer.
func (o *outbox[T]) open(ctx actor.Context) error {
	o.self, o.root = ctx.Self(), ctx.ActorSystem().Root
	o.budget = retry.NewBudget(retry.Limits{})
	o.most = o.env.Account.InClient()
	producer, err := o.connect(o.era)
	o.producer = producer
	return err
}

func (o *outbox[T]) connect(era uint64) (kafka.Producer, error) {
	root, self := o.root, o.self
	return o.env.Client.Producer(o.name, func(reports []kafka.Delivery) {
		root.Send(self, deliveries{era: era, reports: append([]kafka.Delivery(nil), reports...)})
	})
}

// write queues a message. Its fate is told to settled.
func (o *outbox[T]) write(item T, m stream.Message) {
	var at int
	if n := len(o.free); n > 0 {
		at, o.free = o.free[n-1], o.free[:n-1]
	} else {
		o.slots = append(o.slots, outboxSlot[T]{})
		at = len(o.slots) - 1
	}
	o.slots[at] = outboxSlot[T]{used: true, item: item, message: m, cost: flow.MessageCost(&m)}
	if len(o.backlog) > 0 || o.producer == nil {
		o.backlog = append(o.backlog, at)
		return
	}
	if era := o.era; !o.produce(at) && o.era == era { // else renewed, and it is in the backlog already
		o.backlog = append(o.backlog, at)
		o.later()
	}
}

// produce gives one message to the client, and says whether its turn is over: false when there is no room.
func (o *outbox[T]) produce(at int) bool {
	s := &o.slots[at]
	if o.most > 0 && o.queued > 0 && o.queued+s.cost > o.most {
		return false
	}
	err := o.producer.Produce(&s.message, uint64(at))
	switch {
	case err == nil:
		s.queued = true
		o.queued += s.cost
		return true
	case errors.Is(err, kafka.ErrQueueFull):
		return false
	default:
		return o.failed(at, err)
	}
}

// failed deals with a message that was not written. It says whether its turn is over.
func (o *outbox[T]) failed(at int, err error) bool {
	o.unqueue(at)
	var e *kafka.ProduceError
	if !errors.As(err, &e) || e.Refused() {
		o.settle(at, err)
		return true
	}
	if e.Kind == kafka.Fatal {
		o.renew(err)
	}
	return false
}

// unqueue notes that the client does not have a message any more.
func (o *outbox[T]) unqueue(at int) {
	if s := &o.slots[at]; s.queued {
		s.queued = false
		o.queued -= s.cost
	}
}

func (o *outbox[T]) settle(at int, err error) {
	o.unqueue(at)
	s := o.slots[at]
	o.slots[at] = outboxSlot[T]{}
	o.free = append(o.free, at)
	o.settled(s.item, &s.message, err)
}

// delivered takes the client's reports.
func (o *outbox[T]) delivered(d deliveries) {
	if d.era != o.era {
		return
	}
	for _, r := range d.reports {
		at := int(r.Token)
		if at >= len(o.slots) || !o.slots[at].queued {
			continue
		}
		if r.Err == nil {
			o.settle(at, nil)
			continue
		}
		if !o.failed(at, r.Err) {
			if d.era != o.era {
				return // renewed: everything is in the backlog
			}
			o.backlog = append(o.backlog, at)
			o.later()
		}
	}
	o.drainBacklog()
}

// drainBacklog gives the client what it had no room for.
func (o *outbox[T]) drainBacklog() {
	for len(o.backlog) > 0 && o.producer != nil {
		at := o.backlog[0]
		if !o.produce(at) {
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
	root, self := o.root, o.self
	time.AfterFunc(outboxPause, func() { root.Send(self, outboxRetry{}) })
}

// retry follows outboxRetry.
func (o *outbox[T]) retry() {
	o.waiting = false
	o.drainBacklog()
}

// renew replaces a producer that has failed for good, after a pause, as long as the budget of failures lasts. Everything
// unsettled goes to the backlog, in the order of the slots.
func (o *outbox[T]) renew(cause error) {
	if o.producer == nil {
		return
	}
	o.era++
	old, era := o.producer, o.era
	o.producer = nil
	o.backlog = o.backlog[:0]
	for at := range o.slots {
		if o.slots[at].used {
			o.unqueue(at)
			o.backlog = append(o.backlog, at)
		}
	}
	o.env.Emit(stream.Restarted{Kind: o.name, Actor: o.name, Error: cause.Error()})
	delay, spent := o.budget.Fail(time.Now(), era)
	if spent {
		o.env.Fail(fmt.Errorf("%s: the producer failed too often: %w", o.name, cause))
		return
	}
	root, self, gone := o.root, o.self, o.env.Base.Done()
	go func() {
		closeProducer(old, producerCloseTimeout)
		select {
		case <-time.After(delay):
		case <-gone: // nobody would close it
			return
		}
		producer, err := o.connect(era)
		root.Send(self, outboxRenewed{era: era, producer: producer, err: err})
	}()
}

func (o *outbox[T]) renewed(m outboxRenewed) {
	if m.era != o.era { // closed meanwhile
		if m.err == nil {
			go closeProducer(m.producer, producerCloseTimeout)
		}
		return
	}
	if m.err != nil {
		o.env.Fail(fmt.Errorf("%s: a new producer: %w", o.name, m.err))
		return
	}
	o.producer = m.producer
	o.drainBacklog()
}

const producerCloseTimeout = 5 * time.Second

// What an abort leaves time for: it gives up what is not acknowledged.
const (
	abortedCommitTimeout = time.Second
	abortedCloseTimeout  = 2 * time.Second
)

func closeProducer(p kafka.Producer, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	_ = p.Close(ctx) // what it still had is written again, or was given up
}

// receive handles what every outbox hears; false when the message is for someone else.
func (o *outbox[T]) receive(message any) bool {
	switch m := message.(type) {
	case deliveries:
		o.delivered(m)
	case outboxRetry:
		o.retry()
	case outboxRenewed:
		o.renewed(m)
	case CloseOutbox:
		o.close(m)
	default:
		return false
	}
	return true
}

// CloseOutbox flushes and closes the producer, and answers with the number of messages whose fate stayed unknown.
type CloseOutbox struct {
	Deadline time.Time
	Reply    chan<- int
}

// close flushes on a goroutine of its own, so that delivery reports are heard meanwhile.
func (o *outbox[T]) close(m CloseOutbox) {
	producer := o.producer
	o.producer = nil
	o.era++
	if producer == nil {
		m.Reply <- len(o.slots) - len(o.free)
		return
	}
	unsent, aborted := len(o.backlog), o.env.Base
	go func() {
		flushing, cancel := context.WithDeadline(aborted, m.Deadline)
		defer cancel()
		left := producer.Flush(flushing)
		deadline := m.Deadline
		if soon := time.Now().Add(abortedCloseTimeout); aborted.Err() != nil && soon.Before(deadline) {
			deadline = soon
		}
		closing, cancel := context.WithDeadline(context.Background(), deadline)
		defer cancel()
		if err := producer.Close(closing); err != nil && left == 0 {
			left = 1
		}
		m.Reply <- left + unsent
	}()
}
