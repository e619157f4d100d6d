package actors

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/attempt"
	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/internal/meter"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// shop is a pool with crews, and no actors.
type shop struct {
	env *Env

	mu       sync.Mutex
	outcomes []messages.Outcome
	told     int
}

func newShop(capacity int, handle stream.HandlerFunc) *shop {
	return &shop{env: &Env{
		Meter: meter.New(meter.Build{}), Pool: NewPool(capacity), Orphans: NewOrphans(), Parking: flow.NewParking(0),
		Settings: Settings{
			NewHandler: func(stream.Partition) (stream.Handler, error) { return handle, nil }, Timeout: 30 * time.Second,
		},
	}}
}

// crew begins an incarnation of the partition of that number. What its lanes say is gathered in the shop.
func (s *shop) crew(ctx context.Context, number int32) *crew {
	var c *crew
	var before []messages.Outcome
	c = newCrew(ctx, s.env, stream.Partition{Topic: "orders", Number: number}, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.told++
		before = c.collect(before)
		s.outcomes = append(s.outcomes, before...)
	})
	return c
}

func (s *shop) said() []messages.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]messages.Outcome(nil), s.outcomes...)
}

// await waits for so many outcomes.
func (s *shop) await(t *testing.T, n int) []messages.Outcome {
	t.Helper()
	require.Eventually(t, func() bool { return len(s.said()) >= n }, time.Minute, time.Millisecond)
	return s.said()
}

func (s *shop) count() (told, outcomes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.told, len(s.outcomes)
}

// works are n Works of one record each, on lanes of their own from first on; the offset is the lane's number.
func works(first, n int) []messages.Work {
	list := make([]messages.Work, n)
	for i := range list {
		lane := first + i
		list[i] = messages.Work{Lane: lane, Seq: uint64(lane) + 1, Records: []stream.Record{{Topic: "orders", Offset: int64(lane)}}}
	}
	return list
}

// run is a Work of n records on lane 0.
func run(n int) []messages.Work {
	records := make([]stream.Record, n)
	for i := range records {
		records[i] = stream.Record{Topic: "orders", Offset: int64(i)}
	}
	return []messages.Work{{Seq: 1, Records: records}}
}

// gate is a handler that says that it has begun, and waits to be let go.
type gate struct {
	begun   chan int64
	release chan struct{}
	now     atomic.Int64
	most    atomic.Int64
}

func newGate() *gate { return &gate{begun: make(chan int64, 10_000), release: make(chan struct{})} }

func (g *gate) handle(_ context.Context, r *stream.Record) error {
	now := g.now.Add(1)
	for most := g.most.Load(); now > most && !g.most.CompareAndSwap(most, now); most = g.most.Load() {
	}
	g.begun <- r.Offset
	<-g.release
	g.now.Add(-1)
	return nil
}

func TestManyLanesRunAtOnceAndNeverMoreThanTheCapacity(t *testing.T) {
	t.Parallel()
	for _, capacity := range []int{1, 3, 100, 4096} {
		t.Run(strconv.Itoa(capacity), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newGate()
				s := newShop(capacity, g.handle)
				c := s.crew(t.Context(), 0)
				c.give(works(0, 2*capacity))
				synctest.Wait()
				require.EqualValues(t, capacity, g.now.Load(), "all slots are used")
				require.EqualValues(t, capacity, s.env.Handlers.Load())
				require.Equal(t, capacity, s.env.Pool.Running())
				running, waiting := c.count()
				require.Equal(t, [2]int{capacity, capacity}, [2]int{running, waiting})
				require.Equal(t, core.LaneHandles, c.standing().Phase)
				close(g.release)
				synctest.Wait()
				require.EqualValues(t, capacity, g.most.Load())
				said := s.said()
				require.Len(t, said, 2*capacity)
				seen := make(map[int]bool)
				for _, o := range said {
					require.Equal(t, 1, o.Attempted)
					require.Equal(t, uint64(o.Lane)+1, o.Seq)
					seen[o.Lane] = true
				}
				require.Len(t, seen, 2*capacity)
				require.Zero(t, s.env.Handlers.Load())
				require.Zero(t, s.env.Pool.Running())
				require.Equal(t, core.LaneIdle, c.standing().Phase)
				c.close()
			})
		})
	}
}

// One partition's handlers take an hour and have every slot; another's take no time.
func TestAPartitionWithSlowHandlersDoesNotStarveAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(10, nil)
		s.env.Settings.Timeout = 0
		s.env.Settings.NewHandler = func(p stream.Partition) (stream.Handler, error) {
			return stream.HandlerFunc(func(context.Context, *stream.Record) error {
				if p.Number == 0 {
					<-time.After(time.Hour)
				} else {
					<-time.After(time.Second)
				}
				return nil
			}), nil
		}
		slow, quick := s.crew(t.Context(), 0), s.crew(t.Context(), 1)
		slow.give(works(0, 1000))
		synctest.Wait()
		running, _ := slow.count()
		require.Equal(t, 10, running, "nobody else wants them")
		quick.give(works(0, 2000))
		<-time.After(time.Hour + time.Second)
		synctest.Wait()
		running, _ = slow.count()
		require.Equal(t, 5, running, "it keeps its half")
		running, _ = quick.count()
		require.Equal(t, 5, running)
		<-time.After(10 * time.Minute)
		synctest.Wait()
		require.Greater(t, len(s.said()), 1000, "the quick one goes on")
		slow.callBack()
		<-time.After(3 * time.Hour)
		synctest.Wait()
		slow.close()
		quick.close()
	})
}

func TestWorkThatHasNotBegunIsGivenBackAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		s := newShop(2, g.handle)
		c := s.crew(t.Context(), 0)
		c.give(works(0, 1002))
		synctest.Wait()
		told, _ := s.count()
		c.callBack()
		again, outcomes := s.count()
		require.Equal(t, 1000, outcomes)
		require.Equal(t, told+1, again, "in one message")
		for i, o := range s.said() {
			require.Equal(t, messages.Outcome{Lane: o.Lane, Seq: uint64(o.Lane) + 1}, o, "nothing was attempted")
			require.Equal(t, i+2, o.Lane, "in the order of the Works")
		}
		require.EqualValues(t, 2, g.now.Load())
		close(g.release)
		synctest.Wait()
		require.Len(t, s.said(), 1002)
		c.give(works(0, 1))
		synctest.Wait()
		require.Len(t, s.said(), 1003, "it goes on")
		c.close()
	})
}

func TestAStuckAttemptIsReportedAndLendsItsSlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := newShop(2, func(_ context.Context, r *stream.Record) error {
			if r.Offset < 3 {
				<-release
			}
			return nil
		})
		c := s.crew(t.Context(), 0)
		c.give(works(0, 10))
		synctest.Wait()
		watched(c, 31*time.Second)
		said := s.said()
		require.Len(t, said, 2+7, "the third has one of the two slots, the others the other one")
		for _, o := range said {
			require.Equal(t, o.Lane < 3, o.Stuck)
			require.Equal(t, o.Stuck, o.Attempted == 0)
			require.Equal(t, o.Stuck, !o.StuckSince.IsZero())
		}
		watched(c, 31*time.Second)
		require.Len(t, s.said(), 3+7)
		c.give(works(10, 5))
		synctest.Wait()
		require.Len(t, s.said(), 3+12, "it is not lent a slot, because two are, but one is left")
		require.EqualValues(t, 3, s.env.Handlers.Load())
		require.Equal(t, 1, s.env.Pool.Running())
		close(release)
		synctest.Wait()
		require.Len(t, s.said(), 3+15)
		require.Zero(t, s.env.Pool.Running())
		require.Zero(t, s.env.Handlers.Load())
		c.close()
	})
}

// watched looks at the crew as its lanes do for so long.
func watched(c *crew, d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		<-time.After(watchEvery)
		c.watch(time.Now())
		synctest.Wait()
	}
}

func TestTheLateOutcomeOfAReplacedLaneIsIgnored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := newShop(1, func(_ context.Context, r *stream.Record) error {
			if r.Offset == 0 {
				<-release
				return errors.New("late")
			}
			return nil
		})
		c := s.crew(t.Context(), 0)
		c.give(works(0, 1))
		synctest.Wait()
		watched(c, 31*time.Second)
		require.Len(t, s.said(), 1)
		c.replace([]int{0})
		c.give([]messages.Work{{Lane: 0, Seq: 99, Records: []stream.Record{{Offset: 1}}}})
		synctest.Wait()
		said := s.said()
		require.Len(t, said, 2)
		require.EqualValues(t, 99, said[1].Seq)
		require.Equal(t, core.LaneIdle, c.standing().Phase, "the one given up explains nothing")
		release <- struct{}{}
		synctest.Wait()
		require.Len(t, s.said(), 2)
		c.close()
		require.False(t, s.env.Orphans.Any(c.partition))
	})
}

func TestOrphansHoldTheNextIncarnation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		s := newShop(10, g.handle)
		old, end := context.WithCancel(t.Context())
		c := s.crew(old, 0)
		c.give(works(0, 3))
		synctest.Wait()
		require.EqualValues(t, 3, g.now.Load())
		end()
		c.close()
		next, other := s.crew(t.Context(), 0), s.crew(t.Context(), 1)
		next.give(works(10, 2))
		next.give(works(12, 2))
		other.give(works(20, 2))
		synctest.Wait()
		require.EqualValues(t, 5, g.now.Load(), "another partition need not wait")
		require.Equal(t, core.LaneAwaitsOrphan, next.standing().Phase)
		g.release <- struct{}{}
		g.release <- struct{}{}
		g.release <- struct{}{}
		g.release <- struct{}{}
		synctest.Wait()
		close(g.release)
		synctest.Wait()
		require.Len(t, s.said(), 6, "the old incarnation's outcomes are of no interest")
		require.Equal(t, core.LaneIdle, next.standing().Phase)
		next.close()
		other.close()
	})
}

func TestWorkIsCalledBackWhileOrphansHoldIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(1, func(context.Context, *stream.Record) error { return nil })
		gone := s.env.Orphans.Add(stream.Partition{Topic: "orders"})
		c := s.crew(t.Context(), 0)
		c.give(works(0, 5))
		synctest.Wait()
		c.callBack()
		require.Len(t, s.said(), 5)
		gone()
		synctest.Wait()
		require.Len(t, s.said(), 5)
		c.give(works(5, 5))
		synctest.Wait()
		require.Len(t, s.said(), 10)
		c.close()
	})
}

// An attempt that outlives its incarnation and ignores its context must not keep a slot from the others for ever.
func TestAnOrphanThatIgnoresItsContextLendsItsSlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := newShop(1, func(_ context.Context, r *stream.Record) error {
			if r.Offset == 0 {
				<-release
			}
			return nil
		})
		old, end := context.WithCancel(t.Context())
		c, other := s.crew(old, 0), s.crew(t.Context(), 1)
		c.give(works(0, 1))
		synctest.Wait()
		other.give(works(1, 5))
		end()
		c.close()
		synctest.Wait()
		require.Empty(t, s.said())
		<-time.After(time.Second)
		synctest.Wait()
		require.Len(t, s.said(), 5)
		close(release)
		synctest.Wait()
		require.Zero(t, s.env.Pool.Running())
		other.close()
	})
}

func TestNothingIsBegunOfAnIncarnationThatHasEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		s := newShop(1, g.handle)
		ctx, end := context.WithCancel(t.Context())
		c := s.crew(ctx, 0)
		c.give(works(0, 5))
		synctest.Wait()
		end()
		close(g.release)
		synctest.Wait()
		require.Len(t, g.begun, 1)
		require.Zero(t, s.env.Pool.Running(), "the slots are free")
		c.close()
		c.give(works(5, 1))
		synctest.Wait()
		require.Len(t, g.begun, 1)
		require.Len(t, s.said(), 1)
	})
}

// The watch and the goroutine of a seat both report on one Work. The partition knows the place of a report in the Work by
// those before it, so none may overtake another.
func TestTheRecordsBeforeASlowOneAreReportedMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(1, func(_ context.Context, r *stream.Record) error {
			if r.Offset == 2 {
				<-time.After(time.Second)
			}
			return nil
		})
		c := s.crew(t.Context(), 0)
		c.give(run(5))
		synctest.Wait()
		watched(c, 500*time.Millisecond)
		said := s.said()
		require.Len(t, said, 1, "once")
		require.True(t, said[0].Going)
		require.Equal(t, 2, said[0].Attempted)
		watched(c, time.Second)
		said = s.said()
		require.Len(t, said, 2)
		require.False(t, said[1].Going)
		require.Equal(t, 2, said[1].First)
		require.Equal(t, 1, said[1].Attempted, "its turn is over")
		c.close()
	})
}

func TestAWorkOfManyRecordsIsHandledInOrderAndSharesTheSlotByTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var order []int64
		s := newShop(1, func(_ context.Context, r *stream.Record) error {
			<-time.After(time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			order = append(order, r.Offset)
			r.Emit(stream.Message{Topic: "out"})
			return nil
		})
		c := s.crew(t.Context(), 0)
		c.give(run(512))
		<-time.After(time.Second)
		synctest.Wait()
		said := s.said()
		require.Len(t, said, 1)
		require.Equal(t, 11, said[0].Attempted)
		require.Len(t, said[0].Outputs, 11)
		require.Equal(t, 10, said[0].Outputs[10].Index)
		for i, offset := range order {
			require.EqualValues(t, i, offset)
		}
		c.close()
	})
}

// What a handler returns because its context was cancelled with the incarnation is no failure of the record's.
func TestAnAttemptCancelledWithItsIncarnationCountsAsNotMade(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]error{
		"as it is": context.Canceled, "another": errors.New("connection closed"),
		"permanent": stream.Permanent(context.Canceled), "later": stream.RetryAfter(context.Canceled, time.Second),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, end := context.WithCancel(t.Context())
			s := newShop(1, func(ctx context.Context, r *stream.Record) error {
				if r.Offset == 0 {
					return nil
				}
				end()
				<-ctx.Done()
				return failure
			})
			c := s.crew(ctx, 0)
			c.give(run(3))
			said := s.await(t, 1)
			require.Equal(t, 1, said[0].Attempted)
			require.Empty(t, said[0].Exceptions)
			c.close()
		})
	}
}

// unreadable is the error of a handler that returns a nil pointer as an error.
type unreadable struct{ text string }

func (e *unreadable) Error() string { return e.text }

// leaving is an error that ends the goroutine of whoever reads it.
type leaving struct{}

func (leaving) Error() string { runtime.Goexit(); return "" }

func TestEveryWayOfAHandlerToFailCostsItsRecordOnly(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]struct {
		handle stream.HandlerFunc
		kind   messages.FailureKind
		text   string
	}{
		"panic":      {func(context.Context, *stream.Record) error { panic("boom") }, messages.Panicked, "panic: boom"},
		"goexit":     {func(context.Context, *stream.Record) error { runtime.Goexit(); return nil }, messages.Panicked, "Goexit"},
		"unreadable": {func(context.Context, *stream.Record) error { var none *unreadable; return none }, messages.Panicked, "cannot be read"},
		"leaving":    {func(context.Context, *stream.Record) error { return leaving{} }, messages.Panicked, "Goexit"},
		"timeout": {
			func(ctx context.Context, _ *stream.Record) error { <-ctx.Done(); return ctx.Err() }, messages.TimedOut,
			"longer than 30s",
		},
		"plain": {func(context.Context, *stream.Record) error { return errors.New("boom") }, messages.Failed, "boom"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newShop(2, func(ctx context.Context, r *stream.Record) error {
					if r.Offset%2 == 0 {
						return v.handle(ctx, r)
					}
					return nil
				})
				c := s.crew(t.Context(), 0)
				c.give(works(0, 20))
				watched(c, 11*31*time.Second)
				said := s.said()
				require.Len(t, said, 20)
				for _, o := range said {
					require.Equal(t, 1, o.Attempted)
					if o.Lane%2 == 1 {
						require.Empty(t, o.Exceptions)
						continue
					}
					require.Len(t, o.Exceptions, 1)
					require.Equal(t, v.kind, o.Exceptions[0].Failure.Kind)
					require.ErrorContains(t, o.Exceptions[0].Failure.Err, v.text)
				}
				require.Zero(t, s.env.Handlers.Load())
				require.Zero(t, s.env.Pool.Running())
				c.close()
			})
		})
	}
}

func TestTheClockOfAnAttemptCanBePaused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var late func()
		s := newShop(1, func(ctx context.Context, r *stream.Record) error {
			clock, ok := attempt.ClockOf(ctx)
			if !ok {
				return errors.New("no clock")
			}
			if r.Offset == 1 {
				late() // of the attempt before
				<-ctx.Done()
				return ctx.Err()
			}
			begun := time.Now()
			deadline, _ := ctx.Deadline()
			if deadline.Sub(begun).Round(time.Millisecond) != 30*time.Second {
				return errors.New("wrong deadline")
			}
			<-time.After(10 * time.Second)
			resume := clock.Pause()
			nested := clock.Pause()
			if _, has := ctx.Deadline(); has {
				return errors.New("a deadline while the clock is stopped")
			}
			<-time.After(time.Hour)
			nested()
			nested()
			<-time.After(time.Hour)
			resume()
			if deadline, _ = ctx.Deadline(); deadline.Sub(begun).Round(time.Millisecond) != 2*time.Hour+30*time.Second {
				return errors.New("wrong deadline after the pause")
			}
			<-time.After(10 * time.Second)
			late = clock.Pause()
			return ctx.Err()
		})
		c := s.crew(t.Context(), 0)
		c.give(works(0, 1))
		watched(c, time.Minute)
		require.Equal(t, core.LaneAwaitsLimit, c.standing().Phase)
		cause, _, detail, ok := c.standing().Explain()
		require.True(t, ok)
		require.Equal(t, stream.HandlerSlow, cause)
		require.Equal(t, "awaits the rate limit", detail)
		watched(c, 3*time.Hour)
		said := s.said()
		require.Len(t, said, 1)
		require.Empty(t, said[0].Exceptions)
		require.Equal(t, 1, said[0].Attempted)
		require.InDelta(t, 20, durations(s, meter.ResultDone).Sum, 0.1, "the pauses do not count")

		c.give(works(1, 1))
		watched(c, 29*time.Second)
		require.Len(t, s.said(), 1)
		watched(c, 2*time.Second)
		said = s.said()
		require.Len(t, said, 2, "a pause of an earlier attempt means nothing")
		require.Equal(t, messages.TimedOut, said[1].Exceptions[0].Failure.Kind)
		c.close()
	})
}

func TestAPausedAttemptEndsWithItsIncarnation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		s := newShop(1, func(ctx context.Context, _ *stream.Record) error {
			clock, _ := attempt.ClockOf(ctx)
			resume := clock.Pause()
			defer resume()
			<-ctx.Done()
			clock.Pause()()
			return ctx.Err()
		})
		c := s.crew(ctx, 0)
		c.give(works(0, 1))
		synctest.Wait()
		end()
		synctest.Wait()
		require.Len(t, s.said(), 1)
		require.Zero(t, s.said()[0].Attempted)
		c.close()
	})
}

// durations is the metric of the attempts' durations.
func durations(s *shop, result string) stream.MetricValue {
	for _, m := range s.env.Meter.Snapshot(stream.Status{}) {
		if m.Name != "troupe_process_duration_seconds" && m.Name != "process_duration_seconds" {
			continue
		}
		for _, v := range m.Values {
			if len(v.LabelValues) > 0 && v.LabelValues[0] == result {
				return v
			}
		}
	}
	return stream.MetricValue{}
}

func TestThePartitionIsAskedForMoreBeforeTheWorksRunOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		s := newShop(aheadMost, g.handle)
		c := s.crew(t.Context(), 0)
		require.Equal(t, aheadMost, c.room())
		c.give(works(0, aheadLeast+10))
		synctest.Wait()
		told, _ := s.count()
		require.Zero(t, told, "it has no more")
		c.await(true)
		told, _ = s.count()
		require.Equal(t, 1, told, "all are being handled")
		require.Equal(t, 2*aheadLeast+10+aheadLeast, c.room())
		c.await(false)
		close(g.release)
		s.await(t, aheadLeast+10)
		c.close()
	})
}

func TestThePartitionIsAskedForMoreOnceUntilItCollects(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		s := newShop(aheadMost, g.handle)
		told := 0
		c := newCrew(t.Context(), s.env, stream.Partition{Topic: "orders"}, func() { told++ })
		c.held = true // so that they wait
		c.give(works(0, aheadLeast+1))
		c.await(true)
		require.Zero(t, told, "there are enough")
		c.mu.Lock()
		c.queue, c.surplus = c.queue[:aheadLeast], -aheadLeast
		c.mu.Unlock()
		c.await(true)
		c.await(true)
		require.Equal(t, 1, told)
		require.Empty(t, c.collect(nil))
		c.await(true)
		require.Equal(t, 2, told)
		c.close()
	})
}
