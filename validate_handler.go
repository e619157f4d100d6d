package troupe

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/stream"
)

// Limits of a batch: it is settled in one step of its partition's actor, and a record that waits for others shall not look
// as if nothing went on.
const (
	batchRecordsMax = 10_000
	batchWaitMax    = 30 * time.Second
)

// batches says whether records are handled in batches.
func (c Config) batches() bool { return c.BatchHandler != nil || c.NewBatchHandler != nil }

// validateHandler checks who handles the records, and what stands around it.
func (c Config) validateHandler(f *faults) {
	given := 0
	for _, set := range []bool{c.Handler != nil, c.NewHandler != nil, c.BatchHandler != nil, c.NewBatchHandler != nil} {
		if set {
			given++
		}
	}
	f.check(given == 1, "Handler", "set exactly one of Handler, NewHandler, BatchHandler and NewBatchHandler")
	for i, m := range c.Middleware {
		field := fmt.Sprintf("Middleware[%d]", i)
		f.check(m != nil, field, "must not be nil")
		if m != nil && c.batches() {
			err := takesBatches(m)
			f.check(err == nil, field, "%v", err)
		}
	}
	if !c.batches() {
		f.check(c.Batch == (BatchPolicy{}), "Batch", "needs BatchHandler or NewBatchHandler; other handlers are given one record at a time")
		return
	}
	f.check(c.Batch.Records >= 1 && c.Batch.Records <= batchRecordsMax, "Batch.Records", "%d is not from 1 to %d", c.Batch.Records, batchRecordsMax)
	f.check(c.Batch.Wait <= batchWaitMax, "Batch.Wait", "%s is more than %s", c.Batch.Wait, batchWaitMax)
}

// takesBatches says what is wrong with a middleware that makes something else of a batch handler, which would be called for
// each record by itself, or without what the middleware is for.
func takesBatches(m Middleware) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("it panicked around a batch handler: %v", v)
		}
	}()
	idle := BatchHandlerFunc(func(context.Context, []*Record) error { return nil })
	made := m(stream.Batched(idle))
	if _, takes := made.(BatchHandler); !takes {
		return fmt.Errorf("it made a %T of a batch handler, which takes no batches: make it with Around, let it return a BatchHandler, "+
			"or, for Tracing, use TracingBatches", made)
	}
	return nil
}
