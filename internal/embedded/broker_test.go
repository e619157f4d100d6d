package embedded_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sr"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/internal/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, o embedded.Options) *embedded.Broker {
	t.Helper()
	broker, err := embedded.Start(o)
	require.NoError(t, err)
	return broker
}

func connect(t *testing.T, b *embedded.Broker, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(strings.Split(b.Bootstrap(), ",")...))...)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestDataFolderKeepsRecordsOffsetsAndSchemas(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	dir := t.TempDir()
	first := start(t, embedded.Options{DataDir: dir, Topics: map[string]int32{"a": 2}})
	client := connect(t, first)
	require.NoError(t, client.ProduceSync(ctx, &kgo.Record{Topic: "a", Key: []byte("k"), Value: []byte("v")}).FirstErr())
	admin := kadm.NewClient(client)
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: "a", Partition: 1, At: 7, Metadata: "m"})
	require.NoError(t, admin.CommitAllOffsets(ctx, "g", offsets))

	schemas, err := sr.NewClient(sr.URLs(first.RegistryURL()))
	require.NoError(t, err)
	text := sr.Schema{Schema: `"string"`}
	_, err = schemas.CreateSchema(ctx, "gone", sr.Schema{Schema: `"long"`})
	require.NoError(t, err)
	made, err := schemas.CreateSchema(ctx, "a-value", text)
	require.NoError(t, err)
	shared, err := schemas.CreateSchema(ctx, "b-value", text)
	require.NoError(t, err)
	require.Equal(t, made.ID, shared.ID)
	_, err = schemas.DeleteSubject(ctx, "gone", sr.SoftDelete)
	require.NoError(t, err)
	client.Close()
	http.DefaultClient.CloseIdleConnections()
	require.NoError(t, first.Close())

	second := start(t, embedded.Options{DataDir: dir, Topics: map[string]int32{"a": 2, "new": 5}})
	defer func() { require.NoError(t, second.Close()) }()
	client = connect(t, second)
	admin = kadm.NewClient(client)
	topics, err := admin.ListTopics(ctx)
	require.NoError(t, err)
	require.Len(t, topics["a"].Partitions, 2)
	require.Len(t, topics["new"].Partitions, 5, "a topic asked for that the folder does not hold")
	ends, err := admin.ListEndOffsets(ctx, "a")
	require.NoError(t, err)
	total := int64(0)
	ends.Each(func(o kadm.ListedOffset) { total += o.Offset })
	require.Equal(t, int64(1), total)
	committed, err := admin.FetchOffsets(ctx, "g")
	require.NoError(t, err)
	o, _ := committed.Lookup("a", 1)
	require.Equal(t, int64(7), o.At)
	require.Equal(t, "m", o.Metadata)

	schemas, err = sr.NewClient(sr.URLs(second.RegistryURL()))
	require.NoError(t, err)
	for _, subject := range []string{"a-value", "b-value"} {
		found, err := schemas.SchemaByVersion(ctx, subject, 1)
		require.NoError(t, err)
		require.Equal(t, made.ID, found.ID)
		require.Equal(t, text.Schema, found.Schema.Schema)
	}
	subjects, err := schemas.Subjects(ctx)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"a-value", "b-value"}, subjects)
}

func TestSchemasHaveGUIDs(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	dir := t.TempDir()
	first := start(t, embedded.Options{DataDir: dir})
	schemas, err := sr.NewClient(sr.URLs(first.RegistryURL()))
	require.NoError(t, err)
	text, other := sr.Schema{Schema: `"string"`}, sr.Schema{Schema: `{"type": "string"}`, Type: sr.TypeJSON}
	made, err := schemas.CreateSchema(ctx, "a-value", text)
	require.NoError(t, err)
	second, err := schemas.CreateSchema(ctx, "b-value", other)
	require.NoError(t, err)
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, made.GUID)
	require.NotEqual(t, made.GUID, second.GUID)
	registered, err := http.Post(first.RegistryURL()+"/subjects/c-value/versions", "application/json", strings.NewReader(`{"schema": "\"string\""}`))
	require.NoError(t, err)
	var answer struct{ GUID string }
	require.NoError(t, json.NewDecoder(registered.Body).Decode(&answer))
	require.NoError(t, registered.Body.Close())
	require.Equal(t, made.GUID, answer.GUID, "a serializer that registers its schema must know it")
	http.DefaultClient.CloseIdleConnections()
	require.NoError(t, first.Close())

	again := start(t, embedded.Options{DataDir: dir})
	defer func() { require.NoError(t, again.Close()) }()
	schemas, err = sr.NewClient(sr.URLs(again.RegistryURL()))
	require.NoError(t, err)
	found, err := schemas.SchemaByGUID(ctx, strings.ToUpper(second.GUID))
	require.NoError(t, err)
	require.Equal(t, second.GUID, found.GUID)
	require.Equal(t, second.ID, found.ID)
	require.Equal(t, other, found.Schema)
	looked, err := schemas.LookupSchema(ctx, "a-value", text)
	require.NoError(t, err)
	require.Equal(t, made.GUID, looked.GUID)
	_, err = schemas.SchemaByGUID(ctx, "89791762-2336-4186-9674-299b90a802e2")
	require.ErrorContains(t, err, "schema not found")
	http.DefaultClient.CloseIdleConnections()
}

func TestDamagedSchemaFileIsNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, embedded.Options{DataDir: dir})
	require.NoError(t, first.Close())
	writeFile(t, dir+"/registry.json", `[{"subject":"s","version":1,"id":1,"schema":""}]`)
	_, err := embedded.Start(embedded.Options{DataDir: dir})
	require.ErrorContains(t, err, "registry.json")
}

func TestCommitMetadataIsLimitedAsByKafka(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	broker := start(t, embedded.Options{NoRegistry: true, Topics: map[string]int32{"a": 1}})
	defer func() { require.NoError(t, broker.Close()) }()
	require.Empty(t, broker.RegistryURL())
	admin := kadm.NewClient(connect(t, broker))
	for _, c := range []struct {
		length int
		want   error
	}{{embedded.MetadataLimit, nil}, {embedded.MetadataLimit + 1, kerr.OffsetMetadataTooLarge}, {10, nil}} {
		var offsets kadm.Offsets
		offsets.Add(kadm.Offset{Topic: "a", At: 1, Metadata: strings.Repeat("m", c.length)})
		require.ErrorIs(t, admin.CommitAllOffsets(ctx, "g", offsets), c.want)
	}
}

func TestUsersMayDoWhatTheyAreGranted(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	broker := start(t, embedded.Options{
		NoRegistry: true, DataDir: t.TempDir(), Topics: map[string]int32{"open": 1, "closed": 1},
		Users: []embedded.User{
			{Name: "root", Password: "secret", Super: true},
			{Name: "clerk", Password: "pass", Allow: []embedded.Grant{{embedded.Topic, "open", embedded.Write}}},
		},
	})
	defer func() { require.NoError(t, broker.Close()) }()
	clerk := connect(t, broker, kgo.SASL(plain.Auth{User: "clerk", Pass: "pass"}.AsMechanism()))
	require.NoError(t, clerk.ProduceSync(ctx, &kgo.Record{Topic: "open", Value: []byte("v")}).FirstErr())
	require.ErrorIs(t, clerk.ProduceSync(ctx, &kgo.Record{Topic: "closed", Value: []byte("v")}).FirstErr(),
		kerr.TopicAuthorizationFailed)
	root := connect(t, broker, kgo.SASL(plain.Auth{User: "root", Pass: "secret"}.AsMechanism()))
	require.NoError(t, root.ProduceSync(ctx, &kgo.Record{Topic: "closed", Value: []byte("v")}).FirstErr())
}

func TestSyntheticFetchServesTheSameBatchWithoutEnd(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	broker := start(t, embedded.Options{
		NoRegistry: true, Topics: map[string]int32{"a": 1}, Synthetic: &embedded.Synthetic{RecordBytes: 10, Records: 100},
	})
	defer func() { require.NoError(t, broker.Close()) }()
	client := connect(t, broker, kgo.ConsumeTopics("a"))
	next := int64(0)
	for next < 1000 {
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			require.Equal(t, next, r.Offset)
			require.Len(t, r.Value, 10)
			next++
		})
	}
}

func TestPortsAreThoseAskedFor(t *testing.T) {
	t.Parallel()
	first := start(t, embedded.Options{})
	kafkaPort, registryPort := port(t, first.Bootstrap()), port(t, first.RegistryURL())
	_, err := embedded.Start(embedded.Options{KafkaPort: kafkaPort})
	require.Error(t, err, "the port is taken")
	_, err = embedded.Start(embedded.Options{RegistryPort: registryPort})
	require.Error(t, err, "the port is taken")
	require.NoError(t, first.Close())
	second := start(t, embedded.Options{KafkaPort: kafkaPort, RegistryPort: registryPort})
	require.Equal(t, kafkaPort, port(t, second.Bootstrap()))
	require.Equal(t, registryPort, port(t, second.RegistryURL()))
	require.NoError(t, second.Close())
}

func TestAutoCreateMakesTopics(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	broker := start(t, embedded.Options{NoRegistry: true, AutoCreate: true, Partitions: 3, Brokers: 2})
	defer func() { require.NoError(t, broker.Close()) }()
	require.Len(t, strings.Split(broker.Bootstrap(), ","), 2)
	client := connect(t, broker, kgo.AllowAutoTopicCreation())
	require.NoError(t, client.ProduceSync(ctx, &kgo.Record{Topic: "a", Value: []byte("v")}).FirstErr())
	topics, err := kadm.NewClient(client).ListTopics(ctx, "a")
	require.NoError(t, err)
	require.Len(t, topics["a"].Partitions, 3)
}

func port(t *testing.T, address string) int {
	t.Helper()
	_, text, err := net.SplitHostPort(strings.TrimPrefix(address, "http://"))
	require.NoError(t, err)
	number, err := strconv.Atoi(text)
	require.NoError(t, err)
	return number
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
}
