package franz

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-go/troupe/stream"
)

// changes are what the reader has not been told yet. It is told in one go, before it is asked for records: each time a
// partition is taken away from it, it throws away all that it has fetched ahead, of every partition.
type changes struct {
	noted   []*delivery
	waiting []*delivery     // could not be read, and are tried again later
	remade  map[string]bool // topics that were deleted or made again: the reader must forget them before it reads them
	purging map[string]bool // topics that it is forgetting
}

// note has a delivery looked at when the reader is told.
func (c *changes) note(d *delivery) {
	if !d.changed {
		d.changed = true
		c.noted = append(c.noted, d)
	}
}

// partitions are lists of the kind that the library takes.
type partitions map[string][]int32

func (m partitions) add(p stream.Partition) { m[p.Topic] = append(m[p.Topic], p.Number) }

// apply tells the reader what has changed. A partition that is moved is taken away and added anew, rather than given
// another offset, for an answer that the library waits for could overwrite that offset when it comes.
func (c *consumer) apply() {
	noted := c.changes.noted
	if len(noted) == 0 {
		return
	}
	c.changes.noted = nil
	removed, resumed, suspended := partitions{}, partitions{}, partitions{}
	for _, d := range noted {
		d.changed = false
		if d.reading && (d.moved || !d.wanted()) {
			removed.add(d.partition)
			d.reading, d.again = false, d.wanted()
		}
	}
	c.forget(removed)
	added := make(map[string]map[int32]kgo.Offset)
	for _, d := range noted {
		if !d.reading && d.wanted() {
			c.begin(d, added)
		}
		if held := d.held(); held != d.suspended {
			d.suspended = held
			if held {
				suspended.add(d.partition)
			} else {
				resumed.add(d.partition)
			}
		}
	}
	if len(removed) > 0 {
		c.reader.RemoveConsumePartitions(removed)
	}
	if len(resumed) > 0 {
		c.reader.ResumeFetchPartitions(resumed)
	}
	if len(suspended) > 0 {
		c.reader.PauseFetchPartitions(suspended)
	}
	if len(added) > 0 {
		c.reader.AddConsumePartitions(added)
	}
}

// forget makes the reader forget the topics of which nothing is left to be read, and those that are not what they were. So
// it keeps nothing of topics that are read elsewhere now, and meets one that was made again meanwhile as a new one.
func (c *consumer) forget(removed partitions) {
	for topic := range removed {
		if c.changes.remade[topic] || !c.reads(topic) {
			c.purge(topic)
		}
	}
}

// reads says whether the reader has partitions of a topic, or is to have one again that it had.
func (c *consumer) reads(topic string) bool {
	for p, d := range c.owned {
		if p.Topic == topic && (d.reading || d.again) {
			return true
		}
	}
	return false
}

// begin adds a partition to those that the reader is given, unless it is forgetting the topic.
func (c *consumer) begin(d *delivery, added map[string]map[int32]kgo.Offset) {
	topic := d.partition.Topic
	if c.changes.purging[topic] {
		return // noted again when the topic is forgotten
	}
	if added[topic] == nil {
		added[topic] = make(map[int32]kgo.Offset)
	}
	added[topic][d.partition.Number] = kgo.NewOffset().At(d.next)
	d.reading, d.again, d.moved = true, false, false
}

// purge makes the reader forget a topic, so that it takes it up under its new id. That waits for the library's metadata
// requests, so the owner does not.
func (c *consumer) purge(topic string) {
	delete(c.changes.remade, topic)
	if c.changes.purging == nil {
		c.changes.purging = make(map[string]bool)
	}
	c.changes.purging[topic] = true
	c.background.Go(func() {
		c.reader.PurgeTopicsFromClient(topic)
		c.inbox.post(func() {
			delete(c.changes.purging, topic)
			for p, d := range c.owned {
				if p.Topic == topic {
					d.reading, d.again = false, false
					c.changes.note(d)
				}
			}
		})
	})
}

// retryLater holds a partition that cannot be read for a while.
func (c *consumer) retryLater(d *delivery) {
	if d.retryAt.IsZero() {
		c.changes.waiting = append(c.changes.waiting, d)
	}
	d.retryAt = time.Now().Add(c.backoff)
	c.changes.note(d)
}

// retry lets partitions be read again whose time has come. They are taken up anew, because the library gives some up.
func (c *consumer) retry() {
	if len(c.changes.waiting) == 0 {
		return
	}
	now := time.Now()
	waiting := c.changes.waiting[:0]
	for _, d := range c.changes.waiting {
		switch {
		case d.retryAt.IsZero(): // started again, or given back
		case d.retryAt.After(now):
			waiting = append(waiting, d)
		default:
			d.retryAt, d.moved = time.Time{}, true
			c.changes.note(d)
		}
	}
	c.changes.waiting = waiting
}

// untilRetry cuts a wait short where a partition is due to be tried again.
func (c *consumer) untilRetry(wait time.Duration) time.Duration {
	for _, d := range c.changes.waiting {
		wait = min(wait, max(time.Until(d.retryAt), time.Millisecond))
	}
	return wait
}

// stop ends the reading of a partition.
func (c *consumer) stop(d *delivery) {
	d.started, d.retryAt = false, time.Time{}
	c.changes.note(d)
}
