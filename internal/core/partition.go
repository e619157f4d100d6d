package core

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/internal/core/offset"
	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// PartitionConfig is what a Partition needs to know of the configuration.
type PartitionConfig struct {
	Retry retry.Policy
	// StuckAfter is how long an attempt may ignore its cancelled context; 0 is for ever.
	StuckAfter time.Duration
	// StuckDeadLetter gives such a record to the dead letters; otherwise the processor fails.
	StuckDeadLetter bool
	// DeadLetterOff: records that cannot be handled fail the processor, or are dropped if OnErrorDrop is set.
	DeadLetterOff bool
	OnErrorDrop   bool
}

// Limits of a partition that no one should need to set.
const (
	workRecordsMin      = 8    // records of one Work, while each takes a turn of its own
	workRecordsMax      = 512  // records of one Work
	publishingMax       = 8192 // records whose outputs are unacknowledged, beyond which nothing is begun
	deadLetteringMax    = 256  // dead letters unacknowledged, beyond which nothing is begun
	handlerSlowAfter    = time.Second
	unacknowledgedAfter = 2 * time.Second // an output or dead letter that waits longer is named as the cause
)

// deadLetterRetry spaces the attempts to write a dead letter that the broker did not take.
var deadLetterRetry = retry.Policy{Initial: time.Second, Multiplier: 2, Max: 30 * time.Second, Jitter: 0.2}

// Partition is the machine of one incarnation. It owns the incarnation's records from the poll to their end, decides what
// is handled next, and says how far the offset may be committed.
//
//	queued ──► running ──► done
//	   ▲        │ │ │ └──► publishing ──► done
//	   │        │ │ └────► dead-lettering ──► done        any state ──► abandoned, when the incarnation ends first
//	   └─retrying └──────► stuck ──► (as running)
//
// In partition order at most one Work is with the lane, and its records are the lowest that are not begun. Records whose
// outputs or dead letters wait for the broker do not hold back the next ones, up to a limit; the watermark waits for them.
//
// A Partition has no clock and does no I/O: Step takes the time and a message, and appends what to do to effects.
type Partition struct {
	inc    messages.Incarnation
	config PartitionConfig

	tracker *offset.Tracker
	already offset.DoneSet // what the commit's metadata said was done
	topicID string

	entries []entry // every record from the lowest that is not done, ascending by offset
	head    int     // the lowest of entries that is not done
	next    int     // the lowest of entries that is not begun
	ledger  stream.Ledger

	work     work
	workSize int // of the next Work, by how far the lane came with the last
	seq      uint64
	troubles map[int64]*trouble

	start          int64
	publishAck     time.Time // the last acknowledgement of an output, or when the first began to wait
	deadLetterAck  time.Time // likewise of a dead letter
	headWait       headWait
	refusedLetters int // dead letters that the broker did not take at the last try
	restingLetters int // those of them that wait for their next try
	circuitsOpen   bool
	operatorPaused bool
	drain          *time.Time
	ended          bool

	doneEpoch   int32 // leader epoch of the highest record of the done prefix
	reported    messages.Watermark
	unreported  int64 // records done since the last report
	metadataLen int

	cause      stream.Cause
	causeSince time.Time
	detail     string

	ends uint64    // of records, attempts and waits for an acknowledgement
	due  time.Time // when the machine wants to be woken
}

// entry is one record that is not done, or done above one that is not. It keeps the original: what the handler is given is
// the handler's to change.
type entry struct {
	offset      int64
	received    int64 // Unix nanoseconds
	size        int64 // in the byte budget
	key, value  []byte
	headers     []stream.Header
	timestamp   time.Time
	leaderEpoch int32
	attempt     int32
	outputs     int32 // not yet acknowledged
	state       stream.State
	// fresh is the record as it was polled, and behind it the rest of its batch; nil once a handler has had it.
	fresh []stream.Record
}

// record makes the record anew from the original.
func (e *entry) record(p stream.Partition) stream.Record {
	return stream.Record{
		Topic: p.Topic, Partition: p.Number, Offset: e.offset, LeaderEpoch: e.leaderEpoch, Attempt: e.attempt,
		Key: e.key, Value: e.value, Headers: e.headers, Timestamp: e.timestamp,
	}
}

// trouble is what is known of a record that did not simply succeed.
type trouble struct {
	failures int32 // attempts used up
	failure  messages.Failure
	since    time.Time // of the present wait
	retryAt  time.Time // zero while something else is awaited
	circuit  string    // the dependency it waits for, or probes
	probing  bool
	// of a dead letter
	failedAt time.Time
	writes   int32
	tooLarge bool
	writeErr error // why the broker did not take the dead letter at the last try
	// outputErr is why the broker refused an output.
	outputErr error
}

// work is what the lane has.
type work struct {
	open   bool
	seq    uint64
	first  int   // the lowest record the lane still has, as an index in the Work
	lowest int64 // its offset
	size   int
	since  time.Time
	stuck  bool
}

// PartitionStart is where an incarnation begins.
type PartitionStart struct {
	Incarnation messages.Incarnation
	Offset      int64
	TopicID     string
	// Done is what the commit's metadata says was done beyond Offset.
	Done []offset.Run
}

// PartitionEffects is what to do after a step. The slices are appended to; the shell empties and reuses them.
type PartitionEffects struct {
	Work        []messages.Work
	Publish     []messages.PublishOutput
	DeadLetters []messages.DeadLetter
	Circuits    []messages.ToCircuits
	Events      []stream.Event
	Latencies   []time.Duration // from the records' timestamps to their end
	Released    int64           // bytes of records that ended
	Handled     int64           // records that ended well
	Skipped     int64           // records that ended on purpose
	Watermark   *messages.Watermark
	Drained     *messages.Drained
	// CancelWork: the lane's attempt is to be cancelled, its outcome will be ignored.
	CancelWork bool
	// ReplaceLane: the lane's goroutine is given up; the next Work needs another.
	ReplaceLane bool
	// Fault ends the processor with this error.
	Fault error
	// Stale counts messages that came too late.
	Stale int
	// Wake is when to send a Tick; zero for never.
	Wake time.Time
}

// Reset empties the effects for the next step and keeps the room.
func (e *PartitionEffects) Reset() {
	*e = PartitionEffects{
		Work: e.Work[:0], Publish: e.Publish[:0], DeadLetters: e.DeadLetters[:0], Circuits: e.Circuits[:0],
		Events: e.Events[:0], Latencies: e.Latencies[:0],
	}
}

// NewPartition makes the machine of an incarnation that begins to read at start.
func NewPartition(now time.Time, config PartitionConfig, start PartitionStart) *Partition {
	p := &Partition{
		inc: start.Incarnation, config: config, topicID: start.TopicID,
		tracker: offset.NewTracker(start.Offset), already: offset.NewDoneSet(start.Done),
		troubles: make(map[int64]*trouble), doneEpoch: -1, workSize: workRecordsMax,
		cause: stream.Idle, causeSince: now, start: start.Offset,
	}
	// Without metadata, so that an incarnation which does nothing leaves the commit as it found it.
	p.reported = messages.Watermark{Incarnation: p.inc, Offset: start.Offset, LeaderEpoch: -1}
	return p
}

// Step carries one message into the machine. After Drained, or after Abandon, every message is stale.
func (p *Partition) Step(now time.Time, m messages.ToPartition, out *PartitionEffects) {
	if p.ended {
		out.Stale++
		return
	}
	switch m := m.(type) {
	case messages.Records:
		p.receive(now, m.Records, out)
	case messages.Outcome:
		p.outcome(now, &m, out)
	case messages.Published:
		p.published(now, m.Results, out)
	case messages.DeadLetterResult:
		p.deadLettered(now, m, out)
	case messages.CircuitVerdict:
		p.circuitVerdict(now, m, out)
	case messages.CircuitCharge:
		p.circuitCharge(now, m, out)
	case messages.CircuitsOpen:
		p.circuitsOpen = m.Open
	case messages.Drain:
		p.startDrain(m.Deadline)
	case messages.OperatorPause:
		p.operatorPaused = m.Paused
	case messages.Tick:
	}
	p.serveTimers(now, out)
	p.trim()
	p.dispatch(now, out)
	p.report(out)
	p.finishDrain(now, out)
	p.updateCause(now, out)
	p.due = p.wake(now)
	out.Wake = p.due
}

// receive takes a poll's records. Those below the position were read before a seek and are not new.
func (p *Partition) receive(now time.Time, records []stream.Record, out *PartitionEffects) {
	received := now.UnixNano()
	for i := range records {
		r := &records[i]
		if err := p.tracker.Add(r.Offset); err != nil {
			out.Released += r.Size()
			out.Stale++
			continue
		}
		p.ledger.Received++
		r.Attempt = 1
		p.entries = append(p.entries, entry{
			offset: r.Offset, received: received, size: r.Size(), key: r.Key, value: r.Value, headers: r.Headers,
			timestamp: r.Timestamp, leaderEpoch: r.LeaderEpoch, attempt: 1, state: stream.Queued, fresh: records[i:],
		})
		p.ledger.States[stream.Queued]++
		if p.already.Contains(r.Offset) {
			p.finishAt(now, len(p.entries)-1, out)
		}
	}
}

// find gives the index of an offset in entries, or false when it is unknown or done and forgotten.
func (p *Partition) find(off int64) (int, bool) {
	low, high := p.head, len(p.entries)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if p.entries[middle].offset < off {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, low < len(p.entries) && p.entries[low].offset == off
}

// move changes a record's state and keeps the ledger.
func (p *Partition) move(e *entry, to stream.State) {
	p.ledger.Move(e.state, to, 1)
	e.state = to
}

// awaitBroker moves a record to a state in which it waits for an acknowledgement.
func (p *Partition) awaitBroker(now time.Time, e *entry, to stream.State) {
	ack := &p.publishAck
	if to == stream.DeadLettering {
		ack = &p.deadLetterAck
	}
	if p.ledger.States[to] == 0 {
		*ack = now
	}
	p.move(e, to)
}

// finishAt ends a record as done.
func (p *Partition) finishAt(now time.Time, i int, out *PartitionEffects) {
	e := &p.entries[i]
	if err := p.tracker.Done(e.offset); err != nil {
		out.Fault = fmt.Errorf("%s: %w (a bug in troupe)", p.inc, err)
		return
	}
	p.move(e, stream.Done)
	p.forget(now, e, out)
}

// forget frees a record that has ended.
func (p *Partition) forget(now time.Time, e *entry, out *PartitionEffects) {
	if len(p.troubles) > 0 {
		delete(p.troubles, e.offset)
	}
	p.unreported++
	p.ends++
	out.Released += e.size
	out.Latencies = append(out.Latencies, now.Sub(e.timestamp))
	e.key, e.value, e.headers, e.fresh = nil, nil, nil, nil
}

// trim drops the done prefix, and now and then the room it took. Indices of entries are good until then.
func (p *Partition) trim() {
	for p.head < len(p.entries) && p.entries[p.head].state == stream.Done {
		p.doneEpoch = p.entries[p.head].leaderEpoch
		p.head++
	}
	p.next = max(p.next, p.head)
	if p.head == len(p.entries) {
		p.entries, p.head, p.next = p.entries[:0], 0, 0
	} else if p.head > 1024 && p.head > len(p.entries)/2 {
		n := copy(p.entries, p.entries[p.head:])
		p.next -= p.head
		p.entries, p.head = p.entries[:n], 0
	}
}

// report says how far the partition is done, when that has changed.
func (p *Partition) report(out *PartitionEffects) {
	if p.unreported == 0 {
		return
	}
	w := messages.Watermark{
		Incarnation: p.inc, Offset: p.tracker.Watermark(), LeaderEpoch: p.doneEpoch, Records: p.unreported,
	}
	beyond := p.already.From(p.tracker.Last() + 1) // still to be read, to be done without being handled
	if p.tracker.Pending() == 0 && len(beyond) > 0 && beyond[0].First == w.Offset {
		w.Offset, w.LeaderEpoch = beyond[0].Last+1, -1
		beyond = beyond[1:]
	}
	if p.tracker.Pending() > 0 {
		beyond = append(p.tracker.DoneBeyond(), beyond...)
	}
	if len(beyond) > 0 {
		w.Metadata, _ = offset.Encode(w.Offset, p.topicID, beyond, offset.MetadataLimit)
	}
	p.metadataLen = len(w.Metadata)
	p.unreported = 0
	p.reported = w
	out.Watermark = &w
}

// Abandon ends the incarnation at once. What is not done will be read again by the next owner.
func (p *Partition) Abandon() {
	p.ended = true
	for s := stream.Queued; s < stream.Done; s++ {
		p.ledger.Move(s, stream.Abandoned, p.ledger.States[s])
	}
}
