package franz

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

const (
	// flushStep is how long one wait inside Flush lasts before it is looked again at what is queued.
	flushStep = 50 * time.Millisecond
	// dropTimeout bounds the wait for the reports of messages that Close drops.
	dropTimeout = 5 * time.Second
)

// producer writes records.
type producer struct {
	lanes  *lanes
	limits limits
	on     kafka.OnDelivery
	cancel context.CancelFunc

	waiting atomic.Int64 // produced and not reported
	bytes   atomic.Int64 // of those
	settled chan struct{}
	gate    gate
	closing sync.Once

	mu      sync.Mutex
	reports []kafka.Delivery // to be handed out
	spare   []kafka.Delivery
	arrived sync.Cond
	ended   bool
	done    chan struct{}
}

// limits are those of a producer's queue.
type limits struct {
	messages, bytes int64 // zero messages: no limit
	message         int64 // bytes of one
}

// ticket is a record that was produced, with what its report needs. It is the record's context, for that is what the
// library hands back.
type ticket struct {
	context.Context //nolint:containedctx // only to be found again
	record          kgo.Record
	token           uint64
	bytes           int64
}

func newProducer(l *lanes, limits limits, on kafka.OnDelivery, cancel context.CancelFunc) *producer {
	p := &producer{
		lanes: l, limits: limits, on: on, cancel: cancel,
		settled: make(chan struct{}, 1), done: make(chan struct{}),
	}
	p.arrived.L = &p.mu
	l.delivered = p.delivered
	go p.hand()
	return p
}

func (p *producer) Produce(m *stream.Message, token uint64) error {
	if !p.gate.enter() {
		return kafka.ErrClosed
	}
	defer p.gate.leave()
	size := m.Size()
	if size > p.limits.message {
		return &kafka.ProduceError{Kind: kafka.TooLarge, Err: fmt.Errorf(
			"produce to %s: the message has %d bytes, more than message.max.bytes, %d", m.Topic, size, p.limits.message)}
	}
	if full := p.limits.messages > 0 && p.waiting.Load() >= p.limits.messages; full ||
		p.waiting.Load() > 0 && p.bytes.Load()+size > p.limits.bytes {
		return kafka.ErrQueueFull
	}
	p.waiting.Add(1)
	p.bytes.Add(size)
	t := &ticket{Context: context.Background(), token: token, bytes: size}
	t.record = kgo.Record{
		Topic: m.Topic, Partition: m.PartitionNumber(), Key: m.Key, Value: m.Value, Timestamp: m.Timestamp,
		Headers: recordHeaders(m.Headers), Context: t,
	}
	p.lanes.send(t)
	return nil
}

// recordHeaders gives headers the library's type, which has the same fields, instead of copying them. It only reads them.
func recordHeaders(from []stream.Header) []kgo.RecordHeader {
	return unsafe.Slice((*kgo.RecordHeader)(unsafe.SliceData(from)), len(from))
}

// delivered takes the fate of one message from the library, whose goroutine is not to be held up.
func (p *producer) delivered(t *ticket, err error) {
	report := kafka.Delivery{Token: t.token}
	if err != nil {
		report.Err = produceError(fmt.Errorf("produce to %s: %w", t.record.Topic, err))
	}
	p.bytes.Add(-t.bytes)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reports = append(p.reports, report)
	if len(p.reports) == 1 {
		p.arrived.Signal()
	}
}

// hand hands reports out in batches of what has gathered, until Close has no more of them.
func (p *producer) hand() {
	defer close(p.done)
	for {
		p.mu.Lock()
		for len(p.reports) == 0 && !p.ended {
			p.arrived.Wait()
		}
		batch := p.reports
		p.reports, p.spare = p.spare[:0], nil
		p.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		p.on(batch)
		p.lanes.pump()
		if p.waiting.Add(-int64(len(batch))) == 0 {
			select {
			case p.settled <- struct{}{}:
			default:
			}
		}
		clear(batch)
		p.mu.Lock()
		p.spare = batch
		p.mu.Unlock()
	}
}

func (p *producer) Flush(ctx context.Context) int {
	if !p.gate.enter() {
		return int(p.waiting.Load())
	}
	defer p.gate.leave()
	for p.waiting.Load() > 0 && ctx.Err() == nil {
		step, cancel := context.WithTimeout(ctx, flushStep)
		p.lanes.flush(step) // which ends the linger
		cancel()
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

// Close drops what is queued, and reports each of those messages.
func (p *producer) Close(ctx context.Context) error {
	p.gate.refuse()
	p.closing.Do(func() { go p.end() })
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close the Kafka producer: %w", context.Cause(ctx))
	}
}

// errDropped is the fate of what Close drops.
var errDropped = errors.New("the producer was closed before the broker acknowledged the message")

func (p *producer) end() {
	p.gate.wait()
	p.cancel()
	p.lanes.close()
	for deadline := time.Now().Add(dropTimeout); p.waiting.Load() > 0 && time.Now().Before(deadline); {
		p.settle(context.Background(), flushStep)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.arrived.Signal()
}
