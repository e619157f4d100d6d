package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/internal/core/hold"
	"github.com/troupe-go/troupe/internal/core/offset"
	"github.com/troupe-go/troupe/stream"
	"github.com/troupe-go/troupe/supervisor"
)

// ordered makes a processor keep an order, with so many handlers at once.
func ordered(order core.Order, concurrency int) func(*supervisor.Config) {
	return func(c *supervisor.Config) {
		c.Concurrency = concurrency
		c.Settings.Partition.Order, c.Settings.Partition.Lanes = order, max(2*concurrency, 256)
		c.Settings.Partition.KeyHash = func(key []byte) uint64 { return uint64(hold.Of(key)) }
	}
}

// keyed writes a record with a key into a partition.
func (b *bench) keyed(partition int32, key, value string) {
	b.broker.Append(stream.Message{Topic: "in", Key: []byte(key), Value: []byte(value)}.OnPartition(partition))
}

// witness sees the attempts at records of each key: that no two run at once, and in which order they come.
type witness struct {
	t       *testing.T
	mu      sync.Mutex
	running map[string]int
	last    map[string]int64
	most    int
	now     int
}

func newWitness(t *testing.T) *witness {
	return &witness{t: t, running: make(map[string]int), last: make(map[string]int64)}
}

func (w *witness) begins(r *stream.Record) (ends func(done bool)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := fmt.Sprintf("%s of %s", r.Key, r.Source())
	if w.running[key]++; w.running[key] > 1 {
		w.t.Errorf("two records of %s at once, the second at offset %d", key, r.Offset)
	}
	if last, seen := w.last[key]; seen && r.Offset <= last {
		w.t.Errorf("offset %d of %s is handled after %d", r.Offset, key, last)
	}
	w.now++
	w.most = max(w.most, w.now)
	return func(done bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.running[key]--
		w.now--
		if done {
			w.last[key] = r.Offset
		}
	}
}

func TestKeyOrderHoldsThroughRetriesAndDeadLetters(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 3)
		for i := range 3000 {
			b.keyed(int32(i%3), "k"+strconv.Itoa(i/3%40), strconv.Itoa(i))
		}
		seen := newWitness(t)
		var random sync.Mutex
		dice := rand.New(rand.NewPCG(seed, 0))
		roll := func(n int) int {
			random.Lock()
			defer random.Unlock()
			return dice.IntN(n)
		}
		tree := b.tree(func(_ context.Context, r *stream.Record) error {
			ends := seen.begins(r)
			<-time.After(time.Duration(1+roll(20)) * time.Millisecond)
			switch luck := roll(100); {
			case luck < 3 && r.Attempt < 3:
				ends(false)
				return errors.New("unlucky")
			case luck < 5:
				ends(true)
				return stream.Permanent(errors.New("bad"))
			}
			ends(true)
			return nil
		}, ordered(core.ByKey, 16))
		stop := running(tree)
		pass(10 * time.Minute)
		require.NoError(t, stop())
		for partition := range int32(3) {
			require.EqualValues(t, 1000, b.committed(partition))
		}
		require.Equal(t, 16, seen.most, "all of the process's handlers were busy at once")
		require.NotEmpty(t, b.broker.Records("in.dead-letter"))
		require.NotEmpty(t, eventsOf[stream.Retried](b))
	})
}

func TestTheOtherKeysGoOnWhileOneIsParked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.keyed(0, "poison", "0")
		for i := 1; i < 500; i++ {
			b.keyed(0, "k"+strconv.Itoa(i%50), strconv.Itoa(i))
		}
		b.keyed(0, "poison", "500")
		tree := b.tree(func(_ context.Context, r *stream.Record) error {
			if string(r.Value) == "0" {
				return errors.New("boom")
			}
			return nil
		}, ordered(core.ByKey, 4), func(c *supervisor.Config) { c.Settings.Partition.Retry.MaxAttempts = -1 })
		stop := running(tree)
		pass(10 * time.Second)
		status := tree.Status().Partitions[0]
		require.Equal(t, stream.RetryBackoff, status.Cause)
		require.EqualValues(t, 499, status.Ledger.States[stream.Done])
		require.EqualValues(t, 1, status.Ledger.States[stream.Parked], "what is behind the poison")
		require.EqualValues(t, 0, status.Oldest.Offset)
		require.Equal(t, "boom", status.Oldest.LastError)
		require.NoError(t, stop(), "a clean stop does not wait for a retry")
		require.EqualValues(t, 0, b.committed(0))

		handled := b.attempts()
		stop = running(b.tree(succeed, ordered(core.ByKey, 4)))
		pass(10 * time.Second)
		require.NoError(t, stop())
		require.Equal(t, 2, b.attempts()-handled, "what the commit says was done is not handled again")
		require.EqualValues(t, 501, b.committed(0))
	})
}

func TestFullMetadataStopsThePartitionUntilTheLowestRecordIsDone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		for i := range 6000 { // every other key fails: the worst there is for runs
			b.keyed(0, "k"+strconv.Itoa(i), strconv.Itoa(i))
		}
		var mended sync.Map
		tree := b.tree(func(_ context.Context, r *stream.Record) error {
			if n, err := strconv.Atoi(string(r.Value)); err != nil || n%2 == 0 {
				if _, ok := mended.Load("all"); !ok {
					return stream.RetryAfter(errors.New("boom"), 10*time.Second)
				}
			}
			return nil
		}, ordered(core.ByKey, 4), func(c *supervisor.Config) { c.Settings.Partition.Retry.MaxAttempts = -1 })
		stop := running(tree)
		pass(time.Minute)
		status := tree.Status().Partitions[0]
		require.Equal(t, stream.MetadataFull, status.Cause)
		require.Positive(t, status.Ledger.States[stream.Queued], "intake has stopped")
		_, metadata := b.broker.Committed("group", stream.Partition{Topic: "in", Number: 0})
		require.LessOrEqual(t, len(metadata), offset.MetadataLimit)
		require.Greater(t, len(metadata), offset.MetadataLimit/2)
		mended.Store("all", true)
		pass(30 * time.Minute)
		require.NoError(t, stop())
		require.EqualValues(t, 6000, b.committed(0))
	})
}

func TestUnorderedRecordsDoNotWaitForOneAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		for i := range 100 {
			b.keyed(0, "same", strconv.Itoa(i))
		}
		tree := b.tree(func(context.Context, *stream.Record) error {
			<-time.After(time.Second)
			return nil
		}, ordered(core.Unordered, 100))
		stop := running(tree)
		pass(2500 * time.Millisecond)
		require.EqualValues(t, 100, tree.Status().Partitions[0].Ledger.States[stream.Done])
		require.NoError(t, stop())
		require.EqualValues(t, 100, b.committed(0))
	})
}

func TestAPartitionOfSlowHandlersLeavesRoomForTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 2)
		for i := range 10_000 {
			b.keyed(0, "k"+strconv.Itoa(i), "slow")
		}
		tree := b.tree(func(_ context.Context, r *stream.Record) error {
			if string(r.Value) == "slow" {
				<-time.After(time.Second)
			}
			<-time.After(time.Millisecond)
			return nil
		}, ordered(core.ByKey, 8))
		stop := running(tree)
		pass(10*time.Second + 500*time.Millisecond)
		for i := range 1000 {
			b.keyed(1, "k"+strconv.Itoa(i), "quick")
		}
		pass(2 * time.Second)
		require.Len(t, b.seen("quick"), 1000)
		require.Less(t, len(b.seen("slow")), 150)
		require.NoError(t, stop())
	})
}

func TestAHeldKeyFollowsItsDeadLetterUntilItIsReleased(t *testing.T) {
	t.Parallel()
	for _, order := range []core.Order{core.ByPartition, core.ByKey} {
		t.Run(strconv.Itoa(int(order)), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, 1)
				for _, value := range []string{"bad", "1", "2"} {
					b.keyed(0, "a", value)
				}
				b.keyed(0, "b", "3")
				holding := func(c *supervisor.Config) { c.Settings.Partition.HoldKeys = true }
				handle := func(_ context.Context, r *stream.Record) error {
					if string(r.Value) == "bad" {
						return stream.Permanent(errors.New("bad"))
					}
					return nil
				}
				stop := running(b.tree(handle, ordered(order, 4), holding))
				pass(10 * time.Second)
				require.NoError(t, stop())
				letters := b.broker.Records("in.dead-letter")
				require.Len(t, letters, 3)
				for i, reason := range []string{"bad", "is held", "is held"} {
					require.Contains(t, string(letters[i].Value), fmt.Sprintf(`"original_offset":%d`, i))
					require.Contains(t, string(letters[i].Value), reason)
				}
				require.Len(t, b.seen("3"), 1)

				// The next owner knows it from the commit.
				tree := b.tree(handle, ordered(order, 4), holding)
				stop = running(tree)
				b.keyed(0, "a", "4")
				pass(10 * time.Second)
				require.Len(t, b.broker.Records("in.dead-letter"), 4)
				held := tree.HeldKeys()
				require.Len(t, held, 1)
				require.Equal(t, "a", string(held[0].Key))
				zero := stream.Partition{Topic: "in", Number: 0}
				require.ErrorContains(t, tree.ReleaseKeys(stream.Partition{Topic: "in", Number: 7}, nil), "in-7 is not assigned")
				require.NoError(t, tree.ReleaseKeys(zero, []uint64{uint64(hold.Of([]byte("a")))}))
				pass(10 * time.Second)
				b.keyed(0, "a", "5")
				pass(10 * time.Second)
				require.Empty(t, tree.HeldKeys())
				require.Len(t, b.seen("5"), 1)
				require.NoError(t, stop())
				require.EqualValues(t, 6, b.committed(0))
				_, metadata := b.broker.Committed("group", zero)
				require.Empty(t, metadata)
			})
		})
	}
}

func TestTheProcessParksNoMoreThanItMay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 3)
		for i := range 3000 {
			b.keyed(int32(i%2), "k"+strconv.Itoa(i), "bad")
		}
		tree := b.tree(func(_ context.Context, r *stream.Record) error {
			if string(r.Value) == "bad" {
				return stream.RetryAfter(errors.New("boom"), time.Hour)
			}
			return nil
		}, ordered(core.ByKey, 4), func(c *supervisor.Config) {
			c.Settings.Partition.Retry.MaxAttempts, c.MaxParked = -1, 300
		})
		stop := running(tree)
		pass(10 * time.Second)
		parked := int64(0)
		for _, p := range tree.Status().Partitions {
			parked += p.Ledger.States[stream.Retrying] + p.Ledger.States[stream.Parked]
		}
		require.GreaterOrEqual(t, parked, int64(300))
		require.Less(t, parked, int64(300+2*256), "only what the lanes had when it was full comes on top")
		for i := range 100 {
			b.keyed(2, "k"+strconv.Itoa(i), "good")
		}
		pass(10 * time.Second)
		require.Len(t, b.seen("good"), 100, "a partition that parks nothing goes on")
		require.NoError(t, stop())
	})
}
