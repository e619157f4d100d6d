package verify

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-go/troupe/internal/embedded"
)

func TestLoadWritesWhatItsLedgerSays(t *testing.T) {
	t.Parallel()
	broker, err := embedded.Start(embedded.Options{NoRegistry: true, Topics: map[string]int32{"in": 3}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	path := filepath.Join(t.TempDir(), "ledger")
	ledger, err := CreateLedger(path)
	require.NoError(t, err)
	l := Load{
		Brokers: []string{broker.Bootstrap()}, Topic: "in", Run: "run", Seed: 1, Rate: 2000, Records: 500, Keys: 7, PoisonPerMille: 100,
		FlushTimeout: time.Minute,
	}
	written, err := l.Write(t.Context(), ledger)
	require.NoError(t, err)
	require.NoError(t, ledger.Close())
	require.Equal(t, Written{Acknowledged: 500}, written)

	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Bootstrap()))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	r := &reader{[]string{broker.Bootstrap()}, kadm.NewClient(client)}
	var h History
	require.NoError(t, r.inputs(t.Context(), &Script{Input: "in"}, &h))
	require.Len(t, h.Inputs, 500)
	next, poison := make(map[int32]int64), 0
	for _, in := range h.Inputs {
		require.Equal(t, next[in.Key], in.Seq, "the sequence of key %d", in.Key)
		next[in.Key]++
		if in.Poison {
			poison++
		}
	}
	require.Positive(t, poison)
	require.Less(t, poison, 250)
	entries, err := ReadLedger(path)
	require.NoError(t, err)
	report := Check(&h, entries, &Script{})
	require.EqualValues(t, 500, report.Acknowledged)
	require.Zero(t, report.BrokerLost+report.Indeterminate)
	require.EqualValues(t, 500, report.Unseen, "nobody has read them")
}

func TestLoadEndsWithItsContextAndKeepsToItsRate(t *testing.T) {
	t.Parallel()
	broker, err := embedded.Start(embedded.Options{NoRegistry: true, Topics: map[string]int32{"in": 1}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	ledger, err := CreateLedger(filepath.Join(t.TempDir(), "ledger"))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	l := Load{
		Brokers: []string{broker.Bootstrap()}, Topic: "in", Run: "run", Rate: 1000, Records: 1 << 40, Keys: 7, FlushTimeout: time.Minute,
	}
	written, err := l.Write(ctx, ledger)
	require.NoError(t, err)
	require.NoError(t, ledger.Close())
	require.LessOrEqual(t, written.Acknowledged, int64(310), "a record a millisecond")
	require.Zero(t, written.Indeterminate)
}
