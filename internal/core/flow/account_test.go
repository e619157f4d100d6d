package flow_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAccountSumsItsShares(t *testing.T) {
	t.Parallel()
	a := flow.NewAccount(1000)
	one, two := a.Open(stream.Partition{}), a.Open(stream.Partition{})
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
	one, two := a.Open(stream.Partition{}), a.Open(stream.Partition{})
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
	s := a.Open(stream.Partition{})
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
			s := a.Open(stream.Partition{})
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

// The decision is about the process: it does not depend on which consumer a partition belongs to, nor on who asks.
func TestHoldingsAreThoseOfAllConsumersThatDeliver(t *testing.T) {
	t.Parallel()
	const limit = 1000
	a := flow.NewAccount(limit)
	shares := make([]*flow.Share, 8)
	for i := range shares {
		shares[i] = a.Open(stream.Partition{Topic: "orders", Number: int32(len(shares) - 1 - i)})
		shares[i].Take(int64(100 + i))
		shares[i].SetIntake(flow.IntakeOpen)
	}
	a.Open(stream.Partition{Topic: "ended"}).Take(10) // its intake was never opened
	held := a.Holdings()
	require.Len(t, held, len(shares))
	require.Equal(t, stream.Partition{Topic: "orders", Number: 0}, held[0].Partition)
	require.EqualValues(t, 107, held[0].Held)
	pause, _ := flow.Decide(limit, a.Used(), held)
	require.Equal(t, []stream.Partition{{Topic: "orders", Number: 0}, {Topic: "orders", Number: 1}, {Topic: "orders", Number: 2}, {Topic: "orders", Number: 3}}, pause,
		"a quarter of the budget is shared by all eight: none of them alone holds a quarter")
	alone, _ := flow.Decide(limit, a.Used(), held[:1])
	require.Empty(t, alone, "as it would seem to a consumer that knows its own only")

	shares[7].SetIntake(flow.IntakePaused)
	require.True(t, a.Holdings()[0].Paused)
	shares[7].SetIntake(flow.IntakeClosed)
	require.Len(t, a.Holdings(), len(shares)-1)
	shares[0].Close()
	require.Len(t, a.Holdings(), len(shares)-2)
}

func TestRoomThatOneConsumerHasReservedIsNotOfferedToAnother(t *testing.T) {
	t.Parallel()
	a := flow.NewAccount(1600) // of which an eighth is not for what is polled
	share := a.Open(stream.Partition{})
	share.Take(600)
	half := func(want int64) func(int64) int64 {
		return func(left int64) int64 {
			require.Equal(t, want, left)
			return left / 2
		}
	}
	one := a.Reserve(half(800))
	two := a.Reserve(half(400))
	share.Take(400)
	one()
	two()
	a.Reserve(half(400))()
	require.EqualValues(t, 1000, a.Used(), "what is reserved is not used")
}

func left(a *flow.Account) (left int64) {
	a.Reserve(func(l int64) int64 {
		left = l
		return 0
	})()
	return left
}

func TestRoomIsKeptForOneLargeRecordOfEachPartition(t *testing.T) {
	t.Parallel()
	a := flow.NewAccount(16_000)
	require.EqualValues(t, 14_000, left(a))
	var shares []*flow.Share
	for n := range int32(4) {
		shares = append(shares, a.Open(stream.Partition{Number: n}))
	}
	a.Sized(500)
	require.EqualValues(t, 12_000, left(a))
	a.Sized(10)
	require.InDelta(t, 12_000, left(a), 10, "it may come again")
	for range 20_000 {
		a.Sized(10)
	}
	require.Greater(t, left(a), int64(13_900), "what is rare is forgotten")
	a.Sized(9_000)
	require.EqualValues(t, 10_000, left(a), "a quarter at most")
	for _, s := range shares {
		s.Close()
	}
	require.EqualValues(t, 14_000, left(a))

	one, other := a.Open(stream.Partition{Number: 1}), a.Open(stream.Partition{Number: 2})
	one.SetIntake(flow.IntakeOpen)
	other.SetIntake(flow.IntakeOpen)
	one.Take(10_000*80/100 + 1)
	pause, _ := a.Decide()
	require.Equal(t, []stream.Partition{{Number: 1}}, pause, "the marks are parts of what is left")
}

func TestWhatIsHeldBesideRecordsCountsAndIsGivenBack(t *testing.T) {
	t.Parallel()
	for name, aspect := range map[string]flow.Aspect{"outputs": flow.Outputs, "dead letters": flow.DeadLetters} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := flow.NewAccount(1000)
			share := a.Open(stream.Partition{})
			share.SetIntake(flow.IntakeOpen)
			share.Take(300)
			a.Charge(aspect, 500)
			require.EqualValues(t, 800, a.Used())
			require.EqualValues(t, 500, a.Charged(aspect))
			require.Zero(t, a.Charged(1-aspect))
			pause, _ := a.Decide()
			require.Len(t, pause, 1, "it pauses the intake")
			share.Close()
			require.EqualValues(t, 500, a.Used(), "it outlives its incarnation")
			a.Credit(aspect, 200)
			a.Credit(aspect, 300)
			require.Zero(t, a.Used())
			require.Zero(t, a.Charged(aspect))
		})
	}
}

func TestOutputsThatFillTheBudgetHoldBackOthersUntilTheyAreTaken(t *testing.T) {
	t.Parallel()
	a := flow.NewAccount(6400)
	share := a.Open(stream.Partition{})
	share.Take(6200)
	require.False(t, a.Crowded(), "records alone hold nothing back")
	a.Charge(flow.DeadLetters, 200)
	require.False(t, a.Crowded(), "nor do dead letters")
	a.Charge(flow.Outputs, 100)
	require.False(t, a.Crowded(), "a little may always wait")
	require.False(t, a.Freed(), "nobody was told")
	a.Charge(flow.Outputs, 1)
	require.True(t, a.Crowded())
	require.False(t, a.Freed())
	share.Give(1000)
	require.True(t, a.Freed())
	require.False(t, a.Freed(), "once")
	require.False(t, a.Crowded())
	a.Charge(flow.Outputs, 1000)
	require.True(t, a.Crowded())
	a.Credit(flow.Outputs, 1001)
	require.True(t, a.Freed())

	none := flow.NewAccount(0)
	none.Charge(flow.Outputs, 1<<40)
	require.False(t, none.Crowded())
	require.Zero(t, none.AtOnce(8))
	require.EqualValues(t, 6400/64/4, a.AtOnce(4))
	require.EqualValues(t, 1, a.AtOnce(1000))
}

func TestDeadLettersAreBuiltWhereThereIsRoomAndOneAtATimeWhereThereIsNone(t *testing.T) {
	t.Parallel()
	a := flow.NewAccount(6400)
	require.True(t, a.HasRoom(flow.DeadLetters, 1<<30), "one can go always, or none ever would")
	a.Charge(flow.DeadLetters, 300)
	require.True(t, a.HasRoom(flow.DeadLetters, 500))
	require.False(t, a.HasRoom(flow.DeadLetters, 501), "an eighth at most")
	share := a.Open(stream.Partition{})
	share.Take(6000)
	require.False(t, a.HasRoom(flow.DeadLetters, 1))
	a.Credit(flow.DeadLetters, 250)
	require.True(t, a.HasRoom(flow.DeadLetters, 50), "a little may always wait")
	require.False(t, a.HasRoom(flow.DeadLetters, 51))
	a.Credit(flow.DeadLetters, 50)
	require.True(t, a.HasRoom(flow.DeadLetters, 5000))
	require.True(t, flow.NewAccount(0).HasRoom(flow.DeadLetters, 1<<40))
}
