package troupe_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/internal/embedded"
	"github.com/troupe-go/troupe/stream"
)

// ownStore keeps offsets outside of Kafka. It fails the first time it is asked.
type ownStore struct {
	offsets map[troupe.Partition]troupe.Offset
	asked   atomic.Int32
}

func (s *ownStore) Load(_ context.Context, partitions []troupe.Partition) (map[troupe.Partition]troupe.Offset, error) {
	if s.asked.Add(1) == 1 {
		return nil, errors.New("the store is away")
	}
	found := make(map[troupe.Partition]troupe.Offset)
	for _, p := range partitions {
		if offset, ok := s.offsets[p]; ok {
			found[p] = offset
		}
	}
	return found, nil
}

// startStoreTest starts a broker with ten records in each of three partitions, and commits positions in two of them.
func startStoreTest(t *testing.T) (bootstrap string, admin *kadm.Client) {
	t.Helper()
	broker, err := embedded.Start(embedded.Options{NoRegistry: true, Topics: map[string]int32{"orders": 3}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Bootstrap()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	var records []*kgo.Record
	for i := range 30 {
		records = append(records, &kgo.Record{Topic: "orders", Partition: int32(i % 3), Value: fmt.Append(nil, i)})
	}
	require.NoError(t, client.ProduceSync(t.Context(), records...).FirstErr())
	committed := make(kadm.Offsets)
	committed.AddOffset("orders", 0, 2, -1)
	committed.AddOffset("orders", 1, 4, -1)
	admin = kadm.NewClient(client)
	require.NoError(t, admin.CommitAllOffsets(t.Context(), "billing", committed))
	return broker.Bootstrap(), admin
}

func TestOwnOffsetStoreSaysWherePartitionsBegin(t *testing.T) {
	t.Parallel()
	bootstrap, admin := startStoreTest(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	// What is committed counts only where the store knows nothing.
	store := &ownStore{offsets: map[troupe.Partition]troupe.Offset{{Topic: "orders", Number: 0}: 7}}
	handled := make(chan *troupe.Record, 30)
	started := make(chan stream.Started, 3)
	p, err := troupe.New(troupe.Config{
		Kafka:       troupe.Properties{"bootstrap.servers": bootstrap, "group.id": "billing"},
		Topics:      []string{"orders"},
		OffsetStore: store,
		Handler: troupe.HandlerFunc(func(_ context.Context, r *troupe.Record) error {
			handled <- r
			return nil
		}),
		OnEvent: func(e troupe.EventTime) {
			if s, ok := e.Event.(stream.Started); ok {
				started <- s
			}
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- p.Run(running) }()

	first := map[int32]int64{}
	for range (10 - 7) + (10 - 4) + 10 {
		select {
		case r := <-handled:
			if _, seen := first[r.Partition]; !seen {
				first[r.Partition] = r.Offset
			}
		case <-ctx.Done():
			require.Fail(t, "not all records were handled")
		}
	}
	require.Equal(t, map[int32]int64{0: 7, 1: 4, 2: 0}, first)
	origins := map[int32]string{}
	for range 3 {
		s := <-started
		origins[s.Number] = s.Origin
	}
	require.Equal(t, map[int32]string{0: "store", 1: "committed", 2: "earliest"}, origins)
	stop()
	require.NoError(t, <-ended)
	require.Empty(t, handled, "nothing below the positions was handled")
	require.GreaterOrEqual(t, store.asked.Load(), int32(2), "a store that fails is asked again")
	offsets, err := admin.FetchOffsets(ctx, "billing")
	require.NoError(t, err)
	for partition := range int32(3) {
		at, ok := offsets.Lookup("orders", partition)
		require.True(t, ok)
		require.Equal(t, int64(10), at.At, "Kafka's own offsets follow")
	}
}
