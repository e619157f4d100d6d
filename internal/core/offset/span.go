package offset

// span is a stretch of given offsets without a gap. It begins with offset, which was the ordinal-th offset given, and
// ends where the next span's ordinal begins.
type span struct {
	offset  int64
	ordinal int64
}

// spanRing is a queue of spans in ascending order, with access by index. Its buffer's length is a power of two.
type spanRing struct {
	buffer []span
	head   int
	count  int
}

func (r *spanRing) at(i int) span { return r.buffer[(r.head+i)&(len(r.buffer)-1)] }

func (r *spanRing) push(s span) {
	if r.count == len(r.buffer) {
		grown := make([]span, max(4, 2*len(r.buffer)))
		for i := range r.count {
			grown[i] = r.at(i)
		}
		r.buffer, r.head = grown, 0
	}
	r.buffer[(r.head+r.count)&(len(r.buffer)-1)] = s
	r.count++
}

func (r *spanRing) pop() {
	r.head = (r.head + 1) & (len(r.buffer) - 1)
	r.count--
}

// byOffset is the index of the last span that begins at or below offset, -1 where there is none.
func (r *spanRing) byOffset(offset int64) int {
	if r.count == 0 || offset < r.at(0).offset {
		return -1
	}
	if r.count == 1 || offset < r.at(1).offset {
		return 0
	}
	low, high := 1, r.count
	for low+1 < high {
		middle := int(uint(low+high) >> 1)
		if r.at(middle).offset <= offset {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// byOrdinal is the index of the span that holds the ordinal, looking from index i upwards.
func (r *spanRing) byOrdinal(i int, ordinal int64) int {
	for i+1 < r.count && r.at(i+1).ordinal <= ordinal {
		i++
	}
	return i
}
