// Package offset keeps account of which offsets of one partition are done, in whatever order they finish, and says
// which offset may be committed.
//
// A [Tracker] belongs to one incarnation of a partition. It knows only the offsets it was given, because a log has gaps:
// compaction removes records, and transaction markers take up offsets that no consumer sees. An offset goes through
//
//	(unknown) --Add--> pending --Done--> done beyond the watermark --all below done--> below the watermark
//
// Everything below the watermark is committed as one number. What is done beyond it would be lost with the process, so
// it travels as text in the commit's metadata ([Encode], [Decode]), and the partition's next owner skips it ([DoneSet]).
//
// Nothing here is safe for concurrent use, reads a clock or does I/O.
package offset

import (
	"errors"
	"fmt"
)

// ErrNotAscending is the answer to an offset that is not above the last one given.
var ErrNotAscending = errors.New("offset is not above the last one given")

// ErrUnknown is the answer to an offset that was never given.
var ErrUnknown = errors.New("offset was never given")

// ErrAlreadyDone is the answer to an offset that is done already. Below the watermark and inside a run that is done
// beyond it this includes offsets that were never given: the tracker does not keep which were.
var ErrAlreadyDone = errors.New("offset is done already")

// Tracker is the account of one incarnation. Make it with [NewTracker].
//
// Its memory follows what is pending, not how far the lowest pending offset lies behind the last: one record that is
// retried for ever, while the partition goes on for days, costs a few kilobytes. From the lowest pending offset on there
// is one mark for each offset; of a run of done ones only the two outer marks matter, and when there are many more marks
// than pending offsets the others are dropped:
//
//	marks    5  ^6  ^7  ^8  ^11  12  ^13  15    given 5..8 11 12 13 15; pending 5 12 15; runs 6..11 and 13
//	compact  5  ^6          ^11  12  ^13  15
//
// Every run follows a pending offset, so what is left after compaction is at most three marks for each of these. All
// passes over the marks are paid for by the calls of Add since the one before; the memory is used again, so that in the
// long run nothing is allocated per record.
type Tracker struct {
	watermark int64 // next offset to commit
	last      int64 // last offset given
	highest   int64 // highest offset done, or below the watermark
	pending   int
	// marks ascend by offset. From head on they are the account; below it they are forgotten. A pending offset stands as
	// it is, a done one as its complement, which is negative. The one at head is pending.
	marks []int64
	head  int
	peak  int // most marks from head on, since the last time that marks was full
}

const (
	marksMin = 64 // capacity to begin with
	// Compaction begins with more marks than marksPerPending for each pending offset and marksSlack besides. It leaves at
	// most three for each, so the next one is that many calls away.
	marksPerPending = 4
	marksSlack      = 1024
	// Marks that were full twice without needing more than this part of their capacity are moved to a smaller one.
	shrinkBelow = 8
)

// NewTracker makes the tracker of an incarnation that begins to read at start, which is its first watermark. There are no
// offsets below 0.
func NewTracker(start int64) *Tracker {
	start = max(0, start)
	return &Tracker{watermark: start, last: start - 1, highest: start - 1}
}

// Add gives the tracker the next offset to account for. It fails with ErrNotAscending, and changes nothing, when offset
// is not above every offset before (or lies below the start).
func (t *Tracker) Add(offset int64) error {
	if offset <= t.last {
		return fmt.Errorf("add offset %d after %d: %w", offset, t.last, ErrNotAscending)
	}
	if live := len(t.marks) - t.head; live > marksPerPending*t.pending+marksSlack {
		t.compact()
	}
	if len(t.marks) == cap(t.marks) {
		t.makeRoom()
	}
	t.marks = append(t.marks, offset)
	t.peak = max(t.peak, len(t.marks)-t.head)
	t.pending++
	t.last = offset
	return nil
}

// Done marks one offset as done. It fails with ErrUnknown or ErrAlreadyDone, and then changes nothing.
func (t *Tracker) Done(offset int64) error {
	if t.head < len(t.marks) && t.marks[t.head] == offset {
		t.marks[t.head] = ^offset
		t.pending--
		t.highest = max(t.highest, offset)
		t.advance()
		return nil
	}
	at, err := t.seek(offset)
	if err != nil {
		return err
	}
	t.marks[at] = ^offset
	t.pending--
	t.highest = max(t.highest, offset)
	return nil
}

// Watermark is the next offset to commit: one above the last offset of the done prefix, or the start while that is
// empty. It never goes back.
func (t *Tracker) Watermark() int64 { return t.watermark }

// Last is the last offset given, or one below the start.
func (t *Tracker) Last() int64 { return t.last }

// Pending is how many given offsets are not done.
func (t *Tracker) Pending() int { return t.pending }

// Lowest is the lowest offset that is not done, and whether there is one.
func (t *Tracker) Lowest() (int64, bool) {
	if t.head == len(t.marks) {
		return 0, false
	}
	return t.marks[t.head], true
}

// HasBeyond says whether anything is done beyond the watermark.
func (t *Tracker) HasBeyond() bool { return t.highest >= t.watermark }

// DoneBeyond gives what is done beyond the watermark, ascending and in as few runs as possible: a run goes on over
// offsets that were never given, and ends before one that is pending. It is nil when there is nothing.
func (t *Tracker) DoneBeyond() []Run { return t.AppendDoneBeyond(nil, 0) }

// AppendDoneBeyond appends the lowest runs of DoneBeyond to runs, at most limit of them; all, where limit is not above 0.
// It looks at nothing above the last run that it appends.
func (t *Tracker) AppendDoneBeyond(runs []Run, limit int) []Run {
	if !t.HasBeyond() {
		return runs
	}
	before := len(runs)
	open := false
	for _, mark := range t.marks[t.head:] {
		if mark >= 0 {
			if open && len(runs)-before == limit {
				return runs
			}
			open = false
			continue
		}
		if open {
			runs[len(runs)-1].Last = ^mark
		} else {
			runs, open = append(runs, Run{First: ^mark, Last: ^mark}), true
		}
		if ^mark == t.highest {
			return runs
		}
	}
	return runs
}

// marked is the offset of a mark, pending or done.
func marked(mark int64) int64 { return mark ^ mark>>63 }

// seek finds the mark of a pending offset.
//
// As marks ascend, an offset's mark stands no further from the first one, and no further from the last one, than its
// offset does. Without a gap below, or without one above, that is the place already; otherwise what lies between the two
// places is searched.
func (t *Tracker) seek(offset int64) (int, error) {
	if offset < t.watermark {
		return 0, t.alreadyDone(offset)
	}
	if offset > t.last || offset < t.marks[t.head] {
		return 0, t.unknown(offset)
	}
	end := len(t.marks) - 1
	high := t.head + int(min(offset-t.marks[t.head], int64(end-t.head)))
	if t.marks[high] == offset {
		return high, nil
	}
	low := end - int(min(t.last-offset, int64(end-t.head)))
	for low < high {
		middle := int(uint(low+high) >> 1)
		if marked(t.marks[middle]) < offset {
			low = middle + 1
		} else {
			high = middle
		}
	}
	switch mark := t.marks[low]; {
	case mark == offset:
		return low, nil
	case mark >= 0 || mark != ^offset && t.marks[low-1] >= 0:
		return 0, t.unknown(offset)
	default:
		return 0, t.alreadyDone(offset)
	}
}

func (t *Tracker) alreadyDone(offset int64) error {
	return fmt.Errorf("offset %d done again (watermark %d): %w", offset, t.watermark, ErrAlreadyDone)
}

func (t *Tracker) unknown(offset int64) error {
	return fmt.Errorf("offset %d done (watermark %d, last given %d): %w", offset, t.watermark, t.last, ErrUnknown)
}

// advance moves the head over what is done and the watermark with it.
func (t *Tracker) advance() {
	at := t.head + 1
	for at < len(t.marks) && t.marks[at] < 0 {
		at++
	}
	t.head = at
	t.watermark = ^t.marks[at-1] + 1
}

// compact drops the marks inside runs, and those below the head.
func (t *Tracker) compact() {
	kept := t.marks[:0]
	for _, mark := range t.marks[t.head:] {
		if n := len(kept); mark < 0 && n > 1 && kept[n-1] < 0 && kept[n-2] < 0 {
			kept[n-1] = mark
		} else {
			kept = append(kept, mark)
		}
	}
	t.marks, t.head = kept, 0
}

// makeRoom finds a place for one more mark when marks is full: below the head, where at least half of it is forgotten,
// otherwise in a larger slice. A slice that has become far too large is left for a smaller one.
func (t *Tracker) makeRoom() {
	live := len(t.marks) - t.head
	capacity := cap(t.marks)
	switch {
	case live*2 > capacity || capacity == 0:
		t.marks = append(make([]int64, 0, max(marksMin, 2*capacity)), t.marks[t.head:]...)
	case t.peak*shrinkBelow < capacity && capacity > marksMin:
		t.marks = append(make([]int64, 0, capacity/2), t.marks[t.head:]...)
	default:
		t.marks = t.marks[:copy(t.marks, t.marks[t.head:])]
	}
	t.head = 0
	t.peak = live
}
