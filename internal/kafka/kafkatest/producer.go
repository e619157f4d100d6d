package kafkatest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

func producerChecks() []check {
	return []check{
		{"WritesEveryFieldAsGiven", writesEveryField},
		{"KeepsTheOrderAndReportsEachOnce", keepsOrder},
		{"PartitionsKeysAsJavaClientsDo", partitionsLikeJava},
		{"TooLargeIsRefused", tooLarge},
		{"TooLargeForTheTopicIsRefused", tooLargeForTopic},
		{"UnknownTopicIsRefused", unknownTopic},
		{"UnknownPartitionIsRefused", unknownPartition},
		{"FullQueueIsSaid", fullQueue},
		{"FlushAndCloseAreBoundedWithoutABroker", flushWithoutBroker},
		{"ClosedProducerRefuses", closedProducerRefuses},
	}
}

// writer is a producer with its delivery reports.
type writer struct {
	e        *env
	producer kafka.Producer
	mu       sync.Mutex
	reports  map[uint64]error
	times    map[uint64]int
}

func (e *env) writer(properties ...string) *writer {
	e.t.Helper()
	w := &writer{e: e, reports: make(map[uint64]error), times: make(map[uint64]int)}
	producer, err := e.client(properties...).Producer("writer", func(deliveries []kafka.Delivery) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, d := range deliveries {
			w.reports[d.Token] = d.Err
			w.times[d.Token]++
		}
	})
	require.NoError(e.t, err)
	w.producer = producer
	e.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = producer.Close(ctx)
	})
	return w
}

func (w *writer) flush(within time.Duration) int {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return w.producer.Flush(ctx)
}

// write produces one message and gives its fate.
func (w *writer) write(m stream.Message) error {
	w.e.t.Helper()
	if err := w.producer.Produce(&m, 7); err != nil {
		return err
	}
	require.Zero(w.e.t, w.flush(w.e.facts.takeover()))
	w.mu.Lock()
	defer w.mu.Unlock()
	require.Equal(w.e.t, 1, w.times[7])
	return w.reports[7]
}

func requireKind(t *testing.T, want kafka.ProduceErrorKind, err error) {
	t.Helper()
	var refused *kafka.ProduceError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, want, refused.Kind, "%v", err)
}

func writesEveryField(t *testing.T, e *env) {
	e.shared(3)
	w := e.writer()
	at := time.UnixMilli(1_700_000_000_321)
	messages := []stream.Message{
		{Key: []byte("k"), Value: []byte("v"), Timestamp: at},
		{Timestamp: at},
		{Key: []byte{}, Value: []byte{}, Timestamp: at, Headers: []stream.Header{
			{Key: "z", Value: []byte{0xff}}, {Key: "a", Value: nil}, {Key: "z", Value: []byte{}},
		}},
		{Key: []byte("after headers"), Value: []byte("none"), Timestamp: at},
	}
	for i := range messages {
		messages[i].Topic = e.topic
		messages[i] = messages[i].OnPartition(2)
		require.NoError(t, w.producer.Produce(&messages[i], uint64(i)))
	}
	require.Zero(t, w.flush(e.facts.takeover()))
	records := e.broker.Read(t, e.topic)
	require.Len(t, records, len(messages))
	for i, r := range records {
		require.NoError(t, w.reports[uint64(i)])
		require.Equal(t, int32(2), r.Partition)
		require.Equal(t, messages[i].Key, r.Key, "key of message %d", i)
		require.Equal(t, messages[i].Value, r.Value, "value of message %d", i)
		require.Equal(t, at.UnixMilli(), r.Timestamp.UnixMilli())
		require.Len(t, r.Headers, len(messages[i].Headers))
		for j, h := range r.Headers {
			require.Equal(t, messages[i].Headers[j], h, "header %d of message %d", j, i)
		}
	}
	before := time.Now()
	require.NoError(t, w.write(stream.Message{Topic: e.topic}.OnPartition(0)))
	for _, r := range e.broker.Read(t, e.topic) {
		if r.Partition == 0 {
			require.WithinDuration(t, before, r.Timestamp, time.Minute, "the time of the produce")
		}
	}
}

func keepsOrder(t *testing.T, e *env) {
	e.shared(2)
	w := e.writer()
	const count = 5000
	for i := range uint64(count) {
		m := stream.Message{Topic: e.topic, Value: fmt.Append(nil, i)}.OnPartition(int32(i % 2))
		for {
			err := w.producer.Produce(&m, i)
			if err == nil {
				break
			}
			require.ErrorIs(t, err, kafka.ErrQueueFull)
			w.flush(time.Second)
		}
	}
	require.Zero(t, w.flush(e.facts.takeover()))
	require.Len(t, w.reports, count)
	for token, err := range w.reports {
		require.NoError(t, err)
		require.Equal(t, 1, w.times[token])
	}
	next := map[int32]int{0: 0, 1: 1}
	for _, r := range e.broker.Read(t, e.topic) {
		require.Equal(t, fmt.Sprint(next[r.Partition]), string(r.Value))
		next[r.Partition] += 2
	}
	require.Equal(t, map[int32]int{0: count, 1: count + 1}, next)
}

func partitionsLikeJava(t *testing.T, e *env) {
	const partitions = 7
	e.shared(partitions)
	w := e.writer()
	for i := range 50 {
		key := fmt.Appendf(nil, "customer-%d", i)
		require.NoError(t, w.producer.Produce(&stream.Message{Topic: e.topic, Key: key}, uint64(i)))
	}
	require.Zero(t, w.flush(e.facts.takeover()))
	java := kgo.StickyKeyPartitioner(nil).ForTopic(e.topic)
	records := e.broker.Read(t, e.topic)
	require.Len(t, records, 50)
	for _, r := range records {
		require.Equal(t, java.Partition(&kgo.Record{Key: r.Key}, partitions), int(r.Partition), "key %s", r.Key)
	}
}

func tooLarge(t *testing.T, e *env) {
	e.shared(1)
	w := e.writer("message.max.bytes", "1000000")
	requireKind(t, kafka.TooLarge, w.write(stream.Message{Topic: e.topic, Value: make([]byte, 3_000_000)}))
	require.NoError(t, w.write2(stream.Message{Topic: e.topic, Value: make([]byte, 900_000)}), "the next one goes through")
}

func tooLargeForTopic(t *testing.T, e *env) {
	e.shared(1)
	admin, err := e.client().Admin()
	require.NoError(t, err)
	defer admin.Close()
	small := e.topic + "-small"
	require.NoError(t, admin.CreateTopic(t.Context(), small, 1, map[string]string{"max.message.bytes": "2000"}))
	w := e.writer("compression.type", "none")
	err = w.write(stream.Message{Topic: small, Value: make([]byte, 5000)})
	requireKind(t, kafka.TooLarge, err)
	require.NoError(t, w.write2(stream.Message{Topic: small, Value: []byte("small")}))
}

// write2 writes a second message.
func (w *writer) write2(m stream.Message) error {
	w.mu.Lock()
	delete(w.times, 7)
	w.mu.Unlock()
	return w.write(m)
}

func unknownTopic(t *testing.T, e *env) {
	e.shared(1)
	w := e.writer("topic.metadata.propagation.max.ms", "1000")
	requireKind(t, kafka.UnknownTopic, w.write(stream.Message{Topic: e.topic + "-unknown", Value: []byte("v")}))
}

func unknownPartition(t *testing.T, e *env) {
	e.shared(2)
	w := e.writer("topic.metadata.propagation.max.ms", "1000")
	require.NoError(t, w.write(stream.Message{Topic: e.topic}.OnPartition(1)))
	requireKind(t, kafka.UnknownTopic, w.write2(stream.Message{Topic: e.topic}.OnPartition(9)))
}

func fullQueue(t *testing.T, e *env) {
	if !e.facts.QueueLimit {
		t.Skip("the producer of this backend has no bounded queue")
	}
	e.shared(1)
	w := e.writer("queue.buffering.max.messages", "10", "linger.ms", "60000")
	m := stream.Message{Topic: e.topic, Value: []byte("v")}.OnPartition(0)
	for i := range uint64(10) {
		require.NoError(t, w.producer.Produce(&m, i))
	}
	require.ErrorIs(t, w.producer.Produce(&m, 10), kafka.ErrQueueFull)
	require.Zero(t, w.flush(e.facts.takeover()), "Flush does not wait for the linger")
	require.Len(t, w.reports, 10, "nothing was queued of the refused one")
	require.NoError(t, w.producer.Produce(&m, 11))
	require.Zero(t, w.flush(e.facts.takeover()))
}

func flushWithoutBroker(t *testing.T, e *env) {
	kill := e.mortal(1)
	w := e.writer()
	require.NoError(t, w.write(stream.Message{Topic: e.topic}.OnPartition(0)))
	kill()
	m := stream.Message{Topic: e.topic, Value: []byte("v")}.OnPartition(0)
	for i := range uint64(5) {
		require.NoError(t, w.producer.Produce(&m, 100+i))
	}
	before := time.Now()
	require.Equal(t, 5, w.flush(300*time.Millisecond))
	require.Less(t, time.Since(before), 3*time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, w.producer.Close(ctx))
	for i := range uint64(5) {
		require.Equal(t, 1, w.times[100+i], "what Close drops is reported")
		var refused *kafka.ProduceError
		require.ErrorAs(t, w.reports[100+i], &refused)
		require.False(t, refused.Refused())
	}
}

func closedProducerRefuses(t *testing.T, e *env) {
	e.shared(1)
	w := e.writer()
	require.NoError(t, w.producer.Close(t.Context()))
	require.NoError(t, w.producer.Close(t.Context()))
	err := w.producer.Produce(&stream.Message{Topic: e.topic}, 1)
	require.ErrorIs(t, err, kafka.ErrClosed)
	require.Zero(t, w.flush(time.Second))
}
