//go:build realkafka

package confluent_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka/kafkatest"
)

// realBroker is where a real Kafka listens; "make test-kafka" sets it.
func realBroker(t *testing.T) string {
	t.Helper()
	bootstrap := os.Getenv("TROUPE_KAFKA")
	require.NotEmpty(t, bootstrap, "set TROUPE_KAFKA to host:port of a Kafka broker")
	return bootstrap
}

// realFacts: a group's rebalance waits for the heartbeats of all members.
func realFacts(facts kafkatest.Facts) kafkatest.Facts {
	facts.Takeover = 90 * time.Second
	return facts
}

func TestRealKafkaClassicCooperative(t *testing.T) {
	t.Parallel()
	kafkatest.Run(t, backend(t, realBroker(t), nil, realFacts(classicFacts())))
}

// A member that overruns its poll interval keeps its partitions for the broker's session time-out here, 45 s by default.
func TestRealKafkaConsumerProtocol(t *testing.T) {
	t.Parallel()
	b := backend(t, realBroker(t), map[string]string{"group.protocol": "consumer"}, realFacts(kafkatest.Facts{
		WholeNameRegex: true, SmallestPollInterval: 6 * time.Second,
	}))
	t.Run("Consumer", func(t *testing.T) { kafkatest.RunConsumer(t, b) })
	t.Run("Commit", func(t *testing.T) { kafkatest.RunCommit(t, b) })
	t.Run("Rebalance", func(t *testing.T) { kafkatest.RunRebalance(t, b) })
	t.Run("Close", func(t *testing.T) { kafkatest.RunClose(t, b) })
	t.Run("Admin", func(t *testing.T) { kafkatest.RunAdmin(t, b) })
}

func TestRealKafkaClassicEager(t *testing.T) {
	t.Parallel()
	facts := realFacts(classicFacts())
	facts.Eager = true
	b := backend(t, realBroker(t), map[string]string{"partition.assignment.strategy": "range"}, facts)
	t.Run("Rebalance", func(t *testing.T) { kafkatest.RunRebalance(t, b) })
	t.Run("Close", func(t *testing.T) { kafkatest.RunClose(t, b) })
}
