package properties_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka/properties"
)

func minimal(more ...string) map[string]string {
	given := map[string]string{"bootstrap.servers": "localhost:9092", "group.id": "g"}
	for i := 0; i < len(more); i += 2 {
		given[more[i]] = more[i+1]
	}
	return given
}

func TestCheckAcceptsWhatLibrdkafkaTakes(t *testing.T) {
	t.Parallel()
	table := properties.New()
	for _, given := range []map[string]string{
		minimal(),
		minimal("acks", "all", "linger.ms", "20", "security.protocol", "SASL_SSL", "sasl.mechanism", "PLAIN"),
		minimal("group.protocol", "consumer", "group.remote.assignor", "range"),
		minimal("partition.assignment.strategy", "range,roundrobin", "max.poll.interval.ms", "45000"),
		minimal("message.timeout.ms", "0", "partitioner", "consistent", "socket.keepalive.enable", "true"),
		minimal("acks", "1", "enable.idempotence", "false"),
	} {
		require.Empty(t, table.Check(given), "%v", given)
	}
}

func TestCheckNamesEachFaultAndItsRemedy(t *testing.T) {
	t.Parallel()
	table := properties.New()
	cases := []struct{ name, value, want string }{
		{"session.timout.ms", "1", "session.timout.ms: there is no such property; did you mean session.timeout.ms?"},
		{"bootstrap.server", "x", "bootstrap.server: there is no such property; did you mean bootstrap.servers?"},
		{"key.deserializer.class", "x", "key.deserializer.class: there is no such property"},
		{"enable.auto.commit", "false", "enable.auto.commit: may not be set: offsets are committed by the processor, " +
			"when the records below them are done; remove it"},
		{"go.logs.channel.enable", "true", "go.logs.channel.enable: may not be set: it configures the Go binding, " +
			"which the processor does itself; remove it"},
		{"fetch.min.bytes", "many", `fetch.min.bytes: "many" is not a whole number`},
		{"queued.min.messages", "0", "queued.min.messages: 0 is not between 1 and 10000000"},
		{"check.crcs", "yes", `check.crcs: "yes" is neither true nor false`},
		{"isolation.level", "dirty", `isolation.level: "dirty" is none of read_uncommitted, read_committed`},
		{"message.timeout.ms", "300000", "message.timeout.ms: must be 0: the producer tries for as long as it takes, " +
			"since giving up would lose the order; remove it"},
		{"acks", "1", "acks: 1 lets the broker acknowledge what it may still lose; set all, or enable.idempotence to " +
			"false if that is meant"},
		{"max.poll.interval.ms", "10000", "max.poll.interval.ms: 10000 is less than session.timeout.ms, 45000; raise it " +
			"or lower session.timeout.ms"},
		{"sasl.mechanism", "PLAIN", "security.protocol: says nothing of SASL, so the mechanism PLAIN would not be used; " +
			"set sasl_ssl or sasl_plaintext"},
		{"partition.assignment.strategy", "range,cooperative-sticky", "partition.assignment.strategy: mixes eager and " +
			"cooperative assignors; cooperative-sticky alone is the default"},
		{"partitioner", "murmur3", `partitioner: "murmur3" is none of random, consistent, consistent_random, murmur2, ` +
			"murmur2_random, fnv1a, fnv1a_random"},
	}
	for _, c := range cases {
		faults := table.Check(minimal(c.name, c.value))
		require.Len(t, faults, 1, c.name)
		require.Equal(t, c.want, faults[0].String())
	}
}

func TestCheckGivesAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	faults := properties.New().Check(map[string]string{"retreis": "1", "linger.ms": "5", "queue.buffering.max.ms": "6"})
	require.Len(t, faults, 4)
	require.Equal(t, []string{"bootstrap.servers", "group.id", "queue.buffering.max.ms", "retreis"},
		[]string{faults[0].Name, faults[1].Name, faults[2].Name, faults[3].Name})
}

func TestConsumerProtocolRefusesWhatTheBrokerDecides(t *testing.T) {
	t.Parallel()
	faults := properties.New().Check(minimal("group.protocol", "consumer", "session.timeout.ms", "6000",
		"heartbeat.interval.ms", "1000", "partition.assignment.strategy", "range"))
	require.Len(t, faults, 3)
	for _, f := range faults {
		require.Contains(t, f.Message, "the broker decides it")
		require.NotEmpty(t, f.Suggestion)
	}
}

func TestProducerOverridesRefuseConsumerProperties(t *testing.T) {
	t.Parallel()
	faults := properties.New().CheckProducer(map[string]string{"fetch.min.bytes": "1", "linger.ms": "1"})
	require.Len(t, faults, 1)
	require.Equal(t, "fetch.min.bytes: belongs to consumers; set it under kafka", faults[0].String())
}

func TestSplitRoutesByScopeAndKeepsWhatTheUserSet(t *testing.T) {
	t.Parallel()
	clients := properties.New().Split(
		minimal("queue.buffering.max.ms", "50", "fetch.queue.backoff.ms", "500", "client.id", "me", "acks", "all"),
		map[string]string{"linger.ms": "1", "compression.codec": "zstd"})

	require.Equal(t, "me", clients.Consumer["client.id"])
	require.Equal(t, "me", clients.Producer["client.id"])
	require.Equal(t, "me", clients.Admin["client.id"])
	require.NotContains(t, clients.Producer, "group.id")
	require.NotContains(t, clients.Admin, "group.id")
	require.NotContains(t, clients.Consumer, "acks")
	require.Equal(t, "500", clients.Consumer["fetch.queue.backoff.ms"])
	require.Equal(t, "cooperative-sticky", clients.Consumer["partition.assignment.strategy"])
	require.Equal(t, "2000", clients.Consumer["reconnect.backoff.max.ms"])
	require.Equal(t, "2000", clients.Producer["reconnect.backoff.max.ms"])

	require.Equal(t, "1", clients.Producer["linger.ms"])
	require.NotContains(t, clients.Producer, "queue.buffering.max.ms", "the same property under its other name")
	require.NotContains(t, clients.Producer, "compression.type")
	require.Equal(t, "0", clients.Producer["message.timeout.ms"])
}

func TestConsumerProtocolHasNoAssignmentStrategy(t *testing.T) {
	t.Parallel()
	clients := properties.New().Split(minimal("group.protocol", "consumer"), nil)
	require.NotContains(t, clients.Consumer, "partition.assignment.strategy")
}
