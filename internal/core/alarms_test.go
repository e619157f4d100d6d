package core

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestAlarmsComeInTheOrderOfTheirTimes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var a alarms
		var want []alarm
		now := epoch
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			for range rapid.IntRange(0, 20).Draw(t, "set") {
				at := now.Add(time.Duration(rapid.IntRange(-2, 30).Draw(t, "in")) * time.Second)
				off := rapid.Int64Range(0, 50).Draw(t, "offset")
				a.set(at, off)
				want = append(want, alarm{at: at.UnixNano(), offset: off})
			}
			slices.SortFunc(want, func(x, y alarm) int { return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.offset, y.offset)) })
			now = now.Add(time.Duration(rapid.IntRange(0, 10).Draw(t, "pass")) * time.Second)
			for len(want) > 0 && want[0].at <= now.UnixNano() {
				off, ok := a.due(now)
				require.True(t, ok)
				require.Equal(t, want[0].offset, off)
				want = want[1:]
			}
			_, ok := a.due(now)
			require.False(t, ok)
			next, ok := a.next()
			require.Equal(t, len(want) > 0, ok)
			if ok {
				require.Equal(t, want[0].at, next.UnixNano())
			}
		}
	})
}
