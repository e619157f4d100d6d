package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
	"github.com/troupe-go/troupe/supervisor"
)

func pollers(n int) func(*supervisor.Config) {
	return func(c *supervisor.Config) { c.Pollers = n }
}

func TestEachPollerIsAMemberAndTogetherTheyAreOneProcessor(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 3, 64} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const partitions = 6
				b := setup(t, partitions)
				b.fill(partitions, 600)
				tree := b.tree(succeed, pollers(n))
				stop := running(tree)
				pass(5 * time.Second)
				members := b.broker.Members("group")
				require.Len(t, members, n)
				require.Contains(t, slices.Collect(maps.Keys(members)), "test-0")
				s := tree.Status()
				require.True(t, s.Joined)
				require.Empty(t, s.Faults)
				require.Len(t, s.Partitions, partitions, "those of all pollers, each once")
				require.Equal(t, 600, b.attempts())

				for _, p := range s.Partitions {
					require.NoError(t, tree.SetPaused(true, []stream.Partition{p.Partition}))
				}
				pass(time.Second)
				b.fill(partitions, 60)
				pass(10 * time.Second)
				require.Equal(t, 600, b.attempts())
				for _, p := range s.Partitions {
					require.NoError(t, tree.SetPaused(false, []stream.Partition{p.Partition}))
				}
				pass(time.Second)
				require.NoError(t, stop())
				require.Equal(t, 660, b.attempts())
				for p := range int32(partitions) {
					require.EqualValues(t, 110, b.committed(p))
				}
				require.Empty(t, b.broker.Members("group"))
			})
		})
	}
}

// pausing is a client that counts how often partitions are paused.
type pausing struct {
	kafka.Client
	pauses atomic.Int64
}

type pausingConsumer struct {
	kafka.Consumer
	client *pausing
}

func (c *pausing) Consumer(id string, outside kafka.OutOfRange) (kafka.Consumer, error) {
	consumer, err := c.Client.Consumer(id, outside)
	return &pausingConsumer{Consumer: consumer, client: c}, err
}

func (c *pausingConsumer) Pause(partitions []stream.Partition) error {
	c.client.pauses.Add(int64(len(partitions)))
	return c.Consumer.Pause(partitions)
}

// Each of the pollers has one partition, and half of the partitions are stuck. A fair share is a part of the process's
// budget, not of each poller's: or what is paused would be resumed at once, and paused again.
func TestTheBudgetIsOneForAllPollers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const partitions, limit = 8, 6 << 20
		b := setup(t, partitions)
		client := &pausing{Client: b.broker.Client("group", nil)}
		release := make(chan struct{})
		tree := b.tree(func(_ context.Context, r *stream.Record) error {
			if r.Partition < partitions/2 {
				<-release
			} else {
				<-time.After(time.Millisecond)
			}
			return nil
		}, pollers(partitions), func(c *supervisor.Config) {
			c.Client, c.Memory, c.Concurrency, c.Settings.Timeout = client, limit, 16, 0
		})
		stop := running(tree)
		pass(5 * time.Second)
		for _, owned := range b.broker.Members("group") {
			require.Len(t, owned, 1)
		}
		b.fill(partitions, partitions*10_000)
		most := int64(0)
		for range 200 {
			pass(100 * time.Millisecond)
			most = max(most, tree.Status().MemoryUsed)
		}
		s := tree.Status()
		require.LessOrEqual(t, most, int64(limit*105/100), "records differ in size")
		for _, p := range s.Partitions[partitions/2:] {
			require.EqualValues(t, 10_000, p.Watermark, "the healthy ones do not starve")
		}
		require.Less(t, client.pauses.Load(), int64(80), "a pause lasts")
		close(release)
		pass(time.Minute)
		require.NoError(t, stop())
		require.Equal(t, partitions*10_000, b.attempts())
	})
}

// failing is a client whose consumers of one id fail for good at their first poll after a while.
type failing struct {
	kafka.Client
	id   string
	once atomic.Bool
}

type failingConsumer struct {
	kafka.Consumer
	client *failing
	at     time.Time
}

func (c *failing) Consumer(id string, outside kafka.OutOfRange) (kafka.Consumer, error) {
	consumer, err := c.Client.Consumer(id, outside)
	if id != c.id || err != nil {
		return consumer, err
	}
	return &failingConsumer{Consumer: consumer, client: c, at: time.Now().Add(5 * time.Second)}, nil
}

func (c *failingConsumer) Poll(wait time.Duration, limit int, fetch *kafka.Fetch) error {
	if time.Now().After(c.at) && !c.client.once.Swap(true) {
		return errors.New("fenced")
	}
	return c.Consumer.Poll(wait, limit, fetch)
}

func TestAPollerThatFailsIsReplacedWhileTheOthersGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const partitions = 6
		b := setup(t, partitions)
		client := &failing{Client: b.broker.Client("group", nil), id: "test-1"}
		tree := b.tree(succeed, pollers(3), func(c *supervisor.Config) { c.Client = client })
		stop := running(tree)
		for range 30 {
			pass(time.Second)
			b.fill(partitions, 60)
		}
		pass(10 * time.Second)
		restarts := eventsOf[stream.Restarted](b)
		require.Len(t, restarts, 1)
		require.Equal(t, "poller-1", restarts[0].Actor)
		require.Len(t, b.broker.Members("group"), 3)
		require.Len(t, tree.Status().Partitions, partitions)
		require.Empty(t, tree.Status().Faults)
		require.NoError(t, stop())
		for p := range int32(partitions) {
			require.EqualValues(t, 300, b.committed(p))
		}
		for _, e := range eventsOf[stream.Started](b) {
			require.Contains(t, []string{"committed", "earliest"}, e.Origin)
		}
	})
}

// overlaps counts the attempts that run at once on each partition.
type overlaps struct {
	mu      sync.Mutex
	running map[int32]int
	most    int
}

func (o *overlaps) observe(handle stream.HandlerFunc) stream.HandlerFunc {
	return func(ctx context.Context, r *stream.Record) error {
		o.mu.Lock()
		o.running[r.Partition]++
		o.most = max(o.most, o.running[r.Partition])
		o.mu.Unlock()
		defer func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.running[r.Partition]--
		}()
		return handle(ctx, r)
	}
}

// A partition that moves from one poller of a process to another is begun there when the old attempt has ended.
func TestAPartitionIsNeverHandledByTwoPollersAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const partitions = 4
		b := setup(t, partitions)
		b.fill(partitions, 40)
		o := &overlaps{running: make(map[int32]int)}
		tree := b.tree(o.observe(func(context.Context, *stream.Record) error {
			<-time.After(4 * time.Second) // whatever becomes of its context
			return nil
		}), pollers(2), func(c *supervisor.Config) { c.Settings.DrainTimeout = time.Second })
		stop := running(tree)
		for i := range 6 {
			pass(3 * time.Second)
			if i%2 == 0 {
				b.broker.Expire("group", "test-0") // what it has goes to the other at once
			} else {
				b.broker.Rebalance("group")
			}
		}
		waits := slices.ContainsFunc(tree.Status().Partitions, func(s stream.PartitionStatus) bool {
			return strings.Contains(s.Detail, "earlier incarnation")
		})
		pass(3 * time.Minute)
		require.NoError(t, stop())
		require.True(t, waits || o.most == 1)
		require.Equal(t, 1, o.most)
		for p := range int32(partitions) {
			require.EqualValues(t, 10, b.committed(p))
		}
	})
}

// A member that was given up while its handler runs leaves an attempt behind; the next incarnation says that it waits.
func TestAnIncarnationThatWaitsForAnOlderAttemptSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.fill(1, 10)
		o := &overlaps{running: make(map[int32]int)}
		release := make(chan struct{})
		tree := b.tree(o.observe(at(3, untilReleased)(release)), pollers(2))
		stop := running(tree)
		pass(5 * time.Second)
		for id, owned := range b.broker.Members("group") {
			if len(owned) > 0 {
				b.broker.Expire("group", id)
			}
		}
		pass(20 * time.Second)
		s := tree.Status()
		require.Len(t, s.Partitions, 1)
		require.Equal(t, stream.HandlerStuck, s.Partitions[0].Cause)
		require.Contains(t, s.Partitions[0].Detail, "earlier incarnation")
		pass(3 * time.Minute)
		require.Empty(t, tree.Status().Faults)
		close(release)
		pass(10 * time.Second)
		require.NoError(t, stop())
		require.Equal(t, 1, o.most)
		require.EqualValues(t, 10, b.committed(0))
	})
}
