package core

// late are offsets whose turn came after it had come to higher ones. The lowest is the first: what is done far ahead of it
// has to be told in the commit's metadata.
type late struct{ heap alarms }

func (l *late) push(off int64) { l.heap.add(alarm{at: off, offset: off}) }

// first is the lowest, and whether there is one.
func (l *late) first() (int64, bool) {
	if len(l.heap) == 0 {
		return 0, false
	}
	return l.heap[0].offset, true
}

// drop takes the first out.
func (l *late) drop() { l.heap.pop() }
