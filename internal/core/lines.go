package core

import (
	"time"

	"github.com/troupe-go/troupe/stream"
)

// lines are what is kept in order where that is not the whole partition: the records of one key are a line, and a record
// without a key, or without order, has none. Only the first of a line may be handled. A line that has no records leaves
// nothing behind, so the number of keys ever seen costs nothing.
//
//	joins its line ──► behind another ──► first: ready ──► running ──► leaves, and the next is ready
//	                    ▲ parked, while the first waits for its next attempt
type lines struct {
	byKey map[uint64]int32 // the line of a key's hash
	lines []line
	spare []int32
	// turns are the records whose turn has come, by offset, in the order in which it came; due are those of them that have
	// been tried before. A record may be in here twice, or have had its turn meanwhile: its entry knows.
	turns  ring
	late   late // those of them that are lower than one that had its turn before
	last   int64
	due    ring
	wasDue bool // the turn was one of due's when something was begun last
	// probes are those that go before all others, because the circuits have chosen them.
	probes ring
}

// line is the records of one key that have not left it.
type line struct {
	hash        uint64
	first, last int64 // offsets
	length      int64
	workSize    int  // of the next Work, by how far the lane came with the last
	parked      bool // the first waits for its next attempt, or is at it
}

// noLine is the line of a record that has none, or has left it.
const noLine int32 = -1

// join puts a new record at the end of its line. Its turn has come if there is none before it.
func (p *Partition) join(i int) {
	e := &p.entries[i]
	if p.config.Order == Unordered || e.key == nil {
		p.giveTurn(e)
		return
	}
	ls := &p.lines
	hash := p.config.KeyHash(e.key)
	if at, ok := ls.byKey[hash]; ok {
		l := &ls.lines[at]
		if before, ok := p.find(l.last); ok {
			p.entries[before].behind = e.offset
		}
		l.last = e.offset
		l.length++
		e.line = at
		e.fresh = nil // it may wait for long, and would keep all that was polled with it
		if l.parked {
			p.ledger.Move(stream.Queued, stream.Parked, 1)
		}
		return
	}
	e.line = ls.open(line{hash: hash, first: e.offset, last: e.offset, length: 1, workSize: workRecordsMin})
	p.giveTurn(e)
}

// open begins a line.
func (ls *lines) open(l line) int32 {
	if ls.byKey == nil {
		ls.byKey = make(map[uint64]int32)
	}
	at := int32(len(ls.lines))
	if n := len(ls.spare); n > 0 {
		at, ls.spare = ls.spare[n-1], ls.spare[:n-1]
		ls.lines[at] = l
	} else {
		ls.lines = append(ls.lines, l)
	}
	ls.byKey[l.hash] = at
	return at
}

// leave lets a record that need not be waited for any more out of its line. It is the first of it.
func (p *Partition) leave(e *entry) {
	if e.line == noLine {
		return
	}
	ls := &p.lines
	l := &ls.lines[e.line]
	if l.parked {
		p.ledger.Move(stream.Parked, stream.Queued, l.length-1)
		l.parked = false
	}
	l.length--
	if l.length == 0 {
		ls.close(e.line)
	} else if next, ok := p.find(e.behind); ok {
		l.first = e.behind
		if n := &p.entries[next]; n.state == stream.Queued { // otherwise its lane goes on with it
			p.giveTurn(n)
		}
	}
	e.line = noLine
}

// close forgets a line. Where there were many once, the room for them is given up with the last.
func (ls *lines) close(at int32) {
	delete(ls.byKey, ls.lines[at].hash)
	if len(ls.byKey) == 0 && len(ls.lines) > roomMax {
		ls.byKey, ls.lines, ls.spare = nil, nil, nil
		return
	}
	ls.spare = append(ls.spare, at)
}

// park notes that the first of a line waits for its next attempt, and all behind it with it.
func (p *Partition) park(e *entry) {
	if e.line == noLine {
		return
	}
	if l := &p.lines.lines[e.line]; !l.parked {
		l.parked = true
		p.ledger.Move(stream.Queued, stream.Parked, l.length-1)
	}
}

// state is where a record is: one in a line that is parked is queued as far as its entry knows.
func (p *Partition) state(e *entry) stream.State {
	if e.state == stream.Queued && e.line != noLine {
		if l := &p.lines.lines[e.line]; l.parked && l.first != e.offset {
			return stream.Parked
		}
	}
	return e.state
}

// isFirst says whether no record of its line is before it.
func (p *Partition) isFirst(e *entry) bool {
	return e.line == noLine || p.lines.lines[e.line].first == e.offset
}

// giveTurn lets a record be begun, behind those whose turn came before. Those that were tried before have turns of their own:
// they are older, and hold the watermark back.
func (p *Partition) giveTurn(e *entry) {
	e.ready = true
	switch {
	case p.probes(e):
		p.lines.probes.push(e.offset)
	case e.tried():
		p.lines.due.push(e.offset)
	default:
		if p.lines.turns.count > 0 && e.offset < p.lines.last {
			p.lines.late.push(e.offset)
			return
		}
		p.lines.last = e.offset
		p.lines.turns.push(e.offset)
	}
}

// giveTurnBack lets a record be begun before those that never had their turn: its lane did not begin it.
func (p *Partition) giveTurnBack(e *entry) {
	e.ready = true
	if p.probes(e) {
		p.lines.probes.push(e.offset)
		return
	}
	p.lines.due.push(e.offset)
}

// nextTurn gives the record whose turn it is, if one may be begun. Those whose key is held go to the dead letters when their
// turn comes.
func (p *Partition) nextTurn(now time.Time, probesOnly bool, out *PartitionEffects) (int, bool) {
	for p.ledger.States[stream.DeadLettering] < deadLetteringMax {
		i, ok := p.turn(probesOnly)
		if !ok || !p.divert(now, i, out) {
			return i, ok
		}
	}
	return 0, false
}

// turn gives the record whose turn it is: in turn one that was tried before, or given back, and one that was not, so that
// neither waits for all of the others, however many come again. Full metadata leaves the turn to the lowest records; too many
// parked records leave it to those that were tried before.
func (p *Partition) turn(probesOnly bool) (int, bool) {
	if i, ok := p.probesTurn(); ok || probesOnly {
		return i, ok
	}
	if p.metadataFull {
		return p.nearTurn()
	}
	due, ok := p.firstTurn(&p.lines.due)
	if ok && !p.lines.wasDue || p.parkedFull() {
		return due, ok
	}
	if i, ok := p.newTurn(); ok {
		return i, true
	}
	return due, ok
}

// newTurn gives the lowest record whose turn it is of those that were not tried before.
func (p *Partition) newTurn() (int, bool) {
	i, ok := p.firstTurn(&p.lines.turns)
	if j, late := p.firstTurn(&p.lines.late); late && (!ok || j < i) {
		return j, true
	}
	return i, ok
}

// probesTurn gives the record that is to probe. One whose circuit has closed meanwhile is not a probe any more.
func (p *Partition) probesTurn() (int, bool) {
	for {
		i, ok := p.firstTurn(&p.lines.probes)
		if !ok || p.probes(&p.entries[i]) {
			return i, ok
		}
		p.lines.probes.drop()
		p.lines.due.push(p.entries[i].offset)
	}
}

// queue is of offsets.
type queue interface {
	first() (int64, bool)
	drop()
}

// firstTurn gives the first record of the ring that still waits for its turn, and drops those before it that do not.
func (p *Partition) firstTurn(r queue) (int, bool) {
	for {
		off, ok := r.first()
		if !ok {
			return 0, false
		}
		if i, known := p.find(off); known && p.entries[i].ready {
			return i, true
		}
		r.drop()
	}
}

// parkedFull says whether as many records as allowed wait for an attempt, or behind one that does, or may come to, because
// they are being handled.
func (p *Partition) parkedFull() bool {
	n := p.Parked() + int64(p.open)
	return p.config.MaxParked > 0 && n >= p.config.MaxParked || p.parkingLimit > 0 && n >= p.parkingLimit
}

// LimitParked says how many records may be parked as far as the whole process is concerned, beside the partition's own limit;
// 0 is no limit.
func (p *Partition) LimitParked(records int64) { p.parkingLimit = records }

// Parked is how many records wait for an attempt, or behind one of their key that does.
func (p *Partition) Parked() int64 {
	return p.ledger.States[stream.Retrying] + p.ledger.States[stream.Parked]
}
