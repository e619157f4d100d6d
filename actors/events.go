package actors

import (
	"sync"
	"time"

	"github.com/troupe-go/troupe/internal/meter"
	"github.com/troupe-go/troupe/stream"
)

// eventsWaitingMax is how many events may wait for a slow receiver before the oldest are dropped.
const eventsWaitingMax = 65536

// Events is the one stream of events of a processor. Emit counts an event in the metrics and queues it; a goroutine hands
// the queue to the receivers, one event at a time and in order, so that a slow receiver delays no actor.
type Events struct {
	meter     *meter.Meter
	receivers []func(stream.EventTime)

	mu     sync.Mutex
	queue  []stream.EventTime
	closed bool
	ready  chan struct{} // holds one token while the queue may have something
	done   chan struct{}
}

// NewEvents starts the stream. Close ends it.
func NewEvents(m *meter.Meter, receivers ...func(stream.EventTime)) *Events {
	e := &Events{meter: m, receivers: receivers, ready: make(chan struct{}, 1), done: make(chan struct{})}
	go e.deliver()
	return e
}

// Emit reports an event. It never blocks for long.
func (e *Events) Emit(event stream.Event) {
	e.count(event)
	if len(e.receivers) == 0 {
		return
	}
	e.mu.Lock()
	if !e.closed {
		if len(e.queue) >= eventsWaitingMax {
			e.queue = e.queue[1:]
			e.meter.EventsDropped().Inc()
		}
		e.queue = append(e.queue, stream.EventTime{Time: time.Now(), Event: event})
	}
	e.mu.Unlock()
	e.wake()
}

func (e *Events) wake() {
	select {
	case e.ready <- struct{}{}:
	default:
	}
}

func (e *Events) deliver() {
	defer close(e.done)
	for range e.ready {
		for {
			e.mu.Lock()
			batch, closed := e.queue, e.closed
			e.queue = nil
			e.mu.Unlock()
			if len(batch) == 0 {
				if closed {
					return
				}
				break
			}
			for _, event := range batch {
				for _, receive := range e.receivers {
					receive(event)
				}
			}
		}
	}
}

// Close delivers what waits and ends the stream. It is false when the receivers did not take everything in time: one may
// block for ever.
func (e *Events) Close(within time.Duration) bool {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.wake()
	tooLate := time.NewTimer(within)
	defer tooLate.Stop()
	select {
	case <-e.done:
		return true
	case <-tooLate.C:
		return false
	}
}

// count keeps the metrics that follow from events.
func (e *Events) count(event stream.Event) {
	switch ev := event.(type) {
	case stream.Assigned:
		if len(ev.Partitions) > 0 {
			e.meter.Rebalances(meter.EventAssigned).Inc()
		}
	case stream.Revoked:
		e.meter.Rebalances(meter.EventRevoked).Inc()
		e.meter.RebalanceDuration().Observe(float64(ev.DurationMS) / 1000)
	case stream.Lost:
		if len(ev.Partitions) > 0 {
			e.meter.Rebalances(meter.EventLost).Inc()
		}
	case stream.Started:
		e.meter.StartDuration().Observe(float64(ev.DurationMS) / 1000)
	case stream.NoProgress:
		e.meter.NoProgress(ev.Aspect).Inc()
	case stream.Committed:
		e.meter.Commits(meter.CommitAccepted).Inc()
		e.meter.CommitDuration().Observe(ev.DurationMS / 1000)
	case stream.CommitFailed:
		result := meter.CommitFailed
		if ev.Retried {
			result = meter.CommitRetried
		}
		e.meter.Commits(result).Inc()
	case stream.Retried:
		e.meter.Retries(ev.Reason).Inc()
	case stream.DeadLettered:
		e.meter.DeadLetters(ev.Topic, ev.Reason).Inc()
		e.meter.ProcessRecords(meter.ResultDeadLettered).Inc()
	case stream.Dropped:
		e.meter.ProcessRecords(meter.ResultDropped).Inc()
	case stream.Restarted:
		e.meter.ActorRestarts(ev.Kind).Inc()
	case stream.OutOfRange:
		e.meter.OffsetsOutOfRange(ev.Topic).Inc()
	case stream.StartUnavailable, stream.TopicRecreated, stream.MetadataIgnored, stream.Skipped,
		stream.Panicked, stream.HandlerStuckFor, stream.CauseChanged, stream.Stalled, stream.Resumed, stream.Paused,
		stream.CircuitChanged, stream.ClientTrouble, stream.ProgressResumed, stream.Ended, stream.KeyHeld, stream.KeyReleased:
	}
}
