package kafkatest

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

func commitChecks() []check {
	return []check{
		{"CommitAndPositionsRoundTrip", commitRoundTrip},
		{"PositionsWithoutACommit", positionsWithoutCommit},
		{"PositionsSayWhichPartitionFailed", positionsFailPerPartition},
		{"PositionsEndWithTheirContext", positionsEndWithContext},
		{"CommitMayGoBackwards", commitGoesBackwards},
		{"MetadataPastTheLimitIsRefusedByPartition", metadataTooLarge},
		{"CommitRunsBesidePoll", commitBesidePoll},
	}
}

func (e *env) mustCommit(m *member, offsets ...kafka.CommitOffset) {
	e.t.Helper()
	results, err := m.consumer.Commit(e.t.Context(), offsets)
	require.NoError(e.t, err)
	require.Len(e.t, results, len(offsets))
	for i, r := range results {
		require.Equal(e.t, offsets[i].Partition, r.Partition, "results come in the order asked")
		require.NoError(e.t, r.Err)
	}
}

func (e *env) positions(m *member, partitions ...stream.Partition) []kafka.Position {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), e.facts.takeover())
	defer cancel()
	positions, err := m.consumer.Positions(ctx, partitions)
	require.NoError(e.t, err)
	require.Len(e.t, positions, len(partitions))
	return positions
}

func commitRoundTrip(t *testing.T, e *env) {
	e.shared(3)
	e.produce(0, 0, 30)
	e.produce(1, 0, 5)
	m := e.assigned(3)
	e.mustCommit(m,
		kafka.CommitOffset{Partition: e.at(1), Offset: 5, LeaderEpoch: -1},
		kafka.CommitOffset{Partition: e.at(0), Offset: 12, LeaderEpoch: 0, Metadata: "t1:abc+/="})
	require.Equal(t, map[stream.Partition]Committed{
		e.at(0): {Offset: 12, Metadata: "t1:abc+/="}, e.at(1): {Offset: 5},
	}, e.broker.Committed(t, e.group))

	positions := e.positions(m, e.at(2), e.at(0), e.at(1))
	for _, p := range positions {
		require.NoError(t, p.Err)
		if e.facts.TopicIDs {
			require.NotEmpty(t, p.TopicID)
			require.Equal(t, positions[0].TopicID, p.TopicID)
		}
		p.TopicID = ""
	}
	id := positions[0].TopicID
	require.Equal(t, []kafka.Position{
		{Partition: e.at(2), Committed: -1, LeaderEpoch: -1, TopicID: id},
		{Partition: e.at(0), Committed: 12, LeaderEpoch: 0, Metadata: "t1:abc+/=", TopicID: id, LogEnd: 30},
		{Partition: e.at(1), Committed: 5, LeaderEpoch: -1, TopicID: id, LogEnd: 5},
	}, positions)
}

func positionsWithoutCommit(t *testing.T, e *env) {
	e.shared(1)
	e.produce(0, 0, 20)
	e.broker.Trim(t, e.at(0), 8)
	m := e.assigned(1)
	p := e.positions(m, e.at(0))[0]
	require.NoError(t, p.Err)
	require.Equal(t, int64(-1), p.Committed)
	require.Equal(t, int64(8), p.LogStart)
	require.Equal(t, int64(20), p.LogEnd)
	require.Empty(t, e.positions(m))
}

func positionsFailPerPartition(t *testing.T, e *env) {
	e.shared(1)
	m := e.assigned(1)
	positions := e.positions(m, e.at(0), stream.Partition{Topic: e.topic + "-unknown"})
	require.NoError(t, positions[0].Err)
	require.Error(t, positions[1].Err)
}

func positionsEndWithContext(t *testing.T, e *env) {
	e.shared(1)
	m := e.assigned(1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := m.consumer.Positions(ctx, []stream.Partition{e.at(0)})
	require.ErrorIs(t, err, context.Canceled)
	_, err = m.consumer.Commit(ctx, []kafka.CommitOffset{{Partition: e.at(0), Offset: 1}})
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, e.broker.Committed(t, e.group))
}

// commitGoesBackwards is a fact: neither client nor broker keeps offsets from falling. Their users must.
func commitGoesBackwards(t *testing.T, e *env) {
	e.shared(1)
	e.produce(0, 0, 20)
	m := e.assigned(1)
	e.mustCommit(m, kafka.CommitOffset{Partition: e.at(0), Offset: 15, LeaderEpoch: -1})
	e.mustCommit(m, kafka.CommitOffset{Partition: e.at(0), Offset: 3, LeaderEpoch: -1})
	require.Equal(t, int64(3), e.broker.Committed(t, e.group)[e.at(0)].Offset)
}

func metadataTooLarge(t *testing.T, e *env) {
	e.shared(2)
	e.produce(0, 0, 20)
	m := e.assigned(2)
	fits := strings.Repeat("m", e.facts.MetadataLimit)
	e.mustCommit(m, kafka.CommitOffset{Partition: e.at(0), Offset: 1, LeaderEpoch: -1, Metadata: fits})
	require.Equal(t, fits, e.broker.Committed(t, e.group)[e.at(0)].Metadata)

	results, err := m.consumer.Commit(t.Context(), []kafka.CommitOffset{
		{Partition: e.at(0), Offset: 2, LeaderEpoch: -1, Metadata: fits + "m"},
		{Partition: e.at(1), Offset: 2, LeaderEpoch: -1, Metadata: "short"},
	})
	require.NoError(t, err)
	var refused *kafka.CommitError
	require.ErrorAs(t, results[0].Err, &refused)
	require.True(t, refused.MetadataTooLarge)
	require.False(t, refused.Retriable)
	require.NoError(t, results[1].Err)
	committed := e.broker.Committed(t, e.group)
	require.Equal(t, int64(1), committed[e.at(0)].Offset)
	require.Equal(t, Committed{Offset: 2, Metadata: "short"}, committed[e.at(1)])
}

func commitBesidePoll(t *testing.T, e *env) {
	e.shared(2)
	e.fill(2, 0, 2000)
	m := e.assigned(2)
	m.startFresh()
	stop := make(chan struct{})
	var failed error
	var committing sync.WaitGroup
	committing.Go(func() {
		for offset := int64(1); ; offset++ {
			select {
			case <-stop:
				return
			default:
			}
			results, err := m.consumer.Commit(t.Context(), []kafka.CommitOffset{{Partition: e.at(0), Offset: offset, LeaderEpoch: -1}})
			if err == nil {
				err = results[0].Err
			}
			if err == nil {
				_, err = m.consumer.Positions(t.Context(), []stream.Partition{e.at(1)})
			}
			if err != nil {
				failed = err
				return
			}
		}
	})
	e.until("the records and a commit", func() bool {
		return m.total() == 4000 && e.broker.Committed(t, e.group)[e.at(0)].Offset > 0
	}, m)
	close(stop)
	committing.Wait()
	require.NoError(t, failed)
	require.Positive(t, e.broker.Committed(t, e.group)[e.at(0)].Offset)
}
