package confluent

import (
	"context"
	"fmt"
)

// callback is a rebalance that the library wants served while it closes.
type callback struct {
	serve func()
	done  chan struct{}
}

func (c *consumer) Close(ctx context.Context) error {
	if c.closed {
		return nil
	}
	c.closed = true
	c.gate.close()
	done := make(chan error, 1)
	go func() {
		c.gate.wait() // what is inside uses the client that Close destroys
		err := c.client.Close()
		c.logs.stop()
		done <- err
	}()
	for {
		select {
		case call := <-c.callbacks:
			call.serve()
			close(call.done)
		case err := <-done:
			if err != nil {
				return fmt.Errorf("close the Kafka consumer: %w", err)
			}
			return nil
		case <-ctx.Done():
			close(c.abandoned)
			return fmt.Errorf("close the Kafka consumer: %w", context.Cause(ctx))
		}
	}
}

// closing says whether the library's Close is running. The answer is stable where it matters: in a callback, which runs
// either in the owner's Poll or after the owner has called Close.
func (c *consumer) closing() bool { return c.closed }

// byOwner lets the goroutine that waits in Close serve a callback. The gate is open meanwhile, so that the listener can
// commit, and the callback is not over before those commits are. It is false when that goroutine has gone.
func (c *consumer) byOwner(serve func()) bool {
	c.gate.open()
	defer func() {
		c.gate.close()
		c.gate.wait()
	}()
	call := callback{serve: serve, done: make(chan struct{})}
	select {
	case c.callbacks <- call:
		<-call.done
		return true
	case <-c.abandoned:
		return false
	}
}
