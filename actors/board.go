package actors

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// Board is where the actors can be looked at from outside, without a message: a wedged actor must not hide its state.
type Board struct {
	mu         sync.Mutex
	pollers    map[int]*poller
	partitions map[messages.Incarnation]*partition
	circuits   []stream.CircuitStatus
}

// NewBoard makes an empty board.
func NewBoard() *Board {
	return &Board{pollers: make(map[int]*poller), partitions: make(map[messages.Incarnation]*partition)}
}

func (b *Board) add(p *partition) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.partitions[p.inc] = p
}

func (b *Board) remove(p *partition) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.partitions, p.inc)
}

func (b *Board) addPoller(p *poller) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pollers[p.number] = p
}

func (b *Board) removePoller(p *poller) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pollers[p.number] == p {
		delete(b.pollers, p.number)
	}
}

func (b *Board) setCircuits(circuits []stream.CircuitStatus) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.circuits = circuits
}

func (b *Board) partition(inc messages.Incarnation) *partition {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.partitions[inc]
}

// Status gathers what can be seen: the partitions by topic and number, the circuits, and whether each of so many pollers
// is a member of the group.
func (b *Board) Status(now time.Time, pollers int) stream.Status {
	b.mu.Lock()
	active := make([]*poller, 0, len(b.pollers))
	for _, p := range b.pollers {
		active = append(active, p)
	}
	circuits := slices.Clone(b.circuits)
	b.mu.Unlock()
	s := stream.Status{Circuits: circuits, Joined: len(active) >= pollers}
	for _, p := range active {
		partitions, joined := p.status(now)
		s.Partitions = append(s.Partitions, partitions...)
		s.Joined = s.Joined && joined
		if fault := p.standstill(now); fault != "" {
			s.Faults = append(s.Faults, fault)
		}
	}
	slices.SortFunc(s.Partitions, func(a, c stream.PartitionStatus) int {
		return stream.ComparePartitions(a.Partition, c.Partition)
	})
	return s
}

// SetPaused tells the owners of partitions that an operator pauses or resumes them. It gives an error when one of them is
// not assigned here; then none is told.
func (b *Board) SetPaused(root *actor.RootContext, m messages.OperatorPaused) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	owners := make(map[*actor.PID][]stream.Partition)
	for _, s := range m.Partitions {
		pid := b.owner(s)
		if pid == nil {
			return fmt.Errorf("%s is not assigned to this processor", s)
		}
		owners[pid] = append(owners[pid], s)
	}
	for pid, partitions := range owners {
		root.Send(pid, messages.OperatorPaused{Partitions: partitions, Paused: m.Paused})
	}
	return nil
}

func (b *Board) owner(s stream.Partition) *actor.PID {
	for _, p := range b.pollers {
		if p.owns(s) {
			return p.self
		}
	}
	return nil
}

// Check compares every ledger with its records and gives the differences, which are bugs.
func (b *Board) Check() []error {
	b.mu.Lock()
	partitions := make([]*partition, 0, len(b.partitions))
	for _, p := range b.partitions {
		partitions = append(partitions, p)
	}
	b.mu.Unlock()
	var differences []error
	for _, p := range partitions {
		if err := p.check(); err != nil {
			differences = append(differences, err)
		}
	}
	return differences
}
