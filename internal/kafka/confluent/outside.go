package confluent

import (
	"context"
	"fmt"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/troupe-go/troupe/internal/kafka"
)

const (
	// outsideTimeout bounds one lookup of the logs' bounds. A failed one is repeated.
	outsideTimeout = 10 * time.Second
	// outsidePatience is how long the records that were fetched before are waited for.
	outsidePatience = time.Second
)

// outside is the search for how the logs have changed under positions that the client has given up.
type outside struct {
	wanted    bool // for the partitions whose position was reset
	searching bool
	answer    chan []bounds
	found     []bounds
	since     time.Time // when the answer came
}

// bounds are those of one partition's log, beside the position that it had when the search began.
type bounds struct {
	kafka.Position
	delivery *delivery
	next     int64
}

// givenUp stops the partitions that the client has given up under auto.offset.reset=error. It says that there is one
// without saying which; a seek is refused for those and no others. What was fetched of them before has been delivered.
func (c *consumer) givenUp() {
	var stuck []*delivery
	for _, d := range c.owned {
		if d.started && c.seek(d) != nil {
			d.started, d.stuck = false, true
			stuck = append(stuck, d)
		}
	}
	c.stuck = append(c.stuck, stuck...)
	c.outside.wanted = len(c.stuck) > 0
}

// seek tells the library where the next record is wanted.
func (c *consumer) seek(d *delivery) error {
	at := partitions(d.partition)
	at[0].Offset = ck.Offset(d.next)
	done, err := c.client.SeekPartitions(at)
	if err == nil && len(done) == 1 {
		err = done[0].Error
	}
	return err
}

// searchOutside asks for the bounds of the logs, beside the polls.
func (c *consumer) searchOutside() {
	if !c.outside.wanted || c.outside.searching {
		return
	}
	var search []bounds
	for p, d := range c.owned {
		if d.reset {
			search = append(search, bounds{Position: kafka.Position{Partition: p}, delivery: d, next: d.next})
		}
	}
	for _, d := range c.stuck {
		search = append(search, bounds{Position: kafka.Position{Partition: d.partition}, delivery: d, next: d.next})
	}
	if len(search) == 0 || !c.gate.enter() {
		c.outside.wanted = false
		return
	}
	answer := make(chan []bounds, 1)
	c.outside = outside{searching: true, answer: answer}
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
		answer <- search
	}()
}

// judgeOutside takes the answer, if it has come. It waits for the records that were fetched before they were deleted: until
// the client has nothing more to deliver, or for a while.
func (c *consumer) judgeOutside(idle bool) {
	if !c.outside.searching {
		return
	}
	if c.outside.found == nil {
		select {
		case c.outside.found = <-c.outside.answer:
			c.outside.since = time.Now()
		default:
			return
		}
	}
	if !idle && time.Since(c.outside.since) < outsidePatience {
		return
	}
	found := c.outside.found
	c.outside = outside{wanted: c.outside.wanted}
	for i := range found {
		c.judge(&found[i])
	}
}

// judge compares one position with its log.
func (c *consumer) judge(log *bounds) {
	d := log.delivery
	switch {
	case c.owned[d.partition] != d:
		c.forgetStuck(d)
	case d.stuck && log.Err == nil:
		c.forgetStuck(d)
		c.tellOutside(log)
	case !d.stuck && !d.reset: // it was said meanwhile, or it was started elsewhere
	case log.Err != nil || log.next != d.next:
		c.outside.wanted = true
	case d.next < log.LogStart:
		d.reset = false
		c.tellOvertaken(d, d.next, log.LogStart)
		d.next, d.delivered = log.LogStart, false
	case d.next > log.LogEnd:
		c.standStill(d)
		c.tellOutside(log)
	default: // nothing that is wanted was deleted
		d.reset = false
	}
}

func (c *consumer) forgetStuck(d *delivery) {
	for i, other := range c.stuck {
		if other == d {
			c.stuck = append(c.stuck[:i], c.stuck[i+1:]...)
			return
		}
	}
}

func (c *consumer) tellOutside(log *bounds) {
	c.listener.Trouble(&kafka.OutsideError{Partition: log.Partition, Position: log.next, Err: fmt.Errorf(
		"%s stands still at position %d: %w from %d to %d",
		log.Partition, log.next, kafka.ErrOffsetOutOfRange, log.LogStart, log.LogEnd)})
}

// standStill ends the delivery of a partition until it is started again.
func (c *consumer) standStill(d *delivery) {
	d.started, d.reset, d.delivered = false, false, false
	c.setWaiting(d, false)
	if err := c.client.Pause(partitions(d.partition)); err != nil {
		c.failed = fmt.Errorf("hold %s: %w", d.partition, err)
	}
}
