package sim

import (
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// passesOn holds a watermark to G2: what the metadata at the start said was done, and has not been read yet, must not be
// forgotten with the next commit.
func (o *oracle) passesOn(part *partition, w *messages.Watermark) {
	l := part.life
	if l.foreign || len(w.Metadata) > metadataLimit-metadataRunMax {
		return // not all fits in
	}
	next := part.machine.Next()
	m, _ := readMetadata(w.Metadata)
	for _, s := range l.covered {
		if s.first = max(s.first, next); s.first > s.last {
			continue
		}
		for _, offset := range []int64{s.first, s.last} {
			if offset >= w.Offset && !inside(m.spans, offset) {
				o.w.violate("G2", "%s reports %d %v and forgets that %d was done", l, w.Offset, m.spans, offset)
			}
		}
	}
}

// reports holds a partition to reporting what it has ended, also while a record below is not done.
func (o *oracle) reports(part *partition) {
	l := part.life
	if part.broken || part.over || part.actor.ending || l.draining || l.untold == 0 {
		return
	}
	if o.w.now > l.untold+int64(lateness) {
		o.w.violate("report", "%s has ended records since %s and does not report it", l, time.Duration(l.untold))
	}
}

// parked compares what a machine says is parked with what waits behind another record of its line. It looks when no lane has
// work, and so no outcome is on its way.
func (o *oracle) parked(part *partition) {
	l, plan := part.life, &o.w.plan.partition
	if part.broken || part.over || l.draining || l.foreign || l.open > 0 || plan.Order != core.ByKey || plan.HoldKeys {
		return
	}
	count, known := int64(0), part.machine.Next()
	for i := l.next; i < len(l.lived) && l.lived[i].record.offset < known; i++ {
		if before := l.ahead(i); before != nil && !l.lived[i].concluded && o.first(l, i).waited {
			count++
		}
	}
	if ledger := part.machine.Ledger(); ledger.States[stream.Parked] != count {
		o.w.violate("parked", "%s says that %d records are parked, and it is %d", l, ledger.States[stream.Parked], count)
	}
}

// first is the record of a line that all others of it wait for.
func (o *oracle) first(l *life, at int) *lived {
	v := &l.lived[at]
	for before := l.ahead(at); before != nil; before = l.ahead(at) {
		at, v = v.before, before
	}
	return v
}
