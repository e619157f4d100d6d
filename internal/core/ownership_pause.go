package core

import (
	"maps"
	"slices"
	"time"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// fullTellEvery is the least time between two reports about one partition that the budget pauses and resumes.
const fullTellEvery = 10 * time.Second

func (o *Ownership) operatorPaused(m messages.OperatorPaused, out *OwnershipEffects) {
	var changed []stream.Partition
	for _, p := range m.Partitions {
		if o.paused[p] == m.Paused {
			continue
		}
		if m.Paused {
			o.paused[p] = true
		} else {
			delete(o.paused, p)
		}
		a := o.owned[p]
		if a == nil {
			continue // it may come here later
		}
		changed = append(changed, p)
		if a.phase == active {
			out.Operator = append(out.Operator, Addressed[messages.OperatorPause]{
				To: a.Incarnation, Message: messages.OperatorPause{Paused: m.Paused},
			})
			o.fetch(a, out)
		}
	}
	if len(changed) == 0 {
		return
	}
	if m.Paused {
		out.Events = append(out.Events, stream.Paused{Partitions: changed})
	} else {
		out.Events = append(out.Events, stream.Resumed{Partitions: changed})
	}
}

func (o *Ownership) flowDecided(now time.Time, m messages.FlowDecided, out *OwnershipEffects) {
	set := func(partitions []stream.Partition, full bool) {
		for _, p := range partitions {
			if a := o.owned[p]; a != nil && a.phase == active && a.full != full {
				a.full, a.fullAt = full, now
				o.fetch(a, out)
			}
		}
	}
	set(m.Pause, true)
	set(m.Resume, false)
	o.tellFull(now, m.Used, out)
}

// tellFull reports what the budget has paused and resumed since it was told. With a small budget a partition may go to and
// fro many times a second, so for each it is told once per interval.
func (o *Ownership) tellFull(now time.Time, used int64, out *OwnershipEffects) {
	var stalled, resumed []stream.Partition
	for _, p := range o.partitions() {
		a := o.owned[p]
		if !a.untold(now) {
			continue
		}
		a.told, a.toldAt = a.full, now
		if a.full {
			stalled = append(stalled, p)
		} else {
			resumed = append(resumed, p)
		}
	}
	if len(stalled) > 0 {
		out.Events = append(out.Events, stream.Stalled{Partitions: stalled, UsedBytes: used})
	}
	if len(resumed) > 0 {
		out.Events = append(out.Events, stream.Resumed{Partitions: resumed})
	}
}

func (a *assignment) untold(now time.Time) bool {
	return a.full != a.told && (a.toldAt.IsZero() || now.Sub(a.toldAt) >= fullTellEvery)
}

// Untold says whether a FlowDecided, even an empty one, would report anything.
func (o *Ownership) Untold(now time.Time) bool {
	for _, a := range o.owned {
		if a.untold(now) {
			return true
		}
	}
	return false
}

// partitions gives what is owned, sorted.
func (o *Ownership) partitions() []stream.Partition {
	return slices.SortedFunc(maps.Keys(o.owned), stream.ComparePartitions)
}

// fetch brings the client in line with what the budget and the operator say of a partition.
func (o *Ownership) fetch(a *assignment, out *OwnershipEffects) {
	want := !a.full && !o.paused[a.Partition]
	if want == a.fetching {
		return
	}
	a.fetching = want
	if want {
		out.Resume = append(out.Resume, a.Partition)
	} else {
		out.Pause = append(out.Pause, a.Partition)
	}
}
