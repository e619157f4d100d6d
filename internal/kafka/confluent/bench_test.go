package confluent_test

import (
	"log/slog"
	"testing"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/embedded"
	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/kafka/confluent"
	"github.com/troupe-go/troupe/stream"
)

// canned serves records of 100 bytes without end.
func canned(b *testing.B) *embedded.Broker {
	b.Helper()
	broker, err := embedded.Start(embedded.Options{
		NoRegistry: true, Topics: map[string]int32{"canned": 12}, Synthetic: &embedded.Synthetic{RecordBytes: 100, Records: 1000},
	})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, broker.Close()) })
	return broker
}

// BenchmarkBarePoll is the binding's own loop with the same settings: the measure of BenchmarkPoll.
func BenchmarkBarePoll(b *testing.B) {
	consumer, err := ck.NewConsumer(&ck.ConfigMap{
		"bootstrap.servers": canned(b).Bootstrap(), "group.id": "bare", "enable.auto.commit": false,
		"queued.min.messages": 10000, "fetch.queue.backoff.ms": 10, "auto.offset.reset": "earliest",
		"partition.assignment.strategy": "cooperative-sticky", "enable.metrics.push": false,
	})
	require.NoError(b, err)
	defer func() { require.NoError(b, consumer.Close()) }()
	require.NoError(b, consumer.Subscribe("canned", nil))
	poll := func(count int) {
		for count > 0 {
			if _, record := consumer.Poll(100).(*ck.Message); record {
				count--
			}
		}
	}
	poll(20_000)
	b.ReportAllocs()
	b.ResetTimer()
	poll(b.N)
}

type starter struct {
	b        *testing.B
	consumer kafka.Consumer
}

func (s *starter) Assigned(partitions []stream.Partition) {
	for _, p := range partitions {
		require.NoError(s.b, s.consumer.Start(p, 0))
	}
}
func (s *starter) Revoked([]stream.Partition) error { return nil }
func (s *starter) Lost([]stream.Partition)          {}
func (s *starter) Trouble(error)                    {}

// BenchmarkPoll is the adapter's loop.
func BenchmarkPoll(b *testing.B) {
	client, err := confluent.New(confluent.Options{
		Kafka:  map[string]string{"bootstrap.servers": canned(b).Bootstrap(), "group.id": "adapter"},
		Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(b, err)
	consumer, err := client.Consumer("0", kafka.OutOfRangeGoOn)
	require.NoError(b, err)
	defer func() { require.NoError(b, consumer.Close(b.Context())) }()
	require.NoError(b, consumer.Subscribe([]string{"canned"}, &starter{b: b, consumer: consumer}))
	var fetch kafka.Fetch
	poll := func(count int) {
		for count > 0 {
			require.NoError(b, consumer.Poll(100*time.Millisecond, 1000, &fetch))
			fetch.Take(func(batch kafka.Batch) { count -= len(batch.Records) })
		}
	}
	poll(20_000)
	b.ReportAllocs()
	b.ResetTimer()
	poll(b.N)
}
