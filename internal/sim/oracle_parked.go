package sim

import "github.com/troupe-go/troupe/stream"

// allowance is how many records of a partition may wait for an attempt as far as its process is concerned: what the others
// leave, and its share in any case; 0 is no limit.
func (o *oracle) allowance(part *partition) int64 {
	limit := o.w.plan.parked
	if limit == 0 {
		return 0
	}
	partitions := int64(0)
	left := limit
	for _, other := range part.of.partitions.everyone {
		if other.left {
			continue
		}
		partitions++
		if other != part {
			ledger := other.machine.Ledger()
			left -= ledger.States[stream.Retrying] + ledger.States[stream.Parked]
		}
	}
	return max(1, limit/max(1, partitions), left)
}

// tooMany says whether a partition with so many records that wait for an attempt, or may come to, is to begin no others.
func (o *oracle) tooMany(part *partition, parked int64) bool {
	own, process := o.w.plan.partition.MaxParked, o.allowance(part)
	return own > 0 && parked >= own || process > 0 && parked >= process
}

// mustHear says whether a partition must have been told that there is room: others are told when there is some, or when the
// shares have become larger, and it was not only what its lanes have that kept it from going on.
func (o *oracle) mustHear(part *partition) bool {
	limit, parked, own, partitions := o.w.plan.parked, int64(0), int64(0), int64(0)
	for _, other := range part.of.partitions.everyone {
		if other.left {
			continue
		}
		ledger := other.machine.Ledger()
		has := ledger.States[stream.Retrying] + ledger.States[stream.Parked]
		parked += has
		partitions++
		if other == part {
			own = has
		}
	}
	return part.life.open == 0 && (parked < limit-limit/16 || own < max(1, limit/max(1, partitions)))
}
