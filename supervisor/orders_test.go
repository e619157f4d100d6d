package supervisor_test

import (
	"context"
	"errors"
	"hash/fnv"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/stream"
	"github.com/troupe-go/troupe/supervisor"
)

// orderly is a handler that knows what of each key has been handled, and complains.
type orderly struct {
	mu       sync.Mutex
	running  map[string]bool
	last     map[string]int64
	most     int
	overtook []string
	handle   func(r *stream.Record) error
}

func newOrderly(handle func(r *stream.Record) error) *orderly {
	return &orderly{running: make(map[string]bool), last: make(map[string]int64), handle: handle}
}

func (o *orderly) Handle(_ context.Context, r *stream.Record) error {
	key := string(r.Key)
	o.mu.Lock()
	if o.running[key] {
		o.overtook = append(o.overtook, key+" runs twice")
	}
	o.running[key] = true
	o.most = max(o.most, len(o.running))
	o.mu.Unlock()
	err := o.handle(r)
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.running, key)
	if err == nil {
		if last, known := o.last[key]; known && last >= r.Offset {
			o.overtook = append(o.overtook, key+" overtaken at "+strconv.FormatInt(r.Offset, 10))
		}
		o.last[key] = r.Offset
	}
	return err
}

func byKey(c *supervisor.Config) {
	c.Concurrency = 50
	c.Settings.Partition.Order, c.Settings.Partition.Lanes = core.ByKey, 256
	c.Settings.Partition.KeyHash = func(key []byte) uint64 {
		h := fnv.New64a()
		_, _ = h.Write(key)
		return h.Sum64()
	}
}

func TestKeyOrderUsesAllHandlersAndKeepsTheOrderOfEachKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 2)
		for i := range 5000 {
			key := "k" + strconv.Itoa(i%500)
			b.broker.Append(stream.Message{Topic: "in", Key: []byte(key), Value: []byte(strconv.Itoa(i))}.OnPartition(int32(i%500) % 2))
		}
		failed := make(map[string]int)
		var mu sync.Mutex
		o := newOrderly(func(r *stream.Record) error {
			<-time.After(10 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			if n := string(r.Value); len(n) == 3 && failed[n] == 0 { // a tenth of the records are tried twice
				failed[n]++
				return errors.New("once")
			}
			return nil
		})
		stop := running(b.tree(o.Handle, byKey))
		pass(time.Minute)
		require.NoError(t, stop())
		require.Empty(t, o.overtook)
		require.Equal(t, 50, o.most, "all handlers are used, and no more")
		require.Equal(t, 5900, b.attempts())
		require.EqualValues(t, 2500, b.committed(0))
		require.EqualValues(t, 2500, b.committed(1))
	})
}

// A stuck key holds nothing else back, and its late outcome counts.
func TestAStuckKeyHoldsBackOnlyItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		for i := range 1000 {
			b.broker.Append(stream.Message{Topic: "in", Key: []byte("k" + strconv.Itoa(i%10)), Value: []byte(strconv.Itoa(i))}.OnPartition(0))
		}
		release := make(chan struct{})
		o := newOrderly(func(r *stream.Record) error {
			if string(r.Value) == "3" {
				<-release
			}
			return nil
		})
		tree := b.tree(o.Handle, byKey, func(c *supervisor.Config) { c.Concurrency = 1 })
		stop := running(tree)
		pass(time.Minute)
		require.Equal(t, 901, b.attempts())
		s := tree.Status().Partitions[0]
		require.EqualValues(t, 1, s.Ledger.States[stream.Stuck])
		require.EqualValues(t, 3, b.committed(0))
		close(release)
		pass(10 * time.Second)
		require.NoError(t, stop())
		require.Empty(t, o.overtook)
		require.Equal(t, 1000, b.attempts())
		require.EqualValues(t, 1000, b.committed(0))
	})
}
