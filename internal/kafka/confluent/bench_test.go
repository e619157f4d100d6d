package confluent_test

import (
	"testing"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka/kafkatest"
)

// BenchmarkBarePoll is the binding's own loop with the same settings: the measure of BenchmarkPoll.
func BenchmarkBarePoll(b *testing.B) {
	consumer, err := ck.NewConsumer(&ck.ConfigMap{
		"bootstrap.servers": kafkatest.StartCanned(b).Bootstrap(), "group.id": "bare", "enable.auto.commit": false,
		"queued.min.messages": 10000, "fetch.queue.backoff.ms": 10, "auto.offset.reset": "earliest",
		"partition.assignment.strategy": "cooperative-sticky", "enable.metrics.push": false,
	})
	require.NoError(b, err)
	defer func() { require.NoError(b, consumer.Close()) }()
	require.NoError(b, consumer.Subscribe(kafkatest.Canned, nil))
	kafkatest.MeasurePoll(b, func(count int) {
		for count > 0 {
			if _, record := consumer.Poll(100).(*ck.Message); record {
				count--
			}
		}
	})
}

func BenchmarkPoll(b *testing.B) { kafkatest.BenchPoll(b, adapter()) }

func BenchmarkProduce(b *testing.B) { kafkatest.BenchProduce(b, adapter()) }
