package actors

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// Board is where the actors can be looked at from outside, without a message: a wedged actor must not hide its state.
type Board struct {
	mu         sync.Mutex
	pollers    map[int]*poller
	partitions map[messages.Incarnation]*partition
	loops      map[*vitals]struct{}
	paused     map[stream.Partition]bool // by an operator; outlives pollers
	circuits   []stream.CircuitStatus
}

// NewBoard makes an empty board.
func NewBoard() *Board {
	return &Board{
		pollers: make(map[int]*poller), partitions: make(map[messages.Incarnation]*partition),
		paused: make(map[stream.Partition]bool), loops: make(map[*vitals]struct{}),
	}
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

func (b *Board) addLoop(v *vitals) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.loops[v] = struct{}{}
}

func (b *Board) removeLoop(v *vitals) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.loops, v)
}

// addPoller gives what an operator has paused so far. The poller hears of all later pauses by mail.
func (b *Board) addPoller(p *poller) (paused []stream.Partition) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pollers[p.number] = p
	for s := range b.paused {
		paused = append(paused, s)
	}
	return paused
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

// HeldKeys gives the keys that are held because of a dead letter, by partition.
func (b *Board) HeldKeys() []stream.HeldKey {
	var keys []stream.HeldKey
	for _, p := range b.incarnations() {
		keys = append(keys, p.heldKeys()...)
	}
	slices.SortStableFunc(keys, func(a, c stream.HeldKey) int { return stream.ComparePartitions(a.Partition, c.Partition) })
	return keys
}

// ReleaseKeys tells the incarnations of a partition to let keys go. It gives an error when there is none.
func (b *Board) ReleaseKeys(root *actor.RootContext, of stream.Partition, m messages.ReleaseKeys) error {
	told := false
	for _, p := range b.incarnations() {
		if p.inc.Partition == of {
			root.Send(p.self, m)
			told = true
		}
	}
	if !told {
		return fmt.Errorf("%s is not assigned to this process", of)
	}
	return nil
}

func (b *Board) incarnations() []*partition {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Collect(maps.Values(b.partitions))
}

// SetPaused tells all pollers that an operator pauses or resumes partitions, because a rebalance may move them from one to
// another. It gives an error when one of them is not assigned here; then nobody is told.
func (b *Board) SetPaused(root *actor.RootContext, m messages.OperatorPaused) error {
	b.mu.Lock()
	pollers := slices.Collect(maps.Values(b.pollers))
	b.mu.Unlock()
	m.Partitions = slices.Clone(m.Partitions)
	for _, s := range m.Partitions { // without the board's lock: a poller's comes before it, see its status
		if !slices.ContainsFunc(pollers, func(p *poller) bool { return p.owns(s) }) {
			return fmt.Errorf("%s is not assigned to this processor", s)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range m.Partitions {
		if m.Paused {
			b.paused[s] = true
		} else {
			delete(b.paused, s)
		}
	}
	for _, p := range b.pollers {
		root.Send(p.self, m)
	}
	return nil
}

// look shows the whole processor to the watchdog. It waits for nobody.
func (b *Board) look(now time.Time) core.Look {
	b.mu.Lock()
	pollers := slices.Collect(maps.Values(b.pollers))
	loops := slices.Collect(maps.Keys(b.loops))
	open := make(map[string]bool)
	for _, c := range b.circuits {
		open[c.Name] = c.Open
	}
	b.mu.Unlock()
	var look core.Look
	for _, v := range loops {
		if v.kind != "poller" {
			look.Loops = append(look.Loops, v.loop())
		}
	}
	for _, p := range pollers {
		look.Loops = append(look.Loops, p.loop(now))
		look.Partitions = append(look.Partitions, p.standings(now, open)...)
	}
	return look
}

// mailboxes describes every actor in a line, those that have something to do first.
func (b *Board) mailboxes(now time.Time) []string {
	b.mu.Lock()
	loops := slices.Collect(maps.Keys(b.loops))
	b.mu.Unlock()
	slices.SortFunc(loops, func(a, c *vitals) int {
		x, y := a.loop(), c.loop()
		return cmp.Or(cmp.Compare(y.Queued, x.Queued), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Name, y.Name))
	})
	lines := make([]string, len(loops))
	for i, v := range loops {
		lines[i] = v.describe(now)
	}
	return lines
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
