package franz_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-go/troupe/internal/kafka/kafkatest"
)

// BenchmarkBarePoll is the library's own loop: the measure of BenchmarkPoll.
func BenchmarkBarePoll(b *testing.B) {
	client, err := kgo.NewClient(kgo.SeedBrokers(kafkatest.StartCanned(b).Bootstrap()), kgo.ConsumerGroup("bare"),
		kgo.ConsumeTopics(kafkatest.Canned), kgo.DisableAutoCommit(), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	require.NoError(b, err)
	defer client.Close()
	kafkatest.MeasurePoll(b, func(count int) {
		for count > 0 {
			count -= client.PollRecords(b.Context(), 1000).NumRecords()
		}
	})
}

func BenchmarkPoll(b *testing.B) { kafkatest.BenchPoll(b, adapter()) }

func BenchmarkProduce(b *testing.B) { kafkatest.BenchProduce(b, adapter()) }
