package supervisor_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/stream"
	"github.com/troupe-go/troupe/supervisor"
)

// overtake has retention delete the offsets below 150 of a partition that is read up to 100 and holds 200 records.
func overtake(t *testing.T, b *bench, tree *supervisor.Tree) {
	t.Helper()
	b.fill(1, 100)
	pass(time.Second)
	require.Equal(t, 100, b.attempts())
	require.NoError(t, tree.SetPaused(true, []stream.Partition{zero}))
	pass(time.Second)
	b.fill(1, 100)
	b.broker.Trim(zero, 150)
	require.NoError(t, tree.SetPaused(false, []stream.Partition{zero}))
	pass(time.Minute)
}

var zero = stream.Partition{Topic: "in", Number: 0}

func outOfRange(policy core.Reset) func(*supervisor.Config) {
	return func(c *supervisor.Config) { c.Settings.Start.OutOfRange = policy }
}

func TestRecordsThatRetentionDeletedBeforeTheyWereReadAreReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		tree := b.tree(succeed)
		stop := running(tree)
		overtake(t, b, tree)
		require.Equal(t, 150, b.attempts())
		require.Equal(t, []stream.OutOfRange{
			{Partition: zero, Epoch: 1, Position: 100, LogStart: 150, LogEnd: 200, Chosen: 150},
		}, eventsOf[stream.OutOfRange](b))
		require.EqualValues(t, 1, metric(tree, "consumer_offsets_out_of_range_total", "in"))
		require.NoError(t, stop())
		require.EqualValues(t, 200, b.committed(0))
	})
}

func TestWithThePolicyLatestAPartitionThatWasOvertakenGoesOnAtTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		tree := b.tree(succeed, outOfRange(core.ResetLatest))
		stop := running(tree)
		overtake(t, b, tree)
		events := eventsOf[stream.OutOfRange](b)
		require.Len(t, events, 1)
		require.EqualValues(t, 200, events[0].Chosen)
		handled := b.attempts()
		b.fill(1, 10)
		pass(time.Second)
		require.Equal(t, handled+10, b.attempts())
		require.NoError(t, stop())
		require.EqualValues(t, 210, b.committed(0))
	})
}

func TestWithThePolicyStopAPartitionThatWasOvertakenStandsStillAndSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		tree := b.tree(succeed, outOfRange(core.ResetError))
		stop := running(tree)
		overtake(t, b, tree)
		s := tree.Status().Partitions[0]
		require.Equal(t, stream.OffsetOutOfRange, s.Cause)
		require.Contains(t, s.Detail, "position 100 is outside the log (150 to 200)")
		require.Equal(t, 100, b.attempts())
		require.NoError(t, stop())
		require.EqualValues(t, 100, b.committed(0))
		// So does the next start, until somebody moves the offset.
		tree = b.tree(succeed, outOfRange(core.ResetError))
		stop = running(tree)
		pass(time.Minute)
		require.Equal(t, stream.OffsetOutOfRange, tree.Status().Partitions[0].Cause)
		require.NoError(t, stop())
	})
}

// What a partition has read in time is not given up because retention has overtaken what it has not read.
func TestRecordsReadInTimeAreHandledAfterRetentionOvertookTheRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		let := make(chan struct{})
		b.fill(1, 100)
		tree := b.tree(func(ctx context.Context, _ *stream.Record) error {
			select {
			case <-let:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}, func(c *supervisor.Config) { c.Settings.Timeout = 0 })
		stop := running(tree)
		pass(time.Second)
		require.NoError(t, tree.SetPaused(true, []stream.Partition{zero}))
		pass(time.Second)
		b.fill(1, 100)
		b.broker.Trim(zero, 150)
		require.NoError(t, tree.SetPaused(false, []stream.Partition{zero}))
		pass(time.Minute)
		require.Len(t, eventsOf[stream.OutOfRange](b), 1)
		close(let)
		pass(time.Second)
		require.Equal(t, 150, b.attempts())
		require.NoError(t, stop())
		require.EqualValues(t, 200, b.committed(0))
	})
}

// The new topic is longer than the old one was, so that nothing is outside its log: only its id tells.
func TestATopicThatIsMadeAgainIsReadFromItsBeginning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.fill(1, 100)
		tree := b.tree(succeed)
		stop := running(tree)
		pass(10 * time.Second)
		require.EqualValues(t, 100, b.committed(0))
		b.broker.RecreateTopic("in", 1)
		b.fill(1, 300)
		pass(time.Minute)
		for _, value := range []string{"0", "99", "100", "299"} {
			require.GreaterOrEqual(t, len(b.seen(value)), 1, "record %s of the new topic", value)
		}
		require.GreaterOrEqual(t, len(b.seen("50")), 2, "once in each topic")
		require.NoError(t, stop())
		require.EqualValues(t, 300, b.committed(0))
	})
}

// metric gives the value of a metric with one label.
func metric(tree *supervisor.Tree, name, label string) float64 {
	for _, m := range tree.Metrics() {
		for _, v := range m.Values {
			if m.Name == name && len(v.LabelValues) == 1 && v.LabelValues[0] == label {
				return v.Value
			}
		}
	}
	return -1
}
