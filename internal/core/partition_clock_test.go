package core

import (
	"errors"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/messages"
)

// behind is a time whose monotonic clock shows less than its wall clock, as it does while that is being adjusted.
func behind(t time.Time, by time.Duration) time.Time {
	skewed := t
	*(*int64)(unsafe.Add(unsafe.Pointer(&skewed), 8)) -= int64(by) // a time.Time is wall, ext and loc
	return skewed
}

// An alarm that goes off by the wall clock is not too early by the monotonic one: nobody would look at its record again.
func TestARetryIsNotLostWhileTheClockIsBeingAdjusted(t *testing.T) {
	t.Parallel()
	now := time.Now()
	require.Negative(t, behind(now, time.Second).Sub(now), "it has a monotonic clock")
	p := NewPartition(now, PartitionConfig{Retry: retry.Policy{MaxAttempts: 5, Initial: time.Second, Multiplier: 2, Max: time.Minute}}, PartitionStart{})
	out := &PartitionEffects{}
	step := func(now time.Time, m messages.ToPartition) {
		out.Reset()
		p.Step(now, m, out)
		require.NoError(t, p.Check())
	}
	step(now, recordsFrom(0, 0))
	require.Len(t, out.Work, 1)
	failed := []messages.Exception{{Failure: messages.Failure{Kind: messages.Failed, Err: errors.New("not yet")}}}
	step(now, messages.Outcomes{Outcomes: []messages.Outcome{{Lane: out.Work[0].Lane, Seq: out.Work[0].Seq, Attempted: 1, Exceptions: failed}}})
	require.Empty(t, out.Work)
	due, ok := p.alarms.next()
	require.True(t, ok)
	step(behind(now.Add(due.Sub(now.Round(0))), time.Microsecond), messages.Tick{})
	require.Len(t, out.Work, 1, "it is tried again")
}
