package offset_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/internal/core/offset"
)

func TestDoneSetAnswersInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var runs []offset.Run
		members := map[int64]bool{}
		at := int64(0)
		for range rapid.IntRange(0, 8).Draw(t, "runs") {
			first := at + rapid.Int64Range(1, 3).Draw(t, "gap")
			last := first + rapid.Int64Range(0, 3).Draw(t, "length")
			runs = append(runs, offset.Run{First: first, Last: last})
			at = last + 1
		}
		end := rapid.Int64Range(0, at+2).Draw(t, "log end")
		for _, run := range runs {
			for o := run.First; o <= min(run.Last, end-1); o++ {
				members[o] = true
			}
		}
		set := offset.NewDoneSet(runs)
		set.Clamp(end)
		require.EqualValues(t, len(members), set.Count())
		for o := int64(0); o <= at+2; o++ {
			require.Equal(t, members[o], set.Contains(o), "ascending, offset %d", o)
		}
		for range 20 {
			o := rapid.Int64Range(-1, at+3).Draw(t, "offset")
			require.Equal(t, members[o], set.Contains(o), "offset %d", o)
		}
		from := rapid.Int64Range(-1, at+3).Draw(t, "from")
		rest := offset.NewDoneSet(set.From(from))
		for o := int64(0); o <= at+2; o++ {
			require.Equal(t, members[o] && o >= from, rest.Contains(o), "from %d, offset %d", from, o)
			require.Equal(t, members[o], set.Contains(o), "the set itself, offset %d", o)
		}
		last, ok := set.Last()
		require.Equal(t, len(members) > 0, ok)
		require.True(t, !ok || members[last] && !members[last+1])
	})
}

func TestZeroDoneSetHoldsNothing(t *testing.T) {
	t.Parallel()
	var set offset.DoneSet
	set.Clamp(10)
	require.False(t, set.Contains(5))
	require.Zero(t, set.Count())
	require.Empty(t, set.Runs())
}

func TestClampLeavesTheDecodedRunsAlone(t *testing.T) {
	t.Parallel()
	runs := []offset.Run{{First: 2, Last: 9}}
	set := offset.NewDoneSet(runs)
	set.Clamp(5)
	require.Equal(t, []offset.Run{{First: 2, Last: 4}}, set.Runs())
	require.Equal(t, []offset.Run{{First: 2, Last: 9}}, runs)
}

func TestCountDoesNotOverflow(t *testing.T) {
	t.Parallel()
	set := offset.NewDoneSet([]offset.Run{{First: 1, Last: math.MaxInt64 - 5}, {First: math.MaxInt64 - 3, Last: math.MaxInt64 - 1}})
	require.EqualValues(t, math.MaxInt64-2, set.Count())
}
