package troupe

import (
	"log/slog"
	"time"
)

// Properties are the Kafka client's own, under librdkafka's names.
type Properties map[string]string

// Config says what a Processor reads, how it handles records, and what it does when that fails.
//
// The zero value of a field is its default; a negative number or duration is off or unlimited where that makes sense, as
// the field says. New validates the whole and returns all faults at once.
type Config struct {
	// Name names the processor in logs, metrics and status. Defaults to the group id.
	Name string
	// Client is the Kafka client: "confluent" (librdkafka, which needs cgo) or "franz" (franz-go). Defaults to "confluent",
	// or to "franz" in a program that was built without cgo.
	Client string
	// Kafka holds the client's properties: bootstrap.servers, group.id, security and the rest. Each goes to the consumer,
	// the producers, or both, by its scope. Properties that the processor owns (enable.auto.commit ...) are refused.
	Kafka Properties
	// Producer overrides properties of the producers of outputs and dead letters. Defaults to none.
	Producer Properties

	// Topics are the topics to read, or one regular expression beginning with "^".
	Topics []string
	// Exclude are topics that a regular expression must not subscribe to, besides the dead-letter topics: the topics that
	// the handler emits to. Defaults to none.
	Exclude []string

	// Handler handles the records; it is shared by all lanes and must be safe for concurrent use. Exactly one of Handler,
	// NewHandler, BatchHandler and NewBatchHandler is set.
	Handler Handler
	// NewHandler makes a handler for each lane of each incarnation of a partition.
	NewHandler NewHandler
	// BatchHandler handles many records at once, as Batch says. It is shared as Handler is.
	BatchHandler BatchHandler
	// NewBatchHandler makes a batch handler for each lane of each incarnation of a partition.
	NewBatchHandler NewBatchHandler
	// Batch says how many records BatchHandler, or one of NewBatchHandler's, is given at once.
	Batch BatchPolicy
	// Middleware wraps every handler, the first outermost. Around a batch handler each has to take batches: New asks it, by
	// giving it one that is never called, and refuses one that does not; see [Around]. Defaults to none.
	Middleware []Middleware
	// OffsetStore says where partitions begin. Defaults to Kafka's committed offsets.
	OffsetStore OffsetStore

	// OutOfRange says where to go on when an offset is not in its log: deleted by retention, beyond the end, or of a topic
	// that was deleted and made again. It is always reported as an event and counted. Defaults to what auto.offset.reset
	// says, with OutOfRangeStop for "error".
	OutOfRange OutOfRange

	// Order is what is kept in order: the records of a partition, those of a key, or none. Defaults to OrderPartition.
	Order Order
	// Concurrency bounds the handlers running at once in the process, from 1 to 4096. They are shared fairly: whichever
	// partition has work and the fewest handlers running is next. In partition order each partition has at most one.
	// Defaults to 8.
	Concurrency int
	// Timeout bounds one attempt, which may be at all records of a batch; negative is none. Defaults to 30s.
	Timeout time.Duration
	// Stuck says what becomes of attempts that ignore their cancelled context.
	Stuck StuckPolicy
	// Retry says when a failed record is tried again.
	Retry RetryPolicy
	// Circuit says when so many attempts fail that the processor stops to try, although no record says what is down.
	Circuit CircuitPolicy
	// DeadLetter says where records go that cannot be handled.
	DeadLetter DeadLetterPolicy
	// Commit says when offsets are committed.
	Commit CommitPolicy

	// Memory bounds the bytes of all records between poll and end: keys, values and headers, and RecordOverhead each. Outputs
	// and dead letters that wait to be acknowledged count, too. It should be larger than four of the largest records for each
	// partition, for each may have one at any time. GoMemoryLimit says what the program needs around it.
	// Defaults to 256 MiB.
	Memory int64
	// Pollers is the number of group members in this process, from 1 to 64. Defaults to 1.
	Pollers int
	// DrainTimeout bounds the wait for records in flight when partitions are revoked. Defaults to 10s.
	DrainTimeout time.Duration
	// ShutdownTimeout bounds a clean stop. Defaults to 25s.
	ShutdownTimeout time.Duration

	// Metrics gives further metrics, which Processor.Metrics shows among its own. It is called from many goroutines. Defaults
	// to none.
	Metrics func() []Metric
	// OnEvent receives every event, one at a time and in order, on a goroutine of its own. A slow one delays no record;
	// past 65,536 waiting events the oldest are dropped and counted. Defaults to none.
	OnEvent func(EventTime)
	// Logger receives what a person should know. Defaults to slog.Default().
	Logger *slog.Logger
}

// Order is what a processor keeps in order.
type Order string

// What is kept in order.
const (
	// OrderPartition handles the records of a partition one after another.
	OrderPartition Order = "partition"
	// OrderKey handles the records of a key one after another, through retries too, and those of different keys at once. A
	// record whose key is nil is its own key. A key whose record waits for a retry is parked, and holds back nothing else. When
	// its wait is over it takes turns with records that were not tried yet: many keys that fail fast may have every second
	// turn of their partition, and at Retry.MaxParked nothing else is begun at all.
	OrderKey Order = "key"
	// OrderUnordered handles every record as soon as there is room.
	OrderUnordered Order = "unordered"
)

// BatchPolicy says when a batch is handed over: when it has Records, or its first record has waited for Wait.
//
// All records of a batch are of one partition. In key order no two of them have the same key. In partition order a record of
// a batch that is to be tried again waits for that before anything behind the batch is begun, but those that were behind it
// in the batch are done by then: a handler that wants them to wait too says so with [BatchError.StopAt]. Records that were
// tried before, and whose wait is over, are in batches with others, but for the one that probes a circuit.
type BatchPolicy struct {
	// Records is how many records a batch has at most, from 1 to 10,000. There are fewer where a partition has fewer that may
	// be begun, or fewer fit its share of Memory. Defaults to 500.
	Records int
	// Wait is how long a record may wait for others, counted from when it was received, at most 30s; negative is not at all,
	// so that a batch is what happens to be there. Defaults to 50ms.
	Wait time.Duration
}

// OutOfRange is what a processor does about an offset that is not in its log.
type OutOfRange string

// What to do about an offset that is not in its log.
const (
	// OutOfRangeEarliest goes on at the log's start.
	OutOfRangeEarliest OutOfRange = "earliest"
	// OutOfRangeLatest goes on at the log's end.
	OutOfRangeLatest OutOfRange = "latest"
	// OutOfRangeStop lets the partition stand still, with cause offset-out-of-range, until an operator has moved the
	// group's offset and started the process again. The other partitions go on.
	OutOfRangeStop OutOfRange = "stop"
)

// RetryPolicy is exponential backoff: the wait after attempt n is Initial × Multiplier^(n-1), at most Max, and then
// between (1-Jitter) and (1+Jitter) times that.
type RetryPolicy struct {
	// MaxAttempts counts the first attempt too; negative is no limit. Defaults to 3.
	MaxAttempts int
	// Initial is the wait after the first attempt. Defaults to 2s.
	Initial time.Duration
	// Multiplier is at least 1. Defaults to 2.
	Multiplier float64
	// Max caps the wait before jitter. Defaults to 1m.
	Max time.Duration
	// Jitter is a share from 0 to 1; negative is none. Defaults to 0.2.
	Jitter float64
	// MaxParked is how many records of the process may wait for a retry, or behind one of their key that does; negative is
	// no limit. One partition may have a quarter of it, and Concurrency in any case. At the limit nothing new is begun, only retries; the cause says so.
	// It is at least Concurrency. It does not apply to OrderPartition. Defaults to 100,000.
	MaxParked int
}

// CircuitPolicy is about attempts that fail without saying what is down, as Unavailable would. When too many do, the circuit
// "failure-rate" opens: nothing is begun but one probe at a time, and no attempt is used up, until a probe passes. The last
// attempt of each record that had failed within the Window is given back, too. A record that uses up its attempts before the circuit opens becomes a dead
// letter all the same, so a Window that is long beside the waits of Retry saves fewer.
type CircuitPolicy struct {
	// FailureRate is the share of attempts, from 0 to 1, that must fail. Attempts that end with Permanent, Skip or success
	// have passed; those that end with Unavailable do not count. Defaults to 0, which is off.
	FailureRate float64
	// Window is the time over which attempts are counted. Defaults to 30s.
	Window time.Duration
	// MinRecords is how many attempts there must be in the window; each record of a batch has one. In OrderPartition every
	// partition has one record, or batch, under way, and waits between its attempts, so that in an outage there are few: about
	// one for each partition before the first retry. A number much above that of the partitions opens the circuit late or
	// never there, and records become dead letters meanwhile. Defaults to 100.
	MinRecords int
}

// StuckPolicy is about attempts that go on after their context was cancelled.
type StuckPolicy struct {
	// After is how long the processor waits for such an attempt; negative is for ever. Defaults to 5m.
	After time.Duration
	// Then is StuckFail or StuckDeadLetter. Defaults to StuckFail.
	Then StuckAction
}

// StuckAction is what happens to an attempt that is stuck for too long.
type StuckAction string

// What to do about an attempt that is stuck for too long.
const (
	// StuckFail makes Run return an error, so that the platform restarts the process.
	StuckFail StuckAction = "fail"
	// StuckDeadLetter gives the record to the dead letters and discards the late outcome.
	StuckDeadLetter StuckAction = "dead-letter"
)

// DeadLetterPolicy is about records that cannot be handled.
type DeadLetterPolicy struct {
	// Topic is where they go. Defaults to "<topic>.dead-letter" for a record of <topic>, and to "<topic>.parked" where
	// <topic> is a dead-letter topic itself.
	Topic string
	// Envelope is "json" or "raw". Defaults to "json".
	Envelope string
	// Dialect names the headers of raw envelopes: "native", "connect", "streams" or "spring". Defaults to "native".
	Dialect string
	// NoCreate leaves missing dead-letter topics missing. Defaults to false: they are created with the source's partition
	// count.
	NoCreate bool
	// KeyPolicy is "record", or "key": then the later records of a key that has one among the dead letters follow it there
	// unhandled, in order, until the key is released (Processor.ReleaseKeys). Which keys are held is written into the
	// commits' metadata, at most 64 of a partition; beyond that the records of further keys are tried again and again, with
	// Retry.Max between. It needs OrderPartition or OrderKey. In OrderPartition a batch may have several records of a key, which
	// are handled together: one that becomes a dead letter does not hold back those behind it in its batch, and one that waits
	// for a retry follows a later one of its key that became a dead letter in the same batch. Defaults to "record".
	KeyPolicy string
	// Off switches dead letters off; OnError then says what happens instead. Defaults to false.
	Off bool
	// OnError is "stop" (Run returns the error) or "drop" (the record is counted, reported as an event, and done). It must
	// be set when Off is.
	OnError string
}

// CommitPolicy says when offsets are committed: by count or by time, whichever comes first.
type CommitPolicy struct {
	// Records done since the last commit. Defaults to 500.
	Records int
	// Interval since the first record done after the last commit. Defaults to 5s.
	Interval time.Duration
}
