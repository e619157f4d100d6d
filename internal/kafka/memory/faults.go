package memory

import (
	"errors"
	"time"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// faults is what goes wrong on command.
type faults struct {
	down      bool
	downSince time.Time
	commits   []CommitFault
	positions []error
	produces  []ProduceFault
	// Holds count: several may be in force at once.
	commitHolds   int
	deliveryHolds int
	positionHolds int
	// waiting counts the calls that a hold, or the broker's absence, keeps.
	waitingCommits int
}

// CommitFault is how a commit fails.
type CommitFault struct {
	// Err is what the caller hears. Defaults to a time-out.
	Err error
	// Retriable: the caller may commit the same offsets again.
	Retriable bool
	// Applied: the broker has stored the offsets, only its answer was lost.
	Applied bool
	// Partition, where it has a topic, is the only one that fails; the others of the commit go through.
	Partition stream.Partition
}

// ProduceFault is how a message fails.
type ProduceFault struct {
	// Topic, where it is not empty, is the only one whose messages fail.
	Topic string
	// Kind is what the report says.
	Kind kafka.ProduceErrorKind
	// Err is the cause. Defaults to a time-out.
	Err error
	// Written: the broker has the message, only its answer was lost.
	Written bool
}

var errTimedOut = errors.New("timed out on command")

// Down takes the broker away: nothing is fetched, and commits, lookups and produces wait. Members whose session times
// out meanwhile lose what they own.
func (b *Broker) Down() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.faults.down {
		b.faults.down, b.faults.downSince = true, time.Now()
		b.wake()
	}
}

// Up brings the broker back.
func (b *Broker) Up() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.faults.down {
		return
	}
	b.expire()
	b.faults.down = false
	for _, g := range b.groups {
		for _, m := range g.members {
			m.uncertain = false
		}
		g.tryComplete()
	}
	b.schedule()
	b.wake()
	b.broadcast()
}

// FailCommits makes the next n commits fail.
func (b *Broker) FailCommits(n int, fault CommitFault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if fault.Err == nil {
		fault.Err = errTimedOut
	}
	for range n {
		b.faults.commits = append(b.faults.commits, fault)
	}
}

// HoldCommits parks every commit from now on, before it is applied, until release is called. A parked commit is checked
// when it goes on, with what its member is by then, as librdkafka does.
func (b *Broker) HoldCommits() (release func()) { return b.hold(&b.faults.commitHolds) }

// HoldDeliveries keeps back delivery reports until release is called; the messages are written all the same.
func (b *Broker) HoldDeliveries() (release func()) { return b.hold(&b.faults.deliveryHolds) }

// HoldPositions parks every lookup of positions until release is called.
func (b *Broker) HoldPositions() (release func()) { return b.hold(&b.faults.positionHolds) }

// HeldCommits is how many commits are parked, by HoldCommits or because the broker is down.
func (b *Broker) HeldCommits() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.faults.waitingCommits
}

// FailProduces makes the next n messages that the fault fits fail.
func (b *Broker) FailProduces(n int, fault ProduceFault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if fault.Err == nil {
		fault.Err = errTimedOut
	}
	for range n {
		b.faults.produces = append(b.faults.produces, fault)
	}
}

// FailPositions makes the next n lookups of positions fail with err, for every partition.
func (b *Broker) FailPositions(n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range n {
		b.faults.positions = append(b.faults.positions, err)
	}
}

// Deny takes away the right to read, write and describe a topic; Allow gives it back.
func (b *Broker) Deny(topic string) { b.setDenied(topic, true) }

// Allow undoes Deny.
func (b *Broker) Allow(topic string) { b.setDenied(topic, false) }

// LimitMessages sets a topic's max.message.bytes; zero takes the broker's own again.
func (b *Broker) LimitMessages(topic string, bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.topics[topic]; t != nil {
		t.messageLimit = bytes
	}
}

// Expire makes a group give up a consumer, as if its heartbeats had stayed away. The consumer learns of it when it polls
// or commits.
func (b *Broker) Expire(group, consumerID string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	g := b.group(group)
	for _, m := range g.sorted() {
		if m.consumer.id == consumerID {
			g.evict(m, ErrSessionTimeout)
		}
	}
}

// Rebalance starts a rebalance that nothing else has caused.
func (b *Broker) Rebalance(group string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.group(group).rebalance()
}

func (b *Broker) setDenied(topic string, denied bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.topics[topic]; t != nil {
		t.denied = denied
		b.wake()
	}
}

func (b *Broker) hold(count *int) (release func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*count++
	released := false
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if released {
			return
		}
		released = true
		*count--
		b.schedule()
		b.broadcast()
	}
}

// take takes the first element off a queue of faults.
func take[T any](queue *[]T) (first T, ok bool) {
	if len(*queue) == 0 {
		return first, false
	}
	first = (*queue)[0]
	*queue = (*queue)[1:]
	return first, true
}

// produceFault takes the first fault that fits a message to topic.
func (f *faults) produceFault(topic string) (ProduceFault, bool) {
	for i, fault := range f.produces {
		if fault.Topic == "" || fault.Topic == topic {
			f.produces = append(f.produces[:i:i], f.produces[i+1:]...)
			return fault, true
		}
	}
	return ProduceFault{}, false
}
