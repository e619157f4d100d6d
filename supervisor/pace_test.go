package supervisor_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/stream"
)

// What is held grows with what is done. A backlog that is taken in at once leaves the handlers no processors.
func TestWhileHandlersHaveEnoughToDoABacklogComesInAtTheirPace(t *testing.T) {
	t.Parallel()
	const records = 40_000
	for name, order := range map[string]core.Order{"partition": core.ByPartition, "key": core.ByKey, "unordered": core.Unordered} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, 16) // in partition order more than handlers, or no Work waits
				b.fill(16, 4000)
				var hurry atomic.Bool
				tree := b.tree(func(context.Context, *stream.Record) error {
					if !hurry.Load() {
						<-time.After(20 * time.Millisecond) // 400 a second
					}
					return nil
				}, bounded(64<<20, order))
				stop := running(tree)
				pass(time.Second)
				before := tree.Status().MemoryUsed
				require.Greater(t, before, int64(2000*stream.RecordOverhead), "there is enough to do")
				b.fill(16, records-4000)
				pass(500 * time.Millisecond)
				more := tree.Status().MemoryUsed - before
				require.Positive(t, more, "it grows, though")
				require.Less(t, more, int64(records/2*stream.RecordOverhead), "the backlog is not taken in as fast as it comes")
				hurry.Store(true)
				pass(20 * time.Second)
				requireDone(t, b, tree, 16, records/16)
				require.Equal(t, records, b.attempts())
				require.NoError(t, stop())
			})
		})
	}
}
