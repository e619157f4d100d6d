package kafkatest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

func outsideChecks() []check {
	return []check{
		{"StartBelowTheLogIsToldAndGoesOnAtItsStart", startBelowLog},
		{"StartBelowAnEmptyLogIsTold", startBelowEmptyLog},
		{"OvertakenWhileReadingIsTold", overtakenWhileReading},
		{"OvertakenWithNothingLeftIsTold", overtakenWithNothingLeft},
		{"OvertakenBesideABusyPartitionIsTold", overtakenBesideBusy},
		{"StartAfterBeingOvertakenIsObeyed", startAfterOvertaken},
		{"GapsAreNotOvertaken", gapsAreNotOvertaken},
		{"StartBeyondTheLogStandsStill", startBeyondLog},
		{"StopBelowTheLogStandsStill", stopBelowLog},
		{"StopWhileReadingHoldsThatPartitionOnly", stopWhileReading},
	}
}

// trimmed makes a log whose first offset is low and whose end is high, and a member that owns it and has not started it.
func (e *env) trimmed(low, high int64, properties ...string) *member {
	e.t.Helper()
	e.shared(1)
	e.produce(0, 0, int(high))
	e.broker.Trim(e.t, e.at(0), low)
	return e.assigned(1, properties...)
}

// quiet pauses a partition until nothing of it is on its way any more: a client may deliver after the resume what it had
// fetched, or asked for, before the pause.
func (m *member) quiet(partition int32) {
	m.e.t.Helper()
	require.NoError(m.e.t, m.consumer.Pause([]stream.Partition{m.e.at(partition)}))
	m.e.rounds(25, m)
}

// overtake appends the records from first to high to a partition that is read up to first, and deletes those below low. It
// pauses so that the client does not fetch what is about to be deleted.
func (m *member) overtake(partition int32, first, low, high int) {
	m.e.t.Helper()
	m.quiet(partition)
	m.e.produce(partition, first, high-first)
	m.e.broker.Trim(m.e.t, m.e.at(partition), int64(low))
	require.NoError(m.e.t, m.consumer.Resume([]stream.Partition{m.e.at(partition)}))
}

func startBelowLog(t *testing.T, e *env) {
	m := e.trimmed(12, 20)
	m.start(0, 4)
	e.until("the records, and word of it", func() bool { return m.total() >= 8 && len(m.overtaken(0)) > 0 }, m)
	e.rounds(5, m)
	require.Equal(t, from(12, 8), m.offsets(0))
	require.Equal(t, []int64{4}, m.overtaken(0))
	require.Empty(t, m.outside(0))
}

func startBelowEmptyLog(t *testing.T, e *env) {
	m := e.trimmed(20, 20)
	m.start(0, 4)
	e.until("word of it", func() bool { return len(m.overtaken(0)) > 0 }, m)
	e.produce(0, 20, 3)
	e.until("the records", func() bool { return m.total() >= 3 }, m)
	e.rounds(5, m)
	require.Equal(t, from(20, 3), m.offsets(0))
	require.Equal(t, []int64{4}, m.overtaken(0))
}

func overtakenWhileReading(t *testing.T, e *env) {
	e.shared(1)
	e.produce(0, 0, 10)
	m := e.caughtUp(10)
	m.overtake(0, 10, 25, 30)
	e.until("the rest, and word of it", func() bool { return m.total() >= 15 && len(m.overtaken(0)) > 0 }, m)
	e.rounds(5, m)
	require.Equal(t, append(from(0, 10), from(25, 5)...), m.offsets(0))
	require.Equal(t, []int64{10}, m.overtaken(0))

	m.overtake(0, 30, 39, 40) // and again
	e.until("the rest, and word of it", func() bool { return m.total() >= 16 && len(m.overtaken(0)) > 1 }, m)
	require.Equal(t, []int64{10, 30}, m.overtaken(0))
}

func overtakenWithNothingLeft(t *testing.T, e *env) {
	e.shared(1)
	e.produce(0, 0, 10)
	m := e.caughtUp(10)
	m.overtake(0, 10, 30, 30)
	e.until("word of it", func() bool { return len(m.overtaken(0)) > 0 }, m)
	require.Equal(t, 10, m.total())
	require.NoError(t, m.consumer.Pause(m.list())) // it does not forget where it stands
	require.NoError(t, m.consumer.Resume(m.list()))
	e.produce(0, 30, 5)
	e.until("the records", func() bool { return m.total() >= 15 }, m)
	e.rounds(5, m)
	require.Equal(t, append(from(0, 10), from(30, 5)...), m.offsets(0))
	require.Equal(t, []int64{10}, m.overtaken(0))
}

// overtakenBesideBusy never lets the client come to rest.
func overtakenBesideBusy(t *testing.T, e *env) {
	e.shared(2)
	e.fill(2, 0, 10)
	m := e.caughtUp(20)
	m.overtake(1, 10, 30, 30)
	produced := 10
	e.until("word of it", func() bool {
		e.produce(0, produced, 50)
		produced += 50
		return len(m.overtaken(1)) > 0
	}, m)
	e.until("the records of the other", func() bool { return len(m.offsets(0)) == produced }, m)
	require.Equal(t, from(0, produced), m.offsets(0))
	require.Empty(t, m.overtaken(0))
	require.Equal(t, []int64{10}, m.overtaken(1))
}

// startAfterOvertaken is what a caller does that wants to go on elsewhere than at the log's start.
func startAfterOvertaken(t *testing.T, e *env) {
	m := e.trimmed(20, 40)
	m.start(0, 5)
	e.until("word of it", func() bool { return len(m.overtaken(0)) > 0 }, m)
	m.start(0, 35)
	m.records = make(map[stream.Partition][]stream.Record)
	e.until("the records", func() bool { return m.total() >= 5 }, m)
	e.rounds(30, m) // a reset that comes late would bring older ones back
	require.Equal(t, from(35, 5), m.offsets(0))
	require.Equal(t, []int64{5}, m.overtaken(0))
}

// gapsAreNotOvertaken: markers of transactions take offsets. The log's end is after the last one.
func gapsAreNotOvertaken(t *testing.T, e *env) {
	m := e.trimmed(5, 20)
	m.start(0, 5)
	e.until("the records", func() bool { return m.total() == 15 }, m)
	for i := range 3 {
		e.broker.Transact(t, stream.Message{Topic: e.topic, Value: []byte("in a transaction")}.OnPartition(0))
		e.until("the record", func() bool { return m.total() == 16+i }, m)
	}
	e.until("the end", func() bool { return m.consumer.Ends([]stream.Partition{e.at(0)})[0] == 26 }, m)
	require.Equal(t, []int64{20, 22, 24}, m.offsets(0)[15:])
	require.NoError(t, m.consumer.Pause(m.list()))
	e.broker.Trim(t, e.at(0), 26) // all was read
	require.NoError(t, m.consumer.Resume(m.list()))
	e.produce(0, 26, 2)
	e.until("the records", func() bool { return m.total() == 20 }, m)
	e.rounds(10, m)
	require.Equal(t, []int64{26, 27}, m.offsets(0)[18:])
	require.Empty(t, m.outside(0))
	if told := m.overtaken(0); len(told) > 0 {
		// What a client makes of a gap at the log's end differs: it may not know that nothing was in it.
		require.Equal(t, []int64{25}, told)
	}
}

func startBeyondLog(t *testing.T, e *env) {
	e.shared(1)
	e.produce(0, 0, 20)
	m := e.assigned(1)
	m.start(0, 50)
	e.until("word of it", func() bool { return len(m.outside(0)) > 0 }, m)
	e.produce(0, 20, 10)
	e.rounds(10, m)
	require.Equal(t, []int64{50}, m.outside(0))
	require.Empty(t, m.overtaken(0))
	require.Zero(t, m.total())
	m.start(0, 15)
	e.until("the records", func() bool { return m.total() >= 15 }, m)
	require.Equal(t, from(15, 15), m.offsets(0))
}

// again starts a partition that stands still, with a new consumer where the client cannot do it with the old one.
func (m *member) again(partitions int, partition int32, offset int64) *member {
	m.e.t.Helper()
	if m.e.facts.GivenUpOutside {
		require.ErrorIs(m.e.t, m.consumer.Start(m.e.at(partition), offset), kafka.ErrOffsetOutOfRange)
		require.NoError(m.e.t, m.close(m.e.facts.takeover()))
		m = m.e.assigned(partitions, "auto.offset.reset", "error")
	}
	m.start(partition, offset)
	return m
}

func stopBelowLog(t *testing.T, e *env) {
	m := e.trimmed(12, 20, "auto.offset.reset", "error")
	m.start(0, 4)
	e.until("word of it", func() bool { return len(m.outside(0)) > 0 }, m)
	e.rounds(5, m)
	require.Zero(t, m.total())
	require.Equal(t, []int64{4}, m.outside(0))
	require.Empty(t, m.overtaken(0))
	m = m.again(1, 0, 12)
	e.until("the records", func() bool { return m.total() >= 8 }, m)
	require.Equal(t, from(12, 8), m.offsets(0))
}

func stopWhileReading(t *testing.T, e *env) {
	e.shared(2)
	e.fill(2, 0, 10)
	m := e.caughtUp(20, "auto.offset.reset", "error")
	m.overtake(1, 10, 25, 30)
	e.until("word of it", func() bool { return len(m.outside(1)) > 0 }, m)
	e.produce(0, 10, 10)
	e.until("the other partition", func() bool { return len(m.offsets(0)) >= 20 }, m)
	e.rounds(5, m)
	require.Equal(t, from(0, 20), m.offsets(0))
	require.Equal(t, from(0, 10), m.offsets(1))
	require.Equal(t, []int64{10}, m.outside(1))
	require.Empty(t, m.outside(0))
	m.records = make(map[stream.Partition][]stream.Record)
	m = m.again(2, 1, 25)
	e.until("the records", func() bool { return len(m.offsets(1)) >= 5 }, m)
	require.Equal(t, from(25, 5), m.offsets(1))
}
