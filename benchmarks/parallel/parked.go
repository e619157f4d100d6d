package parallel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/benchmarks/harness"
)

// Waiting is what records cost that wait for a retry.
type Waiting struct {
	Before Meters `json:"before"` // it has joined, and nothing is written yet
	After  Meters `json:"after"`  // all records have failed once
	// Budget is what the processor says that they cost of its memory.
	Budget int64 `json:"budget_bytes"`
}

// Meters are read after a garbage collection that gave back what it could.
type Meters struct {
	RSS        int64 `json:"rss_bytes"` // 0 where the system does not tell
	Heap       int64 `json:"heap_bytes"`
	Goroutines int   `json:"goroutines"`
}

var errLater = errors.New("not now")

// park fails every record once, with a retry that is far away, and reads what that costs.
func (t Task) park(ctx context.Context, output io.Writer) (Run, error) {
	tally := newTally(t.Topic, t.Contender.Order, func() {})
	var failed atomic.Int64
	all := make(chan struct{})
	config := t.config(t.Topic, t.Group, func(_ context.Context, r *troupe.Record) error {
		key, err := tally.begin(r.Partition, r.Offset, r.Key, r.Value)
		if err != nil {
			return tally.broken(err)
		}
		if r.Attempt > 1 {
			return tally.broken(fmt.Errorf("%s at offset %d was tried again too early", r.Source(), r.Offset))
		}
		tally.fail(r.Partition, r.Offset, key)
		if failed.Add(1) == t.Topic.Records {
			close(all)
		}
		return errLater
	})
	config.Retry = troupe.RetryPolicy{
		MaxAttempts: -1, Initial: time.Hour, Max: time.Hour, Jitter: -1, MaxParked: -1, // what bounds them here is their number
	}
	l, err := live(ctx, config, t.Topic.Partitions)
	if err != nil {
		return Run{}, err
	}
	waiting := &Waiting{Before: readMeters()}
	start, err := harness.Read()
	if err == nil {
		err = harness.Reply(output, ready{Ready: true})
	}
	if err != nil {
		return Run{}, errors.Join(err, l.stop())
	}
	select {
	case <-all:
	case <-l.ended:
		return Run{}, errors.Join(fmt.Errorf("the processor ended by itself when %d records had failed", failed.Load()), l.err)
	case <-ctx.Done():
		return Run{}, errors.Join(fmt.Errorf("only %d of %d records were tried", failed.Load(), t.Topic.Records), l.stop())
	}
	end, err := harness.Read()
	if err != nil {
		return Run{}, errors.Join(err, l.stop())
	}
	waiting.After, waiting.Budget = readMeters(), l.processor.Status().MemoryUsed
	if err := l.stop(); err != nil {
		return Run{}, err
	}
	if tally.err != nil {
		return Run{}, tally.err
	}
	return Run{Figures: figures(end.Since(start, t.Topic.Records, t.Topic.Records*valueBytes)), Waiting: waiting}, nil
}

func readMeters() Meters {
	debug.FreeOSMemory()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return Meters{RSS: harness.Resident(), Heap: int64(stats.HeapAlloc), Goroutines: runtime.NumGoroutine()}
}
