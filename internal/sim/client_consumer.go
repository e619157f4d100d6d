package sim

import (
	"slices"
	"time"
)

// consumerHeartbeat asks what shall be owned. What is owned it says only when something has been carried out, and until an
// answer shows that this was heard. One request is under way at a time.
func (c *client) consumerHeartbeat() {
	joins := c.id == 0
	if c.failure != nil || (c.beating && c.w.now < c.beatLost) || (joins && (c.serving || len(c.pending) > 0)) {
		return // who is fenced joins again when all callbacks are served
	}
	c.beating, c.beatLost = true, c.w.now+int64(time.Second)
	id, epoch, says := c.id, c.epoch, c.acknowledges || joins
	owned := c.shares()
	c.attempt++
	attempt := c.attempt
	c.ask(func() func() {
		newID, answer := c.b.group.consumerBeat(c, id, epoch, says, owned)
		return func() {
			if c.attempt == attempt && !c.closed {
				c.beaten(newID, says, owned, answer)
			}
		}
	})
}

// beaten takes the answer to a heartbeat.
func (c *client) beaten(id int, said bool, owned []share, answer beat) {
	c.beating = false
	if answer.unknown {
		c.fenced()
		return
	}
	if said && slices.Equal(owned, c.shares()) {
		c.acknowledges = false
	}
	c.id, c.epoch = id, answer.epoch
	c.wanted, c.told = answer.assigned, true
	c.tryApply()
	if c.acknowledges && !c.serving && len(c.pending) == 0 {
		c.consumerHeartbeat()
	}
}

func (c *client) tryApply() {
	if !c.told || c.serving || len(c.pending) > 0 || c.closing {
		return
	}
	c.told = false
	switch {
	case !c.poller.member() || !c.has(c.wanted):
		c.apply(c.wanted)
	case !slices.Equal(c.wanted, c.settled): // it has come to this without a callback
		c.settled = c.wanted
		c.acknowledges = true
	}
}

func (c *client) has(assigned []share) bool {
	return len(assigned) == len(c.owned) &&
		!slices.ContainsFunc(assigned, func(s share) bool { return c.delivery(s) == nil })
}
