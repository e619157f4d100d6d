package actors

import (
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

const (
	// dispatcherIdleMax is how many goroutines wait for the next mailbox at most.
	dispatcherIdleMax = 32
	// dispatcherThroughput is how many messages an actor handles before others have their turn.
	dispatcherThroughput = 300
)

// Dispatcher runs the actors' mailboxes on goroutines that it uses again. A mailbox is run anew for nearly every message
// where messages come one by one, and a goroutine of its own would then spend more on growing its stack, step by step, than
// on the message. Those that wait are few, the last to come being the first to go on; a mailbox never waits for one.
type Dispatcher struct {
	mu     sync.Mutex
	idle   []chan func()
	closed bool
}

var _ actor.Dispatcher = (*Dispatcher)(nil)

// NewDispatcher makes a dispatcher. Close it when its actors have stopped.
func NewDispatcher() *Dispatcher { return &Dispatcher{} }

// Throughput is how many messages a mailbox is run for before it gives way.
func (d *Dispatcher) Throughput() int { return dispatcherThroughput }

// Schedule runs a mailbox on another goroutine.
func (d *Dispatcher) Schedule(run func()) {
	d.mu.Lock()
	last := len(d.idle) - 1
	if last < 0 {
		d.mu.Unlock()
		go d.work(run)
		return
	}
	next := d.idle[last]
	d.idle = d.idle[:last]
	d.mu.Unlock()
	next <- run
}

// Close lets the goroutines go that wait. What is scheduled from now on runs nonetheless, on goroutines of its own.
func (d *Dispatcher) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for _, next := range d.idle {
		close(next)
	}
	d.idle = nil
}

// work runs one mailbox after another.
func (d *Dispatcher) work(run func()) {
	next := make(chan func(), 1)
	for run != nil {
		run()
		if !d.rest(next) {
			return
		}
		run = <-next
	}
}

// rest makes the caller one of those that wait, unless there are enough.
func (d *Dispatcher) rest(next chan func()) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || len(d.idle) == dispatcherIdleMax {
		return false
	}
	d.idle = append(d.idle, next)
	return true
}
