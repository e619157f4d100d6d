package retry_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/internal/core/retry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDelayGrowsUpToTheCap(t *testing.T) {
	t.Parallel()
	p := retry.Policy{MaxAttempts: 3, Initial: 2 * time.Second, Multiplier: 2, Max: time.Minute}
	for attempt, want := range map[int32]time.Duration{
		-1: 2 * time.Second, 0: 2 * time.Second, 1: 2 * time.Second, 2: 4 * time.Second, 3: 8 * time.Second,
		5: 32 * time.Second, 6: time.Minute, 1000: time.Minute, math.MaxInt32: time.Minute,
	} {
		require.Equal(t, want, p.Delay(attempt, 99), "attempt %d", attempt)
	}
}

func TestExhausted(t *testing.T) {
	t.Parallel()
	p := retry.Policy{MaxAttempts: 3}
	require.False(t, p.Exhausted(1))
	require.False(t, p.Exhausted(2))
	require.True(t, p.Exhausted(3))
	require.True(t, p.Exhausted(4))
	for _, unlimited := range []int{0, -1} {
		require.False(t, retry.Policy{MaxAttempts: unlimited}.Exhausted(math.MaxInt32))
	}
}

func TestDelayWithoutCapDoesNotOverflow(t *testing.T) {
	t.Parallel()
	p := retry.Policy{Initial: time.Second, Multiplier: 10, Jitter: 1}
	require.EqualValues(t, math.MaxInt64, p.Delay(math.MaxInt32, 3))
	require.Zero(t, retry.Policy{Multiplier: 10}.Delay(math.MaxInt32, 3))
}

func TestDelayStaysInBoundsForAnyPolicy(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := retry.Policy{
			Initial:    time.Duration(rapid.Int64().Draw(t, "initial")),
			Max:        time.Duration(rapid.Int64().Draw(t, "max")),
			Multiplier: rapid.Float64().Draw(t, "multiplier"),
			Jitter:     rapid.Float64().Draw(t, "jitter"),
		}
		attempt := rapid.Int32().Draw(t, "attempt")
		entropy := rapid.Uint64().Draw(t, "entropy")
		got := p.Delay(attempt, entropy)
		require.GreaterOrEqual(t, got, time.Duration(0))
		require.Equal(t, got, p.Delay(attempt, entropy), "the same entropy gives the same pause")
		if p.Max > 0 && p.Max < math.MaxInt64/2 {
			require.LessOrEqual(t, got, 2*p.Max)
		}
		still := p
		still.Jitter = 0
		if attempt < math.MaxInt32 {
			require.LessOrEqual(t, still.Delay(attempt, entropy), still.Delay(attempt+1, entropy), "it never shrinks")
		}
	})
}

func TestJitterSpreadsEvenly(t *testing.T) {
	t.Parallel()
	p := retry.Policy{Initial: time.Second, Jitter: 0.2}
	const records = 10_000
	var quarters [4]int
	for offset := range int64(records) {
		d := p.Delay(1, retry.Entropy(17, offset, 1))
		require.GreaterOrEqual(t, d, 800*time.Millisecond)
		require.Less(t, d, 1200*time.Millisecond)
		quarters[(d-800*time.Millisecond)/(100*time.Millisecond)]++
	}
	for _, n := range quarters {
		require.InDelta(t, records/4, n, records/40)
	}
}

func TestEntropyDiffersByEpochOffsetAndAttempt(t *testing.T) {
	t.Parallel()
	seen := map[uint64]bool{}
	for epoch := range uint64(20) {
		for offset := range int64(50) {
			for attempt := range int32(5) {
				seen[retry.Entropy(epoch, offset, attempt)] = true
			}
		}
	}
	require.Len(t, seen, 20*50*5)
}

func TestBudgetForgivesFailuresNowAndThen(t *testing.T) {
	t.Parallel()
	b := retry.NewBudget(retry.Limits{Failures: 3, HalfLife: 10 * time.Second})
	now := time.Unix(1_700_000_000, 0)
	for i := range 1000 {
		_, spent := b.Fail(now, uint64(i))
		require.False(t, spent, "failure %d", i)
		now = now.Add(10 * time.Second) // the count tends to 2
	}
}

func TestBudgetIsSpentByABurst(t *testing.T) {
	t.Parallel()
	b := retry.NewBudget(retry.Limits{Failures: 3})
	now := time.Unix(1_700_000_000, 0)
	for range 3 {
		_, spent := b.Fail(now, 1)
		require.False(t, spent)
	}
	_, spent := b.Fail(now, 1)
	require.True(t, spent)
	require.InDelta(t, 2, b.Level(now.Add(30*time.Second)), 1e-9, "half of four failures is left after the half-life")
	_, spent = b.Fail(now.Add(2*time.Minute), 1)
	require.False(t, spent, "a budget fills up again")
}

func TestBudgetPausesWithFullJitterUnderAGrowingCeiling(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	var longest, shortest [6]time.Duration
	for entropy := range uint64(2000) {
		b := retry.NewBudget(retry.Limits{Failures: 100, Initial: time.Second, Max: 10 * time.Second})
		for i := range longest {
			d, _ := b.Fail(now, entropy)
			longest[i] = max(longest[i], d)
			if entropy == 0 || d < shortest[i] {
				shortest[i] = d
			}
		}
	}
	for i, ceiling := range []time.Duration{1, 2, 4, 8, 10, 10} {
		ceiling *= time.Second
		require.Less(t, longest[i], ceiling)
		require.Greater(t, longest[i], ceiling*9/10)
		require.Less(t, shortest[i], ceiling/10)
	}
}

func TestBudgetIgnoresAClockSetBack(t *testing.T) {
	t.Parallel()
	b := retry.NewBudget(retry.Limits{Failures: 3, HalfLife: time.Second})
	now := time.Unix(1_700_000_000, 0)
	b.Fail(now, 1)
	b.Fail(now.Add(-time.Hour), 1)
	require.InDelta(t, 2, b.Level(now), 1e-9)
	require.InDelta(t, 1, b.Level(now.Add(time.Second)), 1e-9)
}
