package flow

import "sync/atomic"

// Parking counts the records of the process that wait for their next attempt, or behind one of their key that does. Each
// partition asks it before it begins anything. Its methods may be called from any goroutine.
type Parking struct {
	limit      int64 // 0 is none
	records    atomic.Int64
	partitions atomic.Int64
}

// NewParking makes a count with a limit; zero or less is none.
func NewParking(limit int64) *Parking { return &Parking{limit: max(limit, 0)} }

// Join takes in a partition, which has nothing parked yet.
func (p *Parking) Join() { p.partitions.Add(1) }

// Leave takes one out that has so many parked, and says whether there may be more room for the others.
func (p *Parking) Leave(has int64) (room bool) {
	p.records.Add(-has)
	p.partitions.Add(-1)
	return p.limit > 0
}

// Allows is how many records a partition may have that has so many now: what is left over, and its equal share in any case.
// Zero is no limit.
func (p *Parking) Allows(has int64) int64 {
	if p.limit == 0 {
		return 0
	}
	return max(1, p.limit/max(1, p.partitions.Load()), has+p.limit-p.records.Load())
}

// Change adds to the count, and says whether there is room again: a sixteenth of the limit, because retries that fail again
// go back and forth at the limit itself, and every partition is told. One that has to wait for that has records parked, whose
// own end lets it go on.
func (p *Parking) Change(n int64) (room bool) {
	after, enough := p.records.Add(n), p.limit-p.limit/16
	return p.limit > 0 && after < enough && after-n >= enough
}
