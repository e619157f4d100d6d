package verify

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Load is what is written.
type Load struct {
	Brokers []string
	Topic   string
	Run     string
	Seed    uint64
	// Rate is records a second.
	Rate int
	// Records ends the load; it also ends with the context of Write.
	Records int64
	Keys    int32
	// PoisonPerMille is how many of a thousand records the pipeline must refuse.
	PoisonPerMille int
	// Padding is bytes added to each value.
	Padding int
	// FlushTimeout is how long records that were written may take to be acknowledged at the end.
	FlushTimeout time.Duration
}

// Written is what became of a load.
type Written struct {
	Acknowledged int64 `json:"acknowledged"`
	// Indeterminate records may or may not be in the log.
	Indeterminate int64 `json:"indeterminate"`
}

// writer is a load being written.
type writer struct {
	Load
	client *kgo.Client
	random *rand.Rand
	next   map[int32]int64

	mu      sync.Mutex
	ledger  *Ledger
	written Written
	err     error
}

// step is how often a load writes what has become due.
const step = 10 * time.Millisecond

// Write writes the load until its records are written or ctx ends, waits for the acknowledgements, and enters them into the
// ledger. Where the brokers do not take records for a while, the load does not catch up afterwards: its rate is bounded.
func (l Load) Write(ctx context.Context, ledger *Ledger) (Written, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(l.Brokers...), kgo.DefaultProduceTopic(l.Topic), kgo.UnknownTopicRetries(-1),
		kgo.ProducerLinger(5*time.Millisecond), kgo.MaxBufferedRecords(4*max(l.Rate, 250)), kgo.MetadataMinAge(250*time.Millisecond))
	if err != nil {
		return Written{}, fmt.Errorf("connect: %w", err)
	}
	defer client.Close()
	w := &writer{Load: l, client: client, random: rand.New(rand.NewPCG(l.Seed, 1)), next: make(map[int32]int64), ledger: ledger}
	if err := w.stampAll(ctx); err != nil {
		return Written{}, err
	}
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.FlushTimeout)
	defer cancel()
	flushed := client.Flush(flush)
	w.mu.Lock()
	defer w.mu.Unlock()
	if flushed != nil && !errors.Is(flushed, context.DeadlineExceeded) {
		return w.written, fmt.Errorf("flush the load: %w", flushed)
	}
	total := int64(0)
	for _, n := range w.next {
		total += n
	}
	w.written.Indeterminate = total - w.written.Acknowledged
	return w.written, w.err
}

func (w *writer) stampAll(ctx context.Context) error {
	tick := time.NewTicker(step)
	defer tick.Stop()
	perStep := float64(w.Rate) * step.Seconds()
	due, done := 0.0, int64(0)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for due += perStep; due >= 1 && done < w.Records; due-- {
			if err := w.stamp(ctx); err != nil {
				return err
			}
			done++
		}
		if done == w.Records {
			return nil
		}
	}
}

// stamp writes one record. It waits while too many are without an acknowledgement.
func (w *writer) stamp(ctx context.Context) error {
	key := w.random.Int32N(w.Keys)
	s := Stamp{
		Run: w.Run, ID: ID{key, w.next[key]}, IntendedMS: time.Now().UnixMilli(), Poison: w.random.IntN(1000) < w.PoisonPerMille,
	}
	r, err := s.Record(w.Padding)
	if err != nil {
		return err
	}
	w.next[key]++
	// Not ctx: a record that was given to the client must not be taken back, or its fate would be unknown.
	w.client.Produce(context.WithoutCancel(ctx), r, func(r *kgo.Record, err error) { w.acknowledged(s, r, err) })
	return nil
}

func (w *writer) acknowledged(s Stamp, r *kgo.Record, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		return // the record stays indeterminate
	}
	w.written.Acknowledged++
	err = w.ledger.Add(Entry{
		ID: s.ID, Partition: r.Partition, Offset: r.Offset, Sum: Sum(r), IntendedMS: s.IntendedMS, AckedMS: time.Now().UnixMilli(),
	})
	w.err = errors.Join(w.err, err)
}
