package flow_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/internal/core/flow"
)

func TestSlotsServeInOrderOfAsking(t *testing.T) {
	t.Parallel()
	s := flow.NewSlots(2)
	require.True(t, s.Acquire(1))
	require.True(t, s.Acquire(2))
	require.False(t, s.Acquire(3))
	require.False(t, s.Acquire(4))
	require.False(t, s.Acquire(5))
	require.False(t, s.Acquire(3), "asking again keeps the place")
	require.Equal(t, 3, s.Waiting())
	require.True(t, s.Cancel(4))
	require.False(t, s.Cancel(4))
	require.False(t, s.Cancel(1), "it runs")

	next, ok := s.Release()
	require.True(t, ok)
	require.EqualValues(t, 3, next)
	require.False(t, s.Acquire(4), "who cancelled is last now")
	next, _ = s.Release()
	require.EqualValues(t, 5, next)
	next, _ = s.Release()
	require.EqualValues(t, 4, next)
	_, ok = s.Release()
	require.False(t, ok)
	require.Equal(t, 1, s.Running())
}

func TestPoolGoesOnWithoutStuckAttempts(t *testing.T) {
	t.Parallel()
	s := flow.NewSlots(2)
	require.True(t, s.Acquire(1))
	require.True(t, s.Acquire(2))
	require.False(t, s.Acquire(3))
	lent, next, ok := s.Lend() // 1 is stuck
	require.True(t, lent)
	require.True(t, ok)
	require.EqualValues(t, 3, next)
	lent, _, ok = s.Lend() // 2 too
	require.True(t, lent)
	require.False(t, ok)
	require.True(t, s.Acquire(4))
	require.False(t, s.Acquire(5))
	lent, _, ok = s.Lend() // and 3: no more than two
	require.False(t, lent)
	require.False(t, ok)
	require.Equal(t, 2, s.Running())
	require.Equal(t, 2, s.Lent())

	s.Reclaim() // 1 has returned; only now may 3 be lent its slot
	lent, next, ok = s.Lend()
	require.True(t, lent && ok)
	require.EqualValues(t, 5, next)
}

func TestNothingIsLentWithoutARunningAttempt(t *testing.T) {
	t.Parallel()
	s := flow.NewSlots(0)
	lent, _, _ := s.Lend()
	require.False(t, lent)
	s.Reclaim()
	require.Zero(t, s.Lent())
	require.True(t, s.Acquire(1), "there is at least one slot")
}

// Not parallel: allocations are counted for the whole process.
func TestAskingAndCancellingKeepsTheOrderOfTheOthers(t *testing.T) {
	s := flow.NewSlots(1)
	require.True(t, s.Acquire(1))
	for id := uint64(2); id < 12; id++ {
		require.False(t, s.Acquire(id))
	}
	for range 1000 {
		require.False(t, s.Acquire(99))
		require.True(t, s.Cancel(99))
	}
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		s.Acquire(99)
		s.Cancel(99)
	}))
	for id := uint64(2); id < 12; id++ {
		next, ok := s.Release()
		require.True(t, ok)
		require.Equal(t, id, next)
	}
}

func TestSlotsAgreeWithOracleUnderRandomSchedules(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		capacity := rapid.IntRange(1, 4).Draw(t, "capacity")
		s := flow.NewSlots(capacity)
		running, lent := 0, 0
		var queue []uint64
		admit := func(next uint64, ok bool) {
			require.Equal(t, running < capacity && len(queue) > 0, ok)
			if ok {
				require.Equal(t, queue[0], next)
				queue = queue[1:]
				running++
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"acquire": func(t *rapid.T) {
				id := rapid.Uint64Range(1, 12).Draw(t, "id")
				want := running < capacity && len(queue) == 0
				require.Equal(t, want, s.Acquire(id))
				if want {
					running++
				} else if !slices.Contains(queue, id) {
					queue = append(queue, id)
				}
			},
			"cancel": func(t *rapid.T) {
				id := rapid.Uint64Range(1, 12).Draw(t, "id")
				at := slices.Index(queue, id)
				require.Equal(t, at >= 0, s.Cancel(id))
				if at >= 0 {
					queue = slices.Delete(queue, at, at+1)
				}
			},
			"release": func(*rapid.T) {
				if running > 0 {
					running--
					admit(s.Release())
				}
			},
			"lend": func(*rapid.T) {
				ok, next, admitted := s.Lend()
				require.Equal(t, running > 0 && lent < capacity, ok)
				if ok {
					running, lent = running-1, lent+1
					admit(next, admitted)
				}
			},
			"reclaim": func(*rapid.T) {
				if lent > 0 {
					lent--
					s.Reclaim()
				}
			},
			"": func(t *rapid.T) {
				require.Equal(t, running, s.Running())
				require.Equal(t, lent, s.Lent())
				require.Equal(t, len(queue), s.Waiting())
				require.False(t, len(queue) > 0 && running < capacity, "a slot is free while somebody waits")
			},
		})
	})
}
