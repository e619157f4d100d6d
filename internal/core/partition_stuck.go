package core

import (
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

var errStuck = errors.New("the handler ignores its cancelled context")

// becomeStuck notes that the lane's attempt at entry i ignores its context. The work shrinks to that record, unless it is a
// batch.
func (p *Partition) becomeStuck(now time.Time, i int, w *work, o *messages.Outcome, out *PartitionEffects) {
	end := o.First + o.Attempted
	w.first, w.size = end, p.stuckUntil(w, end)
	w.lowest, w.since, w.stuck = p.entries[i].offset, now, true
	if p.stuck++; p.stuck == 1 {
		p.stuckDue = now.Add(p.config.StuckAfter)
	}
	for index := w.first; index < w.size; index++ {
		at := p.member(w, index, i)
		i = at + 1
		e := &p.entries[at]
		e.fresh = nil
		p.move(e, stream.Stuck)
		t := p.trouble(e.offset)
		p.withdrawProbe(e, t, out) // the others shall not wait for it
		t.since = o.StuckSince
		t.failure = messages.Failure{Kind: messages.TimedOut, Err: errStuck}
	}
	out.Events = append(out.Events, stream.HandlerStuckFor{
		Partition: p.inc.Partition, Epoch: p.inc.Epoch, Offset: w.lowest, ForMS: now.Sub(o.StuckSince).Milliseconds(),
	})
}

// stuckUntil is the index behind the last record that a stuck attempt has, of a work whose records from end on have no
// result: of a batch it has all.
func (p *Partition) stuckUntil(w *work, end int) int {
	if p.config.BatchRecords > 0 {
		return w.size
	}
	return end + 1
}

// endLongStuck looks at the lanes when one of them may have been stuck for too long.
func (p *Partition) endLongStuck(now time.Time, out *PartitionEffects) {
	if p.stuck == 0 || p.config.StuckAfter == 0 || now.Before(p.stuckDue) {
		return
	}
	p.stuckDue = time.Time{}
	for lane := range p.lanes {
		w := &p.lanes[lane]
		due := w.since.Add(p.config.StuckAfter)
		if w.stuck && !now.Before(due) {
			p.endStuck(now, lane, out)
		}
		if w.stuck && (p.stuckDue.IsZero() || due.Before(p.stuckDue)) {
			p.stuckDue = due
		}
	}
}

// endStuck does what the configuration says about an attempt that is stuck for too long.
func (p *Partition) endStuck(now time.Time, lane int, out *PartitionEffects) {
	off := p.lanes[lane].lowest
	i, ok := p.find(off)
	if !ok {
		return
	}
	err := fmt.Errorf("%w for %s", errStuck, now.Sub(p.trouble(off).since).Round(time.Second))
	if !p.config.StuckDeadLetter {
		if out.Fault == nil {
			out.Fault = fmt.Errorf("%s: record at offset %d: %w; the process must be restarted", p.inc.Partition, off, err)
		}
		return
	}
	w := &p.lanes[lane]
	for index := w.first; index < w.size; index++ {
		i = p.member(w, index, i)
		p.failed(now, i, messages.Failure{Kind: messages.StuckTooLong, Err: err}, out)
	}
	p.closeWork(lane)
	out.ReplaceLanes = append(out.ReplaceLanes, lane)
}
