package cli

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// roomStep is how long a full queue is waited for before it is tried again without a delivery.
const roomStep = 50 * time.Millisecond

// closeTimeout bounds the end of a client whose work is done or has failed already.
const closeTimeout = 5 * time.Second

// sender writes messages and learns of every one what became of it. One goroutine sends.
type sender struct {
	producer     kafka.Producer
	acknowledged atomic.Int64
	queued       atomic.Int64
	reported     atomic.Int64 // acknowledged or refused
	room         chan struct{}
}

// newSender makes a sender; refused hears of messages that were not written, on a goroutine of the client's.
func newSender(client kafka.Client, id string, refused func(token uint64, err error)) (*sender, error) {
	s := &sender{room: make(chan struct{}, 1)}
	producer, err := client.Producer(id, func(deliveries []kafka.Delivery) {
		for _, d := range deliveries {
			if d.Err != nil {
				refused(d.Token, d.Err)
				continue
			}
			s.acknowledged.Add(1)
		}
		s.reported.Add(int64(len(deliveries)))
		select {
		case s.room <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return nil, err
	}
	s.producer = producer
	return s, nil
}

// send queues a message, waiting while the queue is full.
func (s *sender) send(ctx context.Context, m *stream.Message, token uint64) error {
	for {
		err := s.producer.Produce(m, token)
		if err == nil {
			s.queued.Add(1)
		}
		if !errors.Is(err, kafka.ErrQueueFull) {
			return err
		}
		timer := time.NewTimer(roomStep)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-s.room:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// patience gives a context that also ends when messages wait for their reports and none comes for that long.
func (s *sender) patience(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	ctx, give := context.WithCancelCause(ctx)
	go func() {
		look := time.NewTicker(max(timeout/10, time.Millisecond))
		defer look.Stop()
		best, since := int64(-1), time.Now()
		for {
			select {
			case <-ctx.Done():
				return
			case <-look.C:
			}
			reported := s.reported.Load()
			if reported != best || reported == s.queued.Load() {
				best, since = reported, time.Now()
			}
			if time.Since(since) > timeout {
				give(fmt.Errorf("the brokers acknowledged nothing for %s", timeout))
			}
		}
	}()
	return ctx, func() { give(context.Canceled) }
}

// finish waits until every message has been reported. After it returned, refused is not called any more.
func (s *sender) finish(ctx context.Context) error {
	left := s.producer.Flush(ctx)
	// What is left is dropped by the close, and reported as refused.
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	err := s.producer.Close(closing)
	if left > 0 {
		err = errors.Join(fmt.Errorf("%d messages were not acknowledged: %w", left, context.Cause(ctx)), err)
	}
	return err
}
