package kafkatest

import (
	"log/slog"
	"maps"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/troupe-go/troupe/internal/embedded"
	"github.com/troupe-go/troupe/internal/kafka"
)

// Adapter is a client that speaks to brokers over sockets.
type Adapter struct {
	// New makes a client with these properties, under librdkafka's names.
	New func(properties map[string]string, logger *slog.Logger) (kafka.Client, error)
	// FetchWait is how long a fetch of the suite waits for records.
	FetchWait time.Duration
	// Facts are what this client alone does in a protocol. What the protocol and the broker decide is added.
	Facts func(Protocol) Facts
}

// Protocol is how the members of a group share its partitions out.
type Protocol uint8

// The protocols, in the order in which they are tried.
const (
	ClassicCooperative Protocol = iota
	ClassicEager
	ConsumerProtocol
)

func protocols() []Protocol { return []Protocol{ClassicCooperative, ClassicEager, ConsumerProtocol} }

func (p Protocol) String() string {
	return [...]string{"ClassicCooperative", "ClassicEager", "ConsumerProtocol"}[p]
}

// properties choose the protocol, with rebalances as fast as tests want them. Where the broker does not decide that, the
// member does.
func (p Protocol) properties() map[string]string {
	if p == ConsumerProtocol {
		return map[string]string{"group.protocol": "consumer"}
	}
	properties := map[string]string{"heartbeat.interval.ms": "200"}
	if p == ClassicEager {
		properties["partition.assignment.strategy"] = "range"
	}
	return properties
}

// facts adds to a client's own what holds with any.
func (p Protocol) facts(f Facts) Facts {
	f.MetadataLimit = embedded.MetadataLimit
	f.TopicIDs, f.QueueLimit, f.StaticMembers = true, true, true
	f.SmallestPollInterval = 6 * time.Second
	f.Eager = p == ClassicEager
	if p == ConsumerProtocol {
		f.NewcomerFenced, f.Recreation = true, RecreationReassigns
		return f
	}
	f.MissingTopicTrouble, f.EvictedByGeneration, f.SessionTimeout = true, true, true
	return f
}

// RunEmbedded runs the suite on embedded brokers, in each protocol.
func RunEmbedded(t *testing.T, a Adapter) {
	t.Helper()
	a.run(t, func(t *testing.T, p Protocol) Backend {
		t.Helper()
		b := a.on(NewRemote(t, StartBroker(t).Bootstrap()), p)
		b.Mortal = func(t testing.TB) (Broker, func()) {
			broker := StartBroker(t)
			return NewRemote(t, broker.Bootstrap()), func() { require.NoError(t, broker.Close()) }
		}
		b.Faulty = func(t testing.TB) (Broker, *kfake.Cluster) {
			broker := StartBroker(t)
			return NewRemote(t, broker.Bootstrap()), broker.Cluster()
		}
		return b
	})
}

// RunReal runs what any broker can do on the one that "make test-kafka" starts.
func RunReal(t *testing.T, a Adapter) {
	t.Helper()
	bootstrap := os.Getenv("TROUPE_KAFKA")
	require.NotEmpty(t, bootstrap, "set TROUPE_KAFKA to host:port of a Kafka broker")
	a.run(t, func(t *testing.T, p Protocol) Backend {
		t.Helper()
		return a.onReal(NewRemote(t, bootstrap), p)
	})
}

// RunEmbeddedCluster takes one of several embedded brokers away.
func RunEmbeddedCluster(t *testing.T, a Adapter) {
	t.Helper()
	runCluster(t, newEmbeddedCluster(t), a.on)
}

// RunRealCluster takes one of the brokers away that "make test-kafka" starts.
func RunRealCluster(t *testing.T, a Adapter) {
	t.Helper()
	runCluster(t, newRealCluster(t), a.onReal)
}

// run tries everything in one protocol, and in the others what depends on it.
func (a Adapter) run(t *testing.T, backend func(*testing.T, Protocol) Backend) {
	t.Helper()
	for _, p := range protocols() {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			b := backend(t, p)
			RunGroup(t, b)
			if p == ClassicCooperative {
				t.Run("Producer", func(t *testing.T) { RunProducer(t, b) })
			}
			if p != ClassicEager {
				t.Run("Admin", func(t *testing.T) { RunAdmin(t, b) })
			}
		})
	}
}

// on is the adapter on a broker that all tests share.
func (a Adapter) on(broker Broker, p Protocol) Backend {
	return Backend{
		Broker: func(testing.TB) Broker { return broker },
		Client: func(t testing.TB, b Broker, given map[string]string) kafka.Client {
			t.Helper()
			all := p.properties()
			all["bootstrap.servers"] = b.Bootstrap()
			all["fetch.wait.max.ms"] = strconv.FormatInt(a.FetchWait.Milliseconds(), 10)
			maps.Copy(all, given)
			return a.client(t, all)
		},
		Facts: p.facts(a.Facts(p)),
	}
}

// onReal is the adapter on a real Kafka. A group's rebalance waits for the heartbeats of all members there, so everything
// may take longer.
func (a Adapter) onReal(broker Broker, p Protocol) Backend {
	b := a.on(broker, p)
	b.Facts.Takeover = 90 * time.Second
	b.Facts.EvictedByGeneration, b.Facts.RestartMayRebalance = false, false
	return b
}

func (a Adapter) client(t testing.TB, properties map[string]string) kafka.Client {
	t.Helper()
	client, err := a.New(properties, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return client
}

// StartBroker starts an embedded broker with the fast rebalances that tests want.
func StartBroker(t testing.TB) *embedded.Broker {
	t.Helper()
	return start(t, embedded.Options{})
}

func start(t testing.TB, o embedded.Options) *embedded.Broker {
	t.Helper()
	o.NoRegistry = true
	o.Config = map[string]string{"group.consumer.heartbeat.interval.ms": "200", "group.consumer.session.timeout.ms": "6000"}
	broker, err := embedded.Start(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	return broker
}
