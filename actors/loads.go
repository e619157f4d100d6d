package actors

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/stream"
)

var errLoadRuns = errors.New("an earlier call of Load for this partition has not returned, although its context has ended")

// Loads asks a user's offset store. A call that ignores its context is not waited for, and nobody asks again for the same
// partition before it has returned: so there is never more than one call for a partition, whatever the store does.
type Loads struct {
	mu      sync.Mutex
	running map[stream.Partition]bool
}

// NewLoads makes a register without calls.
func NewLoads() *Loads { return &Loads{running: make(map[stream.Partition]bool)} }

// loaded is what a store answers.
type loaded struct {
	offsets map[stream.Partition]stream.Offset
	err     error
}

// load asks for the offsets of partitions, until ctx ends and a little longer, so that a store that heeds it can say why.
func (l *Loads) load(ctx context.Context, store stream.OffsetStore, partitions []stream.Partition) (map[stream.Partition]stream.Offset, error) {
	if err := l.begin(partitions); err != nil {
		return nil, err
	}
	answer := make(chan loaded, 1)
	go func() {
		offsets, err := load(ctx, store, partitions)
		l.end(partitions)
		answer <- loaded{offsets, err}
	}()
	select {
	case a := <-answer:
		return a.offsets, a.err
	case <-ctx.Done():
	}
	grace := time.NewTimer(core.CancelGrace)
	defer grace.Stop()
	select {
	case a := <-answer:
		return a.offsets, a.err
	case <-grace.C:
		return nil, fmt.Errorf("load of %v did not return in time, and ignores its context: %w", partitions, ctx.Err())
	}
}

func (l *Loads) begin(partitions []stream.Partition) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range partitions {
		if l.running[p] {
			return fmt.Errorf("%s: %w", p, errLoadRuns)
		}
	}
	for _, p := range partitions {
		l.running[p] = true
	}
	return nil
}

func (l *Loads) end(partitions []stream.Partition) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range partitions {
		delete(l.running, p)
	}
}

// load asks a user's store; a panic there is an error like any other.
func load(ctx context.Context, store stream.OffsetStore, partitions []stream.Partition) (offsets map[stream.Partition]stream.Offset, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return store.Load(ctx, partitions)
}
