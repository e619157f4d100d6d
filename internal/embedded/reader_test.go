package embedded_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-go/troupe/internal/embedded"
	"github.com/troupe-go/troupe/stream"
)

func TestReaderGivesEveryRecordAsItWasWritten(t *testing.T) {
	t.Parallel()
	broker, err := embedded.Start(embedded.Options{Topics: map[string]int32{"a": 3, "empty": 2}, NoRegistry: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Bootstrap()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	defer client.Close()
	for i := range 30 {
		record := &kgo.Record{
			Topic: "a", Partition: int32(i % 2), Key: fmt.Append(nil, i), Value: []byte{0xff, byte(i)},
			Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("1")}, {Key: "h", Value: nil}},
		}
		require.NoError(t, client.ProduceSync(ctx, record).FirstErr())
	}
	reader, err := embedded.NewReader(broker.Bootstrap())
	require.NoError(t, err)
	defer reader.Close()

	found, err := reader.Read(ctx, "a", "empty")

	require.NoError(t, err)
	require.Len(t, found, 2, "partitions without records are left out")
	for p, records := range found {
		require.Len(t, records, 15)
		for i, r := range records {
			n := 2*i + int(p.Number)
			require.Equal(t, int64(i), r.Offset)
			require.Equal(t, fmt.Append(nil, n), r.Key)
			require.Equal(t, []byte{0xff, byte(n)}, r.Value)
			require.Equal(t, []stream.Header{{Key: "h", Value: []byte("1")}, {Key: "h"}}, r.Headers)
		}
	}
}

func TestReaderReadsPastAMarkerAtTheEnd(t *testing.T) {
	t.Parallel()
	broker, err := embedded.Start(embedded.Options{Topics: map[string]int32{"a": 1}, NoRegistry: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Bootstrap()), kgo.TransactionalID("t"), kgo.DefaultProduceTopic("a"))
	require.NoError(t, err)
	defer client.Close()
	for _, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
		require.NoError(t, client.BeginTransaction())
		require.NoError(t, client.ProduceSync(ctx, kgo.StringRecord(fmt.Sprint(bool(end)))).FirstErr())
		require.NoError(t, client.EndTransaction(ctx, end))
	}
	reader, err := embedded.NewReader(broker.Bootstrap())
	require.NoError(t, err)
	defer reader.Close()

	found, err := reader.Read(ctx, "a")

	require.NoError(t, err)
	records := found[stream.Partition{Topic: "a"}]
	require.Len(t, records, 1, "an aborted record is none")
	require.Equal(t, "true", string(records[0].Value))
}

func TestReaderTellsOffsetsOfAGroup(t *testing.T) {
	t.Parallel()
	broker, err := embedded.Start(embedded.Options{Topics: map[string]int32{"a": 2}, NoRegistry: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Bootstrap()))
	require.NoError(t, err)
	defer client.Close()
	offsets := kadm.Offsets{}
	offsets.AddOffset("a", 1, 7, -1)
	require.NoError(t, kadm.NewClient(client).CommitAllOffsets(ctx, "g", offsets))
	reader, err := embedded.NewReader(broker.Bootstrap())
	require.NoError(t, err)
	defer reader.Close()

	committed, err := reader.Committed(ctx, "g")
	require.NoError(t, err)
	require.Equal(t, map[stream.Partition]int64{{Topic: "a", Number: 1}: 7}, committed)
	ends, err := reader.Ends(ctx, "a")
	require.NoError(t, err)
	require.Equal(t, map[stream.Partition]int64{{Topic: "a"}: 0, {Topic: "a", Number: 1}: 0}, ends)
}
