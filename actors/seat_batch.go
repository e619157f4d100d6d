package actors

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// batchHandler gives the seat's handler if it takes all records of a Work at once.
func (s *seat) batchHandler() (h stream.BatchHandler, ok bool) {
	if s.crew.env.Settings.Partition.BatchRecords == 0 {
		return nil, false
	}
	h, ok = s.handler.(stream.BatchHandler)
	return h, ok
}

// handleBatch hands all records of the Work to the handler, as one attempt. It runs without the lock.
func (s *seat) handleBatch(h stream.BatchHandler, t *ticks) relay {
	records := make([]*stream.Record, len(s.work.Records)) // the handler may keep it
	for i := range records {
		records[i] = &s.work.Records[i]
	}
	return s.returnedBatch(callBatch(s.actx, h, records), t)
}

// returnedBatch takes what the handler has returned for all records. It runs without the lock.
func (s *seat) returnedBatch(err error, t *ticks) relay {
	c, now := s.crew, t.now()
	v := judgeBatch(err, len(s.work.Records), s.actx.overdue.Load(), c.env.Settings.Timeout)
	c.mu.Lock()
	s.noteBatch(&v, now)
	return s.part(v.broke, now, t)
}

// noteBatch puts the end of an attempt at all records into the outcome. From the first record on whose failure tells nothing,
// because the context was cancelled with the incarnation, they count as not attempted.
func (s *seat) noteBatch(v *batchVerdict, now time.Time) {
	s.unpause(now)
	c, spent := s.crew, now.Sub(s.attempt.Started)
	obedient := s.attempt.Cancelled.IsZero() && !s.attempt.Stuck
	s.attempt = core.Attempt{}
	if len(v.exceptions) == 0 {
		c.timing.Observe(spent.Seconds())
	} else {
		c.timingOf(v.exceptions[0].Failure.Kind.Reason()).Observe(spent.Seconds())
	}
	attempted := v.attempted
	if obedient && (s.recalled || c.ctx.Err() != nil) {
		attempted = min(attempted, v.vain)
	}
	exceptions := v.exceptions
	for index := range attempted {
		if len(exceptions) > 0 && exceptions[0].Index == index {
			s.outcome.Exceptions = append(s.outcome.Exceptions, exceptions[0])
			exceptions = exceptions[1:]
			continue
		}
		for _, m := range s.work.Records[index].Outputs() {
			s.outcome.Outputs = append(s.outcome.Outputs, messages.Output{Index: index, Message: m})
		}
	}
	s.at, s.outcome.Attempted = attempted, attempted
}

// callBatch is call for a batch.
func callBatch(ctx context.Context, h stream.BatchHandler, records []*stream.Record) (err error) {
	returned := false
	defer catch(&returned, &err)
	err = h.HandleBatch(ctx, records)
	returned = true
	return err
}

// batchVerdict is what a handler's error says of the records of a batch.
type batchVerdict struct {
	attempted  int
	exceptions []messages.Exception // by ascending index
	vain       int                  // the first of them that tells nothing if the incarnation has ended; beyond the batch if none
	broke      bool                 // the handler may be half changed
}

// judgeBatch reads what a handler returned for a batch of that size. An error that is no BatchError is every record's.
func judgeBatch(err error, size int, overran bool, timeout time.Duration) batchVerdict {
	v := batchVerdict{attempted: size, vain: size}
	if err == nil {
		return v
	}
	partial, wrong := partially(err, size)
	if partial == nil {
		if wrong != nil {
			err = wrong
		}
		f, vain := judge(err, overran, timeout)
		v.broke = broke(f)
		if vain {
			v.vain = 0
		}
		for index := range size {
			v.exceptions = append(v.exceptions, messages.Exception{Index: index, Failure: f})
		}
		return v
	}
	v.attempted = partial.Attempted(size)
	for _, index := range partial.Failed() {
		f, vain := judge(partial.Of(index), overran, timeout)
		v.broke = v.broke || broke(f)
		if vain {
			v.vain = min(v.vain, index)
		}
		v.exceptions = append(v.exceptions, messages.Exception{Index: index, Failure: f})
	}
	return v
}

// partially gives the BatchError in what a handler returned, nil without one, or with what is wrong with it. An error that
// panics when it is read is read again, and judged, as any other.
func partially(err error, size int) (partial *stream.BatchError, wrong error) {
	defer func() {
		if recover() != nil {
			partial, wrong = nil, nil
		}
	}()
	if !errors.As(err, &partial) {
		return nil, nil
	}
	if wrong = partial.Check(size); wrong != nil {
		return nil, fmt.Errorf("%w: %w", wrong, err)
	}
	return partial, nil
}
