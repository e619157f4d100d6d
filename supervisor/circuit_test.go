package supervisor_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/stream"
	"github.com/troupe-go/troupe/supervisor"
)

// flaky is a handler that fails a share of its attempts until a time.
type flaky struct {
	mu     sync.Mutex
	random *rand.Rand
	share  float64
	until  time.Time
	fail   func() error
	failed int
}

func (f *flaky) handle(_ context.Context, _ *stream.Record) error {
	<-time.After(10 * time.Millisecond)
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Now().Before(f.until) && f.random.Float64() < f.share {
		f.failed++
		return f.fail()
	}
	return nil
}

// failures is how many attempts failed.
func (f *flaky) failures() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

func boom() error { return errors.New("boom") }

// failureRate switches the circuit on, in some order.
func failureRate(order core.Order) func(*supervisor.Config) {
	return func(c *supervisor.Config) {
		ordered(order, 16)(c)
		c.Settings.Partition.FailureRate = core.FailureRatePolicy{Rate: 0.5, Window: 30 * time.Second, MinRecords: 100}
	}
}

func eachOrder(t *testing.T, test func(t *testing.T, order core.Order)) {
	t.Helper()
	t.Parallel()
	for name, order := range map[string]core.Order{"partition": core.ByPartition, "key": core.ByKey, "unordered": core.Unordered} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { test(t, order) })
		})
	}
}

// failureRateStatus is the circuit of no dependency.
func failureRateStatus(t *testing.T, tree *supervisor.Tree) stream.CircuitStatus {
	t.Helper()
	for _, c := range tree.Status().Circuits {
		if c.Name == core.FailureRateCircuit {
			return c
		}
	}
	require.Fail(t, "the circuit is not shown")
	return stream.CircuitStatus{}
}

func TestOutageThatNoRecordNamesSendsNothingToTheDeadLettersAndIsRecoveredFrom(t *testing.T) {
	const seed = 7
	t.Logf("seed %d", seed)
	eachOrder(t, func(t *testing.T, order core.Order) {
		b := setup(t, 16)
		f := &flaky{random: rand.New(rand.NewPCG(seed, 1)), share: 0.6, until: time.Now().Add(time.Minute), fail: boom}
		b.fill(16, 8_000)
		tree := b.tree(f.handle, failureRate(order), func(c *supervisor.Config) {
			if order == core.ByPartition { // 16 heads fail, and must be enough before one of them runs out of attempts
				c.Settings.Partition.FailureRate.MinRecords = 20
			}
		})
		stop := running(tree)
		pass(55 * time.Second)
		require.NotEmpty(t, eventsOf[stream.CircuitChanged](b))
		require.Less(t, f.failures(), 2_000, "it does not try and try")
		pass(2 * time.Minute)
		require.False(t, failureRateStatus(t, tree).Open)
		require.NoError(t, stop())
		require.Empty(t, eventsOf[stream.DeadLettered](b))
		require.Empty(t, b.broker.Records("in.dead-letter"))
		for p := range int32(16) {
			require.EqualValues(t, 500, b.committed(p))
		}
		t.Logf("%d attempts, %d failed, the circuit changed %d times", b.attempts(), f.failures(), len(eventsOf[stream.CircuitChanged](b)))
	})
}

func TestWhileEverythingFailsNothingIsTriedButProbesAndTheCauseSaysSo(t *testing.T) {
	eachOrder(t, func(t *testing.T, order core.Order) {
		b := setup(t, 12)
		f := &flaky{random: rand.New(rand.NewPCG(1, 1)), share: 1, until: time.Now().Add(6 * time.Minute), fail: boom}
		b.fill(12, 30_000)
		tree := b.tree(f.handle, failureRate(order), func(c *supervisor.Config) {
			c.Memory, c.Settings.Partition.FailureRate.MinRecords = 4<<20, 20
		})
		stop := running(tree)
		pass(10 * time.Second)
		require.True(t, failureRateStatus(t, tree).Open)
		require.Greater(t, tree.Status().MemoryUsed, int64(2<<20), "the backlog is larger than the budget")
		tried := b.attempts()
		pass(5 * time.Minute)
		require.Less(t, b.attempts()-tried, 20, "one probe every half minute, or less")
		status := tree.Status()
		require.LessOrEqual(t, status.MemoryUsed, status.MemoryLimit)
		require.Empty(t, status.Faults)
		for _, p := range status.Partitions {
			require.Equal(t, stream.DependencyDown, p.Cause, p.Partition)
			require.Regexp(t, `^\d+ of \d+ attempts failed within 30s$`, p.Detail)
		}
		require.Contains(t, failureRateStatus(t, tree).LastError, "boom")
		require.Empty(t, eventsOf[stream.NoProgress](b))
		pass(9 * time.Minute)
		require.False(t, failureRateStatus(t, tree).Open)
		require.NoError(t, stop())
		require.Empty(t, eventsOf[stream.DeadLettered](b))
		for p := range int32(12) {
			require.EqualValues(t, 2500, b.committed(p))
		}
	})
}

func TestTwoOutagesAtOnceAreRecoveredFromWhicheverEndsFirst(t *testing.T) {
	for name, second := range map[string][2]time.Duration{
		"the named one first": {3 * time.Minute, 6 * time.Minute}, "the other one first": {6 * time.Minute, 3 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			eachOrder(t, func(t *testing.T, order core.Order) {
				b := setup(t, 12)
				b.fill(12, 6000)
				named, other := time.Now().Add(second[0]), time.Now().Add(second[1])
				tree := b.tree(func(_ context.Context, r *stream.Record) error {
					<-time.After(10 * time.Millisecond)
					switch now := time.Now(); {
					case r.Partition%2 == 0 && now.Before(named) && now.Before(other.Add(-time.Minute)) == (r.Offset%3 > 0):
						return stream.Unavailable(errors.New("refused"), "db")
					case now.Before(other):
						return boom()
					case r.Partition%2 == 0 && now.Before(named):
						return stream.Unavailable(errors.New("refused"), "db")
					}
					return nil
				}, failureRate(order), func(c *supervisor.Config) {
					c.Settings.Partition.FailureRate.MinRecords = 10
					c.Settings.Partition.Retry.MaxAttempts = 30
				})
				stop := running(tree)
				pass(time.Minute)
				require.True(t, failureRateStatus(t, tree).Open)
				pass(7 * time.Minute)
				for _, c := range tree.Status().Circuits {
					require.False(t, c.Open, c.Name)
				}
				require.NoError(t, stop())
				require.Empty(t, eventsOf[stream.DeadLettered](b))
				require.Empty(t, eventsOf[stream.NoProgress](b))
				for p := range int32(12) {
					require.EqualValues(t, 500, b.committed(p))
				}
			})
		})
	}
}

func TestProbeThatHangsDoesNotHoldItsCircuitForEver(t *testing.T) {
	eachOrder(t, func(t *testing.T, order core.Order) {
		b := setup(t, 2)
		b.fill(2, 20)
		release := make(chan struct{})
		var once sync.Once
		began := time.Now()
		tree := b.tree(func(context.Context, *stream.Record) error {
			if time.Since(began) < 100*time.Millisecond {
				return stream.Unavailable(errors.New("refused"), "db")
			}
			hangs := false
			once.Do(func() { hangs = true })
			if hangs {
				<-release
			}
			return nil
		}, ordered(order, 16), func(c *supervisor.Config) { c.Settings.Timeout = 0 })
		stop := running(tree)
		pass(2 * time.Minute)
		for _, c := range tree.Status().Circuits {
			require.False(t, c.Open, c.Name)
		}
		committed := b.committed(0) + b.committed(1)
		require.GreaterOrEqual(t, committed, int64(10), "all but those behind the one that hangs")
		close(release)
		pass(time.Minute)
		require.NoError(t, stop())
		require.EqualValues(t, 10, b.committed(0))
		require.EqualValues(t, 10, b.committed(1))
	})
}
