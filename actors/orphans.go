package actors

import (
	"context"
	"sync"

	"github.com/troupe-go/troupe/stream"
)

// Orphans knows the attempts that still run although their incarnation has ended. The next incarnation of the partition in
// this process begins nothing before they are gone, or two attempts at one record could run at once.
type Orphans struct {
	mu      sync.Mutex
	running map[stream.Partition][]chan struct{}
}

// NewOrphans makes an empty register.
func NewOrphans() *Orphans { return &Orphans{running: make(map[stream.Partition][]chan struct{})} }

// Add registers an attempt and gives the function to call when it has ended.
func (o *Orphans) Add(p stream.Partition) (ended func()) {
	gone := make(chan struct{})
	o.mu.Lock()
	o.running[p] = append(o.running[p], gone)
	o.mu.Unlock()
	return func() {
		close(gone)
		o.mu.Lock()
		defer o.mu.Unlock()
		kept := o.running[p][:0]
		for _, c := range o.running[p] {
			if c != gone {
				kept = append(kept, c)
			}
		}
		if o.running[p] = kept; len(kept) == 0 {
			delete(o.running, p)
		}
	}
}

// Any says whether an attempt at records of the partition is left.
func (o *Orphans) Any(p stream.Partition) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.running[p]) > 0
}

// Wait returns true when no attempt at records of the partition is left, false when ctx ended first.
func (o *Orphans) Wait(ctx context.Context, p stream.Partition) bool {
	for {
		o.mu.Lock()
		var gone chan struct{}
		if running := o.running[p]; len(running) > 0 {
			gone = running[0]
		}
		o.mu.Unlock()
		if gone == nil {
			return true
		}
		select {
		case <-gone:
		case <-ctx.Done():
			return false
		}
	}
}
