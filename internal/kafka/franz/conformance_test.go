package franz_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/troupe-go/troupe/internal/embedded"
	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/kafka/franz"
	"github.com/troupe-go/troupe/internal/kafka/kafkatest"
)

// startBroker starts an embedded broker with the fast rebalances that tests want.
func startBroker(t testing.TB) *embedded.Broker {
	t.Helper()
	broker, err := embedded.Start(embedded.Options{NoRegistry: true, Config: fastGroups()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	return broker
}

func fastGroups() map[string]string {
	return map[string]string{"group.consumer.heartbeat.interval.ms": "200", "group.consumer.session.timeout.ms": "6000"}
}

// backend is this adapter on a broker, in the group protocol that the properties choose.
func backend(t *testing.T, bootstrap string, properties map[string]string, facts kafkatest.Facts) kafkatest.Backend {
	t.Helper()
	facts.MetadataLimit = embedded.MetadataLimit
	facts.TopicIDs = true
	facts.QueueLimit = true
	facts.StaticMembers = true
	remote := kafkatest.NewRemote(t, bootstrap)
	return kafkatest.Backend{
		Broker: func(testing.TB) kafkatest.Broker { return remote },
		Mortal: func(t testing.TB) (kafkatest.Broker, func()) {
			broker := startBroker(t)
			return kafkatest.NewRemote(t, broker.Bootstrap()), func() { require.NoError(t, broker.Close()) }
		},
		Faulty: func(t testing.TB) (kafkatest.Broker, *kfake.Cluster) {
			broker := startBroker(t)
			return kafkatest.NewRemote(t, broker.Bootstrap()), broker.Cluster()
		},
		Client: func(t testing.TB, b kafkatest.Broker, given map[string]string) kafka.Client {
			t.Helper()
			all := map[string]string{"bootstrap.servers": b.Bootstrap(), "heartbeat.interval.ms": "200", "fetch.wait.max.ms": "10"}
			if properties["group.protocol"] == "consumer" {
				delete(all, "heartbeat.interval.ms")
			}
			for name, value := range properties {
				all[name] = value
			}
			for name, value := range given {
				all[name] = value
			}
			client, err := franz.New(franz.Options{Kafka: all, Logger: slog.New(slog.DiscardHandler)})
			require.NoError(t, err)
			return client
		},
		Facts: facts,
	}
}

func TestClassicCooperative(t *testing.T) {
	t.Parallel()
	kafkatest.Run(t, backend(t, startBroker(t).Bootstrap(), nil, classicFacts()))
}

func TestConsumerProtocol(t *testing.T) {
	t.Parallel()
	b := backend(t, startBroker(t).Bootstrap(), map[string]string{"group.protocol": "consumer"}, consumerFacts())
	kafkatest.RunGroup(t, b)
	t.Run("Admin", func(t *testing.T) { kafkatest.RunAdmin(t, b) })
}

func TestClassicEager(t *testing.T) {
	t.Parallel()
	kafkatest.RunGroup(t, backend(t, startBroker(t).Bootstrap(),
		map[string]string{"partition.assignment.strategy": "range"}, eagerFacts()))
}
