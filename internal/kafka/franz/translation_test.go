package franz

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/kafka/properties"
)

// made are the library's clients that one set of properties leads to.
type made struct {
	client                *Client
	consumer              *consumer
	producer              *producer
	reader, member, small *kgo.Client
	large                 *kgo.Client
}

func build(t *testing.T, pairs ...string) made {
	t.Helper()
	given := map[string]string{"bootstrap.servers": "127.0.0.1:1", "group.id": "g"}
	for i := 0; i < len(pairs); i += 2 {
		given[pairs[i]] = pairs[i+1]
	}
	if given["metadata.broker.list"] != "" {
		delete(given, "bootstrap.servers")
	}
	client, err := New(Options{Kafka: given, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err, "%v", pairs)
	reading, err := client.Consumer("0", kafka.OutOfRangeGoOn)
	require.NoError(t, err)
	writing, err := client.Producer("out", func([]kafka.Delivery) {})
	require.NoError(t, err)
	m := made{client: client}
	m.consumer, _ = reading.(*consumer)
	m.producer, _ = writing.(*producer)
	m.reader, m.small = m.consumer.reader, m.producer.lanes.small
	m.member, err = kgo.NewClient(append(m.consumer.group.options, kgo.ConsumeTopics("t"))...)
	require.NoError(t, err)
	m.large, err = m.producer.lanes.makeLarge()
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		gone, stop := context.WithCancel(ctx)
		stop()
		_ = m.member.LeaveGroupContext(gone)
		m.member.Close()
		m.large.Close()
		require.NoError(t, reading.Close(ctx))
		require.NoError(t, writing.Close(ctx))
	})
	return m
}

// translation is one property, set to a value, and what becomes of it.
type translation struct {
	name, value string
	read        func(made) any
	want        any
	with        []string // other properties that it needs
}

func option(client func(made) *kgo.Client, opt any) func(made) any {
	return func(m made) any { return client(m).OptValue(opt) }
}

// most reads what the reader asks for when it has found that the data does not compress.
func most(opt any) func(made) any {
	return func(m made) any {
		p := m.consumer.prefetch
		for range 16 {
			p.OnFetchBatchRead(kgo.BrokerMetadata{}, "t", 0, kgo.FetchBatchMetrics{CompressedBytes: int(p.asked), UncompressedBytes: int(p.asked)})
			p.adjust(m.reader)
		}
		return m.reader.OptValue(opt)
	}
}

func ofReader(m made) *kgo.Client { return m.reader }
func ofMember(m made) *kgo.Client { return m.member }
func ofSmall(m made) *kgo.Client  { return m.small }
func ofLarge(m made) *kgo.Client  { return m.large }

func balancers(m made) any {
	var names []string
	list, _ := m.member.OptValue(kgo.Balancers).([]kgo.GroupBalancer)
	for _, b := range list {
		names = append(names, b.ProtocolName())
	}
	return names
}

func codec(m made) any { return m.small.OptValue(kgo.ProducerBatchCompression) }

func waits(m made) any {
	backoff, _ := m.reader.OptValue(kgo.RetryBackoffFn).(func(int) time.Duration)
	within := func(d, nominal time.Duration) bool { return d >= nominal*8/10 && d <= nominal*12/10 }
	return within(backoff(1), 40*time.Millisecond) && within(backoff(2), 80*time.Millisecond) && within(backoff(9), 300*time.Millisecond)
}

func requestLimit(key kmsg.Key) func(made) any {
	return func(m made) any {
		limit, _ := m.member.OptValue(kgo.RetryTimeoutFn).(func(int16) time.Duration)
		return limit(int16(key))
	}
}

func consuming() []translation {
	return []translation{
		{name: "auto.offset.reset", value: "latest", read: func(m made) any { return m.client.Reset() }, want: kafka.ResetLatest},
		{name: "check.crcs", value: "false", read: option(ofReader, kgo.DisableFetchCRCValidation), want: true},
		{name: "client.rack", value: "r1", read: option(ofReader, kgo.Rack), want: "r1"},
		{name: "client.rack", value: "r1", read: option(ofMember, kgo.Rack), want: "r1"},
		{
			name: "fetch.error.backoff.ms", value: "1234", want: 1234 * time.Millisecond,
			read: func(m made) any { return m.consumer.backoff },
		},
		{name: "fetch.max.bytes", value: "70000", read: most(kgo.FetchMaxBytes), want: int32(70_000)},
		{name: "fetch.message.max.bytes", value: "60000", read: most(kgo.FetchMaxPartitionBytes), want: int32(60_000)},
		{name: "max.partition.fetch.bytes", value: "60001", read: most(kgo.FetchMaxPartitionBytes), want: int32(60_001)},
		{name: "fetch.min.bytes", value: "17", read: option(ofReader, kgo.FetchMinBytes), want: int32(17)},
		{name: "fetch.wait.max.ms", value: "170", read: option(ofReader, kgo.FetchMaxWait), want: 170 * time.Millisecond},
		{name: "isolation.level", value: "read_uncommitted", read: option(ofReader, kgo.FetchIsolationLevel), want: int8(0)},
		{name: "isolation.level", value: "read_uncommitted", read: func(m made) any { return m.consumer.lookup.isolation }, want: int8(0)},
		{name: "queued.max.messages.kbytes", value: "16384", read: most(kgo.FetchMaxBytes), want: int32(1 << 20)},
		{name: "receive.message.max.bytes", value: "99000000", read: option(ofReader, kgo.BrokerMaxReadBytes), want: int32(99_000_000)},
		{name: "group.id", value: "group", read: option(ofMember, kgo.ConsumerGroup), want: "group"},
		{name: "group.id", value: "group", read: func(m made) any { return m.client.Group() }, want: "group"},
		{name: "group.instance.id", value: "i", read: option(ofMember, kgo.InstanceID), want: "i-0"},
		{name: "group.instance.id", value: "i", read: func(m made) any { return m.consumer.group.instance }, want: "i-0"},
		{name: "group.protocol", value: "consumer", read: option(ofMember, kgo.ServerSideBalancer), want: true},
		{
			name: "group.remote.assignor", value: "range", with: []string{"group.protocol", "consumer"},
			read: balancers, want: []string{"range"},
		},
		{name: "heartbeat.interval.ms", value: "1700", read: option(ofMember, kgo.HeartbeatInterval), want: 1700 * time.Millisecond},
		{name: "max.poll.interval.ms", value: "170000", read: option(ofMember, kgo.RebalanceTimeout), want: 170 * time.Second},
		{name: "max.poll.interval.ms", value: "170000", read: func(m made) any { return m.consumer.watch.interval }, want: 170 * time.Second},
		{name: "partition.assignment.strategy", value: "range,roundrobin", read: balancers, want: []string{"range", "roundrobin"}},
		{name: "session.timeout.ms", value: "17000", read: option(ofMember, kgo.SessionTimeout), want: 17 * time.Second},
		{name: "session.timeout.ms", value: "17000", read: requestLimit(kmsg.Heartbeat), want: 17 * time.Second},
		{name: "allow.auto.create.topics", value: "true", read: option(ofMember, kgo.AllowAutoTopicCreation), want: true},
		{name: "allow.auto.create.topics", value: "false", read: option(ofSmall, kgo.AllowAutoTopicCreation), want: false},
	}
}

func producing() []translation {
	freely := []string{"enable.idempotence", "false"}
	limit := func(read func(limits) int64) func(made) any {
		return func(m made) any { return read(m.producer.limits) }
	}
	acks := []string{"acks", "request.required.acks"}
	table := []translation{
		{name: "acks", value: "all", read: option(ofSmall, kgo.RequiredAcks), want: kgo.AllISRAcks()},
		{name: "batch.size", value: "33000", read: option(ofSmall, kgo.ProducerBatchMaxBytes), want: int32(33_000)},
		{name: "compression.codec", value: "zstd", read: codec, want: []kgo.CompressionCodec{kgo.ZstdCompression()}},
		{name: "compression.type", value: "none", read: codec, want: []kgo.CompressionCodec{kgo.NoCompression()}},
		{
			name: "compression.level", value: "4", with: []string{"compression.type", "gzip"}, read: codec,
			want: []kgo.CompressionCodec{kgo.GzipCompression().WithLevel(4)},
		},
		{name: "delivery.timeout.ms", value: "0", read: option(ofSmall, kgo.RecordDeliveryTimeout), want: time.Duration(0)},
		{name: "message.timeout.ms", value: "0", read: option(ofSmall, kgo.RecordDeliveryTimeout), want: time.Duration(0)},
		{name: "enable.idempotence", value: "false", read: option(ofSmall, kgo.DisableIdempotentWrite), want: true},
		{name: "enable.idempotence", value: "true", read: option(ofSmall, kgo.DisableIdempotentWrite), want: false},
		{name: "linger.ms", value: "7.5", read: option(ofSmall, kgo.ProducerLinger), want: 7500 * time.Microsecond},
		{name: "queue.buffering.max.ms", value: "8", read: option(ofSmall, kgo.ProducerLinger), want: 8 * time.Millisecond},
		{name: "linger.ms", value: "8", read: option(ofLarge, kgo.ProducerLinger), want: time.Duration(0)},
		{name: "max.in.flight", value: "3", with: freely, read: option(ofSmall, kgo.MaxProduceRequestsInflightPerBroker), want: 3},
		{
			name: "max.in.flight.requests.per.connection", value: "4", with: freely, want: 4,
			read: option(ofSmall, kgo.MaxProduceRequestsInflightPerBroker),
		},
		{name: "message.max.bytes", value: "123456", read: limit(func(l limits) int64 { return l.message }), want: int64(123_456)},
		{name: "message.max.bytes", value: "123456", read: option(ofLarge, kgo.ProducerBatchMaxBytes), want: int32(123_456 + 1<<20)},
		{name: "message.send.max.retries", value: "5", read: option(ofSmall, kgo.RecordRetries), want: int64(5)},
		{name: "retries", value: "6", read: option(ofSmall, kgo.RecordRetries), want: int64(6)},
		{name: "queue.buffering.max.kbytes", value: "9", read: limit(func(l limits) int64 { return l.bytes }), want: int64(9 << 10)},
		{name: "queue.buffering.max.messages", value: "9", read: limit(func(l limits) int64 { return l.messages }), want: int64(9)},
		{name: "request.timeout.ms", value: "1700", read: option(ofSmall, kgo.ProduceRequestTimeout), want: 1700 * time.Millisecond},
		{name: "topic.metadata.propagation.max.ms", value: "5000", read: option(ofSmall, kgo.UnknownTopicRetries), want: int64(20)},
		{name: "transaction.timeout.ms", value: "5000", read: option(ofSmall, kgo.TransactionTimeout), want: 5 * time.Second},
		{
			name: "partitioner", value: "consistent", want: 2,
			read: func(m made) any {
				spread, _ := m.small.OptValue(kgo.RecordPartitioner).(kgo.Partitioner)
				return spread.ForTopic("t").Partition(&kgo.Record{Partition: -1, Key: []byte("a")}, 5)
			},
		},
	}
	for _, name := range acks {
		table = append(table,
			translation{name: name, value: "-1", read: option(ofSmall, kgo.RequiredAcks), want: kgo.AllISRAcks()},
			translation{name: name, value: "1", with: freely, read: option(ofSmall, kgo.RequiredAcks), want: kgo.LeaderAck()},
			translation{name: name, value: "0", with: freely, read: option(ofSmall, kgo.RequiredAcks), want: kgo.NoAck()})
	}
	return table
}

func connecting() []translation {
	seeds := func(m made) any { return m.client.consumer.brokers() }
	dialed := func(m made) any {
		dial, _ := m.reader.OptValue(kgo.Dialer).(func(context.Context, string, string) (net.Conn, error))
		_, err := dial(context.Background(), "tcp", "127.0.0.1:1")
		return err != nil && strings.Contains(err.Error(), "no suitable address")
	}
	return []translation{
		{name: "bootstrap.servers", value: "a:1, PLAINTEXT://b:2", read: seeds, want: []string{"a:1", "b:2"}},
		{name: "bootstrap.servers", value: "a:1,b:2", read: option(ofReader, kgo.SeedBrokers), want: []string{"a:1", "b:2"}},
		{name: "metadata.broker.list", value: "c:3", read: option(ofMember, kgo.SeedBrokers), want: []string{"c:3"}},
		{name: "broker.address.family", value: "v6", read: dialed, want: true},
		{name: "client.id", value: "me", read: option(ofReader, kgo.ClientID), want: "me"},
		{name: "client.id", value: "me", read: option(ofLarge, kgo.ClientID), want: "me"},
		{name: "connections.max.idle.ms", value: "17000", read: option(ofReader, kgo.ConnIdleTimeout), want: 17 * time.Second},
		{name: "enable.metrics.push", value: "true", read: option(ofReader, kgo.DisableClientMetrics), want: false},
		{name: "metadata.max.age.ms", value: "1700", read: option(ofReader, kgo.MetadataMaxAge), want: 1700 * time.Millisecond},
		{name: "topic.metadata.refresh.interval.ms", value: "1900", read: option(ofMember, kgo.MetadataMaxAge), want: 1900 * time.Millisecond},
		{name: "topic.metadata.refresh.interval.ms", value: "-1", read: option(ofMember, kgo.MetadataMaxAge), want: time.Hour},
		{name: "topic.metadata.refresh.fast.interval.ms", value: "170", read: option(ofReader, kgo.MetadataMinAge), want: 170 * time.Millisecond},
		{name: "retry.backoff.ms", value: "40", with: []string{"retry.backoff.max.ms", "300"}, read: waits, want: true},
		{name: "retry.backoff.max.ms", value: "300", with: []string{"retry.backoff.ms", "40"}, read: waits, want: true},
		{name: "socket.timeout.ms", value: "17000", read: option(ofReader, kgo.RequestTimeoutOverhead), want: 17 * time.Second},
		{name: "socket.connection.setup.timeout.ms", value: "1700", read: option(ofReader, kgo.DialTimeout), want: 1700 * time.Millisecond},
	}
}

// covered are the properties whose translation has tests of its own, with servers that check what arrives.
func covered() []string {
	return []string{
		"enable.ssl.certificate.verification", "https.ca.location", "https.ca.pem", "sasl.mechanism", "sasl.mechanisms",
		"sasl.oauthbearer.client.credentials.client.id", "sasl.oauthbearer.client.credentials.client.secret",
		"sasl.oauthbearer.client.id", "sasl.oauthbearer.client.secret", "sasl.oauthbearer.extensions",
		"sasl.oauthbearer.grant.type", "sasl.oauthbearer.metadata.authentication.type", "sasl.oauthbearer.method",
		"sasl.oauthbearer.scope", "sasl.oauthbearer.token.endpoint.url", "sasl.password", "sasl.username",
		"security.protocol", "ssl.ca.location", "ssl.ca.pem", "ssl.certificate.location", "ssl.certificate.pem",
		"ssl.endpoint.identification.algorithm", "ssl.key.location", "ssl.key.pem",
	}
}

func translations() []translation { return slices.Concat(consuming(), producing(), connecting()) }

func TestEveryTranslatedPropertyReachesTheLibrary(t *testing.T) {
	t.Parallel()
	for _, one := range translations() {
		t.Run(one.name+"="+one.value, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, one.want, one.read(build(t, append(one.with, one.name, one.value)...)))
		})
	}
}

// TestEveryPropertyIsTranslatedOrSaidWhyNot: none is passed over in silence.
func TestEveryPropertyIsTranslatedOrSaidWhyNot(t *testing.T) {
	t.Parallel()
	fates := make(map[string][]string)
	tested := make(map[string]bool)
	for _, one := range translations() {
		tested[one.name] = true
	}
	for _, name := range covered() {
		tested[name] = true
	}
	for name := range tested {
		fates[name] = append(fates[name], "translated")
	}
	for name, reason := range withoutEffect() {
		require.NotEmpty(t, reason)
		fates[name] = append(fates[name], "without effect")
	}
	for name, reason := range refused() {
		require.NotEmpty(t, reason)
		fates[name] = append(fates[name], "refused")
	}
	require.ElementsMatch(t, properties.New().Names(), slices.Collect(maps.Keys(fates)))
	for name, fate := range fates {
		require.Len(t, fate, 1, name)
	}
}

func TestRefusedPropertiesAreNamedWithARemedy(t *testing.T) {
	t.Parallel()
	for name := range refused() {
		faults := Faults(map[string]string{name: "x"})
		require.Len(t, faults, 1, name)
		require.Contains(t, faults[0].String(), name+": is not understood by the franz client: ")
		require.Contains(t, faults[0].String(), "remove it, or set client to confluent")
	}
	for name, values := range map[string][2]string{
		"sasl.mechanism":                                {"SCRAM-SHA-512", "GSSAPI"},
		"sasl.oauthbearer.grant.type":                   {"client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer"},
		"sasl.oauthbearer.metadata.authentication.type": {"none", "azure_imds"},
		"group.remote.assignor":                         {"uniform", "mine"},
		"queuing.strategy":                              {"fifo", "lifo"},
		"client.dns.lookup":                             {"use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"},
		"api.version.request":                           {"true", "false"},
	} {
		require.Empty(t, Faults(map[string]string{name: values[0]}), name)
		require.Len(t, Faults(map[string]string{name: values[1]}), 1, name)
	}
	_, err := New(Options{Kafka: map[string]string{
		"bootstrap.servers": "a:1", "group.id": "g", "ssl.cipher.suites": "x", "grop.id": "y",
	}, Producer: map[string]string{"enable.gapless.guarantee": "true"}})
	var wrong *properties.Error
	require.ErrorAs(t, err, &wrong)
	require.Len(t, wrong.Faults, 3)
}

func TestDefaultsAreTroupes(t *testing.T) {
	t.Parallel()
	m := build(t)
	require.Equal(t, kgo.AllISRAcks(), m.small.OptValue(kgo.RequiredAcks))
	require.Equal(t, false, m.small.OptValue(kgo.DisableIdempotentWrite))
	require.Equal(t, []kgo.CompressionCodec{kgo.Lz4Compression()}, codec(m))
	require.Equal(t, int32(65_536), m.small.OptValue(kgo.ProducerBatchMaxBytes))
	require.Equal(t, 5*time.Millisecond, m.small.OptValue(kgo.ProducerLinger))
	require.Equal(t, int64(64<<20), m.producer.limits.message)
	require.Equal(t, int8(readCommitted), m.reader.OptValue(kgo.FetchIsolationLevel))
	require.Equal(t, kgo.NoResetOffset(), m.reader.OptValue(kgo.ConsumeResetOffset))
	require.Equal(t, []string{"cooperative-sticky"}, balancers(m))
	require.Equal(t, 10*time.Second, m.member.OptValue(kgo.MetadataMaxAge))
	require.Equal(t, true, m.reader.OptValue(kgo.DisableClientMetrics))
	require.Equal(t, "troupe-0", m.reader.OptValue(kgo.ClientID))
	require.Equal(t, "troupe-out", m.small.OptValue(kgo.ClientID))
	require.Equal(t, 300*time.Second, m.client.MaxPollInterval())
	require.Equal(t, 10*time.Second, requestLimit(kmsg.OffsetCommit)(m))
	require.Equal(t, 30*time.Second, requestLimit(kmsg.Metadata)(m))
}

func TestPrefetchSharesItsBudget(t *testing.T) {
	t.Parallel()
	client, err := New(Options{
		Kafka: map[string]string{"bootstrap.servers": "a:1", "group.id": "g"}, PrefetchBytes: 32 << 20, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	p := client.newPrefetch()
	reader, err := kgo.NewClient(append(p.options(), kgo.SeedBrokers("127.0.0.1:1"))...)
	require.NoError(t, err)
	defer reader.Close()
	require.EqualValues(t, answerFirst, reader.OptValue(kgo.FetchMaxBytes), "little, before anything is known")
	require.EqualValues(t, answerFirst, reader.OptValue(kgo.FetchMaxPartitionBytes))
	answer := func(compressed, factor int) int64 {
		p.OnFetchBatchRead(kgo.BrokerMetadata{}, "t", 0, kgo.FetchBatchMetrics{CompressedBytes: compressed, UncompressedBytes: factor * compressed})
		p.adjust(reader)
		require.EqualValues(t, p.asked, reader.OptValue(kgo.FetchMaxBytes))
		return p.asked
	}

	require.EqualValues(t, growthMax*answerFirst, answer(answerFirst, 1))
	require.EqualValues(t, growthMax*growthMax*answerFirst, answer(int(p.asked), 1))
	require.EqualValues(t, 2<<20, answer(int(p.asked), 1), "a share of the budget")
	require.EqualValues(t, 2<<20/8, answer(1<<17, 8), "data that is eight times as large when it is decompressed")
	require.EqualValues(t, answerMin, answer(1<<10, 1024))
	require.EqualValues(t, answerMin, answer(answerMin/2-1, 1), "too little was seen")
	require.EqualValues(t, growthMax*answerMin, answer(1, 1), "with what was seen before")
}

func TestRecordsAreCopiedOutOfTheirBatch(t *testing.T) {
	t.Parallel()
	batch := []byte("keyvalueheader")
	r := &kgo.Record{Key: batch[:3], Value: batch[3:8], Headers: []kgo.RecordHeader{{Key: "a", Value: batch[8:]}, {Key: "b"}, {Key: "c", Value: batch[:0]}}}
	own(r)
	clear(batch)
	require.Equal(t, &kgo.Record{
		Key: []byte("key"), Value: []byte("value"),
		Headers: []kgo.RecordHeader{{Key: "a", Value: []byte("header")}, {Key: "b"}, {Key: "c", Value: []byte{}}},
	}, r)
	_ = append(r.Key, 'x')
	require.Equal(t, "value", string(r.Value), "what is appended to one goes elsewhere")
	r = &kgo.Record{Value: []byte{}}
	own(r)
	require.Nil(t, r.Key)
	require.NotNil(t, r.Value)
}
