package franz_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-go/troupe/internal/embedded"
	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/kafka/franz"
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

func benchClient(b *testing.B, bootstrap string) *franz.Client {
	b.Helper()
	client, err := franz.New(franz.Options{Kafka: map[string]string{"bootstrap.servers": bootstrap, "group.id": "bench"}})
	require.NoError(b, err)
	return client
}

// BenchmarkBarePoll is the library's own loop: the measure of BenchmarkPoll.
func BenchmarkBarePoll(b *testing.B) {
	client, err := kgo.NewClient(kgo.SeedBrokers(canned(b).Bootstrap()), kgo.ConsumerGroup("bare"), kgo.ConsumeTopics("canned"),
		kgo.DisableAutoCommit(), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	require.NoError(b, err)
	defer client.Close()
	poll := func(count int) {
		for count > 0 {
			count -= client.PollRecords(b.Context(), 1000).NumRecords()
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
	consumer, err := benchClient(b, canned(b).Bootstrap()).Consumer("0", kafka.OutOfRangeGoOn)
	require.NoError(b, err)
	defer func() { require.NoError(b, consumer.Close(context.Background())) }()
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

// BenchmarkProduce writes messages of 100 bytes and waits for their acknowledgement.
func BenchmarkProduce(b *testing.B) {
	broker, err := embedded.Start(embedded.Options{NoRegistry: true, Topics: map[string]int32{"out": 12}})
	require.NoError(b, err)
	defer func() { require.NoError(b, broker.Close()) }()
	var failed atomic.Int64
	producer, err := benchClient(b, broker.Bootstrap()).Producer("out", func(deliveries []kafka.Delivery) {
		for _, d := range deliveries {
			if d.Err != nil {
				failed.Add(1)
			}
		}
	})
	require.NoError(b, err)
	message := stream.Message{Topic: "out", Key: []byte("key-1234"), Value: make([]byte, 92)}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range uint64(b.N) {
		m := message.OnPartition(int32(i % 12))
		for producer.Produce(&m, i) != nil {
			producer.Flush(b.Context())
		}
	}
	require.Zero(b, producer.Flush(context.Background()))
	b.StopTimer()
	require.Zero(b, failed.Load())
	require.NoError(b, producer.Close(context.Background()))
}
