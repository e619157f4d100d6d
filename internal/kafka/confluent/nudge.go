package confluent

import (
	"sync/atomic"

	"github.com/troupe-go/troupe/stream"
)

const (
	nudgesMax       = 32   // partitions asked about in one go; their leaders are few
	nudgeTimeoutMax = 1000 // milliseconds
)

// nudge makes librdkafka notice partitions that were just resumed. The thread that fetches from their leader may otherwise
// sleep on for up to a second; a request to that leader wakes it.
type nudge struct {
	waiting []stream.Partition // resumed since the last nudge
	running atomic.Bool
}

func (n *nudge) add(p stream.Partition) {
	if len(n.waiting) < nudgesMax {
		n.waiting = append(n.waiting, p)
	}
}

// nudgeResumed asks for a watermark of each partition that waits, on a goroutine of its own. What comes back is of no
// interest.
func (c *consumer) nudgeResumed() {
	if len(c.nudge.waiting) == 0 || c.nudge.running.Swap(true) {
		return
	}
	ps := c.nudge.waiting
	c.nudge.waiting = nil
	go func() {
		defer c.nudge.running.Store(false)
		for _, p := range ps {
			if !c.gate.enter() {
				return
			}
			_, _, _ = c.client.QueryWatermarkOffsets(p.Topic, p.Number, nudgeTimeoutMax)
			c.gate.leave()
		}
	}()
}
