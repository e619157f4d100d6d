package confluent

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

const (
	// reportBacklog is how many delivery reports wait for being read before the library is held up.
	reportBacklog = 4096
	// flushStep is how long one wait inside Flush lasts before the context is looked at again.
	flushStep = 50 * time.Millisecond
	// purgeTimeout bounds the wait for the reports of messages that Close drops.
	purgeTimeout = time.Second
)

// producer writes records. The fields of the message belong to the goroutine that produces.
type producer struct {
	client  *ck.Producer
	on      kafka.OnDelivery
	logs    *logs
	trouble thinned

	message ck.Message // reused: the library copies what it is given
	topic   string
	tokens  sync.Pool // of *uint64: a pointer goes into the message's opaque field without an allocation

	waiting atomic.Int64 // produced and not reported
	settled chan struct{}
	gate    *gate
	reports sync.WaitGroup
	closed  atomic.Bool
}

func newProducer(client *ck.Producer, on kafka.OnDelivery, logs *logs, logger *slog.Logger) *producer {
	p := &producer{
		client: client, on: on, logs: logs, trouble: thinned{to: logger},
		settled: make(chan struct{}, 1), gate: newGate(),
	}
	p.message.TopicPartition.Topic = &p.topic
	p.tokens.New = func() any { return new(uint64) }
	p.reports.Go(p.report)
	return p
}

func (p *producer) Produce(m *stream.Message, token uint64) error {
	if !p.gate.enter() {
		return kafka.ErrClosed
	}
	defer p.gate.leave()
	ticket, _ := p.tokens.Get().(*uint64)
	*ticket = token
	message := &p.message
	p.topic = m.Topic
	message.TopicPartition.Partition = ck.PartitionAny
	if m.ToPartition != 0 {
		message.TopicPartition.Partition = m.PartitionNumber()
	}
	message.Key, message.Value, message.Timestamp, message.Opaque = m.Key, m.Value, m.Timestamp, ticket
	message.Headers = message.Headers[:0]
	for _, h := range m.Headers {
		message.Headers = append(message.Headers, ck.Header(h))
	}
	p.waiting.Add(1)
	err := p.client.Produce(message, nil)
	if err == nil {
		return nil
	}
	p.count(-1)
	p.tokens.Put(ticket)
	if code(err) == ck.ErrQueueFull {
		return kafka.ErrQueueFull
	}
	return produceError(fmt.Errorf("produce to %s: %w", m.Topic, err))
}

// report reads the library's events until Close has closed their channel, and passes delivery reports on in batches of
// what has gathered.
func (p *producer) report() {
	batch := make([]kafka.Delivery, 0, 256)
	flush := func() {
		if len(batch) > 0 {
			p.on(batch)
			p.count(-int64(len(batch)))
			clear(batch)
			batch = batch[:0]
		}
	}
	events := p.client.Events()
	for event := range events {
		switch e := event.(type) {
		case *ck.Message:
			batch = p.add(batch, e)
		case ck.Error:
			// A fatal one is told by every delivery report and every Produce after it.
			p.trouble.warn(e)
		default:
		}
		if len(batch) == cap(batch) || len(events) == 0 {
			flush()
		}
	}
	flush()
}

func (p *producer) add(batch []kafka.Delivery, m *ck.Message) []kafka.Delivery {
	ticket, ours := m.Opaque.(*uint64)
	if !ours {
		return batch
	}
	delivery := kafka.Delivery{Token: *ticket}
	p.tokens.Put(ticket)
	if err := m.TopicPartition.Error; err != nil {
		if purged := code(err); purged == ck.ErrPurgeQueue || purged == ck.ErrPurgeInflight {
			// A fatal error drops what is queued, under another name than its own.
			err = cmp.Or(p.client.GetFatalError(), err)
		}
		delivery.Err = produceError(fmt.Errorf("produce to %s: %w", *m.TopicPartition.Topic, err))
	}
	return append(batch, delivery)
}

// count changes the number of messages under way, and wakes Flush when there are none.
func (p *producer) count(by int64) {
	if p.waiting.Add(by) == 0 {
		select {
		case p.settled <- struct{}{}:
		default:
		}
	}
}

func (p *producer) Flush(ctx context.Context) int {
	if !p.gate.enter() {
		return int(p.waiting.Load())
	}
	defer p.gate.leave()
	for p.waiting.Load() > 0 && ctx.Err() == nil {
		// The library's own flush ends the linger; it counts reports that are on their way here too, so what it gives
		// back is of no use.
		p.client.Flush(int(flushStep / time.Millisecond))
		p.settle(ctx, flushStep)
	}
	return int(p.waiting.Load())
}

// settle waits until every message is reported, for a while.
func (p *producer) settle(ctx context.Context, atMost time.Duration) {
	if p.waiting.Load() == 0 {
		return
	}
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-p.settled:
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (p *producer) Close(ctx context.Context) error {
	if p.closed.Swap(true) {
		return nil
	}
	p.gate.close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.gate.wait()
		p.drop()
		p.client.Close()
		p.reports.Wait()
		p.logs.stop()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close the Kafka producer: %w", context.Cause(ctx))
	}
}

// drop gives up what is queued or under way, so that each of those messages is reported too before the library forgets
// them.
func (p *producer) drop() {
	if p.waiting.Load() == 0 {
		return
	}
	_ = p.client.Purge(ck.PurgeQueue | ck.PurgeInFlight)
	p.client.Flush(int(purgeTimeout / time.Millisecond))
	p.settle(context.Background(), purgeTimeout)
}
