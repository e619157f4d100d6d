package memory_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/kafka/memory"
	"github.com/troupe-go/troupe/stream"
)

func produce(b *memory.Broker, partition int32, values ...string) {
	for _, v := range values {
		b.Produce("orders", partition, []byte("k"), []byte(v))
	}
}

func TestPollWakesForARecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(1)
		one := join(t, b, "one", nil)
		settle(one)
		began := time.Now()
		time.AfterFunc(3*time.Second, func() { produce(b, 0, "a") })
		one.mustPoll(time.Minute)
		require.Equal(t, []string{"a"}, one.values)
		require.Equal(t, 3*time.Second, time.Since(began))
		one.mustPoll(time.Minute)
		require.Equal(t, 63*time.Second, time.Since(began))
	})
}

func TestNothingIsDeliveredBeforeStartAndAfterPause(t *testing.T) {
	t.Parallel()
	b := newBroker(1)
	produce(b, 0, "a", "b", "c", "d")
	one := join(t, b, "one", nil)
	one.from = nil
	settle(one)
	require.Empty(t, one.values)
	require.Equal(t, []int64{-1}, one.consumer.Ends([]stream.Partition{on(0)}))
	require.NoError(t, one.consumer.Start(on(0), 2))
	settle(one)
	require.Equal(t, []string{"c", "d"}, one.values)
	require.Equal(t, []int64{4}, one.consumer.Ends([]stream.Partition{on(0)}))
	require.NoError(t, one.consumer.Pause([]stream.Partition{on(0)}))
	produce(b, 0, "e")
	settle(one)
	require.Len(t, one.values, 2)
	require.NoError(t, one.consumer.Resume([]stream.Partition{on(0)}))
	settle(one)
	require.Equal(t, []string{"c", "d", "e"}, one.values)
	require.NoError(t, one.consumer.Start(on(0), 0))
	settle(one)
	require.Equal(t, []string{"c", "d", "e", "a", "b", "c", "d", "e"}, one.values)
}

func TestPollTakesNoMoreThanItsLimitAndTakesTurns(t *testing.T) {
	t.Parallel()
	b := memory.NewBroker(memory.Options{FetchRecords: 2})
	b.CreateTopic("orders", 3)
	for partition := range int32(3) {
		for i := range 10 {
			produce(b, partition, strconv.Itoa(i))
		}
	}
	one := join(t, b, "one", nil)
	one.from = nil
	settle(one)
	require.NoError(t, one.consumer.Start(on(0), 0))
	require.NoError(t, one.consumer.Start(on(1), 0))
	require.NoError(t, one.consumer.Start(on(2), 0))
	total := map[stream.Partition]int{}
	for range 3 {
		brought := map[stream.Partition]int{}
		require.NoError(t, one.consumer.Poll(0, 5, &one.fetch))
		one.fetch.Take(func(batch kafka.Batch) {
			brought[batch.Partition] += len(batch.Records)
			total[batch.Partition] += len(batch.Records)
		})
		require.Len(t, brought, 3)
		require.Equal(t, 5, brought[on(0)]+brought[on(1)]+brought[on(2)])
	}
	require.Equal(t, map[stream.Partition]int{on(0): 5, on(1): 5, on(2): 5}, total)
}

func TestGapsAreSteppedOver(t *testing.T) {
	t.Parallel()
	b := newBroker(1)
	produce(b, 0, "a", "b", "c")
	b.Compact(on(0), 1)
	b.Skip(on(0), 2)
	produce(b, 0, "d")
	b.Skip(on(0), 1)
	one := join(t, b, "one", nil)
	settle(one)
	require.Equal(t, []string{"a", "c", "d"}, one.values)
	start, end := b.Ends(on(0))
	require.EqualValues(t, 0, start)
	require.EqualValues(t, 7, end)
}

func TestPositionOutsideTheLogIsReset(t *testing.T) {
	t.Parallel()
	for reset, want := range map[string][]string{"earliest": {"c", "d"}, "latest": {"c", "d"}, "error": nil} {
		t.Run(reset, func(t *testing.T) {
			t.Parallel()
			b := newBroker(1)
			produce(b, 0, "a", "b", "c")
			b.Trim(on(0), 2)
			one := join(t, b, "one", map[string]string{"auto.offset.reset": reset})
			settle(one)
			produce(b, 0, "d")
			settle(one)
			require.Equal(t, want, one.values)
			require.Len(t, one.troubles, 1)
			require.ErrorContains(t, one.troubles[0], "position 0 is not in 2..3")
			var overtaken *kafka.OvertakenError
			require.Equal(t, reset != "error", errors.As(one.troubles[0], &overtaken))
		})
	}
}

func TestCommitsFailOnCommand(t *testing.T) {
	t.Parallel()
	b := newBroker(2)
	one := join(t, b, "one", nil)
	settle(one)
	commit := func(offset int64) ([]kafka.CommitResult, error) {
		return one.consumer.Commit(context.Background(), []kafka.CommitOffset{{Partition: on(0), Offset: offset, Metadata: "m"}, {Partition: on(1), Offset: offset}})
	}
	at := func(n int32) int64 {
		offset, _ := b.Committed("g", on(n))
		return offset
	}
	b.FailCommits(1, memory.CommitFault{Retriable: true})
	b.FailCommits(1, memory.CommitFault{Applied: true, Err: errors.New("answer lost")})
	b.FailCommits(1, memory.CommitFault{Partition: on(1)})

	_, err := commit(1)
	var failed *kafka.CommitError
	require.ErrorAs(t, err, &failed)
	require.True(t, failed.Retriable)
	require.EqualValues(t, -1, at(0))

	_, err = commit(2)
	require.ErrorContains(t, err, "answer lost")
	require.EqualValues(t, 2, at(0))

	results, err := commit(3)
	require.NoError(t, err)
	require.NoError(t, results[0].Err)
	require.Error(t, results[1].Err)
	require.EqualValues(t, 3, at(0))
	require.EqualValues(t, 2, at(1))

	results, err = one.consumer.Commit(context.Background(), []kafka.CommitOffset{
		{Partition: on(0), Offset: 4, Metadata: string(make([]byte, 4097))},
		{Partition: on(1), Offset: 4, Metadata: string(make([]byte, 4096))},
		{Partition: on(9), Offset: 4},
		{Partition: on(1), Offset: -4},
	})
	require.NoError(t, err)
	require.ErrorAs(t, results[0].Err, &failed)
	require.True(t, failed.MetadataTooLarge)
	require.NoError(t, results[1].Err)
	require.ErrorIs(t, results[2].Err, kafka.ErrNotOwned)
	require.ErrorIs(t, results[3].Err, memory.ErrInvalidOffset)
	require.EqualValues(t, 3, at(0))
}

func TestHeldCommitIsCheckedWhenItGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(1)
		one := join(t, b, "one", nil)
		settle(one)
		for _, expired := range []bool{false, true} {
			release := b.HoldCommits()
			answered := make(chan error, 1)
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				_, err := one.consumer.Commit(ctx, []kafka.CommitOffset{{Partition: on(0), Offset: 9}})
				answered <- err
			}()
			synctest.Wait()
			require.Equal(t, 1, b.HeldCommits())
			cancel() // it does not help any more
			one.mustPoll(time.Hour)
			require.Empty(t, answered)
			if expired {
				b.Expire("g", "one")
			}
			release()
			release()
			err := <-answered
			if expired {
				require.ErrorIs(t, err, memory.ErrUnknownMember)
			} else {
				require.NoError(t, err)
			}
			require.Zero(t, b.HeldCommits())
		}
	})
}

func TestCommitGivesUpOnAnAbsentBroker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(1)
		one := join(t, b, "one", map[string]string{"session.timeout.ms": "6000"})
		settle(one)
		b.Down()
		began := time.Now()
		_, err := one.consumer.Commit(t.Context(), []kafka.CommitOffset{{Partition: on(0), Offset: 9}})
		var failed *kafka.CommitError
		require.ErrorAs(t, err, &failed)
		require.True(t, failed.Retriable)
		require.Equal(t, 6*time.Second, time.Since(began))

		time.AfterFunc(time.Second, b.Up)
		_, err = one.consumer.Commit(t.Context(), []kafka.CommitOffset{{Partition: on(0), Offset: 9}})
		require.ErrorIs(t, err, memory.ErrUnknownMember, "its session has timed out meanwhile")
	})
}

func TestPositions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(2)
		produce(b, 0, "a", "b", "c")
		b.Trim(on(0), 1)
		one := join(t, b, "one", nil)
		settle(one)
		_, err := one.consumer.Commit(t.Context(), []kafka.CommitOffset{{Partition: on(0), Offset: 2, LeaderEpoch: 4, Metadata: "m"}})
		require.NoError(t, err)

		got, err := one.consumer.Positions(t.Context(), []stream.Partition{on(0), on(1), on(2)})
		require.NoError(t, err)
		require.NotEmpty(t, got[0].TopicID)
		require.Equal(t, kafka.Position{
			Partition: on(0), Committed: 2, LeaderEpoch: 4, Metadata: "m", TopicID: got[0].TopicID, LogStart: 1, LogEnd: 3,
		}, got[0])
		require.Equal(t, kafka.Position{
			Partition: on(1), Committed: -1, LeaderEpoch: -1, TopicID: got[0].TopicID,
		}, got[1])
		require.ErrorIs(t, got[2].Err, memory.ErrUnknownTopic)

		b.FailPositions(1, errors.New("on command"))
		failed, err := one.consumer.Positions(t.Context(), []stream.Partition{on(0)})
		require.NoError(t, err)
		require.ErrorContains(t, failed[0].Err, "on command")

		b.Down()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err = one.consumer.Positions(ctx, []stream.Partition{on(0)})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.AfterFunc(time.Second, b.Up)
		_, err = one.consumer.Positions(t.Context(), []stream.Partition{on(0)})
		require.NoError(t, err)

		b.DeleteTopic("orders")
		b.CreateTopic("orders", 2)
		again, err := one.consumer.Positions(t.Context(), []stream.Partition{on(0)})
		require.NoError(t, err)
		require.EqualValues(t, -1, again[0].Committed)
		require.NotEqual(t, got[0].TopicID, again[0].TopicID)
	})
}

func TestClosedConsumerAnswersSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBroker(1)
		one := join(t, b, "one", nil)
		settle(one)
		release := b.HoldCommits()
		defer release()
		answered := make(chan error, 1)
		go func() {
			_, err := one.consumer.Commit(t.Context(), []kafka.CommitOffset{{Partition: on(0), Offset: 1}})
			answered <- err
		}()
		synctest.Wait()
		require.NoError(t, one.consumer.Close(t.Context()))
		require.ErrorIs(t, <-answered, kafka.ErrClosed)
		require.NoError(t, one.consumer.Close(t.Context()))
		require.ErrorIs(t, one.poll(time.Hour), kafka.ErrClosed)
		require.ErrorIs(t, one.consumer.Start(on(0), 0), kafka.ErrClosed)
		_, err := one.consumer.Positions(t.Context(), nil)
		require.ErrorIs(t, err, kafka.ErrClosed)
	})
}

func TestPropertiesThatCannotBeReadAreRefused(t *testing.T) {
	t.Parallel()
	b := memory.NewBroker(memory.Options{})
	client := b.Client("", map[string]string{"auto.offset.reset": "sometimes", "session.timeout.ms": "-5", "group.id": "g"})
	require.Equal(t, "g", client.Group())
	_, err := client.Consumer("one", kafka.OutOfRangeGoOn)
	require.ErrorContains(t, err, "auto.offset.reset")
	require.ErrorContains(t, err, "session.timeout.ms")
	_, err = client.Producer("one", nil)
	require.Error(t, err)
	_, err = b.Client("", nil).Consumer("one", kafka.OutOfRangeGoOn)
	require.ErrorContains(t, err, "group.id")
}
