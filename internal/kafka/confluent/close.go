package confluent

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/troupe-go/troupe/stream"
)

// fatalCloseWait is how long the library gets to close after a fatal error, which version 2.15 never does.
const fatalCloseWait = time.Second

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
	if c.fatal {
		return c.closeFatal(ctx)
	}
	unheard, joined := !c.static && len(c.owned) == 0, c.joined
	done := make(chan error, 1)
	go func() {
		c.gate.wait() // what is inside uses the client that Close destroys
		switch {
		case unheard && !c.silent:
			c.leave(ctx, joined)
		case unheard && !joined:
			c.joinWhole(ctx)
		}
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

// closeFatal gives up what is owned without the library, which calls nobody after a fatal error.
func (c *consumer) closeFatal(ctx context.Context) error {
	close(c.abandoned)
	if lost := slices.SortedFunc(maps.Keys(c.owned), stream.ComparePartitions); len(lost) > 0 {
		c.disown(lost)
		_ = c.listener.Lost(lost) // this client does not join again
	}
	c.logs.stop()
	ctx, cancel := context.WithTimeout(ctx, fatalCloseWait)
	defer cancel()
	select {
	case <-c.destroy():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close the Kafka consumer: librdkafka does not after an error like this, and keeps its threads "+
			"until the process ends: %w", c.failed)
	}
}

// destroy frees the library's consumer on a goroutine of its own, which may never end.
func (c *consumer) destroy() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.gate.wait()
		_ = c.client.Close()
	}()
	return done
}
