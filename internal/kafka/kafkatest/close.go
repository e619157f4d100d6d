package kafkatest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

func closeChecks() []check {
	return []check{
		{"CloseRevokesSoThatOffsetsCanBeCommitted", closeCommits},
		{"CloseLeavesTheGroupAtOnce", closeLeaves},
		{"ClosedConsumerRefusesEverything", closedRefuses},
		{"CloseBeforeTheFirstPoll", closeBeforePoll},
		{"CloseWaitsForCommitsUnderWay", closeBesideCommits},
		{"CloseIsBoundedWithoutABroker", closeWithoutBroker},
		{"DeadBrokerIsTroubleAndNoFailure", deadBrokerIsTrouble},
	}
}

func closeCommits(t *testing.T, e *env) {
	e.shared(2)
	e.fill(2, 0, 25)
	m := e.caughtUp(50)
	m.onRevoked = m.commit
	owned := m.list()
	require.NoError(t, m.close(e.facts.takeover()))
	require.Equal(t, [][]stream.Partition{owned}, m.revoked)
	require.Empty(t, m.lost)
	require.Equal(t, map[stream.Partition]Committed{e.at(0): {Offset: 25}, e.at(1): {Offset: 25}},
		e.broker.Committed(t, e.group))
}

func closeLeaves(t *testing.T, e *env) {
	e.shared(2)
	a := e.assigned(2)
	require.NoError(t, a.close(e.facts.takeover()))
	closed := time.Now()
	e.assigned(2)
	// Were the first member still in the group, it would take until its session has timed out: 45 s by default.
	require.Less(t, time.Since(closed), 20*time.Second)
}

func closedRefuses(t *testing.T, e *env) {
	e.shared(1)
	m := e.assigned(1)
	require.NoError(t, m.close(e.facts.takeover()))
	require.NoError(t, m.consumer.Close(t.Context()), "a second Close is nothing")
	require.ErrorIs(t, m.consumer.Poll(0, 1, &m.fetch), kafka.ErrClosed)
	require.ErrorIs(t, m.consumer.Start(e.at(0), 0), kafka.ErrClosed)
	require.ErrorIs(t, m.consumer.Pause([]stream.Partition{e.at(0)}), kafka.ErrClosed)
	require.ErrorIs(t, m.consumer.Resume([]stream.Partition{e.at(0)}), kafka.ErrClosed)
	require.ErrorIs(t, m.consumer.Subscribe([]string{e.topic}, m), kafka.ErrClosed)
	_, err := m.consumer.Commit(t.Context(), []kafka.CommitOffset{{Partition: e.at(0), Offset: 1}})
	require.ErrorIs(t, err, kafka.ErrClosed)
	_, err = m.consumer.Positions(t.Context(), []stream.Partition{e.at(0)})
	require.ErrorIs(t, err, kafka.ErrClosed)
	_, err = m.consumer.TopicIDs(t.Context(), []string{e.topic})
	require.ErrorIs(t, err, kafka.ErrClosed)
	require.Equal(t, []int64{-1}, m.consumer.Ends([]stream.Partition{e.at(0)}))
}

func closeBeforePoll(t *testing.T, e *env) {
	e.shared(1)
	m := e.join()
	require.NoError(t, m.close(e.facts.takeover()))
	require.Empty(t, m.revoked)
}

// closeBesideCommits: what was acknowledged is stored, and nothing is begun afterwards.
func closeBesideCommits(t *testing.T, e *env) {
	e.shared(2)
	e.fill(2, 0, 10)
	m := e.assigned(2)
	stored := make([]int64, 2)
	refusals := make([]error, 2)
	var committing sync.WaitGroup
	begun := make(chan struct{}, 2)
	for p := range int32(2) {
		committing.Go(func() {
			for offset := int64(1); ; offset++ {
				results, err := m.consumer.Commit(context.Background(), []kafka.CommitOffset{
					{Partition: e.at(p), Offset: offset, LeaderEpoch: -1},
				})
				if err == nil {
					err = results[0].Err
				}
				if err != nil {
					refusals[p] = err
					return
				}
				stored[p] = offset
				if offset == 3 {
					begun <- struct{}{}
				}
			}
		})
	}
	<-begun
	<-begun
	require.NoError(t, m.close(e.facts.takeover()))
	committing.Wait()
	for p := range int32(2) {
		if !errors.Is(refusals[p], kafka.ErrClosed) {
			require.ErrorIs(t, refusals[p], kafka.ErrNotOwned) // given back, and not closed yet
		}
		require.Equal(t, stored[p], e.broker.Committed(t, e.group)[e.at(p)].Offset)
	}
}

func closeWithoutBroker(t *testing.T, e *env) {
	kill := e.mortal(2)
	e.fill(2, 0, 10)
	m := e.caughtUp(20)
	kill()
	const bound = 3 * time.Second
	before := time.Now()
	if err := m.close(bound); err != nil {
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	require.Less(t, time.Since(before), bound+2*time.Second)
}

func deadBrokerIsTrouble(t *testing.T, e *env) {
	kill := e.mortal(1)
	e.produce(0, 0, 10)
	m := e.caughtUp(10)
	kill()
	e.until("trouble", func() bool { return len(m.troubles) > 0 }, m)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	before := time.Now()
	positions, err := m.consumer.Positions(ctx, m.list())
	if err == nil && len(positions) > 0 {
		err = positions[0].Err
	}
	require.Error(t, err)
	require.Less(t, time.Since(before), 5*time.Second)
}
