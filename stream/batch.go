package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// BatchHandler handles many records at once, which is one attempt at all of them: one timeout, and one verdict unless the
// error is a [BatchError]. It returns nil when all are done. An error that is no BatchError, a timeout and a panic are every
// record's. Outputs are emitted with the record that they belong to, and are published as that record is done.
//
// The records are of one partition and in the order of their offsets. In partition order one that fails is tried again when
// those behind it in the batch are done, unless the BatchError stops there; in key order no two have the same key. The handler
// owns the records and the slice, as a [Handler] owns its record.
//
// Records that failed together wait for the same time and are tried again together, so an error for all that only one of them
// has caused ends with all of them among the dead letters: name it.
type BatchHandler interface {
	HandleBatch(ctx context.Context, records []*Record) error
}

// BatchHandlerFunc is a function as a BatchHandler.
type BatchHandlerFunc func(ctx context.Context, records []*Record) error

// HandleBatch calls f.
func (f BatchHandlerFunc) HandleBatch(ctx context.Context, records []*Record) error {
	return f(ctx, records)
}

// NewBatchHandler makes a BatchHandler as [NewHandler] makes a Handler.
type NewBatchHandler func(Partition) (BatchHandler, error)

// BatchError says which records of a batch were not handled. Those that it does not name were. The zero value names none:
//
//	var failed stream.BatchError
//	for i, r := range records {
//		failed.Fail(i, store(ctx, r))
//	}
//	return failed.Err()
//
// An index that is not in the batch makes the BatchError a failure of all records, because it cannot be told which are meant.
type BatchError struct {
	failed  map[int]error
	stopped bool
	from    int // the first that was not attempted, if stopped
}

// Fail gives the record at an index of the batch an error of its own, any verdict. A nil error is none.
func (e *BatchError) Fail(index int, err error) {
	if err == nil {
		return
	}
	if e.failed == nil {
		e.failed = make(map[int]error)
	}
	e.failed[index] = err
}

// StopAt says that the records from index on were not attempted. They are handled again, and it costs them no attempt. There
// has to be a record before them, or a batch might come back for ever: a batch that cannot be begun has an error of its own,
// such as [Unavailable].
func (e *BatchError) StopAt(index int) { e.stopped, e.from = true, index }

// Err gives the BatchError as an error, nil when it says nothing.
func (e *BatchError) Err() error {
	if len(e.failed) == 0 && !e.stopped {
		return nil
	}
	return e
}

// Failed are the indexes that have an error, ascending.
func (e *BatchError) Failed() []int { return slices.Sorted(maps.Keys(e.failed)) }

// Of gives the error of the record at an index, nil where it has none.
func (e *BatchError) Of(index int) error { return e.failed[index] }

// Attempted is how many records of a batch of that size were attempted.
func (e *BatchError) Attempted(size int) int {
	if e.stopped {
		return e.from
	}
	return size
}

// Check says whether the BatchError can be meant for a batch of that size.
func (e *BatchError) Check(size int) error {
	attempted := e.Attempted(size)
	if attempted < 1 || attempted > size {
		return fmt.Errorf("a BatchError stops at record %d of a batch of %d: want one after the first", attempted, size)
	}
	for index := range e.failed {
		if index < 0 || index >= attempted {
			return fmt.Errorf("a BatchError names record %d, and %d records were attempted", index, attempted)
		}
	}
	return nil
}

func (e *BatchError) Error() string {
	text := "no record of the batch failed"
	switch failed := e.Failed(); len(failed) {
	case 0:
	case 1:
		text = fmt.Sprintf("the record at index %d of the batch failed: %v", failed[0], e.failed[failed[0]])
	default:
		text = fmt.Sprintf("%d records of the batch failed, the first at index %d: %v", len(failed), failed[0], e.failed[failed[0]])
	}
	if e.stopped {
		text += fmt.Sprintf("; from index %d on none was attempted", e.from)
	}
	return text
}

// Batched makes a BatchHandler a Handler, for where a Handler is asked for: the result is a BatchHandler still, which is
// called with whole batches where those are made, and an io.Closer where h is one.
func Batched(h BatchHandler) Handler {
	if closer, ok := h.(io.Closer); ok {
		return closingBatched{batched{h}, closer}
	}
	return batched{h}
}

type batched struct{ BatchHandler }

// Handle handles a record as a batch of one.
func (b batched) Handle(ctx context.Context, r *Record) error {
	err := b.HandleBatch(ctx, []*Record{r})
	var partial *BatchError
	if errors.As(err, &partial) && partial.Check(1) == nil {
		return partial.Of(0)
	}
	return err
}

type closingBatched struct {
	batched
	io.Closer
}
