package franz

import (
	"fmt"
	"slices"

	"github.com/troupe-go/troupe/stream"
)

// assigned takes partitions over, held until they are started.
func (c *consumer) assigned(list []stream.Partition) {
	taken := make([]stream.Partition, 0, len(list))
	c.mu.Lock()
	for _, p := range list {
		if c.owned[p] == nil {
			c.owned[p] = &delivery{partition: p, end: -1}
			taken = append(taken, p)
		}
	}
	c.last = nil
	c.mu.Unlock()
	c.listener.Assigned(taken)
}

// revoked gives partitions back, and says whether that may be acknowledged.
func (c *consumer) revoked(list []stream.Partition) bool {
	given := c.stopAll(list)
	if len(given) == 0 {
		return true
	}
	if err := c.listener.Revoked(given); err != nil {
		c.failed = fmt.Errorf("partitions %v are not given back: %w", given, err)
		return false
	}
	c.disown(given)
	return true
}

// lost gives partitions up, and says whether the member may join again.
func (c *consumer) lost(list []stream.Partition) bool {
	gone := c.stopAll(list)
	c.disown(gone)
	if len(gone) == 0 {
		return true
	}
	if err := c.listener.Lost(gone); err != nil {
		c.failed = fmt.Errorf("partitions %v are lost: %w", gone, err)
		return false
	}
	return true
}

// stopAll ends the delivery of those partitions that are owned.
func (c *consumer) stopAll(list []stream.Partition) []stream.Partition {
	slices.SortFunc(list, stream.ComparePartitions)
	owned := make([]stream.Partition, 0, len(list))
	for _, p := range list {
		d := c.owned[p]
		if d == nil {
			continue
		}
		owned = append(owned, p)
		c.stop(d)
		if c.fetch != nil {
			c.fetch.Drop(p)
		}
	}
	return owned
}

func (c *consumer) disown(list []stream.Partition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range list {
		delete(c.owned, p)
	}
	c.last = nil
}

// is says whether m is the member that this consumer is now. What an earlier one has left in the inbox is void.
func (c *consumer) is(m *member) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.member == m
}
