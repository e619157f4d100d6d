package core

// ring is a queue of offsets that reuses its room. Its buffer's length is a power of two.
type ring struct {
	buffer []int64
	head   int
	count  int
}

func (r *ring) push(off int64) {
	if r.count == len(r.buffer) {
		r.resize(max(16, 2*r.count))
	}
	r.buffer[(r.head+r.count)&(len(r.buffer)-1)] = off
	r.count++
}

// first is the one that was pushed before all others, and whether there is one.
func (r *ring) first() (int64, bool) {
	if r.count == 0 {
		return 0, false
	}
	return r.buffer[r.head], true
}

// drop takes the first out. Room that was needed once is given up when little of it is used.
func (r *ring) drop() {
	r.head = (r.head + 1) & (len(r.buffer) - 1)
	r.count--
	if len(r.buffer) > roomMax && r.count < len(r.buffer)/8 {
		r.resize(len(r.buffer) / 4)
	}
}

func (r *ring) resize(size int) {
	resized := make([]int64, size)
	for i := range r.count {
		resized[i] = r.buffer[(r.head+i)&(len(r.buffer)-1)]
	}
	r.buffer, r.head = resized, 0
}
