package kafkatest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

func consumerChecks() []check {
	return []check{
		{"DeliversEveryFieldAsWritten", deliversEveryField},
		{"DeliversInOrderAndBatchesByPartition", deliversInOrder},
		{"HoldsAssignedPartitionsUntilStart", holdsUntilStart},
		{"StartsWhereToldWhateverIsCommitted", startsWhereTold},
		{"StartMovesAPartitionForthAndBack", startMoves},
		{"PollKeepsTheLimit", pollKeepsLimit},
		{"PollEndsWhenTheFetchIsFull", pollKeepsRoom},
		{"PauseStopsAndResumeGoesOnAfterTheLastRecord", pauseAndResume},
		{"StartEndsAPause", startEndsPause},
		{"PartitionsOfOthersAreRefused", refusesForeignPartitions},
		{"EndsFollowTheLog", endsFollowLog},
		{"EndsAreSeenWithoutRecords", endsWithoutRecords},
	}
}

func deliversEveryField(t *testing.T, e *env) {
	e.shared(1)
	at := time.UnixMilli(1_700_000_000_123)
	messages := []stream.Message{
		{Key: []byte("k"), Value: []byte("v"), Timestamp: at},
		{Key: nil, Value: nil, Timestamp: at},
		{Key: []byte{}, Value: []byte{}, Timestamp: at},
		{Key: []byte{0, 0xff}, Value: []byte("\x00\xfe\xff"), Timestamp: at, Headers: []stream.Header{
			{Key: "b", Value: []byte("1")}, {Key: "a", Value: nil}, {Key: "b", Value: []byte{}}, {Key: "", Value: []byte("x")},
		}},
	}
	for i := range messages {
		messages[i].Topic = e.topic
		messages[i] = messages[i].OnPartition(0)
	}
	e.broker.Produce(t, messages...)
	m := e.caughtUp(len(messages))
	for i, r := range m.records[e.at(0)] {
		require.Equal(t, e.topic, r.Topic)
		require.Equal(t, int64(i), r.Offset)
		require.Equal(t, messages[i].Key, r.Key, "key of record %d", i)
		require.Equal(t, messages[i].Value, r.Value, "value of record %d", i)
		require.Equal(t, at.UnixMilli(), r.Timestamp.UnixMilli())
		require.Len(t, r.Headers, len(messages[i].Headers))
		for j, h := range r.Headers {
			require.Equal(t, messages[i].Headers[j], h, "header %d of record %d", j, i)
		}
	}
}

func deliversInOrder(t *testing.T, e *env) {
	e.shared(3)
	e.fill(3, 0, 200)
	m := e.join()
	e.run("600 records", func() bool { return m.total() == 600 }, m)
	for p := range int32(3) {
		require.Equal(t, from(0, 200), m.offsets(p))
		require.Equal(t, "value-199", string(m.records[e.at(p)][199].Value))
	}
	require.Equal(t, []stream.Partition{e.at(0), e.at(1), e.at(2)}, m.list())
	e.rounds(5, m)
	require.Equal(t, 600, m.total(), "each record once")
}

func holdsUntilStart(t *testing.T, e *env) {
	e.shared(2)
	e.fill(2, 0, 10)
	m := e.assigned(2)
	e.rounds(10, m)
	require.Zero(t, m.total(), "records before Start")
	m.start(1, 0)
	e.until("partition 1", func() bool { return m.total() == 10 }, m)
	e.rounds(10, m)
	require.Empty(t, m.offsets(0), "partition 0 is not started")
	m.start(0, 0)
	e.until("partition 0", func() bool { return m.total() == 20 }, m)
}

func startsWhereTold(t *testing.T, e *env) {
	e.shared(2)
	e.fill(2, 0, 50)
	first := e.caughtUp(100)
	require.NoError(t, first.commit(first.list()))
	require.NoError(t, first.close(e.facts.takeover()))

	m := e.assigned(2)
	m.start(0, 7)
	m.start(1, 49)
	e.until("the records", func() bool { return m.total() >= 44 }, m)
	e.rounds(3, m)
	require.Equal(t, from(7, 43), m.offsets(0))
	require.Equal(t, from(49, 1), m.offsets(1))
}

func startMoves(t *testing.T, e *env) {
	e.shared(1)
	e.produce(0, 0, 100)
	m := e.assigned(1)
	m.start(0, 20)
	for _, to := range []int64{60, 5, 0, 99, 42} {
		e.until("a record", func() bool { return len(m.offsets(0)) > 0 }, m)
		m.records = make(map[stream.Partition][]stream.Record)
		m.start(0, to)
		e.until("the rest", func() bool { return len(m.offsets(0)) >= 100-int(to) }, m)
		require.Equal(t, from(to, 100-int(to)), m.offsets(0), "after a move to %d", to)
	}
	m.start(0, 3) // twice without a poll between
	m.start(0, 90)
	m.records = make(map[stream.Partition][]stream.Record)
	e.until("the rest", func() bool { return len(m.offsets(0)) >= 10 }, m)
	require.Equal(t, from(90, 10), m.offsets(0))
}

func pollKeepsLimit(t *testing.T, e *env) {
	e.shared(2)
	e.fill(2, 0, 100)
	m := e.assigned(2)
	m.start(0, 0)
	m.start(1, 0)
	deadline := time.Now().Add(e.facts.takeover())
	for m.total() < 200 {
		require.True(t, time.Now().Before(deadline))
		require.LessOrEqual(t, m.poll(50*time.Millisecond, 7), 7)
		require.NoError(t, m.err)
	}
	require.Equal(t, from(0, 100), m.offsets(0))
	require.Equal(t, from(0, 100), m.offsets(1))
}

// A poll takes records until their bytes fill the fetch, and one at least. What the client cannot know before, it may guess
// by what came before.
func pollKeepsRoom(t *testing.T, e *env) {
	e.shared(2)
	e.fill(2, 0, 100)
	m := e.assigned(2)
	m.start(0, 0)
	m.start(1, 0)
	const room = 10 * (stream.RecordOverhead + 20)
	deadline := time.Now().Add(e.facts.takeover())
	for polls := 0; m.total() < 200; polls++ {
		require.True(t, time.Now().Before(deadline))
		m.fetch.Limit(room)
		require.LessOrEqual(t, m.poll(50*time.Millisecond, 1000), 11, "poll %d", polls)
		require.NoError(t, m.err)
	}
	m.fetch.Limit(0)
	require.Equal(t, from(0, 100), m.offsets(0))
	require.Equal(t, from(0, 100), m.offsets(1))
}

func pauseAndResume(t *testing.T, e *env) {
	e.shared(2)
	e.fill(2, 0, 1000)
	m := e.assigned(2)
	m.start(0, 0)
	for len(m.offsets(0)) == 0 {
		m.poll(50*time.Millisecond, 10)
		require.NoError(t, m.err)
	}
	require.NoError(t, m.consumer.Pause([]stream.Partition{e.at(0), e.at(1)}))
	paused := len(m.offsets(0))
	e.rounds(10, m)
	require.Len(t, m.offsets(0), paused, "nothing after Pause")

	require.NoError(t, m.consumer.Resume([]stream.Partition{e.at(0), e.at(1)}))
	e.until("the rest", func() bool { return len(m.offsets(0)) >= 1000 }, m)
	require.Equal(t, from(0, 1000), m.offsets(0), "nothing twice and nothing left out")
	e.rounds(3, m)
	require.Empty(t, m.offsets(1), "Resume does not start a partition that is held")
}

// endsWithoutRecords: behind the position there is only the marker of a transaction, so nothing is delivered, ever. That must
// not look as if the partition were not being read.
func endsWithoutRecords(t *testing.T, e *env) {
	e.shared(1)
	e.broker.Transact(t, stream.Message{Topic: e.topic, Value: []byte("in a transaction")}.OnPartition(0))
	m := e.assigned(1)
	m.start(0, 1)
	e.until("the end", func() bool { return m.consumer.Ends([]stream.Partition{e.at(0)})[0] == 2 }, m)
	e.rounds(5, m)
	require.Zero(t, m.total())
}

func startEndsPause(t *testing.T, e *env) {
	e.shared(1)
	e.produce(0, 0, 20)
	m := e.caughtUp(20)
	require.NoError(t, m.consumer.Pause(m.list()))
	m.start(0, 15)
	e.until("the records again", func() bool { return m.total() >= 25 }, m)
	require.Equal(t, append(from(0, 20), from(15, 5)...), m.offsets(0))
}

func refusesForeignPartitions(t *testing.T, e *env) {
	e.shared(1)
	m := e.assigned(1)
	foreign := []stream.Partition{e.at(5)}
	require.ErrorIs(t, m.consumer.Start(foreign[0], 0), kafka.ErrNotOwned)
	require.ErrorIs(t, m.consumer.Pause(foreign), kafka.ErrNotOwned)
	require.ErrorIs(t, m.consumer.Resume(foreign), kafka.ErrNotOwned)
	results, err := m.consumer.Commit(t.Context(), []kafka.CommitOffset{
		{Partition: foreign[0], Offset: 1, LeaderEpoch: -1}, {Partition: e.at(0), Offset: 3, LeaderEpoch: -1},
	})
	require.NoError(t, err)
	require.ErrorIs(t, results[0].Err, kafka.ErrNotOwned)
	var refused *kafka.CommitError
	require.ErrorAs(t, results[0].Err, &refused)
	require.False(t, refused.Retriable)
	require.NoError(t, results[1].Err, "the other partition is committed")
	require.Equal(t, int64(3), e.broker.Committed(t, e.group)[e.at(0)].Offset)
	require.Error(t, m.consumer.Start(e.at(0), -1), "a logical offset is no offset")
}

func endsFollowLog(t *testing.T, e *env) {
	e.shared(1)
	e.produce(0, 0, 10)
	m := e.caughtUp(10)
	e.until("the end", func() bool { return slices.Equal(m.consumer.Ends([]stream.Partition{e.at(0)}), []int64{10}) }, m)
	e.produce(0, 10, 5)
	e.until("the new end", func() bool { return slices.Equal(m.consumer.Ends([]stream.Partition{e.at(0)}), []int64{15}) }, m)
	require.Equal(t, []int64{-1}, m.consumer.Ends([]stream.Partition{{Topic: e.topic + "-unknown", Number: 3}}))
}
