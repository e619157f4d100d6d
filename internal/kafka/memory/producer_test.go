package memory_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/kafka/memory"
	"github.com/troupe-go/troupe/stream"
)

// reports gathers delivery reports.
type reports struct {
	mu   sync.Mutex
	list []kafka.Delivery
}

func (r *reports) add(deliveries []kafka.Delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, deliveries...)
}

func (r *reports) take() []kafka.Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.list
	r.list = nil
	return list
}

func (r *reports) kind(t *testing.T) kafka.ProduceErrorKind {
	t.Helper()
	list := r.take()
	require.Len(t, list, 1)
	var refused *kafka.ProduceError
	require.ErrorAs(t, list[0].Err, &refused)
	return refused.Kind
}

func newProducer(t *testing.T, b *memory.Broker, properties map[string]string) (kafka.Producer, *reports) {
	t.Helper()
	r := &reports{}
	p, err := b.Client("", properties).Producer("p", r.add)
	require.NoError(t, err)
	return p, r
}

func message(value string) *stream.Message {
	m := stream.Message{Topic: "orders", Key: []byte("k"), Value: []byte(value)}.OnPartition(0)
	return &m
}

func TestMessagesAreWrittenInOrderAndReportedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.NewBroker(memory.Options{Latency: 10 * time.Millisecond})
		b.CreateTopic("orders", 1)
		p, r := newProducer(t, b, nil)
		began := time.Now()
		value := []byte("0")
		for token := range uint64(10) {
			value[0] = '0' + byte(token)
			require.NoError(t, p.Produce(&stream.Message{Topic: "orders", Value: value}, token), "the message is copied")
		}
		require.Empty(t, r.take(), "never inside Produce")
		require.Zero(t, p.Flush(t.Context()))
		require.Equal(t, 10*time.Millisecond, time.Since(began))
		for i, d := range r.take() {
			require.EqualValues(t, i, d.Token)
			require.NoError(t, d.Err)
		}
		for i, record := range b.Records("orders") {
			require.Equal(t, string(rune('0'+i)), string(record.Value))
			require.EqualValues(t, i, record.Offset)
			require.Nil(t, record.Key)
		}
		require.NoError(t, p.Close(t.Context()))
	})
}

func TestRefusalsSayWhy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(1)
		b.CreateTopic("secret", 1)
		b.Deny("secret")
		b.LimitMessages("orders", 100)
		p, r := newProducer(t, b, map[string]string{"message.max.bytes": "1000"})
		report := func(m *stream.Message) kafka.ProduceErrorKind {
			require.NoError(t, p.Produce(m, 1))
			require.Zero(t, p.Flush(t.Context()))
			return r.kind(t)
		}
		require.Equal(t, kafka.UnknownTopic, report(&stream.Message{Topic: "missing"}))
		past := message("x").OnPartition(5)
		require.Equal(t, kafka.UnknownTopic, report(&past))
		require.Equal(t, kafka.NotAuthorized, report(&stream.Message{Topic: "secret"}))
		require.Equal(t, kafka.TooLarge, report(message(string(make([]byte, 200)))))
		b.FailProduces(1, memory.ProduceFault{Topic: "elsewhere", Kind: kafka.Invalid})
		b.FailProduces(1, memory.ProduceFault{Topic: "orders", Kind: kafka.Undelivered, Written: true})
		require.Equal(t, kafka.Undelivered, report(message("x")))
		require.Len(t, b.Records("orders"), 1, "written, though the report does not say so")

		var refused *kafka.ProduceError
		require.ErrorAs(t, p.Produce(message(string(make([]byte, 2000))), 1), &refused)
		require.Equal(t, kafka.TooLarge, refused.Kind)

		b.FailProduces(1, memory.ProduceFault{Topic: "orders", Kind: kafka.Fatal})
		require.Equal(t, kafka.Fatal, report(message("x")))
		require.ErrorAs(t, p.Produce(message("x"), 1), &refused)
		require.Equal(t, kafka.Fatal, refused.Kind)
		require.Empty(t, r.take())
	})
}

func TestMessagesWaitForAnAbsentBroker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(1)
		forever, ours := newProducer(t, b, map[string]string{"message.timeout.ms": "0", "queue.buffering.max.messages": "2"})
		patient, others := newProducer(t, b, map[string]string{"message.timeout.ms": "5000"})
		b.Down()
		require.NoError(t, forever.Produce(message("a"), 1))
		require.NoError(t, forever.Produce(message("b"), 2))
		require.ErrorIs(t, forever.Produce(message("c"), 3), kafka.ErrQueueFull)
		require.NoError(t, patient.Produce(message("d"), 4))
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		require.Zero(t, patient.Flush(ctx))
		require.Equal(t, kafka.Undelivered, others.kind(t))
		require.Equal(t, 2, forever.Flush(ctx))
		b.Up()
		require.Zero(t, forever.Flush(t.Context()))
		require.Len(t, ours.take(), 2)
		require.Len(t, b.Records("orders"), 2)
	})
}

func TestHeldReports(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(1)
		p, r := newProducer(t, b, nil)
		release := b.HoldDeliveries()
		require.NoError(t, p.Produce(message("a"), 1))
		synctest.Wait()
		require.Len(t, b.Records("orders"), 1)
		require.Empty(t, r.take())
		release()
		require.Zero(t, p.Flush(t.Context()))
		require.Len(t, r.take(), 1)

		b.HoldDeliveries()
		require.NoError(t, p.Produce(message("b"), 2))
		synctest.Wait()
		b.Down()
		require.NoError(t, p.Produce(message("c"), 3))
		require.NoError(t, p.Close(t.Context()))
		list := r.take()
		require.Len(t, list, 2, "every message has its report")
		require.NoError(t, list[0].Err)
		require.Error(t, list[1].Err)
		require.ErrorIs(t, p.Produce(message("d"), 4), kafka.ErrClosed)
	})
}

func TestManualDeliveryHappensOnTheCallersGoroutine(t *testing.T) {
	t.Parallel()
	b := memory.NewBroker(memory.Options{Manual: true})
	b.CreateTopic("orders", 1)
	p, r := newProducer(t, b, nil)
	require.NoError(t, p.Produce(message("a"), 1))
	require.Empty(t, b.Records("orders"))
	b.Deliver()
	require.Len(t, b.Records("orders"), 1)
	require.Len(t, r.take(), 1)
	require.NoError(t, p.Close(context.Background()))
}

// TestKeysGoWhereJavaClientsPutThem holds what Kafka's own tests hold for murmur2 (Utils.murmur2 in UtilsTest).
func TestKeysGoWhereJavaClientsPutThem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(100)
		p, _ := newProducer(t, b, nil)
		hashes := map[string]int32{
			"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
			"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
			"abc": 479470107,
		}
		for key := range hashes {
			require.NoError(t, p.Produce(&stream.Message{Topic: "orders", Key: []byte(key)}, 1))
		}
		require.Zero(t, p.Flush(t.Context()))
		for _, r := range b.Records("orders") {
			require.Equal(t, (hashes[string(r.Key)]&0x7fffffff)%100, r.Partition, "key %s", r.Key)
		}
	})
}

func TestAdmin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(2)
		admin, err := b.Client("g", nil).Admin()
		require.NoError(t, err)
		require.NoError(t, admin.CreateTopic(t.Context(), "new", 3, nil))
		require.NoError(t, admin.CreateTopic(t.Context(), "new", 5, nil))
		b.CreateTopic("secret", 1)
		b.Deny("secret")
		infos, err := admin.Topics(t.Context(), "new", "missing", "secret")
		require.NoError(t, err)
		require.Equal(t, kafka.TopicInfo{Name: "new", Exists: true, Partitions: 3}, infos[0])
		require.Equal(t, kafka.TopicInfo{Name: "missing"}, infos[1])
		require.ErrorIs(t, infos[2].Err, memory.ErrNotAuthorized)
		infos, err = admin.Topics(t.Context())
		require.NoError(t, err)
		require.Len(t, infos, 3)

		one := join(t, b, "one", nil)
		settle(one)
		_, err = one.consumer.Commit(t.Context(), []kafka.CommitOffset{{Partition: on(1), Offset: 4}})
		require.NoError(t, err)
		positions, err := admin.GroupOffsets(t.Context(), "g", "new")
		require.NoError(t, err)
		require.Len(t, positions, 4)
		require.EqualValues(t, -1, positions[0].Committed)
		require.Equal(t, on(1), positions[3].Partition)
		require.EqualValues(t, 4, positions[3].Committed)

		b.Down()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = admin.Topics(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.AfterFunc(time.Second, admin.Close)
		require.ErrorIs(t, admin.CreateTopic(t.Context(), "x", 1, nil), kafka.ErrClosed)
	})
}
