package stream

import "context"

// Offset is a position in a partition: the offset of the next record to read.
type Offset = int64

// OffsetStore says where to begin. It is asked at every assignment, before the first fetch, off the poller's goroutine
// and with a deadline on ctx. A partition that it leaves out begins at Kafka's committed offset; an error keeps the
// partition waiting (cause start-offset-unavailable) and is retried with backoff, never replaced by another offset.
type OffsetStore interface {
	Load(ctx context.Context, partitions []Partition) (map[Partition]Offset, error)
}
