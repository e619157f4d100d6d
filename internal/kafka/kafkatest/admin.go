package kafkatest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka"
)

func adminChecks() []check {
	return []check{
		{"TopicsTellsWhichExist", topicsTellsWhichExist},
		{"CreateTopicTwiceIsNoError", createTopicTwice},
		{"GroupOffsetsShowCommittedAndEnds", groupOffsets},
		{"AdminIsBoundedWithoutABroker", adminWithoutBroker},
		{"ClosedAdminRefuses", closedAdminRefuses},
	}
}

func (e *env) admin() kafka.Admin {
	e.t.Helper()
	admin, err := e.client().Admin()
	require.NoError(e.t, err)
	e.t.Cleanup(admin.Close)
	return admin
}

func topicsTellsWhichExist(t *testing.T, e *env) {
	e.shared(3)
	admin := e.admin()
	infos, err := admin.Topics(t.Context(), e.topic+"-missing", e.topic)
	require.NoError(t, err)
	require.Equal(t, []kafka.TopicInfo{
		{Name: e.topic + "-missing"}, {Name: e.topic, Exists: true, Partitions: 3},
	}, infos)
	all, err := admin.Topics(t.Context())
	require.NoError(t, err)
	require.True(t, slices.Contains(all, kafka.TopicInfo{Name: e.topic, Exists: true, Partitions: 3}))
	require.False(t, slices.ContainsFunc(all, func(i kafka.TopicInfo) bool { return i.Name == e.topic+"-missing" }),
		"asking for a topic does not create it")
}

func createTopicTwice(t *testing.T, e *env) {
	e.shared(1)
	admin := e.admin()
	for range 2 {
		require.NoError(t, admin.CreateTopic(t.Context(), e.topic+"-new", 5, map[string]string{"retention.ms": "3600000"}))
	}
	require.Eventually(t, func() bool {
		infos, err := admin.Topics(t.Context(), e.topic+"-new")
		return err == nil && infos[0].Exists && infos[0].Partitions == 5
	}, e.facts.takeover(), 5*time.Millisecond)
	require.Error(t, admin.CreateTopic(t.Context(), e.topic+"-none", 0, nil))
}

func groupOffsets(t *testing.T, e *env) {
	e.shared(3)
	e.produce(0, 0, 30)
	e.produce(1, 0, 20)
	e.broker.Trim(t, e.at(0), 4)
	m := e.assigned(3)
	e.mustCommit(m, kafka.CommitOffset{Partition: e.at(0), Offset: 11, LeaderEpoch: -1, Metadata: "m"})
	admin := e.admin()
	want := kafka.Position{Partition: e.at(0), Committed: 11, LeaderEpoch: -1, Metadata: "m", LogStart: 4, LogEnd: 30}
	positions, err := admin.GroupOffsets(t.Context(), e.group)
	require.NoError(t, err)
	require.Equal(t, []kafka.Position{want}, positions, "while the member is alive")
	require.NoError(t, m.close(e.facts.takeover()))
	positions, err = admin.GroupOffsets(t.Context(), e.group, e.topic)
	require.NoError(t, err)
	require.Equal(t, []kafka.Position{
		want,
		{Partition: e.at(1), Committed: -1, LeaderEpoch: -1, LogEnd: 20},
		{Partition: e.at(2), Committed: -1, LeaderEpoch: -1},
	}, positions)
	positions, err = admin.GroupOffsets(t.Context(), e.group+"-unknown")
	require.NoError(t, err)
	require.Empty(t, positions)
	_, err = admin.GroupOffsets(t.Context(), e.group, e.topic+"-missing")
	require.Error(t, err)
}

func adminWithoutBroker(t *testing.T, e *env) {
	kill := e.mortal(1)
	admin := e.admin()
	kill()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	before := time.Now()
	_, err := admin.Topics(ctx, e.topic)
	require.Error(t, err)
	_, err = admin.Topics(ctx)
	require.Error(t, err)
	require.Error(t, admin.CreateTopic(ctx, "new", 1, nil))
	_, err = admin.GroupOffsets(ctx, e.group)
	require.Error(t, err)
	require.Less(t, time.Since(before), 5*time.Second)
}

func closedAdminRefuses(t *testing.T, e *env) {
	e.shared(1)
	admin := e.admin()
	admin.Close()
	admin.Close()
	_, err := admin.Topics(t.Context(), e.topic)
	require.ErrorIs(t, err, kafka.ErrClosed)
	require.ErrorIs(t, admin.CreateTopic(t.Context(), e.topic, 1, nil), kafka.ErrClosed)
	_, err = admin.GroupOffsets(t.Context(), e.group)
	require.ErrorIs(t, err, kafka.ErrClosed)
}
