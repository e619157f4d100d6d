package actors

// Works that wait for a slot have taken their records out of the order of the others, so they are to be few: a partition gives
// away no more than aheadMost of them, and is asked for others when there are only aheadLeast.
const (
	aheadMost  = 256
	aheadLeast = aheadMost / 2
)

// room is how many Works the partition may have given away that have not ended.
func (c *crew) room() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.running) + aheadMost
}

// await notes whether the partition has more to give than there was room for.
func (c *crew) await(more bool) {
	c.mu.Lock()
	c.more = more
	ready := c.runsLow()
	c.mu.Unlock()
	if ready {
		c.ready()
	}
}

// runsLow says whether the partition has to be told that there is room. The lock is held.
func (c *crew) runsLow() bool {
	return c.more && !c.closed && len(c.queue)-c.head <= aheadLeast && c.call()
}

// call says whether the partition has to be told to collect. The lock is held.
func (c *crew) call() (first bool) {
	first = !c.called
	c.called = true
	return first
}
