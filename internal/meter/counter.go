package meter

import "sync/atomic"

// Counter only grows. Any goroutine may add to it; who adds often adds once per batch.
type Counter struct {
	count atomic.Int64
	// A counter fills a cache line of its own, so that actors on different cores do not slow one another down.
	_ [56]byte
}

// Add counts n more; n below zero is ignored, since a counter that falls reads as a restart of the process.
func (c *Counter) Add(n int64) {
	if n > 0 {
		c.count.Add(n)
	}
}

// Inc counts one more.
func (c *Counter) Inc() { c.count.Add(1) }

// Value is the count so far.
func (c *Counter) Value() int64 { return c.count.Load() }
