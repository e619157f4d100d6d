package confluent

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/kafka/kafkatest"
	"github.com/troupe-go/troupe/stream"
)

func TestResetIsReadFromTheLog(t *testing.T) {
	t.Parallel()
	const line = "orders.v-1 [3]: offset reset (at offset 8 (leader epoch 2), broker 1) to offset BEGINNING (leader epoch -1): " +
		"fetch failed due to requested offset not available on the broker: Broker: Offset out of range"
	want := []reset{{partition: stream.Partition{Topic: "orders.v-1", Number: 3}, position: 8}}
	for _, c := range []struct {
		event ck.LogEvent
		want  []reset
	}{
		{ck.LogEvent{Tag: "OFFSET", Level: 4, Message: line}, want},
		{ck.LogEvent{Tag: "OFFSET", Level: 4, Message: "[thrd:main]: " + line}, want},
		{ck.LogEvent{Tag: "OFFSET", Level: 7, Message: line}, nil},
		{ck.LogEvent{Tag: "FETCH", Level: 4, Message: line}, nil},
		{ck.LogEvent{Tag: "OFFSET", Level: 4, Message: "orders [3]: offset reset (at offset END (leader epoch -1), broker 1) to "}, nil},
		{ck.LogEvent{Tag: "OFFSET", Level: 4, Message: "orders [99999999999]: offset reset (at offset 1 (leader epoch -1), broker 1) to "}, nil},
	} {
		r := newResets()
		r.read(c.event)
		require.Equal(t, c.want, r.take(), "%v", c.event)
		require.Nil(t, r.take())
	}
}

// TestWordOfAResetMayComeLate: the log is read on a goroutine of its own, so the record that the library went on with may
// be delivered first.
func TestWordOfAResetMayComeLate(t *testing.T) {
	t.Parallel()
	p := stream.Partition{Topic: "orders"}
	for _, c := range []struct {
		position int64
		told     []int64 // positions overtaken
		pending  bool
	}{
		{position: 10, told: []int64{10}},
		{position: 14, told: []int64{10}}, // markers of transactions lie before it
		{position: 15},                    // of a fetch before the last start
		{position: 20, pending: true},
	} {
		d := &delivery{partition: p, next: 20, started: true, jump: jump{from: 10, to: 15}}
		h := &heard{}
		reader := &logs{resets: newResets()}
		owner := &consumer{listener: h, logs: reader, owned: map[stream.Partition]*delivery{p: d}}
		reader.resets.read(ck.LogEvent{Tag: "OFFSET", Level: levelWarning, Message: fmt.Sprintf(
			"orders [0]: offset reset (at offset %d (leader epoch 0), broker 1) to cached BEGINNING offset 15: gone", c.position)})
		owner.takeResets()
		var told []int64
		for _, err := range h.troubles {
			var overtaken *kafka.OvertakenError
			require.ErrorAs(t, err, &overtaken)
			told = append(told, overtaken.Position)
		}
		require.Equal(t, c.told, told, "position %d", c.position)
		require.Equal(t, c.pending, d.reset, "position %d", c.position)
	}
}

// heard keeps what a consumer tells its listener.
type heard struct {
	owned    []stream.Partition
	troubles []error
}

func (h *heard) Assigned(partitions []stream.Partition) { h.owned = append(h.owned, partitions...) }
func (h *heard) Revoked([]stream.Partition) error       { return nil }
func (h *heard) Lost([]stream.Partition) error          { return nil }
func (h *heard) Trouble(err error)                      { h.troubles = append(h.troubles, err) }

// trimmed starts a broker with a log of ten records, of which the first eight are gone, and a consumer that owns it.
func trimmed(t *testing.T, outside kafka.OutOfRange, more ...string) (*consumer, *heard) {
	t.Helper()
	remote := kafkatest.NewRemote(t, kafkatest.StartBroker(t).Bootstrap())
	remote.CreateTopic(t, "orders", 1)
	for range 10 {
		remote.Produce(t, stream.Message{Topic: "orders", Value: []byte("v")}.OnPartition(0))
	}
	remote.Trim(t, stream.Partition{Topic: "orders"}, 8)
	given := map[string]string{"bootstrap.servers": remote.Bootstrap(), "group.id": "g", "fetch.wait.max.ms": "50"}
	for i := 0; i < len(more); i += 2 {
		given[more[i]] = more[i+1]
	}
	client, err := New(Options{Kafka: given, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	made, err := client.Consumer("0", outside)
	require.NoError(t, err)
	c, ok := made.(*consumer)
	require.True(t, ok)
	t.Cleanup(func() { require.NoError(t, c.Close(context.Background())) })
	h := &heard{}
	require.NoError(t, c.Subscribe([]string{"orders"}, h))
	pollUntil(t, c, func() bool { return len(h.owned) == 1 })
	return c, h
}

func pollUntil(t *testing.T, c *consumer, condition func() bool) {
	t.Helper()
	var fetch kafka.Fetch
	for deadline := time.Now().Add(30 * time.Second); !condition(); {
		require.True(t, time.Now().Before(deadline))
		require.NoError(t, c.Poll(10*time.Millisecond, 100, &fetch))
		fetch.Take(func(kafka.Batch) {})
	}
}

// TestQuietLogDoesNotHideResets: the only word of a reset is a warning in the log.
func TestQuietLogDoesNotHideResets(t *testing.T) {
	t.Parallel()
	c, h := trimmed(t, kafka.OutOfRangeGoOn, "log_level", "0", "log.thread.name", "false")
	require.NoError(t, c.Start(h.owned[0], 3))
	pollUntil(t, c, func() bool { return len(h.troubles) > 0 })
	var told *kafka.OvertakenError
	require.ErrorAs(t, h.troubles[0], &told)
	require.Equal(t, int64(3), told.Position)
}

// TestPartitionStartedAnewBetweenItsEndAndTheWordOfIt: the client gives a partition up, and its owner moves it before the
// next poll brings the error.
func TestPartitionStartedAnewBetweenItsEndAndTheWordOfIt(t *testing.T) {
	t.Parallel()
	c, h := trimmed(t, kafka.OutOfRangeStop)
	require.NoError(t, c.Start(h.owned[0], 3))
	d := c.owned[h.owned[0]]
	require.Eventually(t, func() bool { return code(c.seek(d)) == ck.ErrState }, 30*time.Second, 300*time.Millisecond)
	require.ErrorIs(t, c.Start(h.owned[0], 8), kafka.ErrOffsetOutOfRange)
	var fetch kafka.Fetch
	for range 10 { // brings the word of it, which is about nobody any more
		require.NoError(t, c.Poll(20*time.Millisecond, 100, &fetch))
	}
	require.Empty(t, h.troubles)
	require.ErrorIs(t, c.Start(h.owned[0], 8), kafka.ErrOffsetOutOfRange)
}
