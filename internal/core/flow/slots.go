package flow

// Slots shares a number of slots fairly: who asks first is served first. It decides only; who owns it tells the waiting
// ones when their turn has come. It is not safe for concurrent use. Make it with [NewSlots].
//
// A slot goes through
//
//	free --Acquire--> running --Release--> free, or at once to the one that waits longest
//	                  running --Lend--> lent --Reclaim--> gone; another takes its place meanwhile
//
// Lending is for an attempt that ignores its cancelled context. Nothing can end it, so it keeps its slot, and the pool
// goes on with one more; at most as many as the capacity may be lent, so that a process has never more than twice the
// capacity of attempts.
type Slots struct {
	capacity int
	running  int // without the lent ones
	lent     int

	queue []waiter
	head  int
	// waiting maps a waiting id to its ticket. A queue entry with another ticket was cancelled.
	waiting map[uint64]uint64
	ticket  uint64
}

// minSweep is how many dead entries the queue may have before it is swept.
const minSweep = 16

type waiter struct{ id, ticket uint64 }

// NewSlots makes capacity slots, at least one.
func NewSlots(capacity int) *Slots {
	return &Slots{capacity: max(1, capacity), waiting: make(map[uint64]uint64)}
}

// Acquire takes a slot and says true, or puts id at the end of the queue and says false; Release or Lend names it when
// its turn comes. An id that waits already keeps its place. One id may hold several slots, one for each Acquire.
func (s *Slots) Acquire(id uint64) bool {
	if _, waits := s.waiting[id]; waits {
		return false
	}
	if s.running < s.capacity && len(s.waiting) == 0 {
		s.running++
		return true
	}
	s.ticket++
	s.waiting[id] = s.ticket
	s.queue = append(s.queue, waiter{id: id, ticket: s.ticket})
	return false
}

// Cancel takes id out of the queue and says whether it waited. If it did not, it has the slots it was given, and must
// release them.
func (s *Slots) Cancel(id uint64) bool {
	_, waited := s.waiting[id]
	delete(s.waiting, id)
	if len(s.queue) > 2*len(s.waiting)+minSweep {
		s.sweep()
	}
	return waited
}

// Release gives a slot back. With ok it goes at once to next, which has waited longest.
func (s *Slots) Release() (next uint64, ok bool) {
	s.running = max(0, s.running-1)
	return s.admit()
}

// Lend leaves a running slot to its stuck attempt, unless as many as the capacity are lent already: then lent is false,
// and the attempt goes on to count as running. With ok the place that became free goes to next.
func (s *Slots) Lend() (lent bool, next uint64, ok bool) {
	if s.lent == s.capacity || s.running == 0 {
		return false, 0, false
	}
	s.lent++
	s.running--
	next, ok = s.admit()
	return true, next, ok
}

// Reclaim ends the slot of a stuck attempt that has returned at last. Nobody gains by it: its place was given away when
// it was lent. Another stuck attempt may be lent its slot now.
func (s *Slots) Reclaim() { s.lent = max(0, s.lent-1) }

// Capacity is how many slots there are, without the lent ones.
func (s *Slots) Capacity() int { return s.capacity }

// Running is how many slots are taken, without the lent ones.
func (s *Slots) Running() int { return s.running }

// Lent is how many stuck attempts keep a slot of their own.
func (s *Slots) Lent() int { return s.lent }

// Waiting is how many ids wait.
func (s *Slots) Waiting() int { return len(s.waiting) }

// admit gives a free slot to the one that waits longest.
func (s *Slots) admit() (next uint64, ok bool) {
	if s.running >= s.capacity {
		return 0, false
	}
	for s.head < len(s.queue) {
		w := s.queue[s.head]
		s.head++
		if s.waiting[w.id] == w.ticket { // tickets begin at 1
			delete(s.waiting, w.id)
			s.running++
			s.compact()
			return w.id, true
		}
	}
	s.compact()
	return 0, false
}

// sweep takes served and cancelled entries out of the queue, so that asking and cancelling for ever costs no memory.
func (s *Slots) sweep() {
	kept := s.queue[:0]
	for _, w := range s.queue[s.head:] {
		if s.waiting[w.id] == w.ticket {
			kept = append(kept, w)
		}
	}
	s.queue, s.head = kept, 0
}

// compact moves the queue to the front of its memory when half of it is served, so that it is reused.
func (s *Slots) compact() {
	if s.head*2 >= len(s.queue) {
		s.queue = s.queue[:copy(s.queue, s.queue[s.head:])]
		s.head = 0
	}
}
