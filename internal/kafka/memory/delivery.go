package memory

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// gather takes at most limit records of the started partitions into fetch, in turns, and says how many.
func (c *consumer) gather(limit int, fetch *kafka.Fetch) int {
	if c.broker.faults.down {
		return 0
	}
	left := limit
	c.turn++ // the next one begins, or the last in the round would always get the rest
	for i := range c.ring {
		if left == 0 || fetch.Full() {
			break
		}
		d := c.ring[(c.turn+i)%len(c.ring)]
		if !d.started || d.paused {
			continue
		}
		slice := left
		if c.broker.options.FetchRecords > 0 {
			slice = min(slice, c.broker.options.FetchRecords)
		}
		left -= c.take(d, slice, fetch)
	}
	return limit - left
}

// take takes at most limit records of one partition.
func (c *consumer) take(d *delivery, limit int, fetch *kafka.Fetch) int {
	l := c.broker.log(d.partition)
	if l == nil || c.broker.topics[d.partition.Topic].denied {
		return 0
	}
	if d.position < l.start || d.position > l.end {
		if !c.resetPosition(d, l) {
			return 0
		}
	}
	d.end = l.end
	records := l.from(d.position)
	records = records[:min(limit, len(records))]
	if len(records) == 0 {
		d.position = l.end // beyond a gap at the end
		return 0
	}
	batch := fetch.Batch(d.partition.Topic, d.partition.Number)
	taken := 0
	for ; taken < len(records) && !fetch.Full(); taken++ {
		batch.Append(records[taken])
	}
	d.position = records[taken-1].Offset + 1
	return taken
}

// resetPosition tells of a position outside the log. Below it, the partition goes on at the log's start unless it is to
// stop; beyond it, or with a log that went back, it stands still in any case.
func (c *consumer) resetPosition(d *delivery, l *log) bool {
	position := d.position
	err := fmt.Errorf("partition %s: position %d is not in %d..%d: %w", d.partition, position, l.start, l.end, kafka.ErrOffsetOutOfRange)
	if c.outside == kafka.OutOfRangeStop || position > l.end {
		d.started = false
		c.call(func(listener kafka.Listener) {
			listener.Trouble(&kafka.OutsideError{Partition: d.partition, Position: position, Err: err})
		})
		return false
	}
	d.position = l.start
	c.call(func(listener kafka.Listener) {
		listener.Trouble(&kafka.OvertakenError{Partition: d.partition, Position: position, Err: err})
	})
	return true
}

// Start begins to deliver a partition from offset, or moves it there. It ends a pause.
func (c *consumer) Start(p stream.Partition, offset int64) error {
	c.broker.mu.Lock()
	defer c.broker.mu.Unlock()
	d, err := c.owned(p)
	if err != nil {
		return fmt.Errorf("start %s at %d: %w", p, offset, err)
	}
	if offset < 0 {
		return fmt.Errorf("start %s at %d: %w", p, offset, ErrInvalidOffset)
	}
	d.started, d.paused, d.position = true, false, offset
	c.wake()
	return nil
}

// Pause stops the delivery of partitions.
func (c *consumer) Pause(partitions []stream.Partition) error { return c.setPaused(partitions, true) }

// Resume goes on after the last record delivered.
func (c *consumer) Resume(partitions []stream.Partition) error { return c.setPaused(partitions, false) }

func (c *consumer) setPaused(partitions []stream.Partition, paused bool) error {
	c.broker.mu.Lock()
	defer c.broker.mu.Unlock()
	var first error
	for _, p := range partitions {
		d, err := c.owned(p)
		switch {
		case err == nil:
			d.paused = paused
		case first == nil:
			first = fmt.Errorf("pause or resume %s: %w", p, err)
		}
	}
	c.wake()
	return first
}

func (c *consumer) owned(p stream.Partition) (*delivery, error) {
	if c.isClosed() {
		return nil, kafka.ErrClosed
	}
	d := c.deliveries[p]
	if d == nil {
		return nil, kafka.ErrNotOwned
	}
	return d, nil
}

// Ends gives the log's end of the partitions as of the last fetch.
func (c *consumer) Ends(partitions []stream.Partition) []int64 {
	c.broker.mu.Lock()
	defer c.broker.mu.Unlock()
	ends := make([]int64, len(partitions))
	for i, p := range partitions {
		ends[i] = -1
		if d := c.deliveries[p]; d != nil {
			ends[i] = d.end
		}
	}
	return ends
}

// sessionEnd is when a call that waits for the coordinator gives up.
func (c *consumer) sessionEnd() time.Time { return time.Now().Add(c.settings.session) }
