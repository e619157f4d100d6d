package confluent

import (
	"context"
	"time"
)

const (
	// leaveWait is how long a member that owns nothing waits until it may leave, leaveCheck how often it looks.
	leaveWait  = 5 * time.Second
	leaveCheck = 50 * time.Millisecond
	// idWait is how long one that has not joined yet waits for its id, or its epoch, which the group may be about to give it.
	idWait = time.Second
)

// joinWhole lets a member of the consumer protocol that has not joined yet do so, before the library is closed and leaves for
// it. Closed while the group takes it in, it would send no word.
func (c *consumer) joinWhole(ctx context.Context) {
	c.pollUntil(ctx, idWait, c.hasEpoch)
}

// leave lets a member of the classic protocol that owns nothing leave before the library is closed. Closed while it joins,
// such a member sends no word, and the others, who have to wait for all members, wait for it until its session ends.
// Unsubscribed, it leaves at once, or when that join is over; but not while it waits for its id, which the library would
// forget. It runs on the goroutine that runs the library's Close.
func (c *consumer) leave(ctx context.Context, joined bool) {
	if !joined {
		c.pollUntil(ctx, idWait, c.isMember)
	}
	if c.isMember() && c.client.Unsubscribe() == nil {
		c.pollUntil(ctx, leaveWait, func() bool { return !c.isMember() })
	}
}

// pollUntil polls, which serves an assignment that comes with the end of a join.
func (c *consumer) pollUntil(ctx context.Context, wait time.Duration, done func() bool) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for ctx.Err() == nil && !done() {
		c.client.Poll(milliseconds(leaveCheck))
	}
}

// isMember says whether the group has given the member an id that it has not given back.
func (c *consumer) isMember() bool {
	m, ok := c.membership()
	return ok && m.member != ""
}
