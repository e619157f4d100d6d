package troupe_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
	"log/slog"
	"os"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/internal/embedded"
)

func TestSmoke(t *testing.T) {
	b, err := embedded.Start(embedded.Options{Topics: map[string]int32{"in": 4, "out": 4}})
	require.NoError(t, err)
	defer b.Close()
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Bootstrap()), kgo.DefaultProduceTopic("in"))
	require.NoError(t, err)
	defer cl.Close()
	const n = 20000
	for i := range n {
		cl.Produce(context.Background(), kgo.KeySliceRecord([]byte(fmt.Sprint("k", i)), []byte(fmt.Sprint(i))), nil)
	}
	require.NoError(t, cl.Flush(context.Background()))
	var seen atomic.Int64
	done := make(chan struct{})
	p, err := troupe.New(troupe.Config{
		Kafka:  troupe.Properties{"bootstrap.servers": b.Bootstrap(), "group.id": "g"},
		Topics: []string{"in"},
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo})),
		Retry: troupe.RetryPolicy{Initial: 100 * time.Millisecond},
		Handler: troupe.HandlerFunc(func(ctx context.Context, r *troupe.Record) error {
			switch {
			case string(r.Value) == "7":
				panic("seven")
			case string(r.Value) == "8" && r.Attempt < 3:
				return fmt.Errorf("eight")
			case string(r.Value) == "9":
				return troupe.Permanent(fmt.Errorf("nine"))
			}
			r.Emit(troupe.Message{Topic: "out", Key: r.Key, Value: r.Value})
			if seen.Add(1) == n-2 {
				close(done)
			}
			return nil
		}),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- p.Run(ctx) }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		s := p.Status()
		for _, ps := range s.Partitions {
			t.Logf("%+v %+v", ps, ps.Oldest)
		}
	}
	began := time.Now()
	cancel()
	require.NoError(t, <-result)
	t.Log("stop took", time.Since(began), "seen", seen.Load())
}
