package core

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// stepCost is what a step costs in which nothing happens: the least of many, because the machine has others to run.
func (k *keyed) stepCost() time.Duration {
	least := time.Hour
	for range 200 {
		began := time.Now()
		for range 5 {
			k.step(messages.Tick{})
		}
		least = min(least, time.Since(began)/5)
	}
	return least
}

// waitingForBrokers gives a machine with records whose outputs are not acknowledged, as many as may be, while one runs behind
// all of them, and with so many more that wait for that.
func waitingForBrokers(publishing, more int) *keyed {
	k := newKeyed(PartitionConfig{Lanes: 8})
	k.poll(publishing, each)
	for len(k.open) > 0 {
		k.answer(publishAll)
	}
	k.poll(more, func(i int) uint64 { return uint64(publishing + i) })
	return k
}

func TestAStepDoesNotLookAtAllThatWaitsForBrokers(t *testing.T) { //nolint:paralleltest // it measures time
	few, many := waitingForBrokers(10, 1), waitingForBrokers(publishingMax-1, 1)
	require.EqualValues(t, publishingMax-1, many.p.ledger.States[stream.Publishing])
	require.EqualValues(t, 1, many.p.ledger.States[stream.Running])
	base := max(few.stepCost(), 100*time.Nanosecond)
	require.Less(t, many.stepCost(), 15*base)
}

func TestAStepDoesNotLookAtAllThatIsQueued(t *testing.T) { //nolint:paralleltest // it measures time
	k := waitingForBrokers(publishingMax, 200_000)
	require.EqualValues(t, 200_000, k.p.ledger.States[stream.Queued])
	base := max(waitingForBrokers(10, 0).stepCost(), 100*time.Nanosecond)
	require.Less(t, k.stepCost(), 15*base)
}

func TestAStuckAttemptDoesNotMakeEveryStepLookAtAllLanes(t *testing.T) { //nolint:paralleltest // it measures time
	cost := func(lanes int) time.Duration {
		k := newKeyed(PartitionConfig{Lanes: lanes, StuckAfter: time.Hour})
		k.poll(lanes, each)
		require.Len(t, k.open, lanes)
		k.step(messages.Outcomes{Outcomes: []messages.Outcome{{Lane: k.open[0].Lane, Seq: k.open[0].Seq, Stuck: true}}})
		require.Equal(t, 1, k.p.stuck)
		require.Equal(t, k.now.Add(time.Hour), k.p.stuckDue)
		return k.stepCost()
	}
	require.Less(t, cost(8192), 8*max(cost(8), 100*time.Nanosecond))
}

// Attempts that are stuck since different times are given up one after another, each when its time has come.
func TestStuckAttemptsAreGivenUpEachInItsTime(t *testing.T) {
	t.Parallel()
	k := newKeyed(PartitionConfig{Lanes: 4, StuckAfter: time.Minute, StuckDeadLetter: true})
	k.poll(3, each)
	works := k.open
	require.Len(t, works, 3)
	for _, w := range works {
		k.step(messages.Outcomes{Outcomes: []messages.Outcome{{Lane: w.Lane, Seq: w.Seq, Stuck: true, StuckSince: k.now}}})
		k.now = k.now.Add(10 * time.Second)
	}
	k.step(messages.Outcomes{Outcomes: []messages.Outcome{{Lane: works[0].Lane, Seq: works[0].Seq, Attempted: 1}}}) // it comes back
	for i, w := range works[1:] {
		k.now = epoch.Add(time.Minute + time.Duration(i+1)*10*time.Second - 1)
		k.step(messages.Tick{})
		require.Empty(t, k.out.ReplaceLanes)
		require.Equal(t, k.now.Add(1), k.out.Wake)
		k.now = k.out.Wake
		k.step(messages.Tick{})
		require.Equal(t, []int{w.Lane}, k.out.ReplaceLanes)
		require.Len(t, k.out.DeadLetters, 1)
		k.step(messages.DeadLetterResult{Offset: k.out.DeadLetters[0].Record.Offset})
	}
	require.NoError(t, k.p.Idle())
}

// Full metadata is told in place of what says why a record does not end, and of nothing that an operator must mend.
func TestWhichCausesYieldToFullMetadata(t *testing.T) {
	t.Parallel()
	var yield []string
	for c := range stream.CauseCount {
		if yieldsToFullMetadata(stream.Cause(c)) {
			yield = append(yield, stream.Cause(c).String())
		}
	}
	require.Equal(t, []string{"flowing", "handler-slow", "retry-backoff", "dependency-down", "registry-unavailable"}, yield)
}

// At the limit of parked records the cause is that, though the lowest record is at its handler. Records that have lanes of
// their own up to the limit, while nothing is parked, are no cause.
func TestTheLimitOfParkedRecordsIsNamed(t *testing.T) {
	t.Parallel()
	k := newKeyed(PartitionConfig{Lanes: 8, MaxParked: 4, Retry: retries(10 * time.Second)})
	k.poll(20, each)
	require.Len(t, k.open, 4)
	require.Equal(t, stream.Flowing, k.p.Status(k.now).Cause)
	first := k.open[0]
	k.open = k.open[1:]
	k.answer(failFirst)
	require.Empty(t, k.open)
	s := k.p.Status(k.now)
	require.Equal(t, stream.RetryBackoff, s.Cause, fmt.Sprint(first.Records[0].Offset))
	require.Equal(t, "3 records are parked, with 1 at their handlers as many as may be (retry.max_parked)", s.Detail)
	k.open = []messages.Work{first}
	k.answer(handleAll)
	require.Len(t, k.open, 1)
	k.now = k.now.Add(10 * time.Second)
	k.step(messages.Tick{})
	for len(k.open) > 0 {
		k.answer(handleAll)
	}
	require.Equal(t, stream.Idle, k.p.Status(k.now).Cause)
}
