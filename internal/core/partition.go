package core

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/internal/core/hold"
	"github.com/troupe-go/troupe/internal/core/offset"
	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// Order is what a partition keeps in order.
type Order uint8

// The orders.
const (
	ByPartition Order = iota // one record after another
	ByKey                    // likewise for each key; a record without a key is its own key
	Unordered                // none
)

// PartitionConfig is what a Partition needs to know of the configuration.
type PartitionConfig struct {
	Order Order
	// Lanes is how many Works may be open at once; in partition order it is one.
	Lanes int
	// KeyHash gives equal numbers for equal keys. Keys of the same number are handled as if they were one.
	KeyHash func(key []byte) uint64
	// BatchRecords is how many records a handler takes at once; 0 is one after another. BatchWait is how long a record may
	// wait for a batch to become full.
	BatchRecords int
	BatchWait    time.Duration
	Retry        retry.Policy
	// HoldKeys: records of a key that has one in the dead letters follow it there, until the key is released.
	HoldKeys bool
	// MaxParked is how many records may wait for a retry, or behind one of their key, before nothing else is begun; 0 is no
	// limit. It does not apply to partition order.
	MaxParked int64
	// StuckAfter is how long an attempt may ignore its cancelled context; 0 is for ever.
	StuckAfter time.Duration
	// StuckDeadLetter gives such a record to the dead letters; otherwise the processor fails.
	StuckDeadLetter bool
	// DeadLetterOff: records that cannot be handled fail the processor, or are dropped if OnErrorDrop is set.
	DeadLetterOff bool
	OnErrorDrop   bool
	// FailureRate is the circuits' policy, who are told how many attempts fail if it is on.
	FailureRate FailureRatePolicy
}

// Limits of a partition that no one should need to set.
const (
	workRecordsMin      = 8    // records of one Work, while each takes a turn of its own
	workRecordsMax      = 512  // records of one Work
	aheadMax            = 1024 // records by which a Work of a line may go beyond its own first
	publishingMax       = 8192 // records whose outputs are unacknowledged, beyond which nothing is begun
	deadLetteringMax    = 256  // dead letters unacknowledged, beyond which nothing is begun
	handlerSlowAfter    = time.Second
	metadataFullAfter   = time.Second     // one that is full for a moment, while many records finish at once, is no news
	unacknowledgedAfter = 2 * time.Second // an output or dead letter that waits longer is named as the cause
	roomMax             = 16_384          // entries whose room is kept when there are none
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
//	      └── parked, behind it
//
// In partition order at most one Work is open, and its records are the lowest that are not begun. In the other orders
// there are as many as there are lanes, and records are parked behind one of their key that waits for its next attempt.
// Records whose outputs or dead letters wait for the broker do not hold back the next ones, up to a limit; the watermark
// waits for them.
//
// A Partition has no clock and does no I/O: Step takes the time and a message, and appends what to do to effects.
type Partition struct {
	inc    messages.Incarnation
	config PartitionConfig

	tracker *offset.Tracker
	already offset.DoneSet // what the commit's metadata said was done
	topicID string
	held    map[hold.ID]*held

	entries []entry // every record that is not done, ascending by offset, and some that are
	head    int     // the lowest of entries that is not done
	next    int     // the lowest of entries that is not begun; in partition order only
	lines   lines   // in the other orders
	begunAt int64   // an offset below which no handler has a record, or had; not in partition order
	ledger  stream.Ledger

	lanes    []work
	free     []int     // lanes without a Work
	open     int       // lanes with one
	stuck    int       // lanes with a stuck attempt
	stuckDue time.Time // when the first of them has been stuck for too long, or before
	workSize int       // of the next Work in partition order, by how far the lane came with the last
	together []int     // room for the entries of a Work
	batchAt  time.Time // when the next Work is opened though its batch is not full; zero when none waits for that
	seq      uint64
	settled  int64 // the lowest record of the Work whose outcome was settled last
	troubles map[int64]*trouble
	alarms   alarms // when troubles are to be looked at again

	start          int64
	publishAck     time.Time // the last acknowledgement of an output, or when the first began to wait
	deadLetterAck  time.Time // likewise of a dead letter
	headWait       headWait
	refusedLetters int // dead letters that the broker did not take at the last try
	restingLetters int // those of them that wait for their next try
	circuits       messages.CircuitsOpen
	enlisted       int      // records that wait to be the probe of a circuit that has not refused them
	counted        attempts // since the last report to the circuits
	operatorPaused bool
	crowdedSince   time.Time // since when outputs fill up the memory; zero while they do not
	parkingLimit   int64     // of parked records, as long as the process has many; 0 is none
	laneLimit      int       // of open Works, by how many are handled at once; 0 is none
	heldChanged    bool      // since the last report
	drain          *time.Time
	ended          bool

	doneEpoch    int32 // leader epoch of the highest record of the done prefix
	reported     messages.Watermark
	reportedAt   time.Time
	unreported   int64 // records done since the last report
	metadataFull bool  // what is done beyond the watermark has come near the limit of a commit's metadata
	metadataLeft int   // characters up to that limit
	nearEnd      int64 // of the offsets that may begin although it is full
	nearFrom     int   // entries below have been looked at in this step
	fullSince    time.Time
	beyond       []offset.Run // room for a report

	cause      stream.Cause
	causeSince time.Time
	detail     string

	ends uint64    // of records, attempts and waits for an acknowledgement
	due  time.Time // when the machine wants to be woken
}

// PartitionStart is where an incarnation begins.
type PartitionStart struct {
	Incarnation messages.Incarnation
	Offset      int64
	TopicID     string
	// Done is what the commit's metadata says was done beyond Offset.
	Done []offset.Run
	// Held are the keys that it says are held.
	Held []hold.ID
	// Metadata goes with a commit of the start; empty where that is what was committed, and is left as it is.
	Metadata string
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
	// CancelWork: the lanes' attempts are to be cancelled, their outcomes will be ignored.
	CancelWork bool
	// CallBack: Works that have not begun are to be given back.
	CallBack bool
	// ReplaceLanes are lanes whose attempt is given up: its outcome will be ignored, and the next Work needs another
	// goroutine.
	ReplaceLanes []int
	// Fault ends the processor with this error.
	Fault error
	// Stale counts messages that came too late.
	Stale int
	// Wake is when to send a Tick; zero for never.
	Wake time.Time
}

// Reset empties the effects for the next step and keeps the room, but nothing of what was in it: a record there would keep its
// whole batch.
func (e *PartitionEffects) Reset() {
	clear(e.Work)
	clear(e.Publish)
	clear(e.DeadLetters)
	clear(e.Events)
	*e = PartitionEffects{
		Work: e.Work[:0], Publish: e.Publish[:0], DeadLetters: e.DeadLetters[:0], Circuits: e.Circuits[:0],
		Events: e.Events[:0], Latencies: e.Latencies[:0], ReplaceLanes: e.ReplaceLanes[:0],
	}
}

// NewPartition makes the machine of an incarnation that begins to read at start.
func NewPartition(now time.Time, config PartitionConfig, start PartitionStart) *Partition {
	if config.Order == ByPartition {
		config.Lanes = 1
	}
	p := &Partition{
		inc: start.Incarnation, config: config, topicID: start.TopicID,
		tracker: offset.NewTracker(start.Offset), already: offset.NewDoneSet(start.Done),
		troubles: make(map[int64]*trouble), held: make(map[hold.ID]*held), doneEpoch: -1, workSize: workRecordsMax,
		cause: stream.Idle, causeSince: now, start: start.Offset, metadataLeft: offset.MetadataLimit,
	}
	p.inherit(now, start.Held)
	// An incarnation which does nothing leaves the commit as it found it.
	p.reported = messages.Watermark{Incarnation: p.inc, Offset: start.Offset, LeaderEpoch: -1, Metadata: start.Metadata}
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
	case messages.Outcomes:
		for i := range m.Outcomes {
			p.outcome(now, &m.Outcomes[i], out)
		}
	case messages.Published:
		p.published(now, m.Results, out)
	case messages.DeadLetterResult:
		p.deadLettered(now, m, out)
	case messages.CircuitVerdict:
		p.circuitVerdict(now, m, out)
	case messages.CircuitCharge:
		p.circuitCharge(now, m, out)
	case messages.CircuitsOpen:
		p.circuitsOpen(m, out)
	case messages.Drain:
		p.startDrain(m.Deadline)
	case messages.OperatorPause:
		p.operatorPaused = m.Paused
	case messages.ReleaseKeys:
		p.release(m, out)
	case messages.Tick:
	}
	p.serveTimers(now, out)
	p.trim()
	p.report(now, out) // says whether the metadata is full, which dispatch must know
	p.dispatch(now, out)
	p.tellCounts(out)
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
			timestamp: r.Timestamp, leaderEpoch: r.LeaderEpoch, attempt: 1, line: noLine, state: stream.Queued, fresh: records[i:],
		})
		p.ledger.States[stream.Queued]++
		switch {
		case p.already.Contains(r.Offset):
			p.finishAt(now, len(p.entries)-1, out)
		case p.config.Order != ByPartition:
			p.join(len(p.entries) - 1)
		}
	}
}

// move changes a record's state and keeps the ledger.
func (p *Partition) move(e *entry, to stream.State) {
	p.ledger.Move(e.state, to, 1)
	e.state = to
	if e.begun() && e.offset < p.begunAt {
		p.begunAt = e.offset
	}
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
	if !p.config.HoldKeys || to != stream.DeadLettering { // there, its key waits for the acknowledgement
		p.leave(e)
	}
}

// finishAt ends a record as done.
func (p *Partition) finishAt(now time.Time, i int, out *PartitionEffects) {
	e := &p.entries[i]
	if err := p.tracker.Done(e.offset); err != nil {
		out.Fault = fmt.Errorf("%s: %w (a bug in troupe)", p.inc, err)
		return
	}
	p.move(e, stream.Done)
	if e.line != noLine {
		p.leave(e)
	}
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

// Abandon ends the incarnation at once. What is not done will be read again by the next owner.
func (p *Partition) Abandon() {
	p.ended = true
	for s := stream.Queued; s < stream.Done; s++ {
		p.ledger.Move(s, stream.Abandoned, p.ledger.States[s])
	}
}
