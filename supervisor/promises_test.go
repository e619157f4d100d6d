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

func TestAbortMakesNoDeadLetters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 2)
		b.fill(2, 100)
		tree := b.tree(func(ctx context.Context, r *stream.Record) error {
			if r.Offset < 3 {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}, func(c *supervisor.Config) { c.Settings.Timeout, c.Settings.Partition.Retry.MaxAttempts = 0, 1 })
		stop := running(tree)
		pass(time.Second)
		tree.Abort() // even before the stop
		pass(time.Second)
		require.Error(t, stop())
		require.Empty(t, eventsOf[stream.DeadLettered](b))
		require.Empty(t, b.broker.Records("in.dead-letter"))
		require.EqualValues(t, 3, b.committed(0))
		require.EqualValues(t, 3, b.committed(1))
	})
}

func TestAnOperatorsPauseOutlastsItsPoller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		release := b.broker.HoldCommits() // a revoke cannot be acknowledged, and the consumer is replaced
		tree := b.tree(succeed, func(c *supervisor.Config) {
			c.Client = b.broker.Client("group", map[string]string{"partition.assignment.strategy": "range"})
		})
		stop := running(tree)
		pass(time.Second)
		zero := []stream.Partition{{Topic: "in", Number: 0}}
		require.NoError(t, tree.SetPaused(true, zero))
		pass(time.Second)
		b.fill(1, 10)
		b.broker.Rebalance("group")
		pass(5 * time.Minute)
		release()
		pass(5 * time.Minute)
		require.NotEmpty(t, eventsOf[stream.Restarted](b))
		require.Equal(t, stream.PausedByOperator, tree.Status().Partitions[0].Cause)
		require.Zero(t, b.attempts())
		require.NoError(t, tree.SetPaused(false, zero))
		pass(time.Minute)
		require.NoError(t, stop())
		require.EqualValues(t, 10, b.committed(0))
	})
}

func TestAReceiverOfEventsThatBlocksDoesNotKeepRunFromReturning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		let := make(chan struct{})
		stop := running(b.tree(succeed, func(c *supervisor.Config) {
			c.Receivers = []func(stream.EventTime){func(stream.EventTime) { <-let }}
		}))
		pass(time.Second)
		began := time.Now()
		require.ErrorContains(t, stop(), "a receiver of events did not return")
		require.Less(t, time.Since(began), 30*time.Second)
		close(let)
		pass(time.Second)
	})
}

func TestAReceiverOfEventsThatPanicsFailsTheProcessorInGoodOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.fill(1, 100)
		err := b.tree(succeed, func(c *supervisor.Config) {
			c.Receivers = append(c.Receivers, func(e stream.EventTime) {
				if _, ok := e.Event.(stream.Committed); ok {
					panic("no room")
				}
			})
		}).Run(t.Context())
		pass(time.Second)
		require.ErrorContains(t, err, `panicked on "committed": no room`)
	})
}
