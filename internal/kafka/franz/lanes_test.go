package franz_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/kafka/franz"
	"github.com/troupe-go/troupe/internal/kafka/kafkatest"
	"github.com/troupe-go/troupe/stream"
)

func newClient(t *testing.T, bootstrap string, more ...string) *franz.Client {
	t.Helper()
	given := map[string]string{"bootstrap.servers": bootstrap, "group.id": "g"}
	for i := 0; i < len(more); i += 2 {
		given[more[i]] = more[i+1]
	}
	client, err := franz.New(franz.Options{Kafka: given, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return client
}

// outcome gathers delivery reports.
type outcome struct {
	mu      sync.Mutex
	reports map[uint64][]error
}

func (o *outcome) take(deliveries []kafka.Delivery) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.reports == nil {
		o.reports = make(map[uint64][]error)
	}
	for _, d := range deliveries {
		o.reports[d.Token] = append(o.reports[d.Token], d.Err)
	}
}

// produceAll produces messages and waits for their reports, of which each has exactly one.
func produceAll(t *testing.T, client kafka.Client, messages []stream.Message) map[uint64][]error {
	t.Helper()
	var got outcome
	producer, err := client.Producer("out", got.take)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for i := range messages {
		for {
			err := producer.Produce(&messages[i], uint64(i))
			if err == nil {
				break
			}
			require.ErrorIs(t, err, kafka.ErrQueueFull)
			producer.Flush(ctx)
		}
	}
	require.Zero(t, producer.Flush(ctx))
	require.NoError(t, producer.Close(ctx))
	require.Len(t, got.reports, len(messages))
	for token, errs := range got.reports {
		require.Len(t, errs, 1, "message %d", token)
	}
	return got.reports
}

// TestLargeMessagesKeepTheirPlaceAmongSmallOnes: they go to the broker by another client.
func TestLargeMessagesKeepTheirPlaceAmongSmallOnes(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	broker := kafkatest.StartBroker(t)
	remote := kafkatest.NewRemote(t, broker.Bootstrap())
	remote.CreateTopic(t, "orders", 2)
	messages := make([]stream.Message, 600)
	for i := range messages {
		size := random.IntN(200)
		if random.IntN(5) == 0 {
			size = 60_000 + random.IntN(400_000)
		}
		value := append(fmt.Appendf(nil, "%d ", i), make([]byte, size)...)
		messages[i] = stream.Message{Topic: "orders", Value: value}.OnPartition(int32(i % 2))
	}
	for _, errs := range produceAll(t, newClient(t, broker.Bootstrap(), "compression.type", "none"), messages) {
		require.NoError(t, errs[0])
	}
	next := []int{0, 1}
	for _, r := range remote.Read(t, "orders") {
		require.Equal(t, messages[next[r.Partition]].Value, r.Value)
		next[r.Partition] += 2
	}
	require.Equal(t, []int{600, 601}, next)
}

// TestAMessageThatIsTooLargeTakesNoOtherWithIt: the broker refuses batches as a whole.
func TestAMessageThatIsTooLargeTakesNoOtherWithIt(t *testing.T) {
	t.Parallel()
	broker := kafkatest.StartBroker(t)
	remote := kafkatest.NewRemote(t, broker.Bootstrap())
	remote.CreateTopic(t, "orders", 1)
	messages := make([]stream.Message, 60)
	for i := range messages {
		size := 100
		if i%3 == 1 {
			size = 1_500_000 // more than a broker's default
		}
		messages[i] = stream.Message{Topic: "orders", Value: append(fmt.Appendf(nil, "%d ", i), make([]byte, size)...)}.OnPartition(0)
	}
	for token, errs := range produceAll(t, newClient(t, broker.Bootstrap(), "compression.type", "none"), messages) {
		if token%3 != 1 {
			require.NoError(t, errs[0], "message %d", token)
			continue
		}
		var refused *kafka.ProduceError
		require.ErrorAs(t, errs[0], &refused)
		require.Equal(t, kafka.TooLarge, refused.Kind)
	}
	read := remote.Read(t, "orders")
	require.Len(t, read, 40)
	for i, r := range read {
		require.Equal(t, messages[i/2*3+i%2*2].Value, r.Value)
	}
}

// TestCloseReportsWhatIsHeldBack: messages that wait for the other client are dropped like those that are under way.
func TestCloseReportsWhatIsHeldBack(t *testing.T) {
	t.Parallel()
	var got outcome
	producer, err := newClient(t, "127.0.0.1:1").Producer("out", got.take)
	require.NoError(t, err)
	for i, size := range []int{10, 100_000, 10, 100_000} {
		require.NoError(t, producer.Produce(&stream.Message{Topic: "orders", Value: make([]byte, size)}, uint64(i)))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, producer.Close(ctx))
	require.Len(t, got.reports, 4)
	for _, errs := range got.reports {
		require.Len(t, errs, 1)
		var dropped *kafka.ProduceError
		require.ErrorAs(t, errs[0], &dropped)
		require.Equal(t, kafka.Undelivered, dropped.Kind)
	}
}
