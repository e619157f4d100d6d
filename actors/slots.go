package actors

import (
	"context"
	"sync"

	"github.com/troupe-go/troupe/internal/core/flow"
)

// Slots bounds the handlers that run at once in the process. Lanes wait for a slot in the order in which they came, and
// give it back after a short turn, so a partition with work always gets its turn.
type Slots struct {
	mu      sync.Mutex
	slots   *flow.Slots
	last    uint64
	waiting map[uint64]chan struct{}
}

// NewSlots makes a pool of that many slots.
func NewSlots(capacity int) *Slots {
	return &Slots{slots: flow.NewSlots(capacity), waiting: make(map[uint64]chan struct{})}
}

// Acquire waits for a slot; false when ctx ended first.
func (s *Slots) Acquire(ctx context.Context) bool {
	s.mu.Lock()
	s.last++
	id := s.last
	if s.slots.Acquire(id) {
		s.mu.Unlock()
		return true
	}
	granted := make(chan struct{})
	s.waiting[id] = granted
	s.mu.Unlock()
	select {
	case <-granted:
		return true
	case <-ctx.Done():
	}
	s.mu.Lock()
	_, still := s.waiting[id]
	if still {
		delete(s.waiting, id)
		s.slots.Cancel(id)
	}
	s.mu.Unlock()
	if !still {
		s.Release() // it was granted at the same moment
	}
	return false
}

// Release gives a slot back to whoever waits the longest.
func (s *Slots) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, ok := s.slots.Release()
	s.grant(id, ok)
}

// Lend lets the pool go on without the slot of a stuck attempt. If it says true, Reclaim gives that slot back in place of
// Release.
func (s *Slots) Lend() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	lent, id, granted := s.slots.Lend()
	s.grant(id, granted)
	return lent
}

// Reclaim gives back a slot that was lent.
func (s *Slots) Reclaim() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slots.Reclaim()
}

// Capacity is the number of slots.
func (s *Slots) Capacity() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.slots.Capacity()
}

// Running is the number of slots taken.
func (s *Slots) Running() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.slots.Running()
}

func (s *Slots) grant(id uint64, ok bool) {
	if !ok {
		return
	}
	close(s.waiting[id])
	delete(s.waiting, id)
}
