//go:build realkafka

package franz_test

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

// realBackend leaves out what only the embedded broker can do. A group's rebalance waits for the heartbeats of all
// members here, so everything may take longer.
func realBackend(t *testing.T, properties map[string]string, facts kafkatest.Facts) kafkatest.Backend {
	t.Helper()
	facts.Takeover = 90 * time.Second
	facts.EvictedByGeneration, facts.RestartMayRebalance = false, false
	b := backend(t, realBroker(t), properties, facts)
	b.Mortal, b.Faulty = nil, nil
	return b
}

func TestRealKafkaClassicCooperative(t *testing.T) {
	t.Parallel()
	kafkatest.Run(t, realBackend(t, nil, classicFacts()))
}

func TestRealKafkaConsumerProtocol(t *testing.T) {
	t.Parallel()
	b := realBackend(t, map[string]string{"group.protocol": "consumer"}, consumerFacts())
	kafkatest.RunGroup(t, b)
	t.Run("Admin", func(t *testing.T) { kafkatest.RunAdmin(t, b) })
}

func TestRealKafkaClassicEager(t *testing.T) {
	t.Parallel()
	kafkatest.RunGroup(t, realBackend(t, map[string]string{"partition.assignment.strategy": "range"}, eagerFacts()))
}
