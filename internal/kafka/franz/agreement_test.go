//go:build cgo

package franz_test

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/kafka/confluent"
	"github.com/troupe-go/troupe/internal/kafka/franz"
	"github.com/troupe-go/troupe/internal/kafka/kafkatest"
	"github.com/troupe-go/troupe/stream"
)

// both makes the same client of either library.
func both(t *testing.T, bootstrap string, pairs ...string) map[string]kafka.Client {
	t.Helper()
	given := map[string]string{"bootstrap.servers": bootstrap, "group.id": "g"}
	for i := 0; i < len(pairs); i += 2 {
		given[pairs[i]] = pairs[i+1]
	}
	quiet := slog.New(slog.DiscardHandler)
	native, err := confluent.New(confluent.Options{Kafka: given, Logger: quiet})
	require.NoError(t, err)
	pure, err := franz.New(franz.Options{Kafka: given, Logger: quiet})
	require.NoError(t, err)
	return map[string]kafka.Client{"confluent": native, "franz": pure}
}

// TestBothClientsPutAKeyIntoTheSamePartition: else a change of client would break the order of keys.
func TestBothClientsPutAKeyIntoTheSamePartition(t *testing.T) {
	t.Parallel()
	broker := kafkatest.StartBroker(t)
	remote := kafkatest.NewRemote(t, broker.Bootstrap())
	keys := [][]byte{{}, {0}, {0xff, 0xfe}, []byte("kafka")}
	for i := range 100 {
		key := make([]byte, 1+i/3)
		_, err := rand.Read(key)
		require.NoError(t, err)
		keys = append(keys, key)
	}
	for _, name := range []string{"consistent", "consistent_random", "murmur2", "murmur2_random", "fnv1a", "fnv1a_random"} {
		chosen := make(map[string]map[string]int32)
		for client, made := range both(t, broker.Bootstrap(), "partitioner", name) {
			topic := name + "-" + client
			remote.CreateTopic(t, topic, 17)
			var messages []stream.Message
			for _, key := range keys {
				if len(key) > 0 || name != "consistent_random" { // which spreads messages with an empty key
					messages = append(messages, stream.Message{Topic: topic, Key: key})
				}
			}
			for _, errs := range produceAll(t, made, messages) {
				require.NoError(t, errs[0])
			}
			chosen[client] = make(map[string]int32)
			for _, r := range remote.Read(t, topic) {
				chosen[client][fmt.Sprintf("%x", r.Key)] = r.Partition
			}
		}
		require.Equal(t, chosen["confluent"], chosen["franz"], name)
	}
}

// TestBothClientsTellTheSameTopicID: it is kept with committed offsets, and compared by whichever client comes next.
func TestBothClientsTellTheSameTopicID(t *testing.T) {
	t.Parallel()
	broker := kafkatest.StartBroker(t)
	kafkatest.NewRemote(t, broker.Bootstrap()).CreateTopic(t, "orders", 1)
	told := make(map[string]map[string]string)
	for name, client := range both(t, broker.Bootstrap()) {
		consumer, err := client.Consumer("0", kafka.OutOfRangeGoOn)
		require.NoError(t, err)
		told[name], err = consumer.TopicIDs(t.Context(), []string{"orders", "missing"})
		require.NoError(t, err)
		require.NoError(t, consumer.Close(t.Context()))
	}
	require.NotEmpty(t, told["confluent"]["orders"])
	require.Equal(t, told["confluent"], told["franz"])
}
