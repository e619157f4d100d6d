package kafkatest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-go/troupe/stream"
)

// remoteTimeout bounds each call of Remote.
const remoteTimeout = 30 * time.Second

// Remote is the foreign side of tests on brokers with sockets, embedded or real. It uses franz-go.
type Remote struct {
	bootstrap string
	client    *kgo.Client
	admin     *kadm.Client
}

var _ Broker = (*Remote)(nil)

// NewRemote connects to the brokers at bootstrap.
func NewRemote(t testing.TB, bootstrap string) *Remote {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.MetadataMinAge(10*time.Millisecond))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return &Remote{bootstrap: bootstrap, client: client, admin: kadm.NewClient(client)}
}

// Bootstrap is the value of bootstrap.servers.
func (r *Remote) Bootstrap() string { return r.bootstrap }

// CreateTopic creates a topic and waits until its partitions have leaders.
func (r *Remote) CreateTopic(t testing.TB, name string, partitions int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), remoteTimeout)
	defer cancel()
	_, err := r.admin.CreateTopic(ctx, int32(partitions), -1, nil, name)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		ends, err := r.admin.ListEndOffsets(ctx, name)
		return err == nil && ends.Error() == nil && len(ends[name]) == partitions
	}, remoteTimeout, 5*time.Millisecond)
}

// Produce appends messages.
func (r *Remote) Produce(t testing.TB, messages ...stream.Message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), remoteTimeout)
	defer cancel()
	records := make([]*kgo.Record, len(messages))
	for i := range messages {
		m := &messages[i]
		records[i] = &kgo.Record{
			Topic: m.Topic, Partition: m.PartitionNumber(), Key: m.Key, Value: m.Value, Timestamp: m.Timestamp,
		}
		for _, h := range m.Headers {
			records[i].Headers = append(records[i].Headers, kgo.RecordHeader(h))
		}
	}
	require.NoError(t, r.client.ProduceSync(ctx, records...).FirstErr())
}

// Read gives everything in a topic.
func (r *Remote) Read(t testing.TB, topic string) []stream.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), remoteTimeout)
	defer cancel()
	starts, err := r.admin.ListStartOffsets(ctx, topic)
	require.NoError(t, err)
	ends, err := r.admin.ListCommittedOffsets(ctx, topic)
	require.NoError(t, err)
	wanted := int64(0)
	from := make(map[int32]kgo.Offset)
	ends.Each(func(end kadm.ListedOffset) {
		start, _ := starts.Lookup(topic, end.Partition)
		wanted += end.Offset - start.Offset
		from[end.Partition] = kgo.NewOffset().At(start.Offset)
	})
	reader, err := kgo.NewClient(kgo.SeedBrokers(r.bootstrap), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}))
	require.NoError(t, err)
	defer reader.Close()
	var records []stream.Record
	for int64(len(records)) < wanted {
		fetches := reader.PollFetches(ctx)
		require.NoError(t, fetches.Err0())
		fetches.EachRecord(func(record *kgo.Record) {
			read := stream.Record{
				Topic: record.Topic, Partition: record.Partition, Offset: record.Offset, LeaderEpoch: record.LeaderEpoch,
				Key: record.Key, Value: record.Value, Timestamp: record.Timestamp,
			}
			for _, h := range record.Headers {
				read.Headers = append(read.Headers, stream.Header(h))
			}
			records = append(records, read)
		})
	}
	return records
}

// Committed gives the group's committed offsets.
func (r *Remote) Committed(t testing.TB, group string) map[stream.Partition]Committed {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), remoteTimeout)
	defer cancel()
	offsets, err := r.admin.FetchOffsets(ctx, group)
	require.NoError(t, err)
	found := make(map[stream.Partition]Committed)
	offsets.Each(func(o kadm.OffsetResponse) {
		require.NoError(t, o.Err)
		found[stream.Partition{Topic: o.Topic, Number: o.Partition}] = Committed{Offset: o.At, Metadata: o.Metadata}
	})
	return found
}

// Trim deletes the records below offset.
func (r *Remote) Trim(t testing.TB, p stream.Partition, offset int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), remoteTimeout)
	defer cancel()
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: p.Topic, Partition: p.Number, At: offset})
	deleted, err := r.admin.DeleteRecords(ctx, offsets)
	require.NoError(t, err)
	require.NoError(t, deleted.Error())
}
