package pipeline

import (
	"context"
	"errors"
	"time"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/sink"
	"github.com/troupe-go/troupe/stream"
)

// batchWaitMax is the processor's.
const batchWaitMax = 30 * time.Second

// batch makes the processor hand over batches where that was asked for and the output takes them.
func (b *binder) batch(h *handler, c *troupe.Config) {
	c.Handler = h
	given := b.root.at("batch")
	if given == nil || given.null() {
		return
	}
	policy := troupe.BatchPolicy{Records: b.integer("batch", "records"), Wait: b.duration("batch", "wait")}
	if policy.Wait > batchWaitMax {
		b.report.add(b.root.at("batch", "wait"), "%v is more than %v; what waits holds the commit back", policy.Wait, batchWaitMax)
	}
	if batcher, takes := h.sink.(sink.Batcher); takes {
		c.Handler, c.BatchHandler, c.Batch = nil, batchHandler{handler: h, sink: batcher}, policy
	}
}

// batchHandler is a pipeline's work on many records: what the steps make of each of them goes to the output at once.
type batchHandler struct {
	handler *handler
	sink    sink.Batcher
}

// HandleBatch is called by the processor's lanes. A record that a step refuses is refused by itself. When the time is up, or
// there are more results than one record may give, the records that are not at their end count as not attempted, because it
// was the others that took it; the first has all of it.
func (h batchHandler) HandleBatch(ctx context.Context, records []*stream.Record) error {
	var (
		verdict stream.BatchError
		through = make([]*stream.Record, 0, len(records))
		indexes = make([]int, 0, len(records))
		results = make([][]stream.Message, 0, len(records))
	)
	size := 0
	for i, r := range records {
		if i > 0 && (ctx.Err() != nil || size > h.handler.limits.bytes) {
			verdict.StopAt(i)
			break
		}
		messages, err := h.handler.messages(ctx, r)
		if i > 0 && err != nil && ctx.Err() != nil && !isVerdict(err) {
			verdict.StopAt(i)
			break
		}
		if err != nil {
			verdict.Fail(i, err)
			if codec.Unavailable(err) && i+1 < len(records) {
				verdict.StopAt(i + 1) // the others would wait for the registry one after another
				break
			}
			continue
		}
		for j := range messages {
			size += len(messages[j].Value)
		}
		through, indexes, results = append(through, r), append(indexes, i), append(results, messages)
	}
	err := h.sink.WriteBatch(ctx, through, results)
	var partial *stream.BatchError
	partly := errors.As(err, &partial) && partial.Check(len(through)) == nil
	for at, index := range indexes {
		if partly {
			verdict.Fail(index, partial.Of(at))
		} else {
			verdict.Fail(index, err)
		}
	}
	return verdict.Err()
}

// isVerdict says whether the steps came to an end with a record, and refuse it.
func isVerdict(err error) bool {
	var (
		permanent *stream.PermanentError
		skip      *stream.SkipError
	)
	return errors.As(err, &permanent) || errors.As(err, &skip)
}
