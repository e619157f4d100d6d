package sim

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core"
)

// seeds is how many a test run goes through; `make sim` goes through many more.
const seeds = 240

func TestNoSeedBreaksAGuarantee(t *testing.T) {
	t.Parallel()
	const groups = 8
	for group := range groups {
		t.Run(fmt.Sprintf("group %d", group), func(t *testing.T) {
			t.Parallel()
			for seed := uint64(1 + group); seed <= seeds; seed += groups {
				r := Run(Config{Seed: seed})
				require.Nil(t, r.Violation, "run it again with: go run ./internal/sim/cmd/sim -seed %d", seed)
				require.Positive(t, r.Steps)
			}
		})
	}
}

func TestSameSeedGivesTheSameEventLog(t *testing.T) {
	t.Parallel()
	for seed := uint64(1); seed <= 40; seed++ {
		var first, second bytes.Buffer
		one := Run(Config{Seed: seed, Log: &first})
		two := Run(Config{Seed: seed, Log: &second})
		require.Equal(t, one, two)
		require.True(t, bytes.Equal(first.Bytes(), second.Bytes()), "seed %d", seed)
		require.NotEmpty(t, first.Bytes())
		require.Equal(t, one, Run(Config{Seed: seed}), "seed %d: the event log has changed what happens", seed)
	}
}

func TestSeedsDrawEveryFault(t *testing.T) {
	t.Parallel()
	var all Faults
	for seed := range uint64(seeds) {
		all |= drawPlan(Config{Seed: seed}).faults
	}
	require.Equal(t, AllFaults.String(), all.String())
}

func TestSeedsDrawEveryOrderAndComeToTheirLimits(t *testing.T) {
	t.Parallel()
	var full, spared, batches, parked, collisions int
	orders := make(map[core.Order]int)
	for seed := range uint64(seeds) {
		p := drawPlan(Config{Seed: seed})
		orders[p.partition.Order]++
		if p.partition.BatchRecords > 0 {
			batches++
		}
		if p.partition.MaxParked > 0 {
			parked++
		}
		if p.hashBits < 64 {
			collisions++
		}
		if p.log == usualLog && seed%10 > 0 {
			continue
		}
		r := Run(Config{Seed: seed})
		full += r.Full
		spared += r.Spared
	}
	for _, order := range []core.Order{core.ByPartition, core.ByKey, core.Unordered} {
		require.Greater(t, orders[order], seeds/10)
	}
	require.Greater(t, batches, seeds/10)
	require.Greater(t, parked, seeds/10)
	require.Greater(t, collisions, seeds/10)
	require.Positive(t, full, "no partition was ever seen with full metadata")
	require.Positive(t, spared, "no record was ever spared by a commit's metadata")
}

func TestConfigurationLeavesOut(t *testing.T) {
	t.Parallel()
	whole := Run(Config{Seed: 3})
	require.NotZero(t, whole.Faults)
	c := Config{Seed: 3, Without: AllFaults, Records: whole.Records / 2, Horizon: time.Second}
	r := Run(c)
	require.Nil(t, r.Violation)
	require.Zero(t, r.Faults)
	require.LessOrEqual(t, r.Records, c.Records)
	require.LessOrEqual(t, r.Calm, c.Horizon)
}

func TestFaultsHaveNamesThatCanBeRead(t *testing.T) {
	t.Parallel()
	for f := range AllFaults.Each {
		parsed, err := ParseFaults(f.String())
		require.NoError(t, err)
		require.Equal(t, Faults(0).With(f), parsed)
	}
	parsed, err := ParseFaults(AllFaults.String())
	require.NoError(t, err)
	require.Equal(t, AllFaults, parsed)
	_, err = ParseFaults("crash,flood")
	require.ErrorContains(t, err, `"flood"`)
}

func TestShrinkLeavesOutWhatIsNotNeeded(t *testing.T) {
	t.Parallel()
	needs := Faults(0).With(Crash).With(CommitLost)
	runs := 0
	run := func(c Config) Result {
		runs++
		r := Result{Faults: AllFaults &^ c.Without, Records: 100, Calm: 20 * time.Second}
		if c.Records > 0 {
			r.Records = c.Records
		}
		if c.Horizon > 0 {
			r.Calm = c.Horizon
		}
		switch {
		case r.Faults&needs == needs && r.Records >= 7 && r.Calm >= 3*time.Second:
			r.Violation = &Violation{Rule: "G1"}
		case r.Faults.Has(Freeze): // it breaks another rule without the others: that is another violation
			r.Violation = &Violation{Rule: "G4"}
		}
		return r
	}
	c, r := shrink(Config{Seed: 1}, run)
	require.Equal(t, "G1", r.Violation.Rule)
	require.Equal(t, needs, r.Faults)
	require.Equal(t, AllFaults&^needs, c.Without)
	require.InDelta(t, 7, r.Records, 1)
	require.InDelta(t, 3, r.Calm.Seconds(), 1.5)
	require.Less(t, runs, 300)

	c, r = shrink(Config{Seed: 1, Without: needs.With(Freeze)}, run)
	require.Nil(t, r.Violation)
	require.Equal(t, needs.With(Freeze), c.Without)
}

func TestPanicOfAMachineIsAViolation(t *testing.T) {
	t.Parallel()
	w := newWorld(Config{Seed: 1})
	w.after(nil, time.Second, func() { panic("index out of range") })
	w.turn()
	require.NotNil(t, w.violation)
	require.Equal(t, "panic", w.violation.Rule)
	require.Equal(t, time.Second, w.violation.At)
	require.Contains(t, w.violation.Text, "index out of range")
}

func TestFrozenProcessGoesOnWithWhatItBelieved(t *testing.T) {
	t.Parallel()
	w := newWorld(Config{Seed: 1})
	p := &process{w: w, name: "p"}
	var order []string
	note := func(what string) func() {
		return func() { order = append(order, what+" "+time.Duration(w.now).String()) }
	}
	w.after(p, 3*time.Second, note("timer"))
	w.after(p, time.Second, func() { p.freeze(4 * time.Second) })
	w.after(p, 2*time.Second, note("mail"))
	w.after(nil, 2*time.Second, note("broker"))
	w.after(p, 6*time.Second, note("later"))
	w.after(nil, 7*time.Second, func() { p.dead = true })
	w.after(p, 8*time.Second, note("never"))
	w.after(nil, 9*time.Second, func() { w.over = true })
	w.turn()
	require.Equal(t, []string{"broker 2s", "mail 5s", "timer 5s", "later 6s"}, order)
}
