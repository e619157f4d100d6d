package kafkatest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/troupe-go/troupe/stream"
)

// remoteTimeout bounds each call of Remote.
const remoteTimeout = 30 * time.Second

// Remote is the foreign side of tests on brokers with sockets, embedded or real. It uses franz-go.
type Remote struct {
	bootstrap string
	client    *kgo.Client
	admin     *kadm.Client

	mu sync.Mutex
	// writers of topics that have changed: the one client may not know of it for long.
	writers map[string]*kgo.Client
}

var _ Broker = (*Remote)(nil)

// NewRemote connects to the brokers at bootstrap.
func NewRemote(t testing.TB, bootstrap string) *Remote {
	t.Helper()
	client := newWriter(t, bootstrap)
	return &Remote{bootstrap: bootstrap, client: client, admin: kadm.NewClient(client), writers: make(map[string]*kgo.Client)}
}

func newWriter(t testing.TB, bootstrap string) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(bootstrap, ",")...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.MetadataMinAge(10*time.Millisecond))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// changed takes a new client for a topic from now on.
func (r *Remote) changed(t testing.TB, topic string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writers[topic] = newWriter(t, r.bootstrap)
}

func (r *Remote) writer(topic string) *kgo.Client {
	r.mu.Lock()
	defer r.mu.Unlock()
	if client := r.writers[topic]; client != nil {
		return client
	}
	return r.client
}

// Bootstrap is the value of bootstrap.servers.
func (r *Remote) Bootstrap() string { return r.bootstrap }

// CreateTopic creates a topic and waits until its partitions have leaders. Where one of that name is still being deleted, it
// waits for that first.
func (r *Remote) CreateTopic(t testing.TB, name string, partitions int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), remoteTimeout)
	defer cancel()
	require.Eventually(t, func() bool {
		_, err := r.admin.CreateTopic(ctx, int32(partitions), -1, nil, name)
		if errors.Is(err, kerr.TopicAlreadyExists) {
			return false
		}
		require.NoError(t, err)
		return true
	}, remoteTimeout, 5*time.Millisecond)
	r.awaitPartitions(ctx, t, name, partitions)
}

func (r *Remote) awaitPartitions(ctx context.Context, t testing.TB, name string, partitions int) {
	t.Helper()
	require.Eventually(t, func() bool {
		ends, err := r.admin.ListEndOffsets(ctx, name)
		return err == nil && ends.Error() == nil && len(ends[name]) == partitions
	}, remoteTimeout, 5*time.Millisecond)
}

// Produce appends messages, all to one topic.
func (r *Remote) Produce(t testing.TB, messages ...stream.Message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), remoteTimeout)
	defer cancel()
	if len(messages) == 0 {
		return
	}
	require.NoError(t, r.writer(messages[0].Topic).ProduceSync(ctx, records(messages)...).FirstErr())
}

func records(messages []stream.Message) []*kgo.Record {
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
	return records
}

// Transact appends messages in one transaction.
func (r *Remote) Transact(t testing.TB, messages ...stream.Message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), remoteTimeout)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(r.bootstrap, ",")...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.TransactionalID("kafkatest-"+rand.Text()))
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.BeginTransaction())
	require.NoError(t, client.ProduceSync(ctx, records(messages)...).FirstErr())
	require.NoError(t, client.EndTransaction(ctx, kgo.TryCommit))
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
	reader, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(r.bootstrap, ",")...), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
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

// TopicID gives the id of a topic.
func (r *Remote) TopicID(t testing.TB, topic string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), remoteTimeout)
	defer cancel()
	metadata, err := r.admin.Metadata(ctx, topic)
	require.NoError(t, err)
	id := metadata.Topics[topic].ID
	return base64.RawStdEncoding.EncodeToString(id[:])
}

// Delete deletes a topic.
func (r *Remote) Delete(t testing.TB, topic string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), remoteTimeout)
	defer cancel()
	deleted, err := r.admin.DeleteTopics(ctx, topic)
	require.NoError(t, err)
	require.NoError(t, deleted.Error())
}

// Grow adds partitions to a topic.
func (r *Remote) Grow(t testing.TB, topic string, partitions int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), remoteTimeout)
	defer cancel()
	grown, err := r.admin.UpdatePartitions(ctx, partitions, topic)
	require.NoError(t, err)
	require.NoError(t, grown.Error())
	r.awaitPartitions(ctx, t, topic, partitions)
	r.changed(t, topic)
}

// Recreate deletes a topic and makes it anew.
func (r *Remote) Recreate(t testing.TB, topic string, partitions int, messages ...stream.Message) {
	t.Helper()
	r.Delete(t, topic)
	r.CreateTopic(t, topic, partitions)
	r.awaitEmpty(t, topic)
	r.changed(t, topic)
	r.Produce(t, messages...)
}

// awaitEmpty waits until the topic's leaders have let go of a log that was deleted: they take records into it until then.
func (r *Remote) awaitEmpty(t testing.TB, topic string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), remoteTimeout)
	defer cancel()
	require.Eventually(t, func() bool {
		ends, err := r.admin.ListEndOffsets(ctx, topic)
		empty := err == nil && ends.Error() == nil
		ends.Each(func(end kadm.ListedOffset) { empty = empty && end.Offset == 0 })
		return empty
	}, remoteTimeout, 5*time.Millisecond)
}

// Session sets the session time-out of a group of the consumer protocol.
func (r *Remote) Session(t testing.TB, group string, timeout time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), remoteTimeout)
	defer cancel()
	value := strconv.FormatInt(timeout.Milliseconds(), 10)
	one := kmsg.NewIncrementalAlterConfigsRequestResource()
	one.ResourceType, one.ResourceName = kmsg.ConfigResourceTypeGroupConfig, group
	one.Configs = []kmsg.IncrementalAlterConfigsRequestResourceConfig{{
		Name: "consumer.session.timeout.ms", Op: kmsg.IncrementalAlterConfigOpSet, Value: &value,
	}}
	alter := kmsg.NewPtrIncrementalAlterConfigsRequest()
	alter.Resources = append(alter.Resources, one)
	altered, err := alter.RequestWith(ctx, r.client)
	require.NoError(t, err)
	require.NoError(t, kerr.ErrorForCode(altered.Resources[0].ErrorCode))
}

// Evict makes a group's members leave in their stead.
func (r *Remote) Evict(t testing.TB, group string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), remoteTimeout)
	defer cancel()
	described, err := r.admin.DescribeConsumerGroups(ctx, group)
	require.NoError(t, err)
	if consumers := described[group]; consumers.Err == nil {
		for _, m := range consumers.Members {
			leave := kmsg.NewPtrConsumerGroupHeartbeatRequest()
			leave.Group, leave.MemberID, leave.MemberEpoch = group, m.MemberID, -1
			left, err := leave.RequestWith(ctx, r.client)
			require.NoError(t, err)
			require.NoError(t, kerr.ErrorForCode(left.ErrorCode))
		}
		require.NotEmpty(t, consumers.Members)
		return
	}
	classic, err := r.admin.DescribeGroups(ctx, group)
	require.NoError(t, err)
	require.NotEmpty(t, classic[group].Members)
	leave := kmsg.NewPtrLeaveGroupRequest()
	leave.Group = group
	for _, m := range classic[group].Members {
		one := kmsg.NewLeaveGroupRequestMember()
		one.MemberID = m.MemberID
		leave.Members = append(leave.Members, one)
	}
	left, err := leave.RequestWith(ctx, r.client)
	require.NoError(t, err)
	require.NoError(t, kerr.ErrorForCode(left.ErrorCode))
}
