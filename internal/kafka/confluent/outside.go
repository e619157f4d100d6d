package confluent

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/internal/kafka"
)

// outsideTimeout bounds one lookup of the logs' bounds. A failed one is repeated.
const outsideTimeout = 10 * time.Second

// outside is the search for the partition whose position is outside its log, after the client has said that there is one.
type outside struct {
	searching bool
	found     chan []bounds
}

// bounds are those of one partition's log, beside the position that it had when the search began.
type bounds struct {
	kafka.Position
	next int64
}

// searchOutside asks for the bounds of all started partitions' logs, beside the polls.
func (c *consumer) searchOutside() {
	if c.outside.searching {
		return
	}
	search := make([]bounds, 0, len(c.owned))
	for p, d := range c.owned {
		if d.started || d.waiting {
			search = append(search, bounds{Position: kafka.Position{Partition: p}, next: d.next})
		}
	}
	if len(search) == 0 || !c.gate.enter() {
		return
	}
	found := make(chan []bounds, 1)
	c.outside = outside{searching: true, found: found}
	go func() {
		defer c.gate.leave()
		ctx, cancel := context.WithTimeout(context.Background(), outsideTimeout)
		defer cancel()
		positions := make([]kafka.Position, len(search))
		for i := range search {
			positions[i] = search[i].Position
		}
		c.lookup.logs(ctx, positions)
		for i := range search {
			search[i].Position = positions[i]
		}
		found <- search
	}()
}

// stopOutside takes what was found, if anything yet. It is called when the client has nothing more to deliver, so a
// position outside the log is one that the client cannot go on from, and not one whose records were fetched before they
// were deleted.
func (c *consumer) stopOutside() {
	var found []bounds
	select {
	case found = <-c.outside.found:
		c.outside = outside{}
	default:
		return
	}
	again := false
	for i := range found {
		log := &found[i]
		d := c.owned[log.Partition]
		switch {
		case d == nil:
		case log.Err != nil:
			again = true
		case log.next < log.LogStart || log.next > log.LogEnd:
			d.started, d.stuck = false, true
			c.setWaiting(d, false)
			c.listener.Trouble(&kafka.OutsideError{Partition: log.Partition, Position: log.next, Err: fmt.Errorf(
				"%s stands still at position %d: %w from %d to %d",
				log.Partition, log.next, kafka.ErrOffsetOutOfRange, log.LogStart, log.LogEnd)})
		}
	}
	if again {
		c.searchOutside()
	}
}
