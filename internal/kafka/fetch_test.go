package kafka_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

var orders = stream.Partition{Topic: "orders", Number: 3}

func fill(f *kafka.Fetch, p stream.Partition, from, count int64) {
	for offset := from; offset < from+count; offset++ {
		f.Batch(p.Topic, p.Number).Append(stream.Record{
			Topic: p.Topic, Partition: p.Number, Offset: offset, Value: []byte("value"),
		})
	}
}

// take gives the offsets of each partition in the order of the batches, and checks that the batches' bytes are theirs.
func take(t *testing.T, f *kafka.Fetch) map[stream.Partition][]int64 {
	t.Helper()
	taken := make(map[stream.Partition][]int64)
	f.Take(func(b kafka.Batch) {
		require.NotEmpty(t, b.Records)
		bytes := int64(0)
		for i := range b.Records {
			require.Equal(t, b.Partition, b.Records[i].Source())
			taken[b.Partition] = append(taken[b.Partition], b.Records[i].Offset)
			bytes += b.Records[i].Size()
		}
		require.Equal(t, bytes, b.Bytes)
	})
	return taken
}

func offsets(from, count int64) []int64 {
	list := make([]int64, count)
	for i := range list {
		list[i] = from + int64(i)
	}
	return list
}

func TestFetchGivesEveryRecordOnceAndInOrder(t *testing.T) {
	t.Parallel()
	payments := stream.Partition{Topic: "payments", Number: 0}
	var f kafka.Fetch
	next := int64(0)
	for _, count := range []int64{1, 511, 512, 513, 2000, 3, 1024} {
		fill(&f, orders, next, count)
		fill(&f, payments, 2*next, 2*count)
		fill(&f, orders, next+count, 1)
		require.Equal(t, map[stream.Partition][]int64{
			orders: offsets(next, count+1), payments: offsets(2*next, 2*count),
		}, take(t, &f), "after %d records", count)
		require.Empty(t, take(t, &f))
		next += count + 1
	}
}

func TestFetchDropsAllRecordsOfAPartition(t *testing.T) {
	t.Parallel()
	var f kafka.Fetch
	fill(&f, orders, 0, 1500)
	f.Drop(orders)
	require.Empty(t, take(t, &f))
	fill(&f, orders, 0, 600)
	f.Drop(orders)
	fill(&f, orders, 100, 10)
	require.Equal(t, map[stream.Partition][]int64{orders: offsets(100, 10)}, take(t, &f))
}

func TestFetchIsFullWhenItsRoomIsTaken(t *testing.T) {
	t.Parallel()
	var f kafka.Fetch
	fill(&f, orders, 0, 1000)
	require.False(t, f.Full(), "without a limit")
	_, limited := f.Room()
	require.False(t, limited)
	take(t, &f)
	size := (&stream.Record{Value: []byte("value")}).Size()
	f.Limit(600 * size)
	fill(&f, orders, 1000, 599)
	require.False(t, f.Full())
	room, limited := f.Room()
	require.True(t, limited)
	require.Equal(t, size, room)
	fill(&f, orders, 1599, 1)
	require.True(t, f.Full())
	f.Drop(orders)
	require.False(t, f.Full(), "what is dropped leaves room")
	fill(&f, orders, 0, 600)
	require.True(t, f.Full())
	take(t, &f)
	require.False(t, f.Full(), "the next poll begins")
	f.Batch("orders", 3).Append(stream.Record{Value: make([]byte, 1<<20)})
	require.True(t, f.Full(), "the first may be larger")
	f.Take(func(b kafka.Batch) { require.Greater(t, b.Largest, int64(1<<20)) })
	fill(&f, orders, 0, 1)
	f.Take(func(b kafka.Batch) { require.Equal(t, size, b.Largest) })
}

// A record that a handler is at keeps the batch that it came in.
func TestBatchesOfLargeRecordsAreShort(t *testing.T) {
	t.Parallel()
	var f kafka.Fetch
	for offset := range int64(100) {
		f.Batch("orders", 3).Append(stream.Record{Topic: "orders", Partition: 3, Offset: offset, Value: make([]byte, 50_000)})
	}
	next := int64(0)
	f.Take(func(b kafka.Batch) {
		require.LessOrEqual(t, b.Bytes, int64(256<<10+51_000))
		require.LessOrEqual(t, cap(b.Records), 8)
		for _, r := range b.Records {
			require.Equal(t, next, r.Offset)
			next++
		}
	})
	require.EqualValues(t, 100, next)
}
