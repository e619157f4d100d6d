package memory_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/kafka/kafkatest"
	"github.com/troupe-go/troupe/internal/kafka/memory"
	"github.com/troupe-go/troupe/stream"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, strategy := range map[string]string{"Incremental": "cooperative-sticky", "Eager": "range"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kafkatest.Run(t, backend(strategy))
		})
	}
}

func backend(strategy string) kafkatest.Backend {
	shared := side{memory.NewBroker(memory.Options{})}
	return kafkatest.Backend{
		Broker: func(testing.TB) kafkatest.Broker { return shared },
		Mortal: func(testing.TB) (kafkatest.Broker, func()) {
			mortal := side{memory.NewBroker(memory.Options{})}
			return mortal, mortal.broker.Down
		},
		Client: func(_ testing.TB, b kafkatest.Broker, properties map[string]string) kafka.Client {
			properties["partition.assignment.strategy"] = strategy
			return b.(side).broker.Client("", properties)
		},
		Facts: kafkatest.Facts{
			Eager:                strategy == "range",
			MetadataLimit:        4096,
			TopicIDs:             true,
			MissingTopicTrouble:  true,
			QueueLimit:           true,
			SmallestPollInterval: 300 * time.Millisecond,
			SessionTimeout:       true,
			Takeover:             10 * time.Second,
		},
	}
}

// side is the broker as the suite's foreign side.
type side struct{ broker *memory.Broker }

func (side) Bootstrap() string { return "" }

func (s side) CreateTopic(_ testing.TB, name string, partitions int) {
	s.broker.CreateTopic(name, partitions)
}

func (s side) Produce(_ testing.TB, messages ...stream.Message) {
	for _, m := range messages {
		s.broker.Append(m)
	}
}

func (s side) Read(_ testing.TB, topic string) []stream.Record { return s.broker.Records(topic) }

func (s side) Committed(t testing.TB, group string) map[stream.Partition]kafkatest.Committed {
	t.Helper()
	admin, err := s.broker.Client(group, nil).Admin()
	require.NoError(t, err)
	defer admin.Close()
	positions, err := admin.GroupOffsets(t.Context(), group)
	require.NoError(t, err)
	committed := make(map[stream.Partition]kafkatest.Committed)
	for _, p := range positions {
		committed[p.Partition] = kafkatest.Committed{Offset: p.Committed, Metadata: p.Metadata}
	}
	return committed
}

func (s side) Trim(_ testing.TB, p stream.Partition, offset int64) { s.broker.Trim(p, offset) }

func (s side) Transact(_ testing.TB, messages ...stream.Message) {
	marked := make(map[stream.Partition]bool)
	for _, m := range messages {
		s.broker.Append(m)
		marked[stream.Partition{Topic: m.Topic, Number: m.PartitionNumber()}] = true
	}
	for p := range marked {
		s.broker.Skip(p, 1)
	}
}

func (s side) TopicID(_ testing.TB, topic string) string { return s.broker.TopicID(topic) }

func (s side) Delete(_ testing.TB, topic string) { s.broker.DeleteTopic(topic) }

func (s side) Grow(_ testing.TB, topic string, partitions int) {
	s.broker.CreateTopic(topic, partitions)
}

func (s side) Recreate(_ testing.TB, topic string, partitions int, messages ...stream.Message) {
	s.broker.RecreateTopic(topic, partitions)
	for _, m := range messages {
		s.broker.Append(m)
	}
}

func (side) Session(testing.TB, string, time.Duration) {}

func (s side) Evict(t testing.TB, group string) {
	members := s.broker.Members(group)
	require.NotEmpty(t, members)
	for id := range members {
		s.broker.Expire(group, id)
	}
}
