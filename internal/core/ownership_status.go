package core

import (
	"fmt"
	"slices"
	"time"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// Active gives the incarnation whose records are wanted.
func (o *Ownership) Active(p stream.Partition) (messages.Incarnation, bool) {
	a := o.owned[p]
	if a == nil || a.phase != active {
		return messages.Incarnation{}, false
	}
	return a.Incarnation, true
}

// Full says whether a partition's present incarnation is paused because the budget is full.
func (o *Ownership) Full(p stream.Partition) bool {
	a := o.owned[p]
	return a != nil && a.full
}

// Unfetched gives the partitions that are being read but paused in the client, sorted.
func (o *Ownership) Unfetched() []stream.Partition {
	var paused []stream.Partition
	for p, a := range o.owned {
		if a.phase == active && !a.fetching {
			paused = append(paused, p)
		}
	}
	slices.SortFunc(paused, stream.ComparePartitions)
	return paused
}

// Fetching says whether a partition is meant to be read now.
func (o *Ownership) Fetching(p stream.Partition) bool {
	a := o.owned[p]
	return a != nil && a.phase == active && a.fetching && a.halted == nil
}

// StartDue is when the next step of a partition's start was due, or began; zero once it is being read.
func (o *Ownership) StartDue(p stream.Partition) time.Time {
	if a := o.owned[p]; a != nil && a.phase != active {
		return a.stepAt
	}
	return time.Time{}
}

// Settled says whether every owned partition is being read.
func (o *Ownership) Settled() bool {
	for _, a := range o.owned {
		if a.phase != active {
			return false
		}
	}
	return true
}

// Member says whether this member is in the group as far as it knows.
func (o *Ownership) Member() bool { return o.member }

// Incarnations gives what of the partitions is owned, or all when none are named; sorted.
func (o *Ownership) Incarnations(partitions ...stream.Partition) []messages.Incarnation {
	var out []messages.Incarnation
	for p, a := range o.owned {
		if len(partitions) == 0 || slices.Contains(partitions, p) {
			out = append(out, a.Incarnation)
		}
	}
	slices.SortFunc(out, func(a, b messages.Incarnation) int { return stream.ComparePartitions(a.Partition, b.Partition) })
	return out
}

// Status shows an incarnation before its actor can, or what the actor cannot know: false when it has nothing to say.
func (o *Ownership) Status(p stream.Partition) (cause stream.Cause, since time.Time, detail string, ok bool) {
	a := o.owned[p]
	switch {
	case a == nil:
		return 0, time.Time{}, "", false
	case a.phase == waitingToLookUp && a.outside:
		return stream.OffsetOutOfRange, a.since, a.err.Error(), true
	case a.phase == waitingToLookUp:
		return stream.StartOffsetUnavailable, a.since, a.err.Error(), true
	case a.halted != nil:
		return stream.OffsetOutOfRange, a.haltedAt, a.halted.Error(), true
	case a.phase != active:
		return stream.StartOffsetUnavailable, a.since, fmt.Sprintf("looking up where to begin (try %d)", a.tries+1), true
	case a.full:
		return stream.MemoryFull, a.fullAt, "", true
	default:
		return 0, time.Time{}, "", false
	}
}
