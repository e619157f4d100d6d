package confluent

import (
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// reset says that the library has given a position up, because the broker does not have it any more, and has gone to the
// log's start.
type reset struct {
	partition stream.Partition
	position  int64
}

// resets hands over what the goroutine that reads the library's log has seen to the one that owns the consumer. There is
// no event for it: the line in the log is all that librdkafka says.
type resets struct {
	any  atomic.Bool
	line *regexp.Regexp
	mu   sync.Mutex
	seen []reset
}

func newResets() *resets {
	return &resets{line: regexp.MustCompile(
		`^(?:\[thrd:[^\]]*\]: )?([A-Za-z0-9._-]+) \[(\d+)\]: offset reset \(at offset (\d+) \(leader epoch -?\d+\), broker -?\d+\) to `)}
}

// read takes a line of the log. Those of level debug are about resets that were asked for.
func (r *resets) read(e ck.LogEvent) {
	if e.Tag != "OFFSET" || e.Level > levelWarning {
		return
	}
	found := r.line.FindStringSubmatch(e.Message)
	if found == nil {
		return
	}
	number, err := strconv.ParseInt(found[2], 10, 32)
	if err != nil {
		return
	}
	position, err := strconv.ParseInt(found[3], 10, 64)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, reset{
		partition: stream.Partition{Topic: found[1], Number: int32(number)}, position: position,
	})
	r.any.Store(true)
}

// take gives what has come since the last call.
func (r *resets) take() []reset {
	if !r.any.Load() {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.seen
	r.seen = nil
	r.any.Store(false)
	return seen
}

// jump is a gap in what was delivered, from the offset wanted to the one that came. The line in the log may be read after
// the record that the library went on with.
type jump struct{ from, to int64 }

// takeResets compares what the log says with what was delivered. A position below it is of an older fetch.
func (c *consumer) takeResets() {
	for _, r := range c.logs.resets.take() {
		d := c.owned[r.partition]
		switch {
		case d == nil || c.stops:
		case d.jump.from <= r.position && r.position < d.jump.to:
			c.tellOvertaken(d, d.jump.from, d.jump.to)
			d.jump = jump{}
		case r.position >= d.next && (d.started || d.waiting):
			d.reset = true
			d.resetAt = r.position
			c.outside.wanted = true
		}
	}
}

// jumped is about a record above the one that was to come next. Compaction and transactions leave gaps too; one that
// contains a position given up is what retention has taken.
func (c *consumer) jumped(d *delivery, offset int64) {
	c.takeResets()
	if d.reset && d.resetAt < offset {
		d.reset = false
		c.tellOvertaken(d, d.next, offset)
		return
	}
	low, _, err := c.client.GetWatermarkOffsets(d.partition.Topic, d.partition.Number)
	if err != nil || low < 0 || low > d.next {
		d.jump = jump{from: d.next, to: offset}
	}
}

func (c *consumer) tellOvertaken(d *delivery, position, start int64) {
	c.listener.Trouble(&kafka.OvertakenError{Partition: d.partition, Position: position, Err: fmt.Errorf(
		"%s: the records from %d to %d were deleted before they were read: %w",
		d.partition, position, start-1, kafka.ErrOffsetOutOfRange)})
}
