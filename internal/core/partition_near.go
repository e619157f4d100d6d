package core

import (
	"time"

	"github.com/troupe-go/troupe/stream"
)

// metadataGrowth is by how many bytes a record that is done makes the metadata longer at most: by a length, and the second
// part of the gap that it was in, of up to two million offsets. The hard limit is that of its encoding.
const metadataGrowth = 4

// measure notes how much room what is done has in the metadata, and takes. When three quarters are taken, only those records
// may be begun that cannot make it too long, in whatever order they end: the ones that lie close above the watermark.
func (p *Partition) measure(now time.Time, length, room int) {
	full := length >= room*3/4
	if full && !p.metadataFull {
		p.fullSince = now
	}
	p.metadataFull, p.metadataLeft = full, room-length
}

// endOfNear says below which offset records may begin while the metadata is full. A gap and the run behind it never take more
// bytes than offsets, so whatever ends within a number of offsets takes no more bytes than that. What is left of the room is
// for them, but for what those take that have begun beyond, or wait for the broker.
func (p *Partition) endOfNear() int64 {
	s, mark := &p.ledger.States, p.tracker.Watermark()
	most := int64(p.metadataLeft*3/4) - metadataGrowth*(s[stream.Publishing]+s[stream.Storing]+s[stream.DeadLettering]+1)
	near := most
	for range 4 { // the nearer the end, the more have begun beyond
		less := most - metadataGrowth*p.begunFrom(mark+near)
		if less == near {
			return mark + near
		}
		near = less
	}
	return mark + most - metadataGrowth*(s[stream.Running]+s[stream.Stuck])
}

// begunFrom counts the records from an offset on that lanes have.
func (p *Partition) begunFrom(off int64) (n int64) {
	for lane := range p.lanes {
		w := &p.lanes[lane]
		for i := w.first; w.open && i < w.size; i++ {
			if w.offsets[i] >= off {
				n++
			}
		}
	}
	return n
}

// mayBegin says whether full metadata lets the record at i begin. The lowest that is not done always may: its end makes the
// metadata shorter.
func (p *Partition) mayBegin(i int) bool {
	return !p.metadataFull || i == p.head || p.entries[i].offset < p.nearEnd
}

// nearTurn gives the lowest record that may be begun although the metadata is full.
func (p *Partition) nearTurn() (int, bool) {
	parkedFull := p.parkedFull()
	for p.nearFrom = max(p.nearFrom, p.head); p.nearFrom < len(p.entries) && p.mayBegin(p.nearFrom); p.nearFrom++ {
		e := &p.entries[p.nearFrom]
		if e.ready && (!parkedFull || p.nearFrom == p.head || p.troubles[e.offset] != nil) {
			return p.nearFrom, true
		}
	}
	return 0, false
}
