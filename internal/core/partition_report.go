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
	// reportRecords are so many that they are reported at once, or the metadata could become full long before it is known.
	reportRecords = 500
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
	full := len(done) >= room*3/4
	if full && !p.metadataFull {
		p.fullSince = now
	}
	p.metadataFull = full
	p.unreported, p.heldChanged = 0, false
	p.reported, p.reportedAt = w, now
	out.Watermark = &w
}

// reportDue is when what is done is to be reported. In partition order that is at once; in the others, too, unless records
// are under way, because there will be more to report soon. While the metadata is full nothing new begins before a report.
func (p *Partition) reportDue() time.Time {
	if p.config.Order == ByPartition || p.drain != nil || p.tracker.Pending() == 0 || p.metadataFull ||
		p.unreported >= reportRecords {
		return time.Time{}
	}
	return p.reportedAt.Add(reportEvery)
}
