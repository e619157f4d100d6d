package offset

import "fmt"

// Run is a range of offsets, both ends included, in which every offset that was given is done. Offsets inside it that
// the log never held (compaction, transaction markers) count as done too: nobody will ever read them.
type Run struct {
	First int64
	Last  int64
}

// String gives "7..9", or "7" for a single offset.
func (r Run) String() string {
	if r.First == r.Last {
		return fmt.Sprintf("%d", r.First)
	}
	return fmt.Sprintf("%d..%d", r.First, r.Last)
}
