package kafkatest

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/embedded"
	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// Canned is the topic of StartCanned.
const Canned = "canned"

// StartCanned starts a broker that serves records of 100 bytes without end.
func StartCanned(b *testing.B) *embedded.Broker {
	b.Helper()
	return start(b, embedded.Options{
		Topics: map[string]int32{Canned: 12}, Synthetic: &embedded.Synthetic{RecordBytes: 100, Records: 1000},
	})
}

// MeasurePoll measures a loop that polls this many records or a few more.
func MeasurePoll(b *testing.B, poll func(count int)) {
	b.Helper()
	poll(20_000)
	b.ReportAllocs()
	b.ResetTimer()
	poll(b.N)
}

// starter starts everything at the beginning.
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
func (s *starter) Lost([]stream.Partition) error    { return nil }
func (s *starter) Trouble(error)                    {}

// BenchPoll measures the adapter's loop, with what is default but the broker.
func BenchPoll(b *testing.B, a Adapter) {
	b.Helper()
	consumer, err := a.bench(b, StartCanned(b)).Consumer("0", kafka.OutOfRangeGoOn)
	require.NoError(b, err)
	defer func() { require.NoError(b, consumer.Close(context.Background())) }()
	require.NoError(b, consumer.Subscribe([]string{Canned}, &starter{b: b, consumer: consumer}))
	var fetch kafka.Fetch
	MeasurePoll(b, func(count int) {
		for count > 0 {
			require.NoError(b, consumer.Poll(100*time.Millisecond, 1000, &fetch))
			fetch.Take(func(batch kafka.Batch) { count -= len(batch.Records) })
		}
	})
}

// BenchProduce writes messages of 100 bytes and waits for their acknowledgement.
func BenchProduce(b *testing.B, a Adapter) {
	b.Helper()
	broker := start(b, embedded.Options{Topics: map[string]int32{"out": 12}})
	var failed atomic.Int64
	producer, err := a.bench(b, broker).Producer("out", func(deliveries []kafka.Delivery) {
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

func (a Adapter) bench(b *testing.B, broker *embedded.Broker) kafka.Client {
	b.Helper()
	return a.client(b, map[string]string{"bootstrap.servers": broker.Bootstrap(), "group.id": "bench"})
}
