package memory

import (
	"runtime/metrics"
	"sync"
	"time"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/benchmarks/harness"
)

// Peaks are the highest values that were seen.
type Peaks struct {
	Used        int64 `json:"used_bytes"`
	Outputs     int64 `json:"outputs_bytes"`
	DeadLetters int64 `json:"dead_letters_bytes"`
	RSS         int64 `json:"rss_bytes"`
	// Go is what Go's runtime has of the system, garbage included; the rest is the C client's, and the program.
	Go int64 `json:"go_bytes"`
}

// watch looks at the processor all the time.
type watch struct {
	processor *troupe.Processor
	stop      chan struct{}
	stopped   sync.WaitGroup

	mu     sync.Mutex
	peaks  Peaks
	status troupe.Status
	rss    int64
}

func newWatch(p *troupe.Processor) *watch {
	w := &watch{processor: p, stop: make(chan struct{})}
	w.look()
	w.stopped.Go(func() {
		ticker := time.NewTicker(look)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				w.look()
			case <-w.stop:
				return
			}
		}
	})
	return w
}

func (w *watch) look() {
	status, rss := w.processor.Status(), harness.Resident()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status, w.rss = status, rss
	p := &w.peaks
	p.Go = max(p.Go, goBytes())
	p.Used, p.RSS = max(p.Used, status.MemoryUsed), max(p.RSS, rss)
	p.Outputs, p.DeadLetters = max(p.Outputs, status.MemoryOutputs), max(p.DeadLetters, status.MemoryDeadLetters)
}

func goBytes() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}

// end stops it and gives what was seen.
func (w *watch) end() Peaks {
	close(w.stop)
	w.stopped.Wait()
	return w.peaks
}

func (w *watch) seen() troupe.Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status
}

// now is what is held now.
func (w *watch) now() (used, rss int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status.MemoryUsed, w.rss
}

// received is how many records came in.
func (w *watch) received() (n int64) {
	for _, p := range w.seen().Partitions {
		n += p.Ledger.Received
	}
	return n
}

// causes counts the partitions by what they say of themselves.
func (w *watch) causes() map[string]int {
	causes := make(map[string]int)
	for _, p := range w.seen().Partitions {
		causes[p.Cause.String()]++
	}
	return causes
}

// committed says whether everything is.
func (w *watch) committed(topic Topic) bool {
	partitions := w.seen().Partitions
	for _, p := range partitions {
		if p.Committed != topic.of(p.Partition.Number) {
			return false
		}
	}
	return len(partitions) == int(topic.Partitions)
}
