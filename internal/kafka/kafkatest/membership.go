package kafkatest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka"
)

func membershipChecks() []check {
	return []check{
		{"EvictedMemberLosesEverythingAndReturns", evictedMemberReturns},
		{"EvictedMemberCommitsNothing", evictedMemberCommitsNothing},
		{"StaticMemberRestartsUnnoticed", staticRestart},
		{"StaticMemberIsOneAtATime", staticTwice},
		{"IdleMemberLeavesDuringARebalance", idleMemberLeaves},
		{"MemberThatIsClosedWhileItJoinsLeaves", hurriedMembersLeave},
	}
}

func evictedMemberReturns(t *testing.T, e *env) {
	e.shared(2)
	e.fill(2, 0, 10)
	m := e.caughtUp(20)
	require.NoError(t, m.commit(m.list()))
	held := m.list()
	e.broker.Evict(t, e.group)
	e.until("the loss", func() bool { return len(m.lost) > 0 }, m)
	require.ElementsMatch(t, held, m.lost)
	require.Empty(t, m.revoked, "nothing is asked back of who does not own it")
	e.fill(2, 10, 10)
	e.run("the return", func() bool { return m.total() >= 40 }, m)
	require.Equal(t, held, m.list())
	require.Equal(t, from(0, 20), m.offsets(0))
	require.Equal(t, from(0, 20), m.offsets(1))
}

// evictedMemberCommitsNothing does not poll between, so its consumer may not know.
func evictedMemberCommitsNothing(t *testing.T, e *env) {
	e.shared(1)
	m := e.assigned(1)
	e.mustCommit(m, kafka.CommitOffset{Partition: e.at(0), Offset: 5, LeaderEpoch: -1})
	e.broker.Evict(t, e.group)
	results, err := m.consumer.Commit(t.Context(), []kafka.CommitOffset{{Partition: e.at(0), Offset: 6, LeaderEpoch: -1}})
	if err == nil {
		err = results[0].Err
	}
	var refused *kafka.CommitError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, e.facts.EvictedByGeneration, refused.Retriable, "%v", err)
	require.Equal(t, int64(5), e.broker.Committed(t, e.group)[e.at(0)].Offset)
	e.until("the loss", func() bool { return len(m.lost) > 0 }, m)
	e.until("the return", func() bool { return len(m.owned) == 1 }, m)
	e.mustCommit(m, kafka.CommitOffset{Partition: e.at(0), Offset: 7, LeaderEpoch: -1})
}

func staticRestart(t *testing.T, e *env) {
	if !e.facts.StaticMembers {
		t.Skip("this backend has no static members")
	}
	e.shared(4)
	e.fill(4, 0, 10)
	topics := []string{e.topic}
	a := e.subscribeAs("a", topics, "group.instance.id", e.group)
	b := e.subscribeAs("b", topics, "group.instance.id", e.group)
	b.onRevoked = b.commit
	e.run("both shares", func() bool { return len(a.owned) == 2 && len(b.owned) == 2 && b.total() >= 20 }, a, b)
	e.settle(a, b)
	gained, revoked, held, kept := a.gained, len(a.revoked), b.list(), a.list()
	require.NoError(t, b.close(e.facts.takeover()))
	again := e.subscribeAs("b", topics, "group.instance.id", e.group)
	e.fill(4, 10, 10)
	began := time.Now()
	e.run("the same share", func() bool { return len(again.owned) == 2 && again.total() >= 20 }, a, again)
	require.Less(t, time.Since(began), 20*time.Second, "nobody waits for the session to end")
	e.rounds(20, a, again)
	require.Empty(t, a.lost)
	if e.facts.RestartMayRebalance {
		e.run("the shares as before", func() bool {
			return slices.Equal(held, again.list()) && slices.Equal(kept, a.list())
		}, a, again)
		return
	}
	require.Equal(t, held, again.list())
	require.Equal(t, kept, a.list())
	require.Equal(t, gained, a.gained, "the other hears nothing")
	require.Len(t, a.revoked, revoked)
	for _, p := range held {
		require.Equal(t, from(10, 10), again.offsets(p.Number))
	}
}

// staticTwice: the one that fails can only be closed.
func staticTwice(t *testing.T, e *env) {
	if !e.facts.StaticMembers {
		t.Skip("this backend has no static members")
	}
	e.shared(1)
	topics := []string{e.topic}
	first := e.subscribeAs("a", topics, "group.instance.id", e.group)
	e.until("the assignment", func() bool { return len(first.owned) == 1 }, first)
	second := e.subscribeAs("a", topics, "group.instance.id", e.group)
	fails, stays := first, second
	if e.facts.NewcomerFenced {
		fails, stays = second, first
	}
	e.until("the failure", func() bool {
		fails.poll(10*time.Millisecond, 1)
		return fails.err != nil
	}, stays)
	e.until("the other's assignment", func() bool { return len(stays.owned) == 1 }, stays)
	fails.poll(0, 1)
	require.Error(t, fails.err)
	before := time.Now()
	err := fails.close(10 * time.Second)
	require.Less(t, time.Since(before), 5*time.Second)
	require.Equal(t, e.facts.FatalNeverCloses, err != nil, "%v", err)
	require.Empty(t, fails.list(), "what it owned is lost")
	require.Empty(t, fails.revoked)
	e.mustCommit(stays, kafka.CommitOffset{Partition: e.at(0), Offset: 3, LeaderEpoch: -1})
}

// hurriedMembersLeave closes members at different moments of their first join. One that the group takes in and that leaves
// without a word has the others wait until its session ends.
func hurriedMembersLeave(t *testing.T, e *env) {
	e.shared(1)
	for i := range 10 {
		m := e.join()
		for range i {
			m.poll(10*time.Millisecond, 1000)
			require.NoError(t, m.err)
		}
		require.NoError(t, m.close(e.facts.takeover()))
	}
	next := e.join()
	e.within(20*time.Second, "the next member, which waits for nobody", func() bool { return len(next.owned) == 1 }, next)
}
