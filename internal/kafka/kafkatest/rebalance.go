package kafkatest

import (
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

func rebalanceChecks() []check {
	return []check{
		{"SecondMemberGoesOnWhereTheFirstCommitted", secondMemberGoesOn},
		{"KeptPartitionsGoOnWithoutStart", keptPartitionsGoOn},
		{"SurplusMemberOwnsNothing", surplusMember},
		{"RevokeErrorIsNeverAcknowledged", revokeErrorNeverAcknowledged},
		{"FormerOwnerCommitsNothing", formerOwnerCommitsNothing},
		{"PauseDoesNotSurviveReassignment", pauseDoesNotSurvive},
		{"PauseSurvivesWhereThePartitionIsKept", pauseSurvives},
		{"CommitsGoOnThroughARebalance", commitsThroughRebalance},
		{"StartDuringARebalanceTakesEffect", startDuringRebalance},
		{"OverrunPollIntervalLosesPartitions", overrunLosesPartitions},
	}
}

func secondMemberGoesOn(t *testing.T, e *env) {
	e.shared(4)
	e.fill(4, 0, 50)
	a := e.join()
	a.onRevoked = a.commit
	e.run("the first half", func() bool { return a.total() == 200 }, a)
	b := e.join()
	e.run("the share of the second member", func() bool { return len(a.owned) == 2 && len(b.owned) == 2 }, a, b)
	require.NotEmpty(t, a.revoked)
	given := 2
	if e.facts.Eager {
		given = 4
	}
	revoked := make(map[stream.Partition]bool)
	for _, list := range a.revoked {
		for _, p := range list {
			revoked[p] = true
		}
	}
	require.Len(t, revoked, given)
	e.fill(4, 50, 50)
	e.run("the second half", func() bool { return a.total()+b.total() >= 400 }, a, b)
	e.rounds(3, a, b)
	for p := range int32(4) {
		require.Equal(t, from(0, 100), append(a.offsets(p), b.offsets(p)...), "partition %d", p)
	}
}

func keptPartitionsGoOn(t *testing.T, e *env) {
	if e.facts.Eager {
		t.Skip("an eager group keeps no partition")
	}
	e.shared(4)
	e.fill(4, 0, 20)
	a := e.caughtUp(80)
	a.onRevoked = a.commit
	b := e.join()
	e.until("the share of the second member", func() bool { return len(a.owned) == 2 && len(b.owned) == 2 }, a, b)
	e.fill(4, 20, 20)
	kept := a.list()
	e.until("what was kept", func() bool {
		return len(a.offsets(kept[0].Number)) >= 40 && len(a.offsets(kept[1].Number)) >= 40
	}, a, b)
	for _, p := range kept {
		require.Equal(t, from(0, 40), a.offsets(p.Number))
	}
	require.Zero(t, b.total(), "what was moved is held")
}

func surplusMember(t *testing.T, e *env) {
	e.shared(1)
	e.produce(0, 0, 10)
	a := e.caughtUp(10)
	b := e.join()
	e.run("an empty assignment", func() bool { return b.assignments > 0 && len(a.owned)+len(b.owned) == 1 }, a, b)
	owner, idle := a, b
	if len(b.owned) == 1 {
		owner, idle = b, a
	}
	require.Empty(t, idle.list())
	require.NoError(t, owner.commit(owner.list()))
	require.NoError(t, owner.close(e.facts.takeover()))
	e.produce(0, 10, 5)
	before := idle.total()
	e.run("the takeover", func() bool { return idle.total() >= before+5 }, idle)
}

func revokeErrorNeverAcknowledged(t *testing.T, e *env) {
	e.shared(2)
	a := e.assigned(2)
	refusal := errors.New("the drain hangs")
	a.onRevoked = func([]stream.Partition) error { return refusal }
	b := e.join()
	e.until("the revoke", func() bool {
		a.poll(0, 1)
		return a.err != nil
	}, b)
	require.ErrorIs(t, a.err, refusal)
	e.rounds(100, b)
	require.Empty(t, b.list(), "nothing was given back")
	a.poll(0, 1)
	require.ErrorIs(t, a.err, refusal, "the consumer can only be closed")
	require.NoError(t, a.close(e.facts.takeover()))
	e.until("everything, after the close", func() bool { return len(b.owned) == 2 }, b)
}

// formerOwnerCommitsNothing: brokers do not check who owns a partition, so the adapter does.
func formerOwnerCommitsNothing(t *testing.T, e *env) {
	e.shared(2)
	e.fill(2, 0, 10)
	a := e.assigned(2)
	b := e.join()
	e.until("the share of the second member", func() bool { return len(a.owned) == 1 && len(b.owned) == 1 }, a, b)
	moved := b.list()[0]
	e.mustCommit(b, kafka.CommitOffset{Partition: moved, Offset: 9, LeaderEpoch: -1})
	results, err := a.consumer.Commit(t.Context(), []kafka.CommitOffset{{Partition: moved, Offset: 2, LeaderEpoch: -1}})
	require.NoError(t, err)
	require.ErrorIs(t, results[0].Err, kafka.ErrNotOwned)
	require.Equal(t, int64(9), e.broker.Committed(t, e.group)[moved].Offset)
	e.mustCommit(a, kafka.CommitOffset{Partition: a.list()[0], Offset: 4, LeaderEpoch: -1})
}

func pauseDoesNotSurvive(t *testing.T, e *env) {
	e.shared(2)
	e.fill(2, 0, 10)
	a := e.caughtUp(20)
	a.onRevoked = a.commit
	require.NoError(t, a.consumer.Pause(a.list()))
	b := e.join()
	b.onRevoked = b.commit
	e.run("the share of the second member", func() bool { return len(a.owned) == 1 && len(b.owned) == 1 }, a, b)
	moved := b.list()[0]
	require.NoError(t, b.close(e.facts.takeover()))
	e.until("its return", func() bool { return len(a.owned) == 2 }, a)
	require.NoError(t, a.consumer.Start(moved, 0))
	again := len(a.records[moved]) + 10
	e.until("the records again", func() bool { return len(a.records[moved]) >= again }, a)
}

func pauseSurvives(t *testing.T, e *env) {
	if e.facts.Eager {
		t.Skip("an eager group keeps no partition")
	}
	e.shared(4)
	e.fill(4, 0, 20)
	a := e.caughtUp(80)
	a.onRevoked = a.commit
	require.NoError(t, a.consumer.Pause(a.list()))
	e.fill(4, 20, 20)
	b := e.join()
	e.run("the share of the second member, and its records", func() bool {
		return len(a.owned) == 2 && len(b.owned) == 2 && b.total() >= 40
	}, a, b)
	e.rounds(10, a, b)
	require.Equal(t, 80, a.total(), "what is kept is still paused")
	require.NoError(t, a.consumer.Resume(a.list()))
	e.run("what was kept", func() bool { return a.total() >= 120 }, a, b)
	for _, p := range a.list() {
		require.Equal(t, from(0, 40), a.offsets(p.Number))
	}
}

// commitsThroughRebalance: a partition that is kept can be committed all the time, or the refusal passes.
func commitsThroughRebalance(t *testing.T, e *env) {
	e.shared(4)
	a := e.assigned(4)
	stop := make(chan struct{})
	refused := make(map[stream.Partition][]error)
	var whole []error
	var committing sync.WaitGroup
	committing.Go(func() {
		for offset := int64(1); ; offset++ {
			select {
			case <-stop:
				return
			default:
			}
			offsets := make([]kafka.CommitOffset, 4)
			for p := range offsets {
				offsets[p] = kafka.CommitOffset{Partition: e.at(int32(p)), Offset: offset, LeaderEpoch: -1}
			}
			results, err := a.consumer.Commit(t.Context(), offsets)
			if err != nil {
				whole = append(whole, err)
			}
			for _, r := range results {
				if r.Err != nil {
					refused[r.Partition] = append(refused[r.Partition], r.Err)
				}
			}
		}
	})
	b := e.join()
	e.until("the share of the second member", func() bool { return len(a.owned) == 2 && len(b.owned) == 2 }, a, b)
	e.rounds(5, a, b)
	close(stop)
	committing.Wait()
	for _, err := range whole {
		requireRetriable(t, err)
	}
	for p, errs := range refused {
		for _, err := range errs {
			if !errors.Is(err, kafka.ErrNotOwned) {
				requireRetriable(t, err)
				continue
			}
			require.True(t, e.facts.Eager || b.owned[p], "%s was kept", p)
		}
	}
	for _, p := range a.list() {
		e.mustCommit(a, kafka.CommitOffset{Partition: p, Offset: 1_000_000, LeaderEpoch: -1})
	}
}

func requireRetriable(t *testing.T, err error) {
	t.Helper()
	var refused *kafka.CommitError
	require.ErrorAs(t, err, &refused)
	require.True(t, refused.Retriable, "%v", err)
}

func startDuringRebalance(t *testing.T, e *env) {
	e.shared(4)
	e.fill(4, 0, 300)
	a := e.assigned(4)
	b := e.join()
	last := make(map[stream.Partition]int64)
	a.onAssigned = func(partitions []stream.Partition) {
		for _, p := range partitions { // inside the rebalance
			last[p] = 100
			require.NoError(t, a.consumer.Start(p, 100))
		}
	}
	turn := int64(0)
	e.until("the share of the second member", func() bool {
		turn++
		for _, p := range a.list() { // while one may be under way
			last[p] = turn * 37 % 290
			delete(a.records, p)
			require.NoError(t, a.consumer.Start(p, last[p]))
		}
		return len(a.owned) == 2 && len(b.owned) == 2
	}, a, b)
	e.until("the records", func() bool {
		for _, p := range a.list() {
			if int64(len(a.records[p])) < 300-last[p] {
				return false
			}
		}
		return true
	}, a, b)
	for _, p := range a.list() {
		require.Equal(t, from(last[p], int(300-last[p])), a.offsets(p.Number))
	}
}

func overrunLosesPartitions(t *testing.T, e *env) {
	interval := e.facts.SmallestPollInterval
	if interval == 0 {
		t.Skip("this backend has no poll interval that a test could overrun")
	}
	e.shared(2)
	e.broker.Session(t, e.group, interval)
	e.fill(2, 0, 10)
	properties := []string{"max.poll.interval.ms", strconv.FormatInt(interval.Milliseconds(), 10)}
	if e.facts.SessionTimeout {
		properties = append(properties, "session.timeout.ms", strconv.FormatInt(interval.Milliseconds(), 10))
	}
	a := e.caughtUp(20, properties...)
	b := e.join(properties...)
	e.until("a first rebalance", func() bool { return len(a.owned) == 1 && len(b.owned) == 1 }, a, b)
	held := a.list()
	e.until("the takeover", func() bool { return len(b.owned) == 2 }, b)
	e.until("the loss", func() bool { return len(a.lost) > 0 }, a, b)
	require.Equal(t, held, a.lost)
	require.NotEmpty(t, a.troubles, "the overrun is said")
	results, err := a.consumer.Commit(t.Context(), []kafka.CommitOffset{{Partition: held[0], Offset: 1, LeaderEpoch: -1}})
	require.NoError(t, err)
	require.ErrorIs(t, results[0].Err, kafka.ErrNotOwned)
	e.until("the return", func() bool { return len(a.owned) == 1 && len(b.owned) == 1 }, a, b)
}
