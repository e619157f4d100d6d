package stream

import (
	"fmt"
	"time"
)

// State is where a record is between its poll and its end. The states of the ledger, in the order of a record's life.
type State uint8

// The states of a record.
const (
	Queued        State = iota // waits for its turn
	Running                    // in the handler
	Stuck                      // in a handler that ignores its cancelled context
	Retrying                   // waits for its next attempt, or for a dependency
	Parked                     // waits behind a retrying record of its key
	Publishing                 // its outputs wait for the broker's acknowledgement
	Storing                    // in a transaction of a store
	DeadLettering              // its dead letter waits for the broker's acknowledgement
	Done                       // handled, skipped, or dead-lettered and acknowledged
	Abandoned                  // not finished when its incarnation ended; its next owner reads it again
	StateCount    = int(Abandoned) + 1
)

var stateNames = [StateCount]string{
	"queued", "running", "stuck", "retrying", "parked", "publishing", "storing", "dead-lettering", "done", "abandoned",
}

func (s State) String() string { return stateNames[s] }

// Ledger counts one incarnation's records. Received always equals the sum of the states; a difference is a bug.
type Ledger struct {
	Received int64
	States   [StateCount]int64
}

// Move counts n records from one state to another.
func (l *Ledger) Move(from, to State, n int64) {
	l.States[from] -= n
	l.States[to] += n
}

// Unfinished is the number of records that are neither done nor abandoned.
func (l *Ledger) Unfinished() int64 {
	return l.Received - l.States[Done] - l.States[Abandoned]
}

// Check gives an error when records were lost or invented.
func (l *Ledger) Check() error {
	sum := int64(0)
	for s, n := range l.States {
		if n < 0 {
			return fmt.Errorf("ledger: %d records in state %s", n, State(s))
		}
		sum += n
	}
	if sum != l.Received {
		return fmt.Errorf("ledger: %d records received, %d accounted for", l.Received, sum)
	}
	return nil
}

// Cause says why a partition stands where it stands.
type Cause uint8

// The causes.
const (
	Idle Cause = iota
	Flowing
	HandlerSlow
	HandlerStuck
	RetryBackoff
	DependencyDown
	RegistryUnavailable
	OutputUnavailable
	DeadLetterUnavailable
	DeadLetterTooLarge
	StartOffsetUnavailable
	ClaimWaiting
	MemoryFull
	MetadataFull
	CommitFailing
	Draining
	PausedByOperator
	OffsetOutOfRange
	KafkaUnreachable
	CauseCount = int(KafkaUnreachable) + 1
)

var causeNames = [CauseCount]string{
	"idle", "flowing", "handler-slow", "handler-stuck", "retry-backoff", "dependency-down", "registry-unavailable",
	"output-unavailable", "dead-letter-unavailable", "dead-letter-too-large", "start-offset-unavailable", "claim-waiting",
	"memory-full", "metadata-full", "commit-failing", "draining", "paused-by-operator", "offset-out-of-range",
	"kafka-unreachable",
}

func (c Cause) String() string { return causeNames[c] }

// MarshalText writes the cause's name.
func (c Cause) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// HeldKey is a key whose records go to the dead letters, because an earlier one of it is there, until it is released.
type HeldKey struct {
	Partition
	// ID stands for the key: 16 hexadecimal digits.
	ID string `json:"id"`
	// Key is the key itself; nil while this process has seen no record of it.
	Key   []byte    `json:"key"`
	Since time.Time `json:"since"` // when this incarnation of the partition began to hold it
	// Offset is of the record that it is held for; -1 when an earlier incarnation knew.
	Offset int64 `json:"offset"`
}

// Oldest describes the lowest record that is not done: the one that holds the commit back.
type Oldest struct {
	Offset    int64
	Attempt   int32
	State     State
	Since     time.Time // when the processor received it
	LastError string
}

// PartitionStatus is the state of one incarnation at one moment.
type PartitionStatus struct {
	Partition  Partition
	Epoch      uint64
	Cause      Cause
	Since      time.Time // when the cause began
	Detail     string    // what the cause is about: an error, the name of a dependency; may be empty
	Ledger     Ledger
	Start      int64   // the first offset of this incarnation; -1 while unknown
	Watermark  int64   // the next offset to commit; -1 while unknown
	Committed  int64   // -1 while nothing is committed
	End        int64   // the log's end as last seen; -1 while unknown
	LagSeconds float64 // the age of the oldest unfinished record by its own timestamp; 0 when there is none
	HeldBytes  int64   // what its records cost in the byte budget
	Oldest     *Oldest
}

// Lag is the number of offsets between the committed position and the log's end, or -1 while unknown.
func (s *PartitionStatus) Lag() int64 {
	position := max(s.Committed, s.Start)
	if s.End < 0 || position < 0 {
		return -1
	}
	return max(s.End-position, 0)
}

// CircuitStatus is the state of one dependency's circuit.
type CircuitStatus struct {
	Name      string
	Open      bool
	Since     time.Time
	Waiting   int // records that wait for it
	LastError string
}

// Status is what a processor shows of itself. Partitions are sorted by topic and number.
type Status struct {
	Name       string
	Phase      Phase
	Started    time.Time
	Joined     bool // every poller has had an assignment, which may be empty, and is still a member
	Partitions []PartitionStatus
	Circuits   []CircuitStatus
	// MemoryUsed is what is held of the byte budget, for all aspects; MemoryOutputs and MemoryDeadLetters are those parts of it
	// that wait for the brokers' acknowledgement beside their records.
	MemoryUsed        int64
	MemoryOutputs     int64
	MemoryDeadLetters int64
	MemoryLimit       int64
	InFlight          int      // handlers running now
	Faults            []string // why the processor is not alive: loops that stand still; empty when healthy
}

// Phase is where a processor is in its life.
type Phase uint8

// The phases.
const (
	Starting Phase = iota
	Active
	Stopping
	Stopped
)

var phaseNames = [...]string{"starting", "running", "stopping", "stopped"}

func (p Phase) String() string { return phaseNames[p] }

// MarshalText writes the phase's name.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }
