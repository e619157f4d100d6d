package confluent

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// A start that the client takes only later must not undo a pause that came meanwhile: whoever paused thinks that nothing is
// delivered, and does not pause again.
func TestAPauseBeforeAWaitingStartIsHeeded(t *testing.T) {
	t.Parallel()
	client, err := New(Options{Kafka: map[string]string{"bootstrap.servers": "127.0.0.1:1", "group.id": "g"}})
	require.NoError(t, err)
	made, err := client.Consumer("waiting", kafka.OutOfRangeGoOn)
	require.NoError(t, err)
	c, ok := made.(*consumer)
	require.True(t, ok)
	p := stream.Partition{Topic: "orders", Number: 0}
	list := partitions(p)
	_, _, _ = c.client.GetWatermarkOffsets(p.Topic, p.Number) // makes the library know it, as an assignment does
	c.own(list)
	require.NoError(t, c.Start(p, 5))
	d := c.owned[p]
	require.True(t, d.waiting, "the client does not know the partition yet")
	require.NoError(t, c.Pause([]stream.Partition{p}))
	require.NoError(t, c.Resume([]stream.Partition{p}))
	require.False(t, d.paused)
	require.NoError(t, c.Pause([]stream.Partition{p}))

	list[0].Offset = 0
	require.NoError(t, c.client.Assign(list))
	require.Eventually(t, func() bool { return c.retryStarts() == nil && !d.waiting }, 10*time.Second, 10*time.Millisecond)
	require.True(t, d.started)
	require.True(t, d.paused)
	require.Empty(t, c.nudge.waiting, "it is not resumed")
	require.NoError(t, c.client.Unassign())
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, c.Close(ctx))
}
