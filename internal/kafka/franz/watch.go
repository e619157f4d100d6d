package franz

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/troupe-go/troupe/stream"
)

// expelTimeout bounds the leaving of the group by a member that does not poll.
const expelTimeout = 10 * time.Second

// watch leaves the group when nobody polls for max.poll.interval.ms. The library has no such limit of its own.
type watch struct {
	interval time.Duration

	mu      sync.Mutex
	timer   *time.Timer
	polling bool
	stopped bool
}

func (w *watch) start(c *consumer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(w.interval, func() { w.overrun(c) })
}

func (w *watch) enter() { w.set(true) }
func (w *watch) leave() { w.set(false) }

func (w *watch) set(polling bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.polling = polling
	if w.timer == nil || w.stopped {
		return
	}
	w.timer.Stop()
	if !polling {
		w.timer.Reset(w.interval)
	}
}

func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	if w.timer != nil {
		w.timer.Stop()
	}
}

// overrun gives everything up at once, so that nothing is committed any more. The owner hears of it with its next Poll,
// and then joins again.
func (w *watch) overrun(c *consumer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.polling || w.stopped {
		return
	}
	c.mu.Lock()
	m := c.member
	c.member, c.expelled = nil, c.expelled || m != nil
	c.mu.Unlock()
	if m == nil {
		return
	}
	c.leaving.Go(func() {
		ctx, cancel := context.WithTimeout(c.ctx, expelTimeout)
		defer cancel()
		m.leave(ctx)
		c.inbox.post(func() {
			if err := c.join(); err != nil {
				c.failed = err
			}
		})
	})
}

// expulsion tells the owner that the group was left behind its back, if it was.
func (c *consumer) expulsion() bool {
	c.mu.Lock()
	expelled := c.expelled
	c.expelled = false
	c.mu.Unlock()
	if !expelled {
		return false
	}
	c.listener.Trouble(fmt.Errorf("nobody polled for %s (max.poll.interval.ms), so this member has left the group; it joins again",
		c.watch.interval))
	lost := make([]stream.Partition, 0, len(c.owned))
	for p := range c.owned {
		lost = append(lost, p)
	}
	c.lost(lost)
	return true
}
