package core

import (
	"cmp"
	"slices"
	"time"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// dispatch opens as many Works as order and limits allow.
func (p *Partition) dispatch(now time.Time, out *PartitionEffects) {
	p.batchAt = time.Time{}
	if out.Fault != nil {
		return
	}
	if p.config.Order == ByPartition {
		p.dispatchInOrder(now, out)
		return
	}
	if p.metadataFull {
		p.nearFrom, p.nearEnd = p.head, p.endOfNear()
	}
	for !p.barred() {
		i, ok := p.nextTurn(now, p.circuits.Halt, out)
		if !ok || p.awaitsBatch(now, i) {
			break
		}
		w, lane := p.openWork(now, &p.entries[i])
		w.offsets = w.offsets[:0]
		out.Work = append(out.Work, messages.Work{Lane: lane, Seq: w.seq, Records: p.takeTurns(now, i, lane, out)})
		w.size = len(w.offsets)
	}
	p.enlist(now, out)
}

// dispatchInOrder gives the lane the next run of records.
func (p *Partition) dispatchInOrder(now time.Time, out *PartitionEffects) {
	if !p.nextInOrder(now, out) {
		return
	}
	e := &p.entries[p.next]
	size := p.workSize
	if p.config.BatchRecords > 0 {
		size = p.config.BatchRecords
	}
	switch {
	case p.probes(e):
		size = 1
	case e.state == stream.Retrying && !p.troubles[e.offset].mayRun(now):
		return
	case p.circuits.Halt:
		p.enlistAt(now, p.next, out)
		return
	case p.awaitsBatch(now, p.next):
		return
	}
	w, lane := p.openWork(now, e)
	records := p.take(now, size)
	w.size = len(records)
	out.Work = append(out.Work, messages.Work{Lane: lane, Seq: w.seq, Records: records})
}

// nextInOrder finds the lowest record that is not begun, and says whether it may be. On the way it sends those whose key is
// held to the dead letters, of each key one after another. Full metadata does not hold back the lowest record that is not
// done: only its end makes the metadata shorter.
func (p *Partition) nextInOrder(now time.Time, out *PartitionEffects) bool {
	for {
		for p.next < len(p.entries) && !p.entries[p.next].waits() {
			p.next++
		}
		if p.next == len(p.entries) || p.barred() || (p.metadataFull && p.next > p.head) {
			return false
		}
		_, h := p.holdOf(&p.entries[p.next])
		switch {
		case h == nil:
			return true
		case h.writing > 0:
			return false
		}
		p.divert(now, p.next, out)
	}
}

// takeTurns marks the record at i as running, and others that may be handled with it: those of its line behind it, or in a
// batch those whose turn comes next, of which no two are of one line.
func (p *Partition) takeTurns(now time.Time, i, lane int, out *PartitionEffects) []stream.Record {
	e := &p.entries[i]
	t := p.troubles[e.offset]
	probing := t != nil && t.probing
	p.turned(e)
	p.begin(e, lane)
	switch {
	case p.config.BatchRecords > 0 && !probing:
		records := append(make([]stream.Record, 0, min(p.config.BatchRecords, p.waiting()+1)), e.record(p.inc.Partition))
		for len(records) < p.config.BatchRecords {
			i, ok := p.nextTurn(now, false, out)
			if !ok {
				break
			}
			if t := p.troubles[p.entries[i].offset]; t != nil && t.probing {
				break
			}
			p.turned(&p.entries[i])
			p.begin(&p.entries[i], lane)
			records = append(records, p.entries[i].record(p.inc.Partition))
		}
		slices.SortFunc(records, func(a, b stream.Record) int { return cmp.Compare(a.Offset, b.Offset) })
		w := &p.lanes[lane]
		slices.Sort(w.offsets)
		w.lowest = w.offsets[0]
		return records
	case p.config.BatchRecords > 0 || p.alone(e):
		if e.fresh != nil {
			return e.fresh[:1:1]
		}
		return []stream.Record{e.record(p.inc.Partition)}
	}
	return p.takeLine(i, lane)
}

// takeLine marks those behind the record at i in its line as running that are near enough, and gives them and it.
func (p *Partition) takeLine(i, lane int) []stream.Record {
	e := &p.entries[i]
	l := &p.lines.lines[e.line]
	p.together = append(p.together[:0], i)
	for e.offset != l.last && len(p.together) < l.workSize {
		next, ok := p.find(e.behind)
		if !ok || next-i > aheadMax || !p.mayBegin(next) {
			break
		}
		e = &p.entries[next]
		if _, h := p.holdOf(e); h != nil { // of another key with the same hash
			break
		}
		p.begin(e, lane)
		p.together = append(p.together, next)
	}
	records := make([]stream.Record, len(p.together))
	for n, at := range p.together {
		records[n] = p.entries[at].record(p.inc.Partition)
	}
	return records
}

// alone says whether none behind the record in its line may be handled with it: there is none, or they are parked.
func (p *Partition) alone(e *entry) bool {
	if e.line == noLine {
		return true
	}
	l := &p.lines.lines[e.line]
	return l.length == 1 || l.parked
}

// turned notes, before the record begins, whether its turn was one of those that were tried before.
func (p *Partition) turned(e *entry) {
	off, ok := p.lines.due.first()
	p.lines.wasDue = ok && off == e.offset
}

// begin gives a record to a lane.
func (p *Partition) begin(e *entry, lane int) {
	w := &p.lanes[lane]
	e.ready, e.lane = false, int32(lane)
	p.move(e, stream.Running)
	w.offsets = append(w.offsets, e.offset)
}

// waiting is how many records may be begun, or somewhat more.
func (p *Partition) waiting() int {
	if p.config.Order == ByPartition {
		return int(p.ledger.States[stream.Queued])
	}
	return p.lines.turns.count + len(p.lines.late.heap) + p.lines.due.count + p.lines.probes.count
}

// awaitsBatch says whether the record at i, the first to be begun, is to wait for others, so that its batch becomes full.
func (p *Partition) awaitsBatch(now time.Time, i int) bool {
	e := &p.entries[i]
	if p.config.BatchRecords == 0 || p.waiting() >= p.config.BatchRecords || e.tried() {
		return false
	}
	if first, ok := p.firstTurn(&p.lines.due); ok && p.entries[first].tried() { // it has waited, and comes along
		return false
	}
	due := time.Unix(0, e.received).Add(p.config.BatchWait)
	if !now.Before(due) {
		return false
	}
	p.batchAt = due
	return true
}

// waits says whether the record waits for the lane.
func (e *entry) waits() bool { return e.state == stream.Queued || e.state == stream.Retrying }

// take marks up to size records as running and gives them to the handler. As long as they lie side by side in the batch
// they were polled in, and no handler has had them, that takes no copy.
func (p *Partition) take(now time.Time, size int) []stream.Record {
	if run := p.freshRun(size); len(run) > 0 && len(p.held) == 0 {
		for ; p.next < len(p.entries) && p.entries[p.next].offset <= run[len(run)-1].Offset; p.next++ {
			p.move(&p.entries[p.next], stream.Running)
		}
		return run
	}
	size = min(size, len(p.entries)-p.next)
	records := make([]stream.Record, 0, size)
	for ; p.next < len(p.entries) && len(records) < size; p.next++ {
		e := &p.entries[p.next]
		if !e.waits() {
			continue
		}
		if e.state == stream.Retrying && len(records) > 0 && !p.joinsBatch(now, e) {
			break
		}
		if _, h := p.holdOf(e); h != nil {
			break
		}
		p.move(e, stream.Running)
		records = append(records, e.record(p.inc.Partition))
	}
	return records
}

// joinsBatch says whether a record that was tried before may be handled together with others.
func (p *Partition) joinsBatch(now time.Time, e *entry) bool {
	t := p.troubles[e.offset]
	return p.config.BatchRecords > 0 && !t.probing && t.mayRun(now)
}

// freshRun gives the records from the next one on that lie side by side in the batch they were polled in; none when they are
// so few that it is better to copy them together with others, or a batch handler could have more.
func (p *Partition) freshRun(size int) []stream.Record {
	batch := p.entries[p.next].fresh
	size = min(size, len(p.entries)-p.next)
	n := 0
	for n < min(size, len(batch)) {
		e := &p.entries[p.next+n]
		if e.state != stream.Queued || e.fresh == nil || e.offset != batch[n].Offset {
			break
		}
		n++
	}
	enough := min(size, workRecordsMin)
	if p.config.BatchRecords > 0 {
		enough = size
	}
	if n < enough {
		return nil
	}
	return batch[:n:n]
}

// fitWork sets the size of the next Work of the partition, or of the line that e is in, by how far the lane came with one. A
// slow handler gets few records at a time, or the rest would be handed out again and again. Keys are not all as slow, and a
// Work that was smaller than it might have been shows nothing.
func (p *Partition) fitWork(e *entry, size, attempted int) {
	most := &p.workSize
	switch {
	case p.config.Order == ByPartition:
	case e.line == noLine:
		return
	default:
		most = &p.lines.lines[e.line].workSize
	}
	switch {
	case attempted < size:
		*most = min(max(2*attempted, workRecordsMin), workRecordsMax)
	case size >= *most:
		*most = min(2**most, workRecordsMax)
	}
}

// mayRun says whether a retrying record's wait is over.
func (t *trouble) mayRun(now time.Time) bool {
	if t.circuit != "" {
		return t.probing
	}
	return !t.retryAt.After(now)
}

// barred says whether nothing may be begun now: every lane is busy, the partition drains or is paused, or there is a limit of
// what waits for the broker. While a dead letter is refused nothing more is begun either, so that an outage of the
// dead-letter topic does not turn the whole backlog into pending dead letters.
func (p *Partition) barred() bool {
	s := &p.ledger.States
	return p.open >= p.lanesMost() || p.drain != nil || p.operatorPaused || !p.crowdedSince.IsZero() ||
		s[stream.Publishing] >= publishingMax || s[stream.DeadLettering] >= deadLetteringMax || p.refusedLetters > 0
}

// refusedDeadLetter gives the trouble of a dead letter that could not be written, or nil.
func (p *Partition) refusedDeadLetter() *trouble {
	if p.refusedLetters == 0 {
		return nil
	}
	for i := p.head; i < len(p.entries); i++ {
		if e := &p.entries[i]; e.state == stream.DeadLettering {
			if t := p.troubles[e.offset]; t.writeErr != nil {
				return t
			}
		}
	}
	return nil
}

// serveTimers does what has become due: records and dead letters to try again, attempts that have been stuck for too long.
// An incarnation that drains leaves refused dead letters to its successor: one written now would be written twice.
func (p *Partition) serveTimers(now time.Time, out *PartitionEffects) {
	for {
		off, ok := p.alarms.due(now)
		if !ok {
			break
		}
		i, known := p.find(off)
		t := p.troubles[off]
		if !known || t == nil || t.retryAt.IsZero() || t.retryAt.After(now) {
			continue
		}
		switch e := &p.entries[i]; {
		case e.state == stream.DeadLettering && p.drain == nil:
			p.writeDeadLetter(e, t, out)
		case e.state == stream.Retrying && t.givenUp != nil:
			f := t.failure
			f.Err = t.givenUp
			p.giveUp(now, i, f, out)
		case e.state == stream.Retrying && t.circuit == "":
			p.goOn(i)
		}
	}
	p.endLongStuck(now, out)
}

// goOn lets the record at i be begun again: its wait is over, or a lane has given it back.
func (p *Partition) goOn(i int) {
	if p.config.Order == ByPartition {
		p.next = min(p.next, i)
		return
	}
	if e := &p.entries[i]; p.isFirst(e) {
		p.giveTurn(e)
	}
}

// startDrain stops dispatch. The earliest deadline counts.
func (p *Partition) startDrain(deadline time.Time) {
	if p.drain == nil || deadline.Before(*p.drain) {
		p.drain = &deadline
	}
}

// finishDrain ends the incarnation when nothing is in flight any more, or the deadline has come.
func (p *Partition) finishDrain(now time.Time, out *PartitionEffects) {
	if p.drain == nil {
		return
	}
	inFlight := p.inFlight()
	if inFlight > 0 && now.Before(*p.drain) {
		return
	}
	p.Abandon()
	out.CancelWork = p.open > 0
	w := p.reported
	w.Records = 0
	out.Drained = &messages.Drained{
		Watermark: w, Abandoned: p.ledger.States[stream.Abandoned], InFlight: inFlight,
	}
}

// inFlight counts the records whose end a drain waits for. A record that waits for its next attempt is not among them, nor
// one whose dead letter the broker has refused and that is not being written again.
func (p *Partition) inFlight() int64 {
	s := &p.ledger.States
	return s[stream.Running] + s[stream.Stuck] + s[stream.Publishing] + s[stream.Storing] + s[stream.DeadLettering] -
		int64(p.restingLetters)
}
