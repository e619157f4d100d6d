package confluent

import (
	"fmt"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/troupe-go/troupe/stream"
)

// rebalance is called by the library inside Poll, on the goroutine that owns the consumer, and inside the library's Close,
// on the goroutine that runs it. Its result is thrown away by the binding.
func (c *consumer) rebalance(_ *ck.Consumer, event ck.Event) error {
	c.served = true
	serve := func() {
		switch e := event.(type) {
		case ck.AssignedPartitions:
			c.assigned(e.Partitions)
		case ck.RevokedPartitions:
			c.revoked(e.Partitions)
		}
	}
	if !c.closing() {
		serve()
		return nil
	}
	switch e := event.(type) {
	case ck.AssignedPartitions:
		// A closing client gives back whatever it is assigned; it only has to be acknowledged.
		_ = c.client.IncrementalAssign(e.Partitions)
	case ck.RevokedPartitions:
		if !c.byOwner(serve) {
			_ = c.unassign(e.Partitions) // the owner has gone; the group is left whether this succeeds or not
		}
	}
	return nil
}

func (c *consumer) assigned(list []ck.TopicPartition) {
	if err := c.hold(list); err != nil {
		c.failed = fmt.Errorf("take the assignment of %v: %w", list, err)
		return
	}
	taken := c.own(list)
	c.joined = true
	c.listener.Assigned(taken)
}

// hold acknowledges an assignment so that nothing of it is fetched until Start. The pause comes before the assignment, for
// a partition that is fetched from an offset outside its log is reset, which can undo a later seek. To ask for the
// watermarks makes the library know a partition that it has not dealt with before; else it would ignore the pause.
func (c *consumer) hold(list []ck.TopicPartition) error {
	for i := range list {
		list[i].Offset = 0 // any absolute offset: nothing is looked up for it
		_, _, _ = c.client.GetWatermarkOffsets(*list[i].Topic, list[i].Partition)
	}
	if len(list) > 0 {
		if err := c.client.Pause(list); err != nil {
			return err
		}
	}
	if c.eager {
		return c.client.Assign(list)
	}
	return c.client.IncrementalAssign(list)
}

func (c *consumer) revoked(list []ck.TopicPartition) {
	given := c.stop(list)
	switch lost := c.client.AssignmentLost(); {
	case len(given) == 0:
	case lost:
		c.disown(given)
		if err := c.listener.Lost(given); err != nil && !c.closed {
			c.failed = fmt.Errorf("partitions %v are lost: %w", given, err)
			c.pretendToUnassign(list)
			return
		}
	default:
		if err := c.listener.Revoked(given); err != nil && !c.closed {
			c.failed = fmt.Errorf("partitions %v are not given back: %w", given, err)
			c.pretendToUnassign(list)
			return
		}
		c.disown(given)
	}
	if err := c.unassign(list); err != nil && !c.closed {
		c.failed = fmt.Errorf("give back %v: %w", given, err)
	}
}

// stop ends the delivery of partitions that are about to be given back. It leaves out those that the listener never heard
// of, because they were assigned while the consumer was closing.
func (c *consumer) stop(list []ck.TopicPartition) []stream.Partition {
	given := make([]stream.Partition, 0, len(list))
	for i := range list {
		p := fromPartition(list[i])
		d := c.owned[p]
		if d == nil {
			continue
		}
		given = append(given, p)
		d.started = false
		c.setWaiting(d, false)
		if c.fetch != nil {
			c.fetch.Drop(p)
		}
	}
	return given
}

func (c *consumer) unassign(list []ck.TopicPartition) error {
	if c.eager {
		return c.client.Unassign()
	}
	return c.client.IncrementalUnassign(list)
}

// pretendToUnassign keeps the binding from acknowledging a revoke: it only sees that an assign function was called. The
// one of the other protocol is refused by the library.
func (c *consumer) pretendToUnassign(list []ck.TopicPartition) {
	if c.eager {
		_ = c.client.IncrementalUnassign(list)
		return
	}
	_ = c.client.Assign(list)
}

func (c *consumer) own(list []ck.TopicPartition) []stream.Partition {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := make([]stream.Partition, len(list))
	for i := range list {
		taken[i] = fromPartition(list[i])
		c.owned[taken[i]] = &delivery{partition: taken[i]}
	}
	c.last = nil
	return taken
}

func (c *consumer) disown(list []stream.Partition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range list {
		delete(c.owned, p)
	}
	c.last = nil
}

func (c *consumer) owns(p stream.Partition) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.owned[p] != nil
}
