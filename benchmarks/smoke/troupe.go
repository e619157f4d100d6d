package smoke

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/benchmarks/harness"
)

// drainTroupe reads the records with a processor in its default configuration, commits included.
func drainTroupe(ctx context.Context, t Task) (harness.Cost, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tally := &tally{records: t.Load.Records, end: cancel}
	processor, err := troupe.New(troupe.Config{
		Kafka:      troupe.Properties{"bootstrap.servers": t.Bootstrap, "group.id": t.Group},
		Topics:     []string{topic},
		NewHandler: func(troupe.Partition) (troupe.Handler, error) { return &counter{tally: tally}, nil },
		// The topic of dead letters is not needed, and looking for it is not what is measured.
		DeadLetter: troupe.DeadLetterPolicy{Off: true, OnError: "stop"},
		Logger:     slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return harness.Cost{}, err
	}
	err = processor.Run(ctx)
	cost, done, failed := tally.cost()
	switch {
	case err != nil:
		return harness.Cost{}, err
	case !done:
		return harness.Cost{}, errors.New("the processor stopped before the last record")
	}
	return cost, failed
}

// tally is what the handlers of all lanes count together.
type tally struct {
	records int64
	end     func()
	first   sync.Once

	mu           sync.Mutex
	start        harness.Point
	count, bytes int64
	total        harness.Cost
	ended        bool
	unreadable   error
}

// countEvery is how many records a handler counts by itself, so that the lanes do not fight over one number: that would
// be measuring the benchmark.
const countEvery = 256

// counter is the handler that does nothing, but for counting.
type counter struct {
	tally        *tally
	count, bytes int64
	begun        bool
}

func (c *counter) Handle(_ context.Context, r *troupe.Record) error {
	if !c.begun {
		c.begun = true
		c.tally.first.Do(c.tally.begin)
	}
	c.count++
	c.bytes += int64(len(r.Value))
	if c.count == countEvery {
		c.tally.add(c.count, c.bytes)
		c.count, c.bytes = 0, 0
	}
	return nil
}

func (t *tally) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.start, t.unreadable = harness.Read()
}

func (t *tally) add(count, bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count += count
	t.bytes += bytes
	if t.ended || t.count < t.records {
		return
	}
	t.ended = true
	point, err := harness.Read()
	if err != nil {
		t.unreadable = err
	}
	t.total = point.Since(t.start, t.count, t.bytes)
	t.end()
}

func (t *tally) cost() (cost harness.Cost, done bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.total, t.ended, t.unreadable
}
