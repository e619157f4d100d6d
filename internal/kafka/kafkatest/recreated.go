package kafkatest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/stream"
)

// Recreation is what a client does with a topic that is deleted and made anew while it reads it.
type Recreation uint8

// The ways of clients.
const (
	// RecreationUnnoticed: it goes on in the new log where it stood in the old one, so that it skips what is below. Where the
	// new log ends before that position, the partition stands still and it says so.
	RecreationUnnoticed Recreation = iota
	// RecreationHalts: the partition stands still and it says so, whatever the new log holds.
	RecreationHalts
	// RecreationReassigns: the group takes the partitions away and gives them anew. Until then it may do as above.
	RecreationReassigns
)

// recreate makes the topic anew with n records in partition 0, whose values tell them from those before.
func (e *env) recreate(n int) {
	e.t.Helper()
	messages := make([]stream.Message, n)
	for i := range messages {
		messages[i] = stream.Message{Topic: e.topic, Value: fmt.Appendf(nil, "new-%d", i)}.OnPartition(0)
	}
	e.broker.Recreate(e.t, e.topic, 1, messages...)
}

// readNew starts the new log and waits for all of it, and that nothing else was delivered.
func (e *env) readNew(m *member, n int) {
	e.t.Helper()
	m.records = make(map[stream.Partition][]stream.Record)
	m.start(0, 0)
	e.until("the new log", func() bool { return m.total() >= n }, m)
	e.rounds(10, m)
	records := m.records[e.at(0)]
	require.Len(e.t, records, n)
	for i, r := range records {
		require.Equal(e.t, int64(i), r.Offset)
		require.Equal(e.t, fmt.Sprintf("new-%d", i), string(r.Value))
	}
}

// halted waits for word that the partition stands still where it was, with nothing of the new log delivered.
func (e *env) halted(m *member) {
	e.t.Helper()
	e.until("word of it", func() bool { return len(m.outside(0)) > 0 }, m)
	e.rounds(10, m)
	require.Equal(e.t, []int64{100}, m.outside(0))
	require.Equal(e.t, 100, m.total())
	require.Empty(e.t, m.revoked)
}

func longerRecreatedTopic(t *testing.T, e *env) {
	e.shared(1)
	e.produce(0, 0, 100)
	m := e.caughtUp(100)
	require.NoError(t, m.commit(m.list()))
	before, err := m.consumer.TopicIDs(t.Context(), []string{e.topic})
	require.NoError(t, err)
	e.recreate(200)
	e.until("the new topic's id", func() bool {
		ids, err := m.consumer.TopicIDs(t.Context(), []string{e.topic})
		return err == nil && (!e.facts.TopicIDs || ids[e.topic] != "" && ids[e.topic] != before[e.topic])
	}, m)
	p := e.at(0)
	switch e.facts.Recreation {
	case RecreationUnnoticed:
		e.until("the records above the old position", func() bool { return m.total() >= 200 || len(m.outside(0)) > 0 }, m)
		require.Empty(t, m.revoked)
		require.Empty(t, m.overtaken(0))
		if told := m.outside(0); len(told) > 0 { // it fetched before the new log was that long
			require.Equal(t, []int64{100}, told)
			require.Equal(t, from(0, 100), m.offsets(0))
			break
		}
		require.Equal(t, from(0, 200), m.offsets(0), "nobody says so")
		require.Equal(t, "new-100", string(m.records[p][100].Value))
	case RecreationHalts:
		e.halted(m)
	case RecreationReassigns:
		e.until("the new assignment", func() bool { return m.gained == 2 && m.owned[p] }, m)
	}
	e.readNew(m, 200)
	e.until("that nothing of the old topic is committed", func() bool {
		at := e.positions(m, p)[0]
		return at.Err == nil && at.Committed == -1
	}, m)
}

func shorterRecreatedTopic(t *testing.T, e *env) {
	e.shared(1)
	e.produce(0, 0, 100)
	m := e.caughtUp(100)
	e.recreate(50)
	p := e.at(0)
	switch e.facts.Recreation {
	case RecreationUnnoticed:
		e.until("word of it", func() bool { return len(m.outside(0)) > 0 }, m)
		require.Equal(t, []int64{100}, m.outside(0))
		require.Empty(t, m.revoked)
	case RecreationHalts:
		e.halted(m)
	case RecreationReassigns:
		e.until("the new assignment", func() bool { return m.gained == 2 && m.owned[p] }, m)
	}
	require.Equal(t, 100, m.total())
	e.readNew(m, 50)
}
