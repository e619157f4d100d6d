package core

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

func refusedBy(inc messages.Incarnation, off int64, name string) messages.DependencyRefused {
	return messages.DependencyRefused{Incarnation: inc, Offset: off, Name: name, Err: "refused"}
}

func TestDependenciesBeyondTheLimitShareOneCircuit(t *testing.T) {
	t.Parallel()
	c, out := NewCircuits(FailureRatePolicy{}), &CircuitEffects{}
	inc := messages.Incarnation{Partition: stream.Partition{Topic: "orders"}, Epoch: 1}
	for i := range int64(1000) {
		c.Step(epoch, refusedBy(inc, i, fmt.Sprint("key-", i)), out)
	}
	status := c.Status()
	require.Len(t, status, circuitsMax+1)
	shared := status[circuitsMax]
	require.Equal(t, SharedCircuit, shared.Name)
	require.Equal(t, 1000-circuitsMax, shared.Waiting)
	require.Equal(t, "key-999: refused", shared.LastError)
	require.Less(t, len(out.Events), 1000, "those that share tell once that it is open")

	open := map[string]bool{SharedCircuit: true, "key-1": false}
	require.True(t, IsCircuitOpen(open, "key-500"))
	require.False(t, IsCircuitOpen(open, "key-1"))
	require.False(t, IsCircuitOpen(open, ""))

	out.Reset()
	c.Step(epoch.Add(time.Second), messages.CircuitTick{}, out)
	probe := out.Verdicts[len(out.Verdicts)-1].Message
	require.Equal(t, fmt.Sprint("key-", probe.Offset), probe.Name, "a record is told the name that it knows")
	require.GreaterOrEqual(t, probe.Offset, int64(circuitsMax))
	out.Reset()
	c.Step(epoch.Add(time.Second), messages.ProbePassed{Incarnation: inc, Offset: probe.Offset, Name: probe.Name}, out)
	require.Len(t, out.Verdicts, 1000-circuitsMax-1)
	for _, v := range out.Verdicts {
		require.Equal(t, fmt.Sprint("key-", v.Message.Offset), v.Message.Name)
	}
}

func TestACircuitThatIsClosedMakesRoomForAnotherName(t *testing.T) {
	t.Parallel()
	c, out := NewCircuits(FailureRatePolicy{}), &CircuitEffects{}
	inc := messages.Incarnation{Partition: stream.Partition{Topic: "orders"}, Epoch: 1}
	for i := range int64(10 * circuitsMax) {
		name := fmt.Sprint("dependency-", i)
		c.Step(epoch.Add(time.Duration(i)), refusedBy(inc, i, name), out)
		c.Step(epoch.Add(time.Duration(i)), messages.Withdrawn{Incarnation: inc, Offset: i, Name: name}, out)
	}
	status := c.Status()
	require.Len(t, status, circuitsMax)
	require.Equal(t, fmt.Sprint("dependency-", 9*circuitsMax), status[0].Name)
}

func TestNobodyHearsOfAttemptsUnlessThePolicyIsOn(t *testing.T) {
	t.Parallel()
	c, out := NewCircuits(FailureRatePolicy{}), &CircuitEffects{}
	c.Step(epoch, messages.AttemptsCounted{Failed: 1_000_000}, out)
	require.False(t, out.Open.Open)
	require.Empty(t, c.Status())
	c = NewCircuits(FailureRatePolicy{Rate: 1, Window: time.Second, MinRecords: 3})
	require.Equal(t, FailureRateCircuit, c.Status()[0].Name, "it is shown before it opens")
	out.Reset()
	c.Step(epoch, messages.AttemptsCounted{Failed: 3}, out)
	require.True(t, out.Open.Halt, "all of them are enough")
}

func TestWindowWhoseClockGoesBackForgetsNothing(t *testing.T) {
	t.Parallel()
	w := attemptWindow{policy: FailureRatePolicy{Rate: 0.5, Window: 10 * time.Second, MinRecords: 4}}
	w.add(epoch, attempts{failed: 2})
	w.add(epoch.Add(-time.Hour), attempts{failed: 2})
	require.True(t, w.exceeded())
	w.add(epoch.Add(11*time.Second), attempts{})
	require.Equal(t, attempts{}, w.sum)
}

// waitingCircuits has n records of 12 incarnations that wait for db.
func waitingCircuits(b *testing.B, n int64) (*Circuits, *CircuitEffects) {
	b.Helper()
	c, out := NewCircuits(FailureRatePolicy{}), &CircuitEffects{}
	for i := range n {
		out.Reset()
		c.Step(epoch, refusedBy(benchIncarnation(i), i, "db"), out)
	}
	return c, out
}

func benchIncarnation(i int64) messages.Incarnation {
	return messages.Incarnation{Partition: stream.Partition{Topic: "orders", Number: int32(i % 12)}, Epoch: uint64(i%12 + 1)}
}

// BenchmarkCircuitOf100000 is one message each, while 100,000 records wait.
func BenchmarkCircuitOf100000(b *testing.B) {
	const n = 100_000
	b.Run("refused and withdrawn", func(b *testing.B) {
		c, out := waitingCircuits(b, n)
		b.ReportAllocs()
		for i := int64(0); b.Loop(); i++ {
			out.Reset()
			c.Step(epoch, refusedBy(benchIncarnation(i), n+i, "db"), out)
			c.Step(epoch, messages.Withdrawn{Incarnation: benchIncarnation(i), Offset: n + i, Name: "db"}, out)
		}
	})
	b.Run("probe refused", func(b *testing.B) {
		c, out := waitingCircuits(b, n)
		b.ReportAllocs()
		now := epoch
		for b.Loop() {
			now = now.Add(time.Minute)
			out.Reset()
			c.Step(now, messages.CircuitTick{}, out)
			v := out.Verdicts[0]
			c.Step(now, refusedBy(v.To, v.Message.Offset, "db"), out)
		}
	})
	b.Run("opened and closed", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c, out := waitingCircuits(b, n)
			c.Step(epoch.Add(time.Second), messages.CircuitTick{}, out)
			v := out.Verdicts[len(out.Verdicts)-1]
			out.Reset()
			c.Step(epoch.Add(time.Second), messages.ProbePassed{Incarnation: v.To, Offset: v.Message.Offset, Name: "db"}, out)
			if len(out.Verdicts) != n-1 {
				b.Fatal(len(out.Verdicts))
			}
		}
	})
}
