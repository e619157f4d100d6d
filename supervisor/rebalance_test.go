package supervisor_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/stream"
	"github.com/troupe-go/troupe/supervisor"
)

// observed gives the count and the sum of a histogram without labels.
func observed(tree *supervisor.Tree, name string) (count uint64, sum float64) {
	for _, m := range tree.Metrics() {
		if m.Name == name && len(m.Values) == 1 {
			return m.Values[0].Count, m.Values[0].Sum
		}
	}
	return 0, -1
}

func strategy(name string) func(*supervisor.Config, *bench) {
	return func(c *supervisor.Config, b *bench) {
		c.Client = b.broker.Client("group", map[string]string{"partition.assignment.strategy": name})
	}
}

// Each of the two partitions has a record in a handler for three seconds when another member joins.
func TestRebalancesAreCountedAndMeasuredInEachProtocol(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct{ assigned, revoked, started uint64 }{
		"cooperative-sticky": {assigned: 1, revoked: 1, started: 2},
		"range":              {assigned: 2, revoked: 1, started: 3}, // all is given back, and one partition comes again
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, 2)
				slow := func(context.Context, *stream.Record) error {
					<-time.After(3 * time.Second)
					return nil
				}
				with := func(c *supervisor.Config) { strategy(name)(c, b) }
				tree := b.tree(slow, with)
				stop := running(tree)
				pass(time.Second)
				b.fill(2, 2)
				pass(time.Second)
				other := setupOn(b).tree(succeed, with)
				stopOther := running(other)
				pass(20 * time.Second)
				require.EqualValues(t, want.assigned, metric(tree, "consumer_rebalances_total", "assigned"), "an empty assignment is none")
				require.EqualValues(t, want.revoked, metric(tree, "consumer_rebalances_total", "revoked"))
				require.Zero(t, metric(tree, "consumer_rebalances_total", "lost"))
				count, sum := observed(tree, "consumer_rebalance_duration_seconds")
				require.EqualValues(t, 1, count)
				require.InDelta(t, 2, sum, 0.2, "it waited for the handler")
				count, sum = observed(tree, "consumer_start_duration_seconds")
				require.Equal(t, want.started, count)
				require.Less(t, sum, 1.0)
				require.Len(t, tree.Status().Partitions, 1)
				require.Len(t, other.Status().Partitions, 1)
				require.EqualValues(t, 1, metric(other, "consumer_rebalances_total", "assigned"))
				require.NoError(t, stopOther())
				require.NoError(t, stop())
				require.Equal(t, 2, b.attempts())
			})
		})
	}
}

// setupOn is another processor on the same broker.
func setupOn(b *bench) *bench { return &bench{t: b.t, broker: b.broker} }

func TestLostPartitionsAreCountedAndNotMeasuredAsIfTheyHadBeenGivenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 2)
		tree := b.tree(succeed)
		stop := running(tree)
		pass(time.Second)
		b.broker.Expire("group", "test-0")
		pass(10 * time.Second)
		require.EqualValues(t, 1, metric(tree, "consumer_rebalances_total", "lost"))
		require.EqualValues(t, 2, metric(tree, "consumer_rebalances_total", "assigned"))
		require.Zero(t, metric(tree, "consumer_rebalances_total", "revoked"))
		count, _ := observed(tree, "consumer_rebalance_duration_seconds")
		require.Zero(t, count)
		count, _ = observed(tree, "consumer_start_duration_seconds")
		require.EqualValues(t, 4, count)
		require.NoError(t, stop())
	})
}

func TestAMemberWithoutPartitionsHasJoinedAndCountsNoRebalance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		tree, other := b.tree(succeed), setupOn(b).tree(succeed)
		stop := running(tree)
		pass(time.Second)
		stopOther := running(other)
		pass(5 * time.Second)
		require.True(t, other.Status().Joined)
		require.Zero(t, metric(other, "consumer_rebalances_total", "assigned"))
		require.EqualValues(t, 1, metric(tree, "consumer_rebalances_total", "assigned"))
		require.NoError(t, stopOther())
		require.NoError(t, stop())
	})
}
