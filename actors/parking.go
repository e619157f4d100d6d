package actors

import "sync/atomic"

// Parking counts the records of the process that wait for their next attempt, or behind one of their key that does. Each
// partition looks at it before it begins anything.
type Parking struct {
	limit      int64 // 0 is none
	records    atomic.Int64
	partitions atomic.Int64
}

// NewParking makes a count with a limit; zero or less is none.
func NewParking(limit int64) *Parking { return &Parking{limit: max(limit, 0)} }

// allows is how many records a partition may have that has so many now: what is left over, and its equal share in any case.
func (p *Parking) allows(has int64) int64 {
	if p.limit == 0 {
		return 0
	}
	return max(1, p.limit/max(1, p.partitions.Load()), has+p.limit-p.records.Load())
}

// change adds to the count, and says whether there is room again.
func (p *Parking) change(n int64) (room bool) {
	after := p.records.Add(n)
	return p.limit > 0 && after < p.limit && after-n >= p.limit
}
