package franz

import (
	"context"
	"fmt"

	"github.com/troupe-go/troupe/stream"
)

// Close gives everything back on the goroutine that calls it, while the member still lives and may commit, and ends the
// clients on another one.
func (c *consumer) Close(ctx context.Context) error {
	if c.closed {
		return nil
	}
	c.watch.stop()
	c.giveBack()
	c.closed = true
	c.gate.refuse()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.gate.wait()
		if m := c.member; m != nil {
			m.leave(ctx)
		}
		c.leaving.Wait()
		c.cancel()
		c.background.Wait()
		c.reader.Close()
	}()
	select {
	case <-done:
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("close the Kafka consumer: %w", context.Cause(ctx))
		}
		return nil
	case <-ctx.Done():
		c.cancel()
		return fmt.Errorf("close the Kafka consumer: %w", context.Cause(ctx))
	}
}

// giveBack calls the listener for what is still assigned.
func (c *consumer) giveBack() {
	if c.listener == nil || c.expulsion() {
		return
	}
	owned := make([]stream.Partition, 0, len(c.owned))
	for p := range c.owned {
		owned = append(owned, p)
	}
	if owned = c.stopAll(owned); len(owned) > 0 {
		_ = c.listener.Revoked(owned) // there is nothing left to refuse: the group is left
		c.disown(owned)
	}
}
