package confluent

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/internal/kafka"
)

// outsideTimeout bounds one lookup of the logs' bounds. A failed one is repeated.
const outsideTimeout = 10 * time.Second

// outside is the search for partitions whose position is outside their log.
type outside struct {
	searching bool
	found     chan []kafka.Position
}

// searchOutside asks for the bounds of all started partitions' logs, beside the polls.
func (c *consumer) searchOutside() {
	if c.outside.searching {
		return
	}
	positions := make([]kafka.Position, 0, len(c.owned))
	for p, d := range c.owned {
		if d.started {
			positions = append(positions, kafka.Position{Partition: p})
		}
	}
	if len(positions) == 0 || !c.gate.enter() {
		return
	}
	c.outside = outside{searching: true, found: make(chan []kafka.Position, 1)}
	found := c.outside.found
	go func() {
		defer c.gate.leave()
		ctx, cancel := context.WithTimeout(context.Background(), outsideTimeout)
		defer cancel()
		c.lookup.logs(ctx, positions)
		found <- positions
	}()
}

// moveInside takes what was found, if anything yet. It is called when the client has nothing more to deliver, so a
// position outside the log is one that the client cannot go on from, and not one whose records were fetched before they
// were deleted.
func (c *consumer) moveInside() {
	var found []kafka.Position
	select {
	case found = <-c.outside.found:
		c.outside = outside{}
	default:
		return
	}
	again := false
	for i := range found {
		bounds := &found[i]
		d := c.owned[bounds.Partition]
		switch {
		case d == nil || !d.started:
		case bounds.Err != nil:
			again = true
		case d.next < bounds.LogStart || d.next > bounds.LogEnd:
			c.moveOne(d, bounds)
		}
	}
	if again {
		c.searchOutside()
	}
}

// moveOne does what auto.offset.reset says about one partition.
func (c *consumer) moveOne(d *delivery, log *kafka.Position) {
	position := d.next
	if c.reset == kafka.ResetError {
		d.started = false
		c.listener.Trouble(fmt.Errorf("%s: position %d, log from %d to %d: %w; it stands still, since auto.offset.reset is error",
			d.partition, position, log.LogStart, log.LogEnd, kafka.ErrOffsetOutOfRange))
		return
	}
	d.next, d.started = log.LogStart, false
	if c.reset == kafka.ResetLatest {
		d.next = log.LogEnd
	}
	c.listener.Trouble(fmt.Errorf("%s: position %d is outside the log from %d to %d; auto.offset.reset (%s) moves it to %d",
		d.partition, position, log.LogStart, log.LogEnd, c.reset, d.next))
	if err := c.begin(d); err != nil {
		c.failed = err
	}
}
