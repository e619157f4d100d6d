// Package kafka is troupe's port to Kafka: what the processor needs of a client, and no more. The adapters are in the
// folders below it; the suite in kafkatest says what each of them must do.
//
// Adapters translate, they decide nothing: which partitions to pause, what to commit and when to give up is decided by
// the machines in internal/core.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/stream"
)

// ErrClosed is what a closed client answers.
var ErrClosed = errors.New("the Kafka client is closed")

// ErrQueueFull is what Produce answers when the client's queue has no room; nothing was queued.
var ErrQueueFull = errors.New("the producer's queue is full")

// ErrNotOwned is what Start, Pause, Resume and Commit answer for a partition that is not assigned to this consumer.
var ErrNotOwned = errors.New("the partition is not assigned to this consumer")

// ErrOffsetOutOfRange is what Listener.Trouble hears, wrapped in an OutsideError, when a partition stands still because its
// position is outside the log (below it under OutOfRangeStop only), or because its log went back. Start may answer it too, where
// the client can read the partition again only with a new consumer.
var ErrOffsetOutOfRange = errors.New("the offset is outside the log")

// OutsideError is the trouble of a partition that stands still until it is started again: its position is outside the log,
// or its log went back. It wraps ErrOffsetOutOfRange.
type OutsideError struct {
	Partition stream.Partition
	Position  int64 // the next offset that was to be delivered
	Err       error
}

func (e *OutsideError) Error() string { return e.Err.Error() }
func (e *OutsideError) Unwrap() error { return e.Err }

// OvertakenError is the trouble of a partition that is being read when retention, or a tool, has deleted the records that
// were to be delivered next. The client goes on at the log's start by itself, so nothing stands still. Adapters tell it
// under OutOfRangeGoOn only; under OutOfRangeStop the partition stands still and they tell an OutsideError.
type OvertakenError struct {
	Partition stream.Partition
	Position  int64 // the next offset that was to be delivered
	Err       error
}

func (e *OvertakenError) Error() string { return e.Err.Error() }
func (e *OvertakenError) Unwrap() error { return e.Err }

// Listener hears of the assignment. Its methods are called on the goroutine that calls Poll or Close, inside that call.
type Listener interface {
	// Assigned names partitions that this member now owns (it may be empty). The adapter has taken the assignment and
	// delivers nothing of these partitions until Start. What an earlier owner paused is not paused any more.
	Assigned(partitions []stream.Partition)
	// Revoked names partitions that this member must give back. The adapter acknowledges when Revoked returns nil; until
	// then the member still owns them and may commit. With an error the adapter never acknowledges: Poll returns that
	// error, and the consumer can only be closed.
	Revoked(partitions []stream.Partition) error
	// Lost names partitions that are no longer owned, so nothing of them may be committed. The adapter joins again when Lost
	// returns nil: what a client still has of them on its way must not be sent by the member that it becomes. With an error
	// it never does: Poll returns that error, and the consumer can only be closed.
	Lost(partitions []stream.Partition) error
	// Trouble is an error that the client recovers from by itself: brokers unreachable, a connection reset, a topic that
	// is missing or may not be read. The adapter passes on every one; the listener thins them out.
	Trouble(err error)
}

// Consumer is one member of a consumer group.
//
// One goroutine owns it: Poll, Start, Pause, Resume and Close may be called by that goroutine only, one at a time. Commit,
// Positions and TopicIDs may be called from any goroutine, also during Poll. Close waits for those that are on their way, and later
// ones answer ErrClosed.
type Consumer interface {
	// Subscribe joins the group for topics (names, or one regular expression beginning with "^") and returns at once.
	Subscribe(topics []string, listener Listener) error
	// Poll gathers into fetch what has arrived, waits at most wait for the first record, and takes at most limit records, and
	// none once the fetch is full; where it cannot tell a record's size before, it may take a few more.
	// It also serves rebalances. An error is fatal for this consumer.
	Poll(wait time.Duration, limit int, fetch *Fetch) error
	// Start begins to deliver an assigned partition from offset, or moves it there when it is being delivered already
	// (records fetched before are not delivered any more). It ends a pause.
	Start(p stream.Partition, offset int64) error
	// Pause stops the delivery of started partitions; after it returns nothing more of them is delivered.
	Pause(partitions []stream.Partition) error
	// Resume goes on after the last record delivered.
	Resume(partitions []stream.Partition) error
	// Positions looks up where to begin, the topics' ids before the committed offsets. It blocks on the network until ctx ends;
	// partitions that failed say so in Err.
	Positions(ctx context.Context, partitions []stream.Partition) ([]Position, error)
	// Commit stores offsets for the group and blocks until the broker has answered or the client has given up. It cannot
	// be cancelled: when ctx ends it may still take effect until it returns. Each result carries its own error; the error
	// returned is one that concerns all.
	Commit(ctx context.Context, offsets []CommitOffset) ([]CommitResult, error)
	// TopicIDs gives the ids of topics, base64, as the brokers know them now; a topic that does not exist is left out, and so
	// is one whose id the client cannot tell. It blocks on the network until ctx ends, and may be called from any goroutine.
	TopicIDs(ctx context.Context, topics []string) (map[string]string, error)
	// Ends gives the log's end of the partitions as the client last saw it with a fetch, also with one that brought no record,
	// without asking the broker; -1 where unknown. Where the brokers know of a later end for long, the client does not read the
	// partition. Owner goroutine only.
	Ends(partitions []stream.Partition) []int64
	// Close leaves the group, calling the listener for what is still assigned, and frees the client. When ctx ends first
	// it returns ctx's error and goes on in the background.
	Close(ctx context.Context) error
}

// Position is where a partition stands on the broker.
type Position struct {
	Partition stream.Partition
	Committed int64 // the group's committed offset; -1 where there is none
	// LeaderEpoch came with the committed offset; -1 where unknown.
	LeaderEpoch int32
	Metadata    string // came with the committed offset
	// TopicID is base64 of the topic's id, in the standard alphabet without padding; empty where the client cannot tell.
	TopicID  string
	LogStart int64
	LogEnd   int64 // the last stable offset under read_committed
	Err      error
}

// CommitOffset is one partition of a commit: the next offset to read, not the last one done.
type CommitOffset struct {
	Partition   stream.Partition
	Offset      int64
	LeaderEpoch int32 // of the last record done, -1 where unknown
	Metadata    string
}

// CommitResult is the broker's answer for one partition.
type CommitResult struct {
	Partition stream.Partition
	Err       error // a *CommitError, or nil
}

// CommitError is a refused or failed commit.
type CommitError struct {
	Err error
	// Retriable: the same offset may be committed again (coordinator away, time-out). Otherwise this member no longer
	// owns the partition, or the request is wrong.
	Retriable bool
	// MetadataTooLarge: the broker's offset.metadata.max.bytes is lower than the metadata's length.
	MetadataTooLarge bool
}

func (e *CommitError) Error() string { return e.Err.Error() }
func (e *CommitError) Unwrap() error { return e.Err }

// Producer writes records.
//
// Produce may be called by one goroutine at a time. Delivery reports are given to the function set at creation, each
// token exactly once, on a goroutine of the client's; it must not block.
type Producer interface {
	// Produce queues a message and returns at once. ErrQueueFull: nothing was queued, try again after a delivery. A
	// *ProduceError: the message was refused and no report follows.
	Produce(m *stream.Message, token uint64) error
	// Flush waits until everything queued is acknowledged or refused, or ctx ends. It gives the number still waiting.
	Flush(ctx context.Context) int
	// Close drops what is still queued. When ctx ends first it returns ctx's error and goes on in the background.
	Close(ctx context.Context) error
}

// Delivery is the fate of one message.
type Delivery struct {
	Token uint64
	// Err is nil when the broker has acknowledged the message, else a *ProduceError.
	Err error
}

// OnDelivery takes delivery reports, in batches as they arrive. The slice is the adapter's and is reused.
type OnDelivery func(deliveries []Delivery)

// ProduceErrorKind says what can be done about a message that was not written.
type ProduceErrorKind uint8

// The kinds of a ProduceError.
const (
	// Undelivered: could not be written now; the same message may be produced again.
	Undelivered ProduceErrorKind = iota
	// TooLarge: larger than the client or the broker takes.
	TooLarge
	// UnknownTopic: the topic or partition does not exist.
	UnknownTopic
	// NotAuthorized: this client may not write there.
	NotAuthorized
	// Invalid: the broker refuses the message itself.
	Invalid
	// Fatal: the producer is unusable and must be made anew; whether the message was written is unknown.
	Fatal
)

// ProduceError is why a message was not acknowledged.
type ProduceError struct {
	Kind ProduceErrorKind
	Err  error
}

func (e *ProduceError) Error() string { return e.Err.Error() }
func (e *ProduceError) Unwrap() error { return e.Err }

// Refused says that the broker refuses this message for itself, so that sending it again is of no use.
func (e *ProduceError) Refused() bool { return e.Kind != Undelivered && e.Kind != Fatal }

// Admin asks about and creates topics. It may be used from any goroutine.
type Admin interface {
	// Topics describes topics; one that does not exist has Exists false. No names: all topics.
	Topics(ctx context.Context, names ...string) ([]TopicInfo, error)
	// CreateTopic creates a topic with the broker's default replication. It is no error that it exists already.
	CreateTopic(ctx context.Context, name string, partitions int, config map[string]string) error
	// GroupOffsets gives the committed offset and the log's ends of every partition the group has committed, and of all
	// partitions of the topics named.
	GroupOffsets(ctx context.Context, group string, topics ...string) ([]Position, error)
	Close()
}

// TopicInfo describes a topic.
type TopicInfo struct {
	Name       string
	Exists     bool
	Partitions int
	Err        error // why it could not be described, e.g. not authorised
}

// OutOfRange is what a consumer does when the next offset of a partition that is being read is not in its log any more.
type OutOfRange uint8

// The ways to deal with an offset out of range.
const (
	// OutOfRangeGoOn: it goes on at the log's start and tells an OvertakenError.
	OutOfRangeGoOn OutOfRange = iota
	// OutOfRangeStop: the partition stands still until it is started again; the listener hears an OutsideError.
	OutOfRangeStop
)

// Client makes consumers, producers and admins from one set of properties.
type Client interface {
	Consumer(id string, outside OutOfRange) (Consumer, error)
	Producer(id string, on OnDelivery) (Producer, error)
	Admin() (Admin, error)
	// Reset is what auto.offset.reset says: where to begin without a committed offset.
	Reset() Reset
	// Group is the group.id.
	Group() string
	// MaxPollInterval is the longest pause between two polls before the group gives this member up.
	MaxPollInterval() time.Duration
}

// Reset is where to begin where there is no valid offset.
type Reset uint8

// The values of auto.offset.reset.
const (
	ResetEarliest Reset = iota
	ResetLatest
	ResetError
)

func (r Reset) String() string { return [...]string{"earliest", "latest", "error"}[r] }

// ParseReset reads a value of auto.offset.reset, with librdkafka's synonyms.
func ParseReset(s string) (Reset, error) {
	switch s {
	case "earliest", "beginning", "smallest", "":
		return ResetEarliest, nil
	case "latest", "end", "largest":
		return ResetLatest, nil
	case "error", "none":
		return ResetError, nil
	default:
		return 0, fmt.Errorf("auto.offset.reset: %q is none of earliest, latest, error", s)
	}
}
