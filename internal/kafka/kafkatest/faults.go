package kafkatest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// faultChecks are about answers of brokers that a real one gives in bad moments only.
func faultChecks() []faultCheck {
	return []faultCheck{
		{"FencedMemberLosesAndReturns", fencedMember},
		{"MovedCoordinatorTakesNothingAway", movedCoordinator},
		{"CommitIsTriedAgainWhileTheGroupLoads", loadingGroup},
		{"FailedFetchesLeaveNoGap", failedFetches},
		{"OutOfRangeAnsweredInErrorLosesNothing", outOfRangeInError},
		{"PositionsWaitForTransactionsAtMostAsLongAsTold", unstablePositions},
	}
}

type faultCheck struct {
	name string
	run  func(t *testing.T, e *env, cluster *kfake.Cluster)
}

// RunFaults makes the broker answer with errors. It needs a backend that is Faulty.
func RunFaults(t *testing.T, b Backend) {
	t.Helper()
	for _, c := range faultChecks() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, b)
			broker, cluster := b.Faulty(t)
			e.broker = broker
			e.broker.CreateTopic(t, e.topic, 2)
			c.run(t, e, cluster)
		})
	}
}

// heartbeats fails the next heartbeats of either protocol.
func heartbeats(count int, classic, consumer *kerr.Error) []kfake.Fault {
	return []kfake.Fault{
		{Keys: []kmsg.Key{kmsg.Heartbeat}, TopLevel: true, Err: classic, Count: count},
		{Keys: []kmsg.Key{kmsg.ConsumerGroupHeartbeat}, TopLevel: true, Err: consumer, Count: count},
	}
}

func fencedMember(t *testing.T, e *env, cluster *kfake.Cluster) {
	e.fill(2, 0, 10)
	m := e.caughtUp(20)
	require.NoError(t, m.commit(m.list()))
	cluster.Fault(heartbeats(1, kerr.IllegalGeneration, kerr.FencedMemberEpoch)...)
	e.until("the loss", func() bool { return len(m.lost) == 2 }, m)
	require.Empty(t, m.revoked)
	e.fill(2, 10, 10)
	e.run("the return", func() bool { return m.total() >= 40 }, m)
	require.Equal(t, from(0, 20), m.offsets(0))
	require.Equal(t, from(0, 20), m.offsets(1))
}

func movedCoordinator(t *testing.T, e *env, cluster *kfake.Cluster) {
	e.fill(2, 0, 10)
	m := e.caughtUp(20)
	faults := cluster.Fault(append(heartbeats(3, kerr.NotCoordinator, kerr.NotCoordinator),
		kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.NotCoordinator, Count: 2})...)
	e.fill(2, 10, 10)
	e.until("heartbeats", func() bool { return faults.Hits() >= 2 && m.total() >= 40 }, m)
	e.commitUntilDone(m, 20)
	e.rounds(10, m)
	require.Empty(t, m.lost)
	require.Empty(t, m.revoked)
	require.Equal(t, from(0, 20), m.offsets(0))
}

// commitUntilDone repeats a commit as its caller does, as long as the refusals allow it.
func (e *env) commitUntilDone(m *member, offset int64) {
	e.t.Helper()
	e.until("the commit", func() bool {
		results, err := m.consumer.Commit(e.t.Context(), []kafka.CommitOffset{{Partition: e.at(0), Offset: offset, LeaderEpoch: -1}})
		if err == nil {
			err = results[0].Err
		}
		if err != nil {
			requireRetriable(e.t, err)
		}
		return err == nil
	}, m)
	require.Equal(e.t, offset, e.broker.Committed(e.t, e.group)[e.at(0)].Offset)
}

func loadingGroup(t *testing.T, e *env, cluster *kfake.Cluster) {
	m := e.assigned(2)
	for _, answer := range []*kerr.Error{kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable, kerr.RebalanceInProgress} {
		faults := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: answer, Count: 2})
		e.commitUntilDone(m, int64(answer.Code))
		require.Positive(t, faults.Hits(), "%v", answer)
		faults.Remove()
	}
	require.Empty(t, m.lost)
}

func failedFetches(t *testing.T, e *env, cluster *kfake.Cluster) {
	m := e.assigned(2)
	m.startFresh()
	produced := 0
	for _, answer := range []*kerr.Error{
		kerr.NotLeaderForPartition, kerr.UnknownTopicOrPartition, kerr.OffsetNotAvailable, kerr.KafkaStorageError,
		kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch, kerr.UnknownServerError,
	} {
		faults := cluster.Fault(kfake.Fault{
			Keys: []kmsg.Key{kmsg.Fetch}, Topic: e.topic, Partitions: []int32{0}, Err: answer, Count: 2,
		})
		e.fill(2, produced, 10)
		produced += 10
		e.until("the records after "+answer.Message, func() bool { return m.total() == 2*produced }, m)
		require.Positive(t, faults.Hits(), "%v", answer)
		faults.Remove()
	}
	require.Equal(t, from(0, produced), m.offsets(0))
	require.Equal(t, from(0, produced), m.offsets(1))
	require.Empty(t, append(m.outside(0), m.overtaken(0)...))
	require.Empty(t, m.lost)
}

// outOfRangeInError: a leader that lags behind may say so. Whatever the client makes of it, whoever starts it again where
// it stood misses nothing.
func outOfRangeInError(t *testing.T, e *env, cluster *kfake.Cluster) {
	e.fill(2, 0, 20)
	m := e.caughtUp(40)
	faults := cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Fetch}, Topic: e.topic, Partitions: []int32{0}, Err: kerr.OffsetOutOfRange, Count: 1,
	})
	e.fill(2, 20, 10)
	restarted := false
	e.until("the records", func() bool {
		if len(m.outside(0)) > 0 && !restarted {
			require.Equal(t, []int64{20}, m.outside(0))
			m.start(0, 20)
			restarted = true
		}
		return m.total() >= 60
	}, m)
	e.rounds(10, m)
	require.Positive(t, faults.Hits())
	require.Equal(t, from(0, 30), m.offsets(0))
	require.Equal(t, from(0, 30), m.offsets(1))
	require.Empty(t, m.overtaken(0))
}

func unstablePositions(t *testing.T, e *env, cluster *kfake.Cluster) {
	m := e.assigned(2)
	faults := cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.OffsetFetch}, Topic: e.topic, Partitions: []int32{0}, Err: kerr.UnstableOffsetCommit, Count: -1,
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	before := time.Now()
	positions, err := m.consumer.Positions(ctx, []stream.Partition{e.at(0)})
	if err == nil {
		err = positions[0].Err
	}
	require.Error(t, err)
	require.Less(t, time.Since(before), 10*time.Second)
	faults.Remove()
	e.until("the position", func() bool {
		positions, err := m.consumer.Positions(t.Context(), []stream.Partition{e.at(0)})
		return err == nil && positions[0].Err == nil
	}, m)
}
