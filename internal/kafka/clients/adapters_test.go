package clients_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/troupe-go/troupe/internal/embedded"
	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/kafka/clients"
	"github.com/troupe-go/troupe/internal/kafka/kafkatest"
	"github.com/troupe-go/troupe/internal/kafka/properties"
	"github.com/troupe-go/troupe/stream"
)

// each runs a test with every client of this build.
func each(t *testing.T, test func(t *testing.T, name string)) {
	t.Helper()
	t.Parallel()
	for _, name := range clients.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, name)
		})
	}
}

func newClient(t *testing.T, name, bootstrap string, more ...string) kafka.Client {
	t.Helper()
	given := map[string]string{"bootstrap.servers": bootstrap, "group.id": "g", "fetch.wait.max.ms": "50"}
	for i := 0; i < len(more); i += 2 {
		given[more[i]] = more[i+1]
	}
	client, err := clients.New(clients.Options{Name: name, Kafka: given, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return client
}

// owner starts all it is assigned at 0 and keeps what it hears.
type owner struct {
	consumer kafka.Consumer
	owned    []stream.Partition
	troubles []error
}

func (o *owner) Assigned(partitions []stream.Partition) {
	for _, p := range partitions {
		o.owned = append(o.owned, p)
		_ = o.consumer.Start(p, 0)
	}
}
func (o *owner) Revoked([]stream.Partition) error { return nil }
func (o *owner) Lost([]stream.Partition) error    { return nil }
func (o *owner) Trouble(err error)                { o.troubles = append(o.troubles, err) }

func join(t *testing.T, client kafka.Client) *owner {
	t.Helper()
	consumer, err := client.Consumer("0", kafka.OutOfRangeGoOn)
	require.NoError(t, err)
	o := &owner{consumer: consumer}
	require.NoError(t, consumer.Subscribe([]string{"orders"}, o))
	return o
}

func (o *owner) until(t *testing.T, condition func() bool) {
	t.Helper()
	var fetch kafka.Fetch
	for deadline := time.Now().Add(20 * time.Second); !condition(); {
		require.True(t, time.Now().Before(deadline), "owned %v, troubles %v", o.owned, o.troubles)
		require.NoError(t, o.consumer.Poll(10*time.Millisecond, 100, &fetch))
		fetch.Take(func(kafka.Batch) {})
	}
}

func TestNewNamesEveryFault(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		_, err := clients.New(clients.Options{
			Name:     name,
			Kafka:    map[string]string{"bootstrap.servers": "localhost:1", "grop.id": "g", "enable.auto.commit": "true"},
			Producer: map[string]string{"fetch.min.bytes": "1"},
		})
		var wrong *properties.Error
		require.ErrorAs(t, err, &wrong)
		require.Len(t, wrong.Faults, 4)
		for _, text := range []string{
			"grop.id: there is no such property; did you mean group.id?", "group.id: is missing",
			"enable.auto.commit: may not be set", "fetch.min.bytes: belongs to consumers",
		} {
			require.ErrorContains(t, err, text)
		}
	})
}

func TestClientTellsWhatItsPropertiesSay(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		client := newClient(t, name, "localhost:1", "auto.offset.reset", "largest", "max.poll.interval.ms", "60000")
		require.Equal(t, "g", client.Group())
		require.Equal(t, kafka.ResetLatest, client.Reset())
		require.Equal(t, time.Minute, client.MaxPollInterval())
		client = newClient(t, name, "localhost:1")
		require.Equal(t, kafka.ResetEarliest, client.Reset())
		require.Equal(t, 5*time.Minute, client.MaxPollInterval())
	})
}

// TestLibraryTakesEveryProperty creates clients, which is when librdkafka refuses properties.
func TestLibraryTakesEveryProperty(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		for _, more := range [][]string{
			nil,
			{"group.protocol", "consumer", "group.instance.id", "i"},
			{"group.instance.id", "i", "partition.assignment.strategy", "roundrobin", "client.id", "me"},
			{"queued.max.messages.kbytes", "10", "message.max.bytes", "10000000", "fetch.max.bytes", "60000000"},
			{"enable.idempotence", "false", "acks", "1", "linger.ms", "0", "compression.codec", "zstd"},
		} {
			given := map[string]string{"bootstrap.servers": "127.0.0.1:1", "group.id": "g"}
			for i := 0; i < len(more); i += 2 {
				given[more[i]] = more[i+1]
			}
			client, err := clients.New(clients.Options{Name: name, Kafka: given, PrefetchBytes: 20 << 20, Logger: slog.New(slog.DiscardHandler)})
			require.NoError(t, err)
			consumer, err := client.Consumer("0", kafka.OutOfRangeGoOn)
			require.NoError(t, err, "%v", more)
			require.NoError(t, consumer.Close(t.Context()))
			producer, err := client.Producer("out", func([]kafka.Delivery) {})
			require.NoError(t, err, "%v", more)
			require.NoError(t, producer.Close(t.Context()))
			admin, err := client.Admin()
			require.NoError(t, err, "%v", more)
			admin.Close()
		}
	})
}

// guarded starts a broker where the user clerk may describe the topic orders and join the group g, and nothing else but
// what is granted here.
func guarded(t *testing.T, name string, grants ...embedded.Grant) kafka.Client {
	t.Helper()
	broker, err := embedded.Start(embedded.Options{
		NoRegistry: true, Topics: map[string]int32{"orders": 1},
		Users: []embedded.User{
			{Name: "root", Password: "secret", Super: true},
			{Name: "clerk", Password: "pass", Allow: append(grants,
				embedded.Grant{Resource: embedded.Topic, Name: "orders", Operation: embedded.Describe},
				embedded.Grant{Resource: embedded.Group, Name: "g", Operation: embedded.Read})},
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	return newClient(t, name, broker.Bootstrap(), "security.protocol", "sasl_plaintext", "sasl.mechanism", "PLAIN",
		"sasl.username", "clerk", "sasl.password", "pass")
}

// produceOne gives the fate of one message to orders.
func produceOne(t *testing.T, client kafka.Client) *kafka.ProduceError {
	t.Helper()
	reported := make(chan error, 1)
	producer, err := client.Producer("out", func(deliveries []kafka.Delivery) { reported <- deliveries[0].Err })
	require.NoError(t, err)
	defer func() { require.NoError(t, producer.Close(context.Background())) }()
	require.NoError(t, producer.Produce(&stream.Message{Topic: "orders", Value: []byte("v")}, 1))
	var refused *kafka.ProduceError
	require.ErrorAs(t, <-reported, &refused)
	return refused
}

func TestProducerThatMayNotWriteTheTopicIsNotAuthorized(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		client := guarded(t, name, embedded.Grant{Resource: embedded.Topic, Name: "mine", Operation: embedded.Write})
		refused := produceOne(t, client)
		require.Equal(t, kafka.NotAuthorized, refused.Kind, "%v", refused)
	})
}

// TestProducerThatMayWriteNothingIsUnusable: it gets no producer id, and does not ask for one again.
func TestProducerThatMayWriteNothingIsUnusable(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		refused := produceOne(t, guarded(t, name))
		require.Equal(t, kafka.Fatal, refused.Kind, "%v", refused)
		require.ErrorContains(t, refused, "authoriz")
	})
}

func TestConsumerWithoutPermissionHearsOfIt(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		o := join(t, guarded(t, name))
		o.until(t, func() bool {
			for _, err := range o.troubles {
				if strings.Contains(err.Error(), "authorization") && strings.Contains(err.Error(), "may not read") {
					return true
				}
			}
			return false
		})
		require.NoError(t, o.consumer.Close(t.Context()))
	})
}

// TestRefusedCommitSaysWhetherToRetry has the broker answer commits with errors.
func TestRefusedCommitSaysWhetherToRetry(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		broker := kafkatest.StartBroker(t)
		createTopic(t, name, broker, "orders", 2)
		o := join(t, newClient(t, name, broker.Bootstrap()))
		defer func() { require.NoError(t, o.consumer.Close(t.Context())) }()
		o.until(t, func() bool { return len(o.owned) == 2 })
		for _, c := range []struct {
			answer    *kerr.Error
			retriable bool
			whole     bool // it is about the request, whichever partition it is answered for
		}{
			{kerr.RebalanceInProgress, true, true},
			{kerr.UnknownTopicOrPartition, true, false},
			{kerr.TopicAuthorizationFailed, false, false},
			{kerr.InvalidCommitOffsetSize, false, false},
			{kerr.FencedInstanceID, false, true},
		} {
			fault := broker.Cluster().Fault(kfake.Fault{
				Keys: []kmsg.Key{kmsg.OffsetCommit}, Topic: "orders", Partitions: []int32{1}, Err: c.answer, Count: -1,
			})
			results, err := o.consumer.Commit(t.Context(), []kafka.CommitOffset{
				{Partition: stream.Partition{Topic: "orders"}, Offset: 3, LeaderEpoch: -1},
				{Partition: stream.Partition{Topic: "orders", Number: 1}, Offset: 4, LeaderEpoch: -1},
			})
			fault.Remove()
			require.NoError(t, err)
			if !c.whole {
				require.NoError(t, results[0].Err, "%v is about the other partition", c.answer)
			}
			var refused *kafka.CommitError
			require.ErrorAs(t, results[1].Err, &refused, "%v", c.answer)
			require.Equal(t, c.retriable, refused.Retriable, "%v", c.answer)
		}
	})
}

func createTopic(t *testing.T, name string, broker *embedded.Broker, topic string, partitions int) {
	t.Helper()
	admin, err := newClient(t, name, broker.Bootstrap()).Admin()
	require.NoError(t, err)
	defer admin.Close()
	require.NoError(t, admin.CreateTopic(t.Context(), topic, partitions, nil))
}

// TestCloseDoesNotWaitForeverForACommit: the broker never answers the commit, which cannot be cancelled.
func TestCloseDoesNotWaitForeverForACommit(t *testing.T) {
	each(t, func(t *testing.T, name string) {
		broker := kafkatest.StartBroker(t)
		createTopic(t, name, broker, "orders", 1)
		o := join(t, newClient(t, name, broker.Bootstrap(), "socket.timeout.ms", "3000"))
		o.until(t, func() bool { return len(o.owned) == 1 })
		arrived := make(chan struct{}, 16)
		silence := make(chan struct{})
		broker.Cluster().ControlKey(int16(kmsg.OffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
			broker.Cluster().KeepControl()
			arrived <- struct{}{}
			broker.Cluster().SleepControl(func() { <-silence })
			return nil, errors.New("no answer"), true
		})
		committed := make(chan error, 1)
		go func() {
			results, err := o.consumer.Commit(context.Background(), []kafka.CommitOffset{
				{Partition: stream.Partition{Topic: "orders"}, Offset: 1, LeaderEpoch: -1},
			})
			if err == nil {
				err = results[0].Err
			}
			committed <- err
		}()
		<-arrived
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		before := time.Now()
		require.ErrorIs(t, o.consumer.Close(ctx), context.DeadlineExceeded)
		require.Less(t, time.Since(before), 2*time.Second)
		close(silence)
		require.Error(t, <-committed)
	})
}
