package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

var errDropped = errors.New("dropped: the producer was closed before the message was written")

// producer is a kafka.Producer. A message is queued by Produce, written when its time has come, and then reported, by one
// goroutine at a time: that of a timer, or of Broker.Deliver. So OnDelivery never runs inside Produce.
type producer struct {
	broker   *Broker
	number   int // in the order of making
	settings settings
	on       kafka.OnDelivery
	closed   chan struct{}

	queue   []queuedMessage  // not written yet
	written []kafka.Delivery // not reported yet
	// reporting counts the reports that OnDelivery is being given.
	reporting int
	flushing  int       // calls of Flush
	running   bool      // some goroutine is in run
	wakeAt    time.Time // of the timer that is set; zero where none is
	timer     *time.Timer
	fatal     error
	turn      int
	spare     []kafka.Delivery
}

type queuedMessage struct {
	message stream.Message
	token   uint64
	at      time.Time
}

func newProducer(b *Broker, s settings, on kafka.OnDelivery) *producer {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.made++
	p := &producer{broker: b, number: b.made, settings: s, on: on, closed: make(chan struct{})}
	b.producers[p] = struct{}{}
	return p
}

func (p *producer) isClosed() bool {
	select {
	case <-p.closed:
		return true
	default:
		return false
	}
}

// outstanding is how many messages have no report yet.
func (p *producer) outstanding() int { return len(p.queue) + len(p.written) + p.reporting }

// Produce queues a copy of the message.
func (p *producer) Produce(m *stream.Message, token uint64) error {
	b := p.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case p.isClosed():
		return kafka.ErrClosed
	case p.fatal != nil:
		return &kafka.ProduceError{Kind: kafka.Fatal, Err: p.fatal}
	case m.Size() > p.settings.messageBytes:
		err := fmt.Errorf("produce to %s: %w: %d bytes, message.max.bytes is %d", m.Topic, ErrMessageTooLarge, m.Size(), p.settings.messageBytes)
		return &kafka.ProduceError{Kind: kafka.TooLarge, Err: err}
	case p.outstanding() >= p.settings.queueMessages:
		return kafka.ErrQueueFull
	}
	queued := *m
	queued.Key, queued.Value = cloneBytes(m.Key), cloneBytes(m.Value)
	queued.Headers = slices.Clone(m.Headers)
	for i := range queued.Headers {
		queued.Headers[i].Value = cloneBytes(queued.Headers[i].Value)
	}
	p.queue = append(p.queue, queuedMessage{message: queued, token: token, at: time.Now()})
	p.schedule()
	return nil
}

// schedule sets the timer for the next message to be written, given up or reported.
func (p *producer) schedule() {
	if p.running || p.isClosed() || p.broker.options.Manual {
		return
	}
	next := p.nextTime()
	if next.IsZero() || !p.wakeAt.IsZero() && !next.Before(p.wakeAt) {
		return
	}
	if p.timer != nil {
		p.timer.Stop()
	}
	p.wakeAt = next
	p.timer = time.AfterFunc(max(0, time.Until(next)), p.run)
}

// nextTime is when run has something to do; zero for not before something changes.
func (p *producer) nextTime() time.Time {
	switch {
	case len(p.written) > 0 && p.broker.faults.deliveryHolds == 0:
		return time.Now()
	case len(p.queue) == 0:
		return time.Time{}
	case !p.broker.faults.down:
		return p.due(&p.queue[0])
	case p.settings.messageTimeout > 0:
		return p.queue[0].at.Add(p.settings.messageTimeout)
	default:
		return time.Time{}
	}
}

// due is when a message is written: a Flush does not wait for the linger.
func (p *producer) due(q *queuedMessage) time.Time {
	at := q.at.Add(p.broker.options.Latency)
	if p.flushing == 0 {
		at = at.Add(p.settings.linger)
	}
	return at
}

// run writes what is due and reports what is written, until there is nothing more to do.
func (p *producer) run() {
	b := p.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	p.wakeAt = time.Time{}
	if p.running {
		return
	}
	p.running = true
	for p.writeDue(); p.mayReport(); p.writeDue() {
		batch := p.written
		p.written, p.spare = p.spare[:0], nil
		p.reporting = len(batch)
		b.mu.Unlock()
		p.on(batch)
		b.mu.Lock()
		p.reporting = 0
		p.spare = batch[:0]
		b.broadcast()
	}
	p.running = false
	p.schedule()
}

// mayReport: there is something to report, and it is not held back, or the producer is closed and cannot wait.
func (p *producer) mayReport() bool {
	return len(p.written) > 0 && (p.broker.faults.deliveryHolds == 0 || p.isClosed())
}

// writeDue moves messages from the queue to the logs, or to their refusal.
func (p *producer) writeDue() {
	b := p.broker
	now := time.Now()
	done := 0
	for ; done < len(p.queue); done++ {
		q := &p.queue[done]
		var err error
		switch {
		case p.fatal != nil:
			err = &kafka.ProduceError{Kind: kafka.Fatal, Err: p.fatal}
		case !b.faults.down && (b.options.Manual || !now.Before(p.due(q))):
			err = p.write(&q.message)
		case p.settings.messageTimeout > 0 && !now.Before(q.at.Add(p.settings.messageTimeout)):
			err = &kafka.ProduceError{
				Kind: kafka.Undelivered,
				Err:  fmt.Errorf("produce to %s: %w for message.timeout.ms", q.message.Topic, ErrBrokerDown),
			}
		default:
			p.queue = slices.Delete(p.queue, 0, done)
			return
		}
		p.written = append(p.written, kafka.Delivery{Token: q.token, Err: err})
	}
	p.queue = slices.Delete(p.queue, 0, done)
}

// write appends a message to its log, or says why not.
func (p *producer) write(m *stream.Message) error {
	b := p.broker
	fault, fails := b.faults.produceFault(m.Topic)
	if fails && !fault.Written {
		return p.refusal(m, fault.Kind, fault.Err)
	}
	t := b.topics[m.Topic]
	if t == nil || len(t.logs) == 0 {
		return p.refusal(m, kafka.UnknownTopic, ErrUnknownTopic)
	}
	number := int(m.PartitionNumber())
	if m.PartitionNumber() == stream.AnyPartition {
		number = partitionOf(m.Key, p.turn, len(t.logs))
		p.turn++
	}
	limit := b.options.MessageLimit
	if t.messageLimit > 0 {
		limit = t.messageLimit
	}
	switch {
	case number < 0 || number >= len(t.logs):
		return p.refusal(m, kafka.UnknownTopic, fmt.Errorf("%w %d", ErrUnknownTopic, number))
	case t.denied:
		return p.refusal(m, kafka.NotAuthorized, ErrNotAuthorized)
	case m.Size() > limit:
		return p.refusal(m, kafka.TooLarge, ErrMessageTooLarge)
	}
	b.append(t.logs[number], m, int32(number))
	if fails {
		return p.refusal(m, fault.Kind, fault.Err)
	}
	return nil
}

func (p *producer) refusal(m *stream.Message, kind kafka.ProduceErrorKind, err error) error {
	err = fmt.Errorf("produce to %s: %w", m.Topic, err)
	if kind == kafka.Fatal {
		p.fatal = err
	}
	return &kafka.ProduceError{Kind: kind, Err: err}
}

// Flush waits for the reports of everything queued.
func (p *producer) Flush(ctx context.Context) int {
	b := p.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	p.flushing++
	defer func() { p.flushing-- }()
	p.schedule()
	for p.outstanding() > 0 && ctx.Err() == nil && !p.isClosed() {
		b.wait(ctx.Done(), p.closed, time.Time{})
	}
	return p.outstanding()
}

// Close drops what is queued. Every message still gets its report: one that was dropped as undelivered, at once and on
// the caller's goroutine, or after the batch that is being reported just then.
func (p *producer) Close(context.Context) error {
	b := p.broker
	b.mu.Lock()
	if p.isClosed() {
		b.mu.Unlock()
		return nil
	}
	close(p.closed)
	delete(b.producers, p)
	if p.timer != nil {
		p.timer.Stop()
	}
	for i := range p.queue {
		err := fmt.Errorf("produce to %s: %w", p.queue[i].message.Topic, errDropped)
		p.written = append(p.written, kafka.Delivery{
			Token: p.queue[i].token,
			Err:   &kafka.ProduceError{Kind: kafka.Undelivered, Err: err},
		})
	}
	p.queue = nil
	b.broadcast()
	b.mu.Unlock()
	p.run()
	return nil
}

// Deliver writes and reports what producers have queued, on the goroutine that calls it. It is for Options.Manual.
func (b *Broker) Deliver() {
	b.mu.Lock()
	due := make([]*producer, 0, len(b.producers))
	for p := range b.producers {
		due = append(due, p)
	}
	slices.SortFunc(due, func(x, y *producer) int { return x.number - y.number })
	b.mu.Unlock()
	for _, p := range due {
		p.run()
	}
}

// schedule lets every producer look again.
func (b *Broker) schedule() {
	for p := range b.producers {
		p.schedule()
	}
}

// cloneBytes copies, and keeps the difference between nil and empty.
func cloneBytes(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}
