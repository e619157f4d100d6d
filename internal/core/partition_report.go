package core

import (
	"time"

	"github.com/troupe-go/troupe/internal/core/hold"
	"github.com/troupe-go/troupe/internal/core/offset"
	"github.com/troupe-go/troupe/messages"
)

const (
	// reportEvery spaces the reports of a partition whose records finish out of order: each carries all that is done
	// beyond the watermark.
	reportEvery = 20 * time.Millisecond
	// reportShare is the part of the metadata's room that is left, in characters, which so many records are reported at once:
	// by them it grows, or it could become full long before that is known.
	reportShare = 8
	// runsMax is more than a commit's metadata can hold, at two characters a run.
	runsMax = offset.MetadataLimit / 2
)

// report says how far the partition is done, when that has changed.
func (p *Partition) report(now time.Time, out *PartitionEffects) {
	if (p.unreported == 0 && !p.heldChanged) || now.Before(p.reportDue()) {
		return
	}
	w := messages.Watermark{
		Incarnation: p.inc, Offset: p.tracker.Watermark(), LeaderEpoch: p.doneEpoch, Records: p.unreported,
	}
	before := p.already.From(p.tracker.Last() + 1) // still to be read, to be done without being handled
	if p.tracker.Pending() == 0 && len(before) > 0 && before[0].First == w.Offset {
		w.Offset, w.LeaderEpoch = before[0].Last+1, -1
		before = before[1:]
	}
	if w.Offset < p.reported.Offset { // which counted what was done before, and is not there to be read any more
		w.Offset, w.LeaderEpoch = p.reported.Offset, p.reported.LeaderEpoch
	}
	p.beyond = p.tracker.AppendDoneBeyond(p.beyond[:0], runsMax)
	p.beyond = append(p.beyond, before...)
	heldText := p.heldText()
	room := offset.MetadataLimit - len(heldText)
	done := ""
	if len(p.beyond) > 0 {
		done, _ = offset.Encode(w.Offset, p.topicID, p.beyond, room-1)
	}
	w.Metadata = hold.Join(done, heldText)
	p.measure(now, len(done), room)
	p.unreported, p.heldChanged = 0, false
	p.reported, p.reportedAt = w, now
	out.Watermark = &w
}

// reportDue is when what is done is to be reported. In partition order that is at once; in the others, too, unless records
// are under way, because there will be more to report soon. While the metadata is full nothing new begins before a report.
func (p *Partition) reportDue() time.Time {
	if p.config.Order == ByPartition || p.drain != nil || p.tracker.Pending() == 0 || p.metadataFull ||
		p.unreported*reportShare >= int64(p.metadataLeft) {
		return time.Time{}
	}
	return p.reportedAt.Add(reportEvery)
}
