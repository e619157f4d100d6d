package kafkatest

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"
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

// fill produces records into each of n partitions.
func (e *env) fill(partitions int, first, records int) {
	e.t.Helper()
	for p := range int32(partitions) {
		e.produce(p, first, records)
	}
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

// assigned joins and waits for the partitions, without starting them.
func (e *env) assigned(partitions int, properties ...string) *member {
	e.t.Helper()
	m := e.join(properties...)
	e.until("the assignment", func() bool { return len(m.owned) == partitions }, m)
	return m
}

// caughtUp joins and reads all the records there are.
func (e *env) caughtUp(records int, properties ...string) *member {
	e.t.Helper()
	m := e.join(properties...)
	e.run("the records", func() bool { return m.total() == records }, m)
	return m
}

// until polls members in turn until the condition holds. It fails when a Poll does, or the time is up.
func (e *env) until(what string, condition func() bool, members ...*member) {
	e.t.Helper()
	e.within(e.facts.takeover(), what, condition, members...)
}

func (e *env) within(limit time.Duration, what string, condition func() bool, members ...*member) {
	e.t.Helper()
	for deadline := time.Now().Add(limit); !condition(); {
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
