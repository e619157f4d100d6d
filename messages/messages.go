// Package messages is what actors say to one another. Each receiver has a sealed union of what it understands, so that a
// switch over it can be checked for completeness. Messages are values: who sends one does not touch it, or the slices in
// it, again.
//
// Every message about a partition names the incarnation it is meant for. A receiver discards and counts one of another
// incarnation.
package messages

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/stream"
)

// Incarnation is one assignment of a partition: the partition and the epoch that this process gave to the assignment.
// Epochs grow over the life of a process and are never used twice.
type Incarnation struct {
	stream.Partition
	Epoch uint64
}

// String gives the form used in logs: "orders-3 #17".
func (i Incarnation) String() string { return fmt.Sprintf("%s #%d", i.Partition, i.Epoch) }

// ToPartition is what a partition's machine understands.
//
//sumtype:decl
type ToPartition interface{ toPartition() }

// Records are what a poll brought, in offset order.
type Records struct {
	Records []stream.Record
}

// Outcomes are what the lanes said of their work, in the order in which they said it.
type Outcomes struct {
	Outcomes []Outcome
}

// Outcome is what a lane says of the work it was given. It speaks of the records from First on: of Attempted records in
// offset order, those not named in Exceptions were handled well. What of the rest: if Going, the lane goes on with it, and a
// later Outcome begins there. If Stuck, the record behind them is still in a handler that ignores its cancelled context, and
// a later Outcome with First at that record will say how it ended; the records behind that were not begun, and the lane has
// forgotten them. Otherwise it has forgotten all the rest.
type Outcome struct {
	Lane       int
	Seq        uint64
	First      int
	Attempted  int
	Exceptions []Exception // by ascending Index
	Outputs    []Output    // by ascending Index, in the order of Emit
	Going      bool
	Stuck      bool
	// StuckSince is when the stuck attempt began.
	StuckSince time.Time
}

// Exception is a record of a work that did not simply succeed.
type Exception struct {
	Index   int // in the work
	Failure Failure
}

// Output is one message emitted by a record of a work.
type Output struct {
	Index   int
	Message stream.Message
}

// FailureKind says how an attempt failed, and so what happens next.
type FailureKind uint8

// The kinds of failure.
const (
	Failed        FailureKind = iota // an error: retried with backoff
	FailedLater                      // RetryAfter: retried after Failure.After
	TimedOut                         // overran its timeout: retried with backoff
	Panicked                         // panicked or called runtime.Goexit: retried with backoff
	Refused                          // Permanent: a dead letter at once
	Skipped                          // done on purpose
	Unavailable                      // Failure.Name is down: waits for its circuit
	OutputRefused                    // the broker refuses an output for itself: a dead letter at once
	StuckTooLong                     // ignored its cancelled context for longer than allowed
	KeyHeld                          // not attempted: an earlier record of its key is in the dead letters
)

// Retriable says whether the same record may succeed at another attempt, as far as the error shows.
func (k FailureKind) Retriable() bool {
	switch k {
	case Failed, FailedLater, TimedOut, Panicked:
		return true
	case Refused, Skipped, Unavailable, OutputRefused, StuckTooLong, KeyHeld:
	}
	return false
}

// Reason is the word for the kind in metrics, events and dead letters.
func (k FailureKind) Reason() string {
	return [...]string{
		"error", "retry-after", "timeout", "panic", "permanent", "skipped", "unavailable", "output-refused", "stuck",
		"key-held",
	}[k]
}

// Failure is why an attempt did not succeed.
type Failure struct {
	Kind  FailureKind
	Err   error
	After time.Duration // FailedLater
	Name  string        // Unavailable: the dependency; Skipped: the reason
	Stack string        // of a panic
	// Reason is the word for why the record is a dead letter, where the error brings its own.
	Reason string
}

// DeadLetterReason is the word for why a record became a dead letter.
func (f Failure) DeadLetterReason() string {
	switch f.Kind {
	case Refused:
		if f.Reason != "" {
			return f.Reason
		}
		return "permanent"
	case OutputRefused, StuckTooLong, KeyHeld:
		return f.Kind.Reason()
	case Failed, FailedLater, TimedOut, Panicked, Unavailable, Skipped:
	}
	return "exhausted"
}

// Published is the fate of outputs.
type Published struct {
	Results []PublishResult
}

// PublishResult is the fate of one output of the record at Offset: acknowledged (Err nil) or refused for itself.
type PublishResult struct {
	Offset int64
	Err    error
}

// DeadLetterResult is the fate of one dead letter.
type DeadLetterResult struct {
	Offset   int64
	Target   string // the dead-letter topic
	Err      error  // nil when acknowledged
	TooLarge bool   // too large for the broker in any envelope
}

// CircuitVerdict is what the circuits say to a record that waits for a dependency.
type CircuitVerdict struct {
	Offset int64
	Name   string
	// Probe: try once now, and report the end. Otherwise the circuit has closed: go on.
	Probe bool
}

// CircuitCharge says that a record was refused by a dependency that works for others: it uses up an attempt.
type CircuitCharge struct {
	Offset int64
	Name   string
}

// CircuitsOpen says whether any circuit is open, so that the machine reports records that pass.
type CircuitsOpen struct {
	Open bool
	// Halt: too many attempts fail, whatever the records. Nothing but probes is begun.
	Halt bool
	// Since is when the attempts began that are held against what failed then, and not against their records. Detail says
	// how many failed. Both are of a Halt.
	Since  time.Time
	Detail string
}

// Drain asks for an end: begin nothing new, wait for what is in flight until the deadline, then say Drained. A second
// Drain can only bring the deadline forward.
type Drain struct {
	Deadline time.Time
}

// OperatorPause stops or resumes dispatch on an operator's behalf.
type OperatorPause struct {
	Paused bool
}

// ReleaseKeys lets keys go that are held because of a dead letter: those with the IDs, or all.
type ReleaseKeys struct {
	IDs []uint64
	All bool
}

// Tick lets time pass.
type Tick struct{}

func (Records) toPartition()          {}
func (Outcomes) toPartition()         {}
func (Published) toPartition()        {}
func (DeadLetterResult) toPartition() {}
func (CircuitVerdict) toPartition()   {}
func (CircuitCharge) toPartition()    {}
func (CircuitsOpen) toPartition()     {}
func (Drain) toPartition()            {}
func (OperatorPause) toPartition()    {}
func (ReleaseKeys) toPartition()      {}
func (Tick) toPartition()             {}

// Work is a run of records for a lane, in the order in which they are to be handled. The records belong to the handler.
// A lane has one Work at a time; the Works of different lanes may be handled at once, and in any order. In partition order
// there is one lane, otherwise as many as are useful.
type Work struct {
	Lane    int
	Seq     uint64
	Records []stream.Record
}

// Publish are outputs to be written, in order.
type Publish struct {
	Outputs []PublishOutput
}

// PublishOutput is one output of the record at Offset.
type PublishOutput struct {
	Offset  int64
	Message stream.Message
}

// DeadLetter is a record that could not be handled.
type DeadLetter struct {
	Record  stream.Record
	Failure Failure
	// Attempts that were made, the last included.
	Attempts int32
	FailedAt time.Time
}

// Watermark is how far a partition is done.
type Watermark struct {
	Incarnation
	Offset      int64 // the next offset to commit
	LeaderEpoch int32
	Metadata    string // what is done beyond Offset
	Records     int64  // done since the watermark before
}

// Drained ends an incarnation in good order.
type Drained struct {
	Watermark Watermark
	Abandoned int64 // records received that are not done
	InFlight  int64 // those of them that a handler, the publisher or the dead letters still had
}
