package supervisor_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/stream"
	"github.com/troupe-go/troupe/supervisor"
)

// A partition gives away few Works more than are handled, and the slots ask for the others.
func TestOnePartitionTakesEverySlotWhenNobodyElseHasWork(t *testing.T) {
	t.Parallel()
	for _, order := range []core.Order{core.ByKey, core.Unordered} {
		synctest.Test(t, func(t *testing.T) {
			const concurrency, records = 1000, 3000
			b := setup(t, 2)
			for i := range records {
				b.keyed(0, strconv.Itoa(i), "value")
			}
			var handled, most atomic.Int64
			stop := running(b.tree(func(context.Context, *stream.Record) error {
				most.Store(max(most.Load(), handled.Add(1)))
				<-time.After(time.Minute)
				handled.Add(-1)
				return nil
			}, ordered(order, concurrency), func(c *supervisor.Config) { c.Settings.Timeout = 0 }))
			pass(90 * time.Second)
			require.EqualValues(t, concurrency, handled.Load())
			pass(5 * time.Minute)
			require.Zero(t, handled.Load())
			require.NoError(t, stop())
			require.EqualValues(t, concurrency, most.Load())
			require.EqualValues(t, records, b.committed(0))
		})
	}
}
