package memory_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/kafka/memory"
	"github.com/troupe-go/troupe/stream"
)

func TestIncrementalRebalanceMovesOnlyWhatMustMove(t *testing.T) {
	t.Parallel()
	b := newBroker(4)
	one := join(t, b, "one", nil)
	settle(one)
	require.Equal(t, []string{"assigned [0 1 2 3]"}, one.takeHeard())

	two := join(t, b, "two", nil)
	two.mustPoll(0)
	require.Empty(t, two.takeHeard(), "nothing is given before it is given back")
	one.mustPoll(0)
	two.mustPoll(0)
	require.Equal(t, []string{"revoked [2 3]"}, one.takeHeard())
	settle(one, two)
	require.Equal(t, []string{"assigned [2 3]"}, two.takeHeard())
	require.Empty(t, one.takeHeard(), "what stays is not touched")

	require.NoError(t, one.consumer.Close(context.Background()))
	require.Equal(t, []string{"revoked [0 1]"}, one.takeHeard())
	settle(two)
	require.Equal(t, []string{"assigned [0 1]"}, two.takeHeard())
	require.NoError(t, two.consumer.Close(context.Background()))
	require.Empty(t, b.Members("g"))
}

func TestEagerRebalanceRevokesEverythingFirst(t *testing.T) {
	t.Parallel()
	b := newBroker(4)
	eager := map[string]string{"partition.assignment.strategy": "range"}
	one := join(t, b, "one", eager)
	settle(one)
	two := join(t, b, "two", eager)
	settle(one, two)
	require.Equal(t, []string{"assigned [0 1 2 3]", "revoked [0 1 2 3]", "assigned [0 2]"}, one.takeHeard())
	require.Equal(t, []string{"assigned [1 3]"}, two.takeHeard())
}

func TestRebalanceWaitsForTheOneWhoDrains(t *testing.T) {
	t.Parallel()
	b := newBroker(2)
	one := join(t, b, "one", nil)
	settle(one)
	two := join(t, b, "two", nil)
	one.onRevoke = func(partitions []stream.Partition) error {
		two.mustPoll(0)
		require.Empty(t, two.owned, "still owned by the one that drains")
		results, err := one.consumer.Commit(context.Background(), []kafka.CommitOffset{{Partition: partitions[0], Offset: 7}})
		require.NoError(t, err)
		require.NoError(t, results[0].Err)
		return nil
	}
	settle(one, two)
	offset, _ := b.Committed("g", on(1))
	require.EqualValues(t, 7, offset)
	require.True(t, two.owned[on(1)])
}

func TestRefusedRevokeIsNeverAcknowledged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(2)
		one := join(t, b, "one", map[string]string{"max.poll.interval.ms": "60000"})
		settle(one)
		two := join(t, b, "two", nil)
		two.mustPoll(0)
		refused := errors.New("a commit is in flight")
		one.onRevoke = func([]stream.Partition) error { return refused }
		require.ErrorIs(t, one.poll(0), refused)
		require.ErrorIs(t, one.poll(0), refused, "it can only be closed")
		two.mustPoll(59 * time.Second)
		require.Empty(t, two.owned)
		for range 5 {
			two.mustPoll(time.Second)
		}
		require.Len(t, two.owned, 2, "the group gives it up after max.poll.interval.ms")
		one.takeHeard()
		require.NoError(t, one.consumer.Close(t.Context()))
		require.Equal(t, []string{"lost [0 1]"}, one.takeHeard())
	})
}

func TestMemberThatDoesNotPollIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(2)
		one := join(t, b, "one", map[string]string{"max.poll.interval.ms": "10000"})
		two := join(t, b, "two", nil)
		settle(one, two)
		require.Len(t, one.owned, 1)
		began := time.Now()
		for len(two.owned) < 2 {
			two.mustPoll(time.Minute)
		}
		require.Equal(t, 10*time.Second, time.Since(began))

		_, err := one.consumer.Commit(t.Context(), []kafka.CommitOffset{{Partition: on(0), Offset: 3}})
		var refused *kafka.CommitError
		require.ErrorAs(t, err, &refused)
		require.ErrorIs(t, err, memory.ErrUnknownMember)
		require.False(t, refused.Retriable)

		one.takeHeard()
		settle(one, two)
		require.Equal(t, "lost [0]", one.takeHeard()[0])
		require.ErrorIs(t, one.troubles[0], memory.ErrMaxPollExceeded)
		require.Len(t, one.owned, 1, "it has joined again")
	})
}

func TestPollingMemberIsNeverGivenUpHoweverLongItWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(2)
		one := join(t, b, "one", map[string]string{"max.poll.interval.ms": "1000"})
		settle(one)
		one.mustPoll(time.Hour)
		one.mustPoll(time.Hour)
		require.Len(t, one.owned, 2)
		require.Empty(t, one.troubles)
	})
}

func TestSessionTimesOutWhileTheBrokerIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(2)
		one := join(t, b, "one", map[string]string{"session.timeout.ms": "6000"})
		settle(one)
		one.takeHeard()
		b.Down()
		for range 5 {
			one.mustPoll(time.Second)
		}
		require.Len(t, one.owned, 2, "a short absence costs nothing")
		require.ErrorIs(t, one.troubles[0], memory.ErrBrokerDown)
		require.Len(t, one.troubles, 6, "told once a second")
		for range 3 {
			one.mustPoll(time.Second)
		}
		require.Equal(t, []string{"lost [0 1]"}, one.takeHeard())
		one.mustPoll(time.Minute)
		require.Empty(t, one.takeHeard())
		b.Up()
		settle(one)
		require.Equal(t, []string{"assigned [0 1]"}, one.takeHeard())
	})
}

func TestParkedCommitOverwritesTheNextOwner(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(2)
		one := join(t, b, "one", nil)
		settle(one)
		release := b.HoldCommits()
		answered := make(chan error, 1)
		go func() {
			_, err := one.consumer.Commit(t.Context(), []kafka.CommitOffset{{Partition: on(1), Offset: 5}})
			answered <- err
		}()
		synctest.Wait()
		two := join(t, b, "two", nil)
		settle(one, two)
		require.True(t, two.owned[on(1)])
		release()
		require.NoError(t, <-answered, "a broker checks the member, not the ownership")
		offset, _ := b.Committed("g", on(1))
		require.EqualValues(t, 5, offset)

		results, err := one.consumer.Commit(t.Context(), []kafka.CommitOffset{{Partition: on(1), Offset: 6}})
		require.NoError(t, err)
		require.ErrorIs(t, results[0].Err, kafka.ErrNotOwned, "a new one is refused by the client")
		require.ErrorIs(t, one.consumer.Start(on(1), 0), kafka.ErrNotOwned)
		require.ErrorIs(t, one.consumer.Pause([]stream.Partition{on(1)}), kafka.ErrNotOwned)
	})
}

func TestExpiredMemberLosesAndJoinsAgain(t *testing.T) {
	t.Parallel()
	b := newBroker(2)
	one := join(t, b, "one", nil)
	settle(one)
	one.takeHeard()
	b.Expire("g", "one")
	settle(one)
	require.Equal(t, []string{"lost [0 1]", "assigned [0 1]"}, one.takeHeard())
}

func TestALossThatIsNotAcknowledgedEndsTheConsumer(t *testing.T) {
	t.Parallel()
	b := newBroker(2)
	one := join(t, b, "one", nil)
	settle(one)
	one.lostErr = errors.New("not yet")
	b.Expire("g", "one")
	require.Eventually(t, func() bool { return one.poll(0) != nil }, 10*time.Second, time.Millisecond)
	require.ErrorIs(t, one.poll(0), one.lostErr)
	require.Empty(t, b.Members("g"), "it does not join again")
}

func TestTopicsThatComeAndGoAreRebalanced(t *testing.T) {
	t.Parallel()
	b := memory.NewBroker(memory.Options{})
	one := join(t, b, "one", nil)
	settle(one)
	require.ErrorIs(t, one.troubles[0], memory.ErrUnknownTopic)
	require.Len(t, one.troubles, 1, "told once")
	b.CreateTopic("orders", 1)
	settle(one)
	b.CreateTopic("orders", 2)
	settle(one)
	b.DeleteTopic("orders")
	settle(one)
	require.Equal(t, []string{"assigned [0]", "assigned [1]", "revoked [0 1]"}, one.takeHeard())
	require.Len(t, one.troubles, 2)
}

func TestPatternFindsTopics(t *testing.T) {
	t.Parallel()
	b := newBroker(1)
	client := b.Client("g", nil)
	consumer, err := client.Consumer("one", kafka.OutOfRangeGoOn)
	require.NoError(t, err)
	one := &party{t: t, consumer: consumer, owned: map[stream.Partition]bool{}}
	require.Error(t, consumer.Subscribe([]string{"^orders\\.(("}, one))
	require.NoError(t, consumer.Subscribe([]string{"^orders\\..*"}, one))
	settle(one)
	require.Empty(t, one.owned)
	b.CreateTopic("orders.placed", 1)
	settle(one)
	require.Equal(t, map[stream.Partition]bool{{Topic: "orders.placed"}: true}, one.owned)
}

// TestNobodyOwnsWhatAnotherOwns lets members come, go, stay away and poll at random: no partition is ever owned by two
// live members, and in the end the partitions are shared evenly.
func TestNobodyOwnsWhatAnotherOwns(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		partitions := rapid.IntRange(1, 12).Draw(t, "partitions")
		b := newBroker(partitions)
		properties := map[string]string{}
		if rapid.Bool().Draw(t, "eager") {
			properties["partition.assignment.strategy"] = "roundrobin"
		}
		var parties []*party
		lost := map[*party]bool{} // given up, and does not know it yet
		check := func() {
			owners := map[stream.Partition]string{}
			for _, p := range parties {
				if lost[p] {
					continue
				}
				for owned := range p.owned {
					require.Empty(t, owners[owned], "%s is owned by %s and %s", owned, owners[owned], p.name)
					owners[owned] = p.name
				}
			}
		}
		for step := range rapid.IntRange(1, 60).Draw(t, "steps") {
			action := rapid.IntRange(0, 9).Draw(t, "action")
			switch {
			case len(parties) == 0 || action == 0 && len(parties) < 6:
				parties = append(parties, join(t, b, fmt.Sprint("member ", step), properties))
			case action == 1:
				i := rapid.IntRange(0, len(parties)-1).Draw(t, "who leaves")
				require.NoError(t, parties[i].consumer.Close(context.Background()))
				parties = slices.Delete(parties, i, i+1)
			case action == 2:
				i := rapid.IntRange(0, len(parties)-1).Draw(t, "who is given up")
				b.Expire("g", parties[i].name)
				lost[parties[i]] = true
			default:
				i := rapid.IntRange(0, len(parties)-1).Draw(t, "who polls")
				require.NoError(t, parties[i].poll(0))
				delete(lost, parties[i])
			}
			check()
		}
		settle(parties...)
		lost = nil
		check()
		if len(parties) == 0 {
			return
		}
		var counts []int
		for _, p := range parties {
			counts = append(counts, len(p.owned))
			require.ElementsMatch(t, slices.Collect(maps.Keys(p.owned)), b.Members("g")[p.name])
		}
		require.LessOrEqual(t, slices.Max(counts)-slices.Min(counts), 1, "%v", counts)
	})
}
