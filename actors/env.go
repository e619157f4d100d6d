// Package actors holds the shells around the machines of internal/core. A shell receives a message, gives it to its
// machine with the time, and carries out what the machine decided; it decides nothing itself.
//
// A shell is a proto.actor actor, so its Receive runs on one goroutine at a time and never blocks, with one exception:
// the poller, which waits in the client's poll and stands still while revoked partitions drain. Handlers run on
// goroutines of the pool, network calls that block on goroutines of their own.
package actors

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/internal/deadletter"
	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/meter"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// Settings are what the actors take from the configuration, checked and with defaults filled in.
type Settings struct {
	Name            string
	Host            string
	Topics          []string
	Exclude         []string // topics that a pattern must not bring in
	NewHandler      stream.NewHandler
	OffsetStore     stream.OffsetStore // may be nil
	Partition       core.PartitionConfig
	Committer       core.CommitterConfig
	DeadLetter      DeadLetterSettings
	Start           core.OwnershipConfig
	Timeout         time.Duration // of one attempt; 0 is none
	DrainTimeout    time.Duration
	ShutdownTimeout time.Duration
}

// ClientOutOfRange is what the client does when the next offset is outside the log.
func (s *Settings) ClientOutOfRange() kafka.OutOfRange {
	if s.Start.OutOfRange == core.ResetError {
		return kafka.OutOfRangeStop
	}
	return kafka.OutOfRangeGoOn
}

// goesOn says whether the records behind one that failed like this may be handled at once.
func (s *Settings) goesOn(kind messages.FailureKind) bool {
	stops := s.Partition.DeadLetterOff && !s.Partition.OnErrorDrop // the processor, at the first such record
	holds := s.Partition.HoldKeys                                  // the records behind it may be of its key
	return kind == messages.Skipped || (kind == messages.Refused && !stops && !holds)
}

// DeadLetterSettings say how dead letters are written.
type DeadLetterSettings struct {
	Topic    string // empty: by the record's topic
	Envelope deadletter.Envelope
	Dialect  deadletter.Dialect
	Create   bool
	Off      bool
}

// Env is what the actors of one processor share. Everything in it may be used from any goroutine.
type Env struct {
	Settings Settings
	Client   kafka.Client
	Events   *Events
	Meter    *meter.Meter
	Account  *flow.Account
	// OutputsAtOnce is how many bytes of outputs a Work may gather before it is reported; 0 is no limit.
	OutputsAtOnce int64
	Pool          *Pool
	Epochs        *core.Epochs
	Board         *Board
	Orphans       *Orphans
	Parking       *flow.Parking
	Pollers       int
	Stop          *Stop
	Loads         *Loads
	// Dispatcher runs the actors.
	Dispatcher *Dispatcher
	// Handlers counts the Works that the user's code is at now.
	Handlers atomic.Int64
	// Base is cancelled when the processor gives up everything in flight.
	Base context.Context
	// Fail ends the processor with an error. It does not block; the first error counts.
	Fail func(error)

	Publisher  *actor.PID
	DeadLetter *actor.PID
	Partitions *actor.PID
	Processor  *actor.PID
}

// Emit reports an event at the present time.
func (e *Env) Emit(events ...stream.Event) {
	for _, event := range events {
		e.Events.Emit(event)
	}
}
