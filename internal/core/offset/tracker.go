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
	"math/bits"
)

// ErrNotAscending is the answer to an offset that is not above the last one given.
var ErrNotAscending = errors.New("offset is not above the last one given")

// ErrUnknown is the answer to an offset that was never given.
var ErrUnknown = errors.New("offset was never given")

// ErrAlreadyDone is the answer to an offset that is done already. Below the watermark it includes offsets that were
// never given: the tracker has forgotten which were.
var ErrAlreadyDone = errors.New("offset is done already")

// ErrBackwards is the answer to a range whose end lies before its beginning.
var ErrBackwards = errors.New("range ends before it begins")

// Tracker is the account of one incarnation. Make it with [NewTracker].
//
// Each given offset has an ordinal, its place in the order of giving. Ordinals have no gaps, so "done" is one bit per
// record in a ring of words, and the offsets between two gaps are one span. Both are queues that reuse their memory, so
// in the long run nothing is allocated per record, and the cost of a done prefix is a few instructions per 64 records.
type Tracker struct {
	watermark int64 // next offset to commit
	last      int64 // last offset given
	head      int64 // ordinal of the lowest pending offset, or next
	next      int64 // ordinal of the next offset to be given
	pending   int
	spans     spanRing // from the one that holds ordinal head-1 (or head) up to the last
	// words holds the done bits of the ordinals from head's word to next's word; word w stands at w modulo its length, a
	// power of two. Bits from next on are clear.
	words []uint64
}

const (
	wordShift = 6
	wordBits  = 1 << wordShift
	wordMask  = wordBits - 1
)

// NewTracker makes the tracker of an incarnation that begins to read at start, which is its first watermark.
func NewTracker(start int64) *Tracker {
	return &Tracker{watermark: start, last: start - 1, words: make([]uint64, 4)}
}

// Add gives the tracker the next offset to account for. It fails with ErrNotAscending, and changes nothing, when offset
// is not above every offset before (or lies below the start).
func (t *Tracker) Add(offset int64) error {
	if offset <= t.last {
		return fmt.Errorf("add offset %d after %d: %w", offset, t.last, ErrNotAscending)
	}
	if offset != t.last+1 || t.spans.count == 0 {
		t.spans.push(span{offset: offset, ordinal: t.next})
	}
	if int(t.next>>wordShift-t.head>>wordShift) >= len(t.words) {
		t.grow()
	}
	t.next++
	t.pending++
	t.last = offset
	return nil
}

// Done marks one offset as done. It fails with ErrUnknown or ErrAlreadyDone, and then changes nothing.
func (t *Tracker) Done(offset int64) error {
	if offset < t.watermark {
		return fmt.Errorf("offset %d done again (watermark %d): %w", offset, t.watermark, ErrAlreadyDone)
	}
	ordinal, exact := t.seek(offset)
	if !exact {
		return fmt.Errorf("offset %d done (watermark %d, last given %d): %w", offset, t.watermark, t.last, ErrUnknown)
	}
	word, bit := t.word(ordinal>>wordShift), uint64(1)<<(ordinal&wordMask)
	if *word&bit != 0 {
		return fmt.Errorf("offset %d done again (watermark %d): %w", offset, t.watermark, ErrAlreadyDone)
	}
	*word |= bit
	t.pending--
	if ordinal == t.head {
		t.advance()
	}
	return nil
}

// DoneRange marks every given offset from first to last, both included, as done and says how many there were. Offsets in
// between that were never given are gaps and no error. It fails with ErrBackwards, or with ErrAlreadyDone when one of
// them is done already, and then changes nothing.
func (t *Tracker) DoneRange(first, last int64) (n int, err error) {
	if last < first {
		return 0, fmt.Errorf("offsets %d..%d done: %w", first, last, ErrBackwards)
	}
	if first < t.watermark {
		return 0, fmt.Errorf("offsets %d..%d done again (watermark %d): %w", first, last, t.watermark, ErrAlreadyDone)
	}
	from, _ := t.seek(first)
	to, exact := t.seek(last)
	if exact {
		to++
	}
	if taken := t.scan(from, to, 0); taken < to {
		return 0, fmt.Errorf("offset %d of %d..%d done again: %w", t.offset(taken), first, last, ErrAlreadyDone)
	}
	for at := from; at < to; {
		end := min(to, (at|wordMask)+1)
		*t.word(at >> wordShift) |= ^uint64(0) << (at & wordMask) & (^uint64(0) >> (-end & wordMask))
		at = end
	}
	t.pending -= int(to - from)
	if from == t.head && from < to {
		t.advance()
	}
	return int(to - from), nil
}

// Watermark is the next offset to commit: one above the last offset of the done prefix, or the start while that is
// empty. It never goes back.
func (t *Tracker) Watermark() int64 { return t.watermark }

// Last is the last offset given, or one below the start.
func (t *Tracker) Last() int64 { return t.last }

// Pending is how many given offsets are not done.
func (t *Tracker) Pending() int { return t.pending }

// Beyond is how many given offsets are done beyond the watermark.
func (t *Tracker) Beyond() int { return int(t.next-t.head) - t.pending }

// Lowest is the lowest offset that is not done, and whether there is one.
func (t *Tracker) Lowest() (int64, bool) {
	if t.head == t.next {
		return 0, false
	}
	return t.offset(t.head), true
}

// DoneBeyond gives what is done beyond the watermark, ascending and in as few runs as possible: a run goes on over
// offsets that were never given, and ends before one that is pending. It is nil when there is nothing.
func (t *Tracker) DoneBeyond() []Run { return t.AppendDoneBeyond(nil) }

// AppendDoneBeyond appends the runs of DoneBeyond to runs, for a caller that reuses its slice.
func (t *Tracker) AppendDoneBeyond(runs []Run) []Run {
	index := 0
	for left, at := t.Beyond(), t.head; left > 0; {
		first := t.scan(at, t.next, 0)
		at = t.scan(first, t.next, ^uint64(0))
		left -= int(at - first)
		index = t.spans.byOrdinal(index, first)
		from := t.spans.at(index)
		index = t.spans.byOrdinal(index, at-1)
		to := t.spans.at(index)
		runs = append(runs, Run{First: from.offset + first - from.ordinal, Last: to.offset + at - 1 - to.ordinal})
	}
	return runs
}

// word is the word of done bits with that number.
func (t *Tracker) word(number int64) *uint64 { return &t.words[int(number)&(len(t.words)-1)] }

// offset is the offset with that ordinal, which must be head or above.
func (t *Tracker) offset(ordinal int64) int64 {
	s := t.spans.at(t.spans.byOrdinal(0, ordinal))
	return s.offset + ordinal - s.ordinal
}

// seek is the ordinal of the lowest given offset that is not below offset (next, where there is none), and whether it is
// offset itself.
func (t *Tracker) seek(offset int64) (ordinal int64, exact bool) {
	i := t.spans.byOffset(offset)
	if i < 0 {
		if t.spans.count == 0 {
			return t.next, false
		}
		return t.spans.at(0).ordinal, false
	}
	end := t.next
	if i+1 < t.spans.count {
		end = t.spans.at(i + 1).ordinal
	}
	s := t.spans.at(i)
	if offset-s.offset >= end-s.ordinal {
		return end, false
	}
	return s.ordinal + offset - s.offset, true
}

// scan is the lowest ordinal from at to end (not included) whose done bit differs from the bits of same, or end: with
// same all zeros it finds the next done one, with all ones the next pending one.
func (t *Tracker) scan(at, end int64, same uint64) int64 {
	for at < end {
		differing := (*t.word(at >> wordShift) ^ same) >> (at & wordMask)
		if differing != 0 {
			return min(end, at+int64(bits.TrailingZeros64(differing)))
		}
		at = (at | wordMask) + 1
	}
	return end
}

// advance moves the head over what is done and the watermark with it, and forgets what lies below.
func (t *Tracker) advance() {
	before := t.head >> wordShift
	t.head = t.scan(t.head, t.next, ^uint64(0))
	for ; before < t.head>>wordShift; before++ {
		*t.word(before) = 0
	}
	for t.spans.count > 1 && t.spans.at(1).ordinal < t.head {
		t.spans.pop()
	}
	s := t.spans.at(0)
	t.watermark = s.offset + t.head - s.ordinal
}

// grow doubles the ring of done bits.
func (t *Tracker) grow() {
	grown := make([]uint64, 2*len(t.words))
	for number := t.head >> wordShift; number < t.next>>wordShift; number++ {
		grown[int(number)&(len(grown)-1)] = *t.word(number)
	}
	t.words = grown
}
