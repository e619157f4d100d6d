package franz

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// boundsTimeout bounds one lookup of a log's bounds. A failed one is repeated.
const boundsTimeout = 10 * time.Second

// outOfRange holds a partition whose next offset is not in its log, until the log's bounds are known.
func (c *consumer) outOfRange(d *delivery) {
	d.halted = true
	c.changes.note(d)
	next := d.next
	c.background.Go(func() {
		log, known := c.bounds(d.partition)
		if !known {
			return
		}
		c.inbox.post(func() {
			if c.owned[d.partition] == d && d.started && d.halted && d.next == next {
				c.settle(d, log)
			}
		})
	})
}

// bounds asks for the log's bounds until it gets them, or the consumer is closed.
func (c *consumer) bounds(p stream.Partition) (kafka.Position, bool) {
	for {
		ctx, cancel := context.WithTimeout(c.ctx, boundsTimeout)
		log := []kafka.Position{{Partition: p}}
		c.lookup.logs(ctx, log)
		cancel()
		if log[0].Err == nil {
			return log[0], true
		}
		c.inbox.trouble(fmt.Errorf("bounds of %s, whose position is outside its log: %w", p, log[0].Err))
		timer := time.NewTimer(c.backoff)
		select {
		case <-timer.C:
		case <-c.ctx.Done():
			timer.Stop()
			return kafka.Position{}, false
		}
	}
}

// settle goes on at the log's start where records were deleted before they were read and the caller wants that. Beyond the
// log's end there is nothing to go on with.
func (c *consumer) settle(d *delivery, log kafka.Position) {
	position := d.next
	inside := position >= log.LogStart && position <= log.LogEnd
	overtaken := position < log.LogStart && c.outside == kafka.OutOfRangeGoOn
	if !inside && !overtaken {
		c.listener.Trouble(&kafka.OutsideError{Partition: d.partition, Position: position, Err: fmt.Errorf(
			"%s stands still at position %d: %w from %d to %d",
			d.partition, position, kafka.ErrOffsetOutOfRange, log.LogStart, log.LogEnd)})
		return
	}
	d.halted, d.moved, d.next = false, true, max(position, log.LogStart)
	c.changes.note(d)
	if overtaken {
		c.listener.Trouble(&kafka.OvertakenError{Partition: d.partition, Position: position, Err: fmt.Errorf(
			"%s: the records from %d to %d were deleted before they were read", d.partition, position, log.LogStart-1)})
	}
}
