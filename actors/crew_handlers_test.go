package actors

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// instances are handlers that know how often they were closed, and whether two goroutines were in one.
type instances struct {
	handle  stream.HandlerFunc
	onClose func()

	mu     sync.Mutex
	made   []*instance
	shared atomic.Bool
}

type instance struct {
	of     *instances
	busy   atomic.Bool
	closed atomic.Int32
}

func (i *instance) Handle(ctx context.Context, r *stream.Record) error {
	if !i.busy.CompareAndSwap(false, true) || i.closed.Load() > 0 {
		i.of.shared.Store(true)
	}
	defer i.busy.Store(false)
	return i.of.handle(ctx, r)
}

func (i *instance) Close() error {
	i.closed.Add(1)
	if i.of.onClose != nil {
		i.of.onClose()
	}
	return errors.New("is of no interest")
}

func (n *instances) open(stream.Partition) (stream.Handler, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	i := &instance{of: n}
	n.made = append(n.made, i)
	return i, nil
}

// check says how many were made, and that each was closed once.
func (n *instances) check(t *testing.T, closed bool) int {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	require.False(t, n.shared.Load(), "one goroutine at a time, and none after Close")
	for _, i := range n.made {
		if closed {
			require.EqualValues(t, 1, i.closed.Load())
		}
	}
	return len(n.made)
}

func TestEveryHandlerInstanceIsClosedOnce(t *testing.T) {
	t.Parallel()
	for name, onClose := range map[string]func(){
		"well": nil, "that panics": func() { panic("close") }, "that calls Goexit": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				hold := make(chan struct{})
				n := &instances{onClose: onClose, handle: func(_ context.Context, r *stream.Record) error {
					switch r.Offset {
					case 7:
						panic("seven")
					case 8:
						runtime.Goexit()
					case 1000, 1001:
						<-hold
					default:
						<-time.After(time.Millisecond)
					}
					return nil
				}}
				s := newShop(16, nil)
				s.env.Settings.NewHandler = n.open
				c := s.crew(t.Context(), 0)
				c.give(works(0, 100))
				<-time.After(time.Second)
				synctest.Wait()
				require.Len(t, s.said(), 100)
				require.Equal(t, 18, n.check(t, false), "as many as ever ran at once, and two that had failed")
				c.give(works(1000, 2))
				synctest.Wait()
				c.close()
				c.close()
				synctest.Wait()
				require.True(t, s.env.Orphans.Any(c.partition))
				close(hold)
				synctest.Wait()
				require.False(t, s.env.Orphans.Any(c.partition))
				require.Equal(t, 18, n.check(t, true))
				require.Len(t, s.said(), 100)
				require.Zero(t, s.env.Pool.Running())
			})
		})
	}
}

func TestANewHandlerThatFailsIsADependencyThatIsDown(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]stream.NewHandler{
		"error":  func(stream.Partition) (stream.Handler, error) { return nil, errors.New("no connection") },
		"panic":  func(stream.Partition) (stream.Handler, error) { panic("no connection") },
		"goexit": func(stream.Partition) (stream.Handler, error) { runtime.Goexit(); return nil, nil },
		"none":   func(stream.Partition) (stream.Handler, error) { return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newShop(3, nil)
				s.env.Settings.NewHandler = open
				c := s.crew(t.Context(), 0)
				c.give(works(0, 10))
				synctest.Wait()
				said := s.said()
				require.Len(t, said, 10)
				for _, o := range said {
					require.Len(t, o.Exceptions, 1)
					require.Equal(t, messages.Unavailable, o.Exceptions[0].Failure.Kind)
					require.Equal(t, "handler", o.Exceptions[0].Failure.Name)
				}
				require.Zero(t, s.env.Pool.Running())
				c.close()
			})
		})
	}
}

func TestNothingIsHandledByAHandlerThatOpensAfterTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &instances{handle: func(context.Context, *stream.Record) error { return errors.New("called") }}
		slow := make(chan struct{})
		s := newShop(1, nil)
		s.env.Settings.NewHandler = func(p stream.Partition) (stream.Handler, error) {
			<-slow
			return n.open(p)
		}
		ctx, end := context.WithCancel(t.Context())
		c := s.crew(ctx, 0)
		c.give(works(0, 1))
		synctest.Wait()
		require.Equal(t, core.LaneOpens, c.standing().Phase)
		end()
		c.close()
		require.True(t, s.env.Orphans.Any(c.partition))
		close(slow)
		synctest.Wait()
		require.Equal(t, 1, n.check(t, true))
		require.Empty(t, s.said())
		require.False(t, s.env.Orphans.Any(c.partition))
	})
}

func TestContextsAreSharedByManyAttemptsAndCancelledByTheFirstThatOverruns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		contexts := make(map[context.Context]int)
		s := newShop(1, func(ctx context.Context, r *stream.Record) error {
			contexts[ctx]++
			if ctx.Err() != nil {
				return stream.Permanent(errors.New("dead from the start"))
			}
			if r.Offset == 10 {
				<-ctx.Done()
				if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
					return stream.Permanent(errors.New("cancelled"))
				}
				return ctx.Err()
			}
			return nil
		})
		c := s.crew(t.Context(), 0)
		c.give(works(0, 10))
		synctest.Wait()
		require.Len(t, contexts, 1)
		c.give(works(10, 1))
		watched(c, 31*time.Second)
		c.give(works(11, 10))
		synctest.Wait()
		require.Len(t, contexts, 2)
		c.give(works(21, 2*attemptsMax))
		synctest.Wait()
		require.Len(t, contexts, 4, "what is tied to a context is let go of at last")
		dead := 0
		for ctx := range contexts {
			if ctx.Err() != nil {
				dead++
			}
		}
		require.Equal(t, 3, dead)
		for _, o := range s.said() {
			if o.Lane != 10 {
				require.Empty(t, o.Exceptions)
			}
		}
		c.close()
	})
}
