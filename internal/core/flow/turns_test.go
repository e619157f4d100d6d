package flow_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core/flow"
)

// letters names groups in the order of joining, for tests that read as a sequence of turns.
type letters struct {
	*flow.Turns
	groups map[byte]flow.Group
}

func newLetters(capacity int, names string) letters {
	l := letters{flow.NewTurns(capacity), map[byte]flow.Group{}}
	for i := range len(names) {
		l.groups[names[i]] = l.Join()
	}
	return l
}

// run asks for turns until there are none, and gives the names in order.
func (l letters) run() string {
	var names []byte
	for {
		g, ok := l.Next()
		if !ok {
			return string(names)
		}
		for name, of := range l.groups {
			if of == g {
				names = append(names, name)
			}
		}
	}
}

func (l letters) offer(name byte, n int) { l.Offer(l.groups[name], n) }

// done gives back one slot for each name, and then asks for turns.
func (l letters) done(names string) string {
	for i := range len(names) {
		l.Done(l.groups[names[i]])
	}
	return l.run()
}

func TestSlotsGoAroundTheGroups(t *testing.T) {
	t.Parallel()
	l := newLetters(7, "abc")
	l.offer('a', 100)
	l.offer('b', 100)
	l.offer('c', 100)
	require.Equal(t, "abcabca", l.run())
	require.Equal(t, 7, l.Running())
	require.Equal(t, 293, l.Waiting())
	require.Equal(t, "bcabcab", l.done("bcabcaa"), "who gives a slot back has one less than the others")
}

func TestOneSlotGoesRoundRobin(t *testing.T) {
	t.Parallel()
	l := newLetters(1, "abc")
	for _, name := range []byte("abc") {
		l.offer(name, 10)
	}
	order := l.run()
	for range 8 {
		order += l.done(order[len(order)-1:])
	}
	require.Equal(t, "abcabcabc", order)
}

func TestGroupThatCameAloneGivesWayAsItsHandlersReturn(t *testing.T) {
	t.Parallel()
	l := newLetters(6, "abc")
	l.offer('a', 100)
	require.Equal(t, "aaaaaa", l.run())
	l.offer('b', 100)
	l.offer('c', 1)
	require.Empty(t, l.run(), "nothing is taken from who runs")
	require.Equal(t, "b", l.done("a"))
	require.Equal(t, "c", l.done("a"))
	require.Equal(t, "b", l.done("a"))
	require.Equal(t, "b", l.done("a"), "c asks for no more; a has 2, b 3")
	require.Equal(t, "a", l.done("a"))
	require.Equal(t, "a", l.done("b"), "both have 2, and a has had so for longer")
}

func TestSmallDemandIsMetAndTheRestSharedEvenly(t *testing.T) {
	t.Parallel()
	l := newLetters(12, "abcd")
	l.offer('a', 1000)
	l.offer('b', 2)
	l.offer('c', 1000)
	l.offer('d', 1000)
	order := l.run()
	counts := map[byte]int{}
	for i := range len(order) {
		counts[order[i]]++
	}
	require.Equal(t, 2, counts['b'])
	for _, name := range []byte("acd") {
		require.InDelta(t, 3.5, counts[name], 0.6)
	}
}

func TestWithdrawTakesOnlyWhatHasNoSlot(t *testing.T) {
	t.Parallel()
	l := newLetters(2, "ab")
	l.offer('a', 5)
	require.Equal(t, "aa", l.run())
	require.Equal(t, 2, l.Withdraw(l.groups['a'], 2))
	require.Equal(t, 1, l.Withdraw(l.groups['a'], 9))
	require.Zero(t, l.Withdraw(l.groups['a'], 1))
	require.Zero(t, l.Withdraw(l.groups['b'], -1))
	require.Zero(t, l.Waiting())
	require.Equal(t, 2, l.Running())
	require.Empty(t, l.done("a"))
	l.offer('a', -3)
	require.Zero(t, l.Waiting())
	l.offer('b', 1)
	require.Equal(t, "b", l.run())
}

func TestGroupThatLeftGivesItsSlotsBackAndGetsNoMore(t *testing.T) {
	t.Parallel()
	l := newLetters(2, "ab")
	l.offer('a', 5)
	require.Equal(t, "aa", l.run())
	l.Leave(l.groups['a'])
	require.Zero(t, l.Waiting())
	l.offer('a', 1)
	require.Zero(t, l.Waiting())
	l.offer('b', 3)
	require.Empty(t, l.run())
	require.Equal(t, "b", l.done("a"))
	require.True(t, l.Lend(l.groups['a']), "what it runs may be stuck still")
	require.Equal(t, "b", l.run())
	require.Empty(t, l.done("a"), "a slot comes back only once")
	require.Equal(t, 2, l.Running())
	require.Equal(t, 1, l.Lent())
}

func TestTurnsGoOnWithoutStuckAttempts(t *testing.T) {
	t.Parallel()
	l := newLetters(2, "ab")
	l.offer('a', 3)
	require.Equal(t, "aa", l.run())
	l.offer('b', 3)
	require.True(t, l.Lend(l.groups['a']))
	require.Equal(t, "b", l.run())
	require.True(t, l.Lend(l.groups['a']))
	require.Equal(t, "a", l.run(), "stuck attempts do not count against their group")
	require.False(t, l.Lend(l.groups['a']), "as many as the capacity are lent")
	require.Equal(t, 2, l.Running())
	require.Equal(t, 2, l.Lent())
	require.Empty(t, l.run())
	l.Reclaim() // one has returned; only now may another be lent its slot
	require.Empty(t, l.run())
	require.True(t, l.Lend(l.groups['a']))
	require.Equal(t, "b", l.run())
}

func TestNothingIsLentWithoutARunningHandler(t *testing.T) {
	t.Parallel()
	l := newLetters(0, "a")
	require.Equal(t, 1, l.Capacity(), "there is at least one slot")
	require.False(t, l.Lend(l.groups['a']))
	l.Reclaim()
	require.Zero(t, l.Lent())
	l.offer('a', 1)
	require.False(t, l.Lend(l.groups['a']), "it waits")
	require.Equal(t, "a", l.run())
}

// Not parallel: allocations are counted for the whole process.
func TestTurnsAllocateNothing(t *testing.T) {
	turns, groups := fullTurns(64, 100)
	require.Zero(t, testing.AllocsPerRun(1000, func() { turn(turns, groups) }))
}

func fullTurns(capacity, groups int) (turns *flow.Turns, running []flow.Group) {
	turns = flow.NewTurns(capacity)
	for range groups {
		turns.Offer(turns.Join(), 2)
	}
	for g, ok := turns.Next(); ok; g, ok = turns.Next() {
		running = append(running, g)
	}
	return turns, running
}

// turn lets the handlers return that have run longest, and others take their places.
func turn(turns *flow.Turns, running []flow.Group) {
	for i, g := range running {
		turns.Done(g)
		turns.Offer(g, 1)
		running[i], _ = turns.Next()
	}
}

func BenchmarkTurns(b *testing.B) {
	turns, running := fullTurns(4096, 5000)
	b.ReportAllocs()
	for b.Loop() {
		turn(turns, running)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(running)), "ns/turn")
}

// BenchmarkTurnsBesideABusyGroup has one group that holds all slots but one, and others that come with one run each.
func BenchmarkTurnsBesideABusyGroup(b *testing.B) {
	const capacity = 4096
	turns := flow.NewTurns(capacity)
	busy, guest := turns.Join(), turns.Join()
	turns.Offer(busy, 2*capacity)
	for range capacity {
		turns.Next()
	}
	turns.Done(busy)
	b.ReportAllocs()
	for b.Loop() {
		turns.Offer(guest, 1)
		g, _ := turns.Next()
		if g != guest {
			b.Fatal("not the guest")
		}
		turns.Done(g)
	}
}
