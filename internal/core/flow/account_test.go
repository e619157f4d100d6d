package flow_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/internal/core/flow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAccountSumsItsShares(t *testing.T) {
	t.Parallel()
	a := flow.NewAccount(1000)
	one, two := a.Open(), a.Open()
	one.Take(300)
	two.Take(500)
	require.EqualValues(t, 800, a.Used())
	require.EqualValues(t, 1000, a.Limit())
	require.Equal(t, 2, a.Shares())
	require.EqualValues(t, 100, one.Give(100))
	require.EqualValues(t, 200, one.Held())
	two.Close()
	two.Close()
	require.EqualValues(t, 200, a.Used())
	require.Equal(t, 1, a.Shares())
}

func TestShareGivesBackNoMoreThanItHolds(t *testing.T) {
	t.Parallel()
	a := flow.NewAccount(1000)
	one, two := a.Open(), a.Open()
	one.Take(10)
	two.Take(10)
	require.EqualValues(t, 10, one.Give(15))
	require.Zero(t, one.Give(1))
	require.Zero(t, one.Give(-5))
	one.Take(-5)
	require.EqualValues(t, 10, a.Used())
}

func TestClosedShareStaysEmpty(t *testing.T) {
	t.Parallel()
	a := flow.NewAccount(1000)
	s := a.Open()
	s.Take(10)
	s.Close()
	s.Take(10)
	require.Zero(t, s.Give(10))
	require.Zero(t, s.Held())
	require.Zero(t, a.Used())
}

func TestSharesCloseWhileOthersTakeAndGive(t *testing.T) {
	t.Parallel()
	a := flow.NewAccount(1000)
	var group sync.WaitGroup
	for seed := range uint64(4) {
		random := rand.New(rand.NewPCG(seed, 1))
		for range 50 {
			s := a.Open()
			group.Go(func() {
				for range 100 {
					s.Take(7)
				}
			})
			group.Go(func() {
				for range 100 {
					s.Give(3)
				}
			})
			if random.IntN(2) == 0 {
				group.Go(s.Close)
			} else {
				defer s.Close()
			}
		}
	}
	group.Wait()
	require.GreaterOrEqual(t, a.Used(), int64(0))
	t.Cleanup(func() { // after the deferred ones
		require.Zero(t, a.Used())
		require.Zero(t, a.Shares())
	})
}
