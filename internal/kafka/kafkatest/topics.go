package kafkatest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/stream"
)

func topicChecks() []check {
	return []check{
		{"RegularExpressionFindsTopics", regexFindsTopics},
		{"MissingTopicIsReadOnceItExists", missingTopic},
		{"TopicIDsTellWhichTopicsExist", topicIDs},
		{"GrownTopicIsAssignedWhole", grownTopic},
		{"DeletedTopicIsTakenAway", deletedTopic},
		{"LongerRecreatedTopic", longerRecreatedTopic},
		{"ShorterRecreatedTopic", shorterRecreatedTopic},
	}
}

// quickly makes a client look for topics and partitions often.
func quickly(more ...string) []string {
	return append([]string{"topic.metadata.refresh.interval.ms", "500"}, more...)
}

func topicIDs(t *testing.T, e *env) {
	e.shared(1)
	m := e.assigned(1)
	ids, err := m.consumer.TopicIDs(t.Context(), []string{e.topic, e.topic + "-missing"})
	require.NoError(t, err)
	if !e.facts.TopicIDs {
		require.Empty(t, ids)
		return
	}
	require.Len(t, ids, 1)
	require.Equal(t, e.broker.TopicID(t, e.topic), ids[e.topic], "it is stored with offsets, so all clients write it alike")
	require.Equal(t, ids[e.topic], e.positions(m, e.at(0))[0].TopicID)
	e.broker.Delete(t, e.topic)
	e.until("that it is gone", func() bool {
		after, err := m.consumer.TopicIDs(t.Context(), []string{e.topic})
		return err == nil && len(after) == 0
	}, m)
}

func grownTopic(t *testing.T, e *env) {
	e.shared(2)
	e.fill(2, 0, 10)
	// What the new partitions got before they were assigned is read, whatever the client would reset to.
	m := e.caughtUp(20, quickly("auto.offset.reset", "latest")...)
	revoked := len(m.revoked)
	e.broker.Grow(t, e.topic, 4)
	e.fill(4, 10, 10)
	ends := []int64{19, 19, 9, 9}
	e.run("all partitions, and their records", func() bool {
		for p, last := range ends {
			if got := m.offsets(int32(p)); len(got) == 0 || got[len(got)-1] != last {
				return false
			}
		}
		return true
	}, m)
	require.Len(t, m.owned, 4)
	again := 0
	if e.facts.Eager { // everything is given back, and read again from what is committed, which is nothing
		require.Greater(t, len(m.revoked), revoked)
		again = 20
	}
	for p, last := range ends {
		got := m.offsets(int32(p))
		whole := from(0, int(last)+1)
		require.Equal(t, whole, got[len(got)-len(whole):])
		require.LessOrEqual(t, len(got), len(whole)+again)
	}
}

func deletedTopic(t *testing.T, e *env) {
	e.shared(1)
	other := stream.Partition{Topic: e.topic + "-other"}
	e.broker.CreateTopic(t, other.Topic, 1)
	e.produce(0, 0, 10)
	m := e.subscribe([]string{"^" + e.topic + "(-other)?$"}, quickly()...)
	e.run("the records", func() bool { return len(m.owned) == 2 && m.total() == 10 }, m)
	e.broker.Delete(t, other.Topic)
	e.run("the loss", func() bool { return !m.owned[other] }, m)
	e.produce(0, 10, 5)
	e.run("the other topic's records", func() bool { return len(m.owned) == 1 && m.total() >= 15 }, m)
}

func regexFindsTopics(t *testing.T, e *env) {
	e.shared(1)
	e.broker.CreateTopic(t, "a."+e.topic, 1)
	e.broker.CreateTopic(t, "b."+e.topic, 1)
	m := e.subscribe([]string{`^[ac]\.` + e.topic + `$`}, "topic.metadata.refresh.interval.ms", "500")
	a, c := stream.Partition{Topic: "a." + e.topic}, stream.Partition{Topic: "c." + e.topic}
	e.until("the topic that matches", func() bool { return m.owned[a] }, m)
	e.broker.CreateTopic(t, c.Topic, 1)
	e.until("a topic made later", func() bool { return m.owned[c] }, m)
	require.Equal(t, []stream.Partition{a, c}, m.list())

	part := e.subscribe([]string{`^x\.` + e.topic[:len(e.topic)-3]}, "group.id", e.group+"-part",
		"topic.metadata.refresh.interval.ms", "500")
	x := stream.Partition{Topic: "x." + e.topic}
	e.broker.CreateTopic(t, x.Topic, 1)
	if e.facts.WholeNameRegex {
		e.rounds(100, part)
		require.Empty(t, part.list(), "the expression matches a part of the name only")
		return
	}
	e.until("the topic whose name begins like that", func() bool { return part.owned[x] }, part)
}

func missingTopic(t *testing.T, e *env) {
	e.broker = e.backend.Broker(t)
	m := e.join("topic.metadata.refresh.interval.ms", "500")
	if e.facts.MissingTopicTrouble {
		e.until("trouble", func() bool { return len(m.troubles) > 0 }, m)
	} else {
		e.rounds(20, m)
	}
	require.Empty(t, m.list())
	e.broker.CreateTopic(t, e.topic, 1)
	e.produce(0, 0, 3)
	e.run("the records", func() bool { return m.total() == 3 }, m)
}
