// Package sink holds the ends of a pipeline: where the results of a record go.
//
// A sink acknowledges by returning. What it returns nil for is done: written to the operating system (file, stdout),
// handed to the processor that publishes it before the record counts as done (Kafka), or given up on purpose (drop, log).
package sink

import (
	"context"

	"github.com/troupe-go/troupe/stream"
)

// Sink takes all results of one record at once, in order. It is safe for concurrent use.
//
// An error that will pass by itself (a full disk) is stream.Unavailable, so that records wait instead of failing.
type Sink interface {
	Write(ctx context.Context, r *stream.Record, results []stream.Message) error
	// Close flushes and frees what the sink holds. No Write follows it.
	Close() error
}

// Batcher is a sink that takes the results of many records at once.
type Batcher interface {
	Sink
	// WriteBatch takes the results of records[i] as results[i], in this order. A *stream.BatchError names the records whose
	// results are not written.
	WriteBatch(ctx context.Context, records []*stream.Record, results [][]stream.Message) error
}

// Opener is a sink that can find out before the first record whether it works.
type Opener interface {
	Open() error
}

// Kafka emits results to a topic. The processor publishes them and waits for the broker's acknowledgement.
type Kafka struct{ Topic string }

// Write emits the results.
func (s Kafka) Write(_ context.Context, r *stream.Record, results []stream.Message) error {
	for _, m := range results {
		m.Topic = s.Topic
		r.Emit(m)
	}
	return nil
}

// Close does nothing: the processor flushes its producer.
func (Kafka) Close() error { return nil }

// Drop gives results up: for pipelines that only check their input, and for measurements.
type Drop struct{}

// Write does nothing.
func (Drop) Write(context.Context, *stream.Record, []stream.Message) error { return nil }

// Close does nothing.
func (Drop) Close() error { return nil }
