// Package kafkatest is what every adapter of the port in internal/kafka must do, written as tests that run on any of
// them. What clients, group protocols and brokers do differently is stated as [Facts] and checked, never passed over.
//
// The suite acts on consumers from the test's own goroutine, in turns, so a backend needs no goroutine of its own. The
// foreign side of each test (topics, records, committed offsets) goes through [Broker], which a backend with sockets
// takes from [Remote], a client that is not the one under test.
package kafkatest

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// Backend is an adapter together with a broker to try it on.
type Backend struct {
	// Broker gives the environment of one test. Tests run in parallel and use topics and groups of their own, so that all
	// may share one broker. It cleans up after itself with t.Cleanup.
	Broker func(t testing.TB) Broker
	// Mortal gives a broker of the test's own, and how to kill it. Nil leaves out the tests that kill it.
	Mortal func(t testing.TB) (b Broker, kill func())
	// Faulty gives a broker of the test's own whose answers can be made to fail. Nil leaves out the tests that do so.
	Faulty func(t testing.TB) (Broker, *kfake.Cluster)
	// Client makes a client of the adapter under test. The properties hold group.id and what the test is about, under
	// librdkafka's names; the backend adds bootstrap.servers and what makes the adapter this backend.
	Client func(t testing.TB, b Broker, properties map[string]string) kafka.Client
	// Facts say what differs.
	Facts Facts
}

// Facts are the differences between clients, group protocols and brokers that users of the port must live with.
type Facts struct {
	// Eager: every rebalance revokes everything first. Otherwise it is incremental.
	Eager bool
	// MetadataLimit is the most ASCII characters of metadata a commit may carry; a longer one is refused.
	MetadataLimit int
	// TopicIDs: Positions gives topic ids.
	TopicIDs bool
	// GivenUpOutside: under auto.offset.reset=error a partition whose position was outside its log cannot be started again by
	// the same consumer.
	GivenUpOutside bool
	// MissingTopicTrouble: a subscription to a topic that does not exist is told as trouble.
	MissingTopicTrouble bool
	// WholeNameRegex: a regular expression must match the whole name of a topic, not a part of it.
	WholeNameRegex bool
	// QueueLimit: the property queue.buffering.max.messages bounds a producer's queue.
	QueueLimit bool
	// SmallestPollInterval is the shortest max.poll.interval.ms that makes sense. Zero leaves out the test that overruns it.
	SmallestPollInterval time.Duration
	// StaticMembers: the property group.instance.id is heeded.
	StaticMembers bool
	// RestartMayRebalance: the broker may take a static member's restart for a change of its subscription, since the client
	// writes the generation beside it, and rebalance. Everybody's share is the same afterwards.
	RestartMayRebalance bool
	// NewcomerFenced: of two members with one group.instance.id the second fails. Otherwise the first does.
	NewcomerFenced bool
	// EvictedByGeneration: the broker refuses a commit of a member it has given up for its generation, and not as unknown. A
	// member that is about to hear of a new generation is refused like that too, so it counts as retriable.
	EvictedByGeneration bool
	// Recreation is what becomes of a topic that is made anew.
	Recreation Recreation
	// FatalNeverCloses: a consumer that has failed for good keeps what it holds until the process ends; Close says so.
	FatalNeverCloses bool
	// SessionTimeout: the client decides session.timeout.ms, which max.poll.interval.ms may not be less than.
	SessionTimeout bool
	// Takeover bounds how long anything may take that includes a rebalance or two. Defaults to 30s.
	Takeover time.Duration
}

func (f Facts) takeover() time.Duration {
	if f.Takeover == 0 {
		return 30 * time.Second
	}
	return f.Takeover
}

// Broker is the foreign side of a test. Its methods fail the test themselves.
type Broker interface {
	// Bootstrap is the value of bootstrap.servers; empty where the adapter needs none.
	Bootstrap() string
	CreateTopic(t testing.TB, name string, partitions int)
	// Produce appends messages, each with an explicit partition, and returns when they can be read.
	Produce(t testing.TB, messages ...stream.Message)
	// Read gives everything in a topic, in offset order within each partition.
	Read(t testing.TB, topic string) []stream.Record
	// Committed gives the group's committed offsets.
	Committed(t testing.TB, group string) map[stream.Partition]Committed
	// Transact appends messages, each with an explicit partition, in one transaction, whose marker takes an offset of each
	// partition after them.
	Transact(t testing.TB, messages ...stream.Message)
	// Trim deletes the records below offset.
	Trim(t testing.TB, p stream.Partition, offset int64)
	// TopicID gives the id of a topic, in base64 of the standard alphabet without padding.
	TopicID(t testing.TB, topic string) string
	// Delete deletes a topic.
	Delete(t testing.TB, topic string)
	// Grow adds partitions to a topic, up to a number.
	Grow(t testing.TB, topic string, partitions int)
	// Recreate deletes a topic and makes it anew, with these messages, as fast as the broker lets it.
	Recreate(t testing.TB, topic string, partitions int, messages ...stream.Message)
	// Session sets a group's session time-out where the broker decides it.
	Session(t testing.TB, group string, timeout time.Duration)
	// Evict makes a group give up its members, as if their sessions had timed out.
	Evict(t testing.TB, group string)
}

// Committed is one committed offset.
type Committed struct {
	Offset   int64
	Metadata string
}

// check is one test of the suite.
type check struct {
	name string
	run  func(t *testing.T, e *env)
}

// Run runs the whole suite.
func Run(t *testing.T, b Backend) {
	t.Helper()
	RunGroup(t, b)
	t.Run("Producer", func(t *testing.T) { RunProducer(t, b) })
	t.Run("Admin", func(t *testing.T) { RunAdmin(t, b) })
}

// RunGroup runs all that may depend on the protocol of the group.
func RunGroup(t *testing.T, b Backend) {
	t.Helper()
	t.Run("Consumer", func(t *testing.T) { RunConsumer(t, b) })
	t.Run("Commit", func(t *testing.T) { RunCommit(t, b) })
	t.Run("Rebalance", func(t *testing.T) { RunRebalance(t, b) })
	t.Run("Close", func(t *testing.T) { RunClose(t, b) })
	t.Run("Outside", func(t *testing.T) { RunOutside(t, b) })
	t.Run("Topics", func(t *testing.T) { RunTopics(t, b) })
	t.Run("Membership", func(t *testing.T) { RunMembership(t, b) })
	if b.Faulty != nil {
		t.Run("Faults", func(t *testing.T) { RunFaults(t, b) })
	}
}

// RunConsumer tries one consumer by itself: assignment, delivery, where it starts, pausing.
func RunConsumer(t *testing.T, b Backend) { t.Helper(); runEach(t, b, consumerChecks()) }

// RunCommit tries commits and lookups of positions.
func RunCommit(t *testing.T, b Backend) { t.Helper(); runEach(t, b, commitChecks()) }

// RunRebalance tries two members of a group.
func RunRebalance(t *testing.T, b Backend) { t.Helper(); runEach(t, b, rebalanceChecks()) }

// RunClose tries the end of a consumer, with a broker and without.
func RunClose(t *testing.T, b Backend) { t.Helper(); runEach(t, b, closeChecks()) }

// RunOutside tries positions that are outside the log, at the start and while it is read.
func RunOutside(t *testing.T, b Backend) { t.Helper(); runEach(t, b, outsideChecks()) }

// RunTopics tries topics that come, go, grow and are made anew.
func RunTopics(t *testing.T, b Backend) { t.Helper(); runEach(t, b, topicChecks()) }

// RunMembership tries members that the group gives up, and static ones.
func RunMembership(t *testing.T, b Backend) { t.Helper(); runEach(t, b, membershipChecks()) }

// RunProducer tries producers.
func RunProducer(t *testing.T, b Backend) { t.Helper(); runEach(t, b, producerChecks()) }

// RunAdmin tries the admin.
func RunAdmin(t *testing.T, b Backend) { t.Helper(); runEach(t, b, adminChecks()) }

func runEach(t *testing.T, b Backend, checks []check) {
	t.Helper()
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, newEnv(t, b))
		})
	}
}
