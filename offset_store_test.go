package troupe_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/internal/embedded"
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

func TestOwnOffsetStoreSaysWherePartitionsBegin(t *testing.T) {
	t.Parallel()
	broker, err := embedded.Start(embedded.Options{NoRegistry: true, Topics: map[string]int32{"orders": 3}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Bootstrap()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	defer client.Close()
	for partition := range int32(3) {
		for i := range 10 {
			r := &kgo.Record{Topic: "orders", Partition: partition, Value: fmt.Append(nil, i)}
			require.NoError(t, client.ProduceSync(ctx, r).FirstErr())
		}
	}
	// What is committed counts only where the store knows nothing.
	committed := make(kadm.Offsets)
	committed.AddOffset("orders", 0, 2, -1)
	committed.AddOffset("orders", 1, 4, -1)
	require.NoError(t, kadm.NewClient(client).CommitAllOffsets(ctx, "billing", committed))

	store := &ownStore{offsets: map[troupe.Partition]troupe.Offset{{Topic: "orders", Number: 0}: 7}}
	type position struct{ partition, offset int64 }
	handled := make(chan position, 30)
	started := make(chan string, 3)
	p, err := troupe.New(troupe.Config{
		Kafka:       troupe.Properties{"bootstrap.servers": broker.Bootstrap(), "group.id": "billing"},
		Topics:      []string{"orders"},
		OffsetStore: store,
		Handler: troupe.HandlerFunc(func(_ context.Context, r *troupe.Record) error {
			handled <- position{int64(r.Partition), r.Offset}
			return nil
		}),
		OnEvent: func(e troupe.EventTime) {
			if e.Event.EventName() == "started" {
				written, _ := e.MarshalJSON() // it is one of the processor's own
				started <- string(written)
			}
		},
		Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- p.Run(running) }()

	first := map[int64]int64{}
	for range (10 - 7) + (10 - 4) + 10 {
		select {
		case at := <-handled:
			if _, seen := first[at.partition]; !seen {
				first[at.partition] = at.offset
			}
		case <-ctx.Done():
			require.Fail(t, "not all records were handled")
		}
	}
	require.Equal(t, map[int64]int64{0: 7, 1: 4, 2: 0}, first)
	origins := []string{<-started, <-started, <-started}
	for partition, origin := range map[int]string{0: "store", 1: "committed", 2: "earliest"} {
		want := fmt.Sprintf(`"partition":%d,`, partition)
		for _, e := range origins {
			if strings.Contains(e, want) {
				require.Contains(t, e, `"origin":"`+origin+`"`)
			}
		}
	}
	stop()
	require.NoError(t, <-ended)
	require.Empty(t, handled, "nothing below the positions was handled")
	require.GreaterOrEqual(t, store.asked.Load(), int32(2), "a store that fails is asked again")
	offsets, err := kadm.NewClient(client).FetchOffsets(ctx, "billing")
	require.NoError(t, err)
	for partition := range int32(3) {
		at, ok := offsets.Lookup("orders", partition)
		require.True(t, ok)
		require.Equal(t, int64(10), at.At, "Kafka's own offsets follow")
	}
}
