package core

import (
	"time"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// entry is one record that is not done, or done above one that is not. It keeps the original: what the handler is given is
// the handler's to change.
type entry struct {
	offset      int64
	received    int64 // Unix nanoseconds
	size        int64 // in the byte budget
	key, value  []byte
	headers     []stream.Header
	timestamp   time.Time
	leaderEpoch int32
	attempt     int32
	outputs     int32 // not yet acknowledged
	lane        int32 // that has it, or had it last
	line        int32 // that it is in, or noLine
	state       stream.State
	ready       bool  // its turn has come
	behind      int64 // the offset of the next record of its line, if there is one
	// fresh is the record as it was polled, and behind it the rest of its batch; nil once a handler has had it.
	fresh []stream.Record
}

// record makes the record anew from the original.
func (e *entry) record(p stream.Partition) stream.Record {
	return stream.Record{
		Topic: p.Topic, Partition: p.Number, Offset: e.offset, LeaderEpoch: e.leaderEpoch, Attempt: e.attempt,
		Key: e.key, Value: e.value, Headers: e.headers, Timestamp: e.timestamp,
	}
}

// trouble is what is known of a record that did not simply succeed.
type trouble struct {
	failures int32 // attempts used up
	failure  messages.Failure
	since    time.Time // of the present wait
	retryAt  time.Time // zero while something else is awaited
	circuit  string    // the dependency it waits for, or probes
	probing  bool
	enlisted bool // it waits, and was not refused
	// of a dead letter
	failedAt time.Time
	writes   int32
	tooLarge bool
	writeErr error // why the broker did not take the dead letter at the last try
	// givenUp is why the record is to become a dead letter, while it waits for room among the keys that are held.
	givenUp error
	// outputErr is why the broker refused an output.
	outputErr error
}

// work is what a lane has.
type work struct {
	open    bool
	seq     uint64
	first   int   // the lowest record the lane still has, as an index in the Work
	lowest  int64 // its offset
	size    int
	offsets []int64 // of its records; not in partition order, where they lie side by side
	since   time.Time
	stuck   bool
}

// find gives the index of an offset in entries, or false when it is unknown or done and forgotten.
func (p *Partition) find(off int64) (int, bool) {
	low, high := p.head, len(p.entries)
	if low < high { // the log has few gaps, and of those below most are done
		if guess := off - p.entries[low].offset; guess >= 0 && guess < int64(high-low) && p.entries[low+int(guess)].offset == off {
			return low + int(guess), true
		}
	}
	for low < high {
		middle := int(uint(low+high) >> 1)
		if p.entries[middle].offset < off {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, low < len(p.entries) && p.entries[low].offset == off
}

// trim drops the done prefix, and now and then those done behind it. Indices of entries are good until then.
func (p *Partition) trim() {
	for p.head < len(p.entries) && p.entries[p.head].state == stream.Done {
		p.doneEpoch = p.entries[p.head].leaderEpoch
		p.head++
	}
	p.next = max(p.next, p.head)
	if p.head == len(p.entries) {
		p.entries, p.head, p.next = p.entries[:0], 0, 0
		if cap(p.entries) > roomMax {
			p.entries = nil
		}
		return
	}
	unfinished := int(p.ledger.Unfinished())
	forgotten := p.head > 1024 && p.head > len(p.entries)/2
	switch {
	case len(p.entries)-p.head > 3*unfinished+1024, forgotten && cap(p.entries) > roomMax && cap(p.entries) > 8*unfinished:
		p.compact(unfinished)
	case forgotten:
		kept := copy(p.entries, p.entries[p.head:])
		clear(p.entries[kept:])
		p.entries, p.head, p.next = p.entries[:kept], 0, p.next-p.head
	}
}

// compact drops the entries that are done. Of those that lie side by side it keeps the last, which knows the leader epoch to
// commit when the watermark gets there.
func (p *Partition) compact(unfinished int) {
	kept := p.entries[:0]
	if cap(p.entries) > roomMax && cap(p.entries) > 8*unfinished {
		kept = make([]entry, 0, 3*unfinished)
	}
	next := -1
	for i := p.head; i < len(p.entries); i++ {
		if next < 0 && i >= p.next {
			next = len(kept)
		}
		done := p.entries[i].state == stream.Done
		if done && i+1 < len(p.entries) && p.entries[i+1].state == stream.Done {
			continue
		}
		kept = append(kept, p.entries[i])
	}
	if next < 0 {
		next = len(kept)
	}
	clear(p.entries[min(len(kept), len(p.entries)):])
	p.entries, p.head, p.next = kept, 0, next
}
