package memory

import (
	"sort"

	"github.com/troupe-go/troupe/stream"
)

// topic is a named set of logs.
type topic struct {
	name         string
	id           string
	logs         []*log
	denied       bool
	messageLimit int64 // 0: the broker's
}

// log is one partition. Offsets between start and end may be missing.
type log struct {
	start, end int64
	records    []stream.Record // ascending by offset
}

func (l *log) append(r stream.Record) int64 {
	r.Offset = l.end
	l.records = append(l.records, r)
	l.end++
	return r.Offset
}

// from gives the records at and above offset.
func (l *log) from(offset int64) []stream.Record {
	return l.records[sort.Search(len(l.records), func(i int) bool { return l.records[i].Offset >= offset }):]
}

// trim deletes the records below offset.
func (l *log) trim(offset int64) {
	l.start = max(l.start, min(offset, l.end))
	l.records = append([]stream.Record(nil), l.from(l.start)...)
}

// compact deletes the records at these offsets.
func (l *log) compact(offsets []int64) {
	gone := make(map[int64]bool, len(offsets))
	for _, at := range offsets {
		gone[at] = true
	}
	kept := make([]stream.Record, 0, len(l.records))
	for _, r := range l.records {
		if !gone[r.Offset] {
			kept = append(kept, r)
		}
	}
	l.records = kept
}
