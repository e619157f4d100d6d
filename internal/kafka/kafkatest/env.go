package kafkatest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// env is what one test has: a broker, names of its own, and clients on request.
type env struct {
	t       *testing.T
	backend Backend
	broker  Broker
	facts   Facts
	group   string
	topic   string
	number  int // of members made
}

func newEnv(t *testing.T, b Backend) *env {
	t.Helper()
	suffix := make([]byte, 4)
	_, err := rand.Read(suffix)
	require.NoError(t, err)
	name := regexp.MustCompile(`[^A-Za-z0-9-]+`).ReplaceAllString(t.Name(), "-") + "-" + hex.EncodeToString(suffix)
	return &env{t: t, backend: b, facts: b.Facts, group: "group-" + name, topic: "topic-" + name}
}

// shared uses the backend's common broker and makes the test's topic.
func (e *env) shared(partitions int) {
	e.t.Helper()
	e.broker = e.backend.Broker(e.t)
	e.broker.CreateTopic(e.t, e.topic, partitions)
}

// mortal uses a broker of the test's own.
func (e *env) mortal(partitions int) (kill func()) {
	e.t.Helper()
	if e.backend.Mortal == nil {
		e.t.Skip("the broker of this backend cannot be killed")
	}
	e.broker, kill = e.backend.Mortal(e.t)
	e.broker.CreateTopic(e.t, e.topic, partitions)
	return kill
}

func (e *env) client(properties ...string) kafka.Client {
	e.t.Helper()
	given := map[string]string{"group.id": e.group}
	for i := 0; i < len(properties); i += 2 {
		given[properties[i]] = properties[i+1]
	}
	return e.backend.Client(e.t, e.broker, given)
}

func (e *env) at(partition int32) stream.Partition {
	return stream.Partition{Topic: e.topic, Number: partition}
}

// produce appends n records to a partition; their values count on from first.
func (e *env) produce(partition int32, first, n int) {
	e.t.Helper()
	messages := make([]stream.Message, n)
	for i := range messages {
		messages[i] = stream.Message{
			Topic: e.topic, Key: []byte("key"), Value: fmt.Appendf(nil, "value-%d", first+i),
		}.OnPartition(partition)
	}
	e.broker.Produce(e.t, messages...)
}

// member is a consumer with what happened to it.
type member struct {
	e        *env
	consumer kafka.Consumer
	fetch    kafka.Fetch
	closed   bool

	owned       map[stream.Partition]bool
	records     map[stream.Partition][]stream.Record
	assignments int // calls of Assigned
	gained      int // partitions named by them
	revoked     [][]stream.Partition
	lost        []stream.Partition
	troubles    []error
	err         error // of the last Poll
	lookupErr   error // the last of a lookup of positions

	onAssigned func([]stream.Partition) // beside the book-keeping
	onRevoked  func([]stream.Partition) error
	fresh      []stream.Partition // assigned and not seen by startFresh
}

func (e *env) join(properties ...string) *member {
	e.t.Helper()
	return e.subscribe([]string{e.topic}, properties...)
}

func (e *env) subscribe(topics []string, properties ...string) *member {
	e.t.Helper()
	e.number++
	return e.subscribeAs(fmt.Sprint(e.number), topics, properties...)
}

// subscribeAs makes a consumer with an id of its own, which a static member keeps when it is started again.
func (e *env) subscribeAs(id string, topics []string, properties ...string) *member {
	e.t.Helper()
	client := e.client(properties...)
	outside := kafka.OutOfRangeGoOn
	if client.Reset() == kafka.ResetError {
		outside = kafka.OutOfRangeStop
	}
	consumer, err := client.Consumer(id, outside)
	require.NoError(e.t, err)
	m := &member{
		e: e, consumer: consumer,
		owned: make(map[stream.Partition]bool), records: make(map[stream.Partition][]stream.Record),
	}
	e.t.Cleanup(func() { _ = m.close(10 * time.Second) }) // it hangs where a test killed the broker
	require.NoError(e.t, consumer.Subscribe(topics, m))
	return m
}

func (m *member) Assigned(partitions []stream.Partition) {
	m.assignments++
	m.gained += len(partitions)
	for _, p := range partitions {
		m.owned[p] = true
	}
	m.fresh = append(m.fresh, partitions...)
	if m.onAssigned != nil {
		m.onAssigned(partitions)
	}
}

func (m *member) Revoked(partitions []stream.Partition) error {
	m.revoked = append(m.revoked, partitions)
	if m.onRevoked != nil {
		if err := m.onRevoked(partitions); err != nil {
			return err
		}
	}
	m.disown(partitions)
	return nil
}

func (m *member) Lost(partitions []stream.Partition) {
	m.lost = append(m.lost, partitions...)
	m.disown(partitions)
}

func (m *member) Trouble(err error) { m.troubles = append(m.troubles, err) }

func (m *member) disown(partitions []stream.Partition) {
	for _, p := range partitions {
		delete(m.owned, p)
	}
	m.fresh = slices.DeleteFunc(m.fresh, func(p stream.Partition) bool { return !m.owned[p] })
}

// poll polls once and keeps the records.
func (m *member) poll(wait time.Duration, limit int) int {
	m.err = m.consumer.Poll(wait, limit, &m.fetch)
	n := 0
	m.fetch.Take(func(b kafka.Batch) {
		n += len(b.Records)
		m.records[b.Partition] = append(m.records[b.Partition], b.Records...)
	})
	return n
}

// startFresh starts what was assigned since the last call where the group has committed, or at the beginning. A partition
// whose lookup fails is left to the next call, as the client may not know of a new one yet.
func (m *member) startFresh() {
	m.e.t.Helper()
	fresh := m.fresh
	m.fresh = nil
	if len(fresh) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(m.e.t.Context(), m.e.facts.takeover())
	defer cancel()
	positions, err := m.consumer.Positions(ctx, fresh)
	require.NoError(m.e.t, err)
	for _, p := range positions {
		if p.Err != nil {
			m.fresh, m.lookupErr = append(m.fresh, p.Partition), p.Err
			continue
		}
		require.NoError(m.e.t, m.consumer.Start(p.Partition, max(p.Committed, 0)))
	}
}

func (m *member) start(partition int32, offset int64) {
	m.e.t.Helper()
	p := m.e.at(partition)
	m.fresh = slices.DeleteFunc(m.fresh, func(other stream.Partition) bool { return other == p })
	require.NoError(m.e.t, m.consumer.Start(p, offset))
}

// commit commits what was delivered of partitions.
func (m *member) commit(partitions []stream.Partition) error {
	offsets := make([]kafka.CommitOffset, 0, len(partitions))
	for _, p := range partitions {
		if read := m.records[p]; len(read) > 0 {
			last := &read[len(read)-1]
			offsets = append(offsets, kafka.CommitOffset{Partition: p, Offset: last.Offset + 1, LeaderEpoch: last.LeaderEpoch})
		}
	}
	if len(offsets) == 0 {
		return nil
	}
	results, err := m.consumer.Commit(m.e.t.Context(), offsets)
	if err != nil {
		return err
	}
	for _, r := range results {
		if r.Err != nil {
			return r.Err
		}
	}
	return nil
}

func (m *member) close(within time.Duration) error {
	if m.closed {
		return nil
	}
	m.closed = true
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return m.consumer.Close(ctx)
}

func (m *member) list() []stream.Partition {
	return slices.SortedFunc(maps.Keys(m.owned), stream.ComparePartitions)
}

// total is the number of records delivered.
func (m *member) total() int {
	n := 0
	for _, records := range m.records {
		n += len(records)
	}
	return n
}

// offsets gives the offsets delivered of a partition.
func (m *member) offsets(partition int32) []int64 {
	var offsets []int64
	for _, r := range m.records[m.e.at(partition)] {
		offsets = append(offsets, r.Offset)
	}
	return offsets
}

// until polls members in turn until the condition holds. It fails when a Poll does, or the time is up.
func (e *env) until(what string, condition func() bool, members ...*member) {
	e.t.Helper()
	for deadline := time.Now().Add(e.facts.takeover()); !condition(); {
		require.True(e.t, time.Now().Before(deadline), "waited for too long: %s\n%s", what, e.describe(members))
		for _, m := range members {
			m.poll(10*time.Millisecond, 1000)
			require.NoError(e.t, m.err, what)
		}
	}
}

// run is until with every new partition started.
func (e *env) run(what string, condition func() bool, members ...*member) {
	e.t.Helper()
	e.until(what, func() bool {
		for _, m := range members {
			m.startFresh()
		}
		return condition()
	}, members...)
}

// rounds polls members several times, to see that something does not happen.
func (e *env) rounds(n int, members ...*member) {
	e.t.Helper()
	for range n {
		for _, m := range members {
			m.poll(20*time.Millisecond, 1000)
			require.NoError(e.t, m.err)
		}
	}
}

// settle polls members until nobody has been assigned anything for a while: a group may need another round after all have
// their share.
func (e *env) settle(members ...*member) {
	e.t.Helper()
	heard := func() int {
		n := 0
		for _, m := range members {
			n += m.assignments + len(m.revoked)
		}
		return n
	}
	for before := -1; before != heard(); {
		before = heard()
		for range 30 {
			e.run("rest", func() bool { return true }, members...)
			e.rounds(1, members...)
		}
	}
}

func (e *env) describe(members []*member) string {
	var text string
	for i, m := range members {
		text += fmt.Sprintf("member %d: owns %v, %d records, %d assignments, revoked %v, lost %v, troubles %v, last failed lookup %v\n",
			i, m.list(), m.total(), m.assignments, m.revoked, m.lost, m.troubles, m.lookupErr)
	}
	return text
}

// from gives n offsets from first.
func from(first int64, n int) []int64 {
	offsets := make([]int64, n)
	for i := range offsets {
		offsets[i] = first + int64(i)
	}
	return offsets
}
