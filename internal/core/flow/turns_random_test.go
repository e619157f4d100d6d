package flow_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/internal/core/flow"
)

// scan is the same by looking at every group at every turn.
type scan struct {
	capacity, lent int
	clock          int
	groups         []*scanned
}

type scanned struct {
	of               flow.Group
	running, waiting int
	since            int // when it began to wait with as many running
	left             bool
}

func (s *scan) running() (n int) {
	for _, g := range s.groups {
		n += g.running
	}
	return n
}

func (s *scan) waiting() (n int) {
	for _, g := range s.groups {
		n += g.waiting
	}
	return n
}

func (s *scan) touch(g *scanned) {
	s.clock++
	g.since = s.clock
}

func (s *scan) next() *scanned {
	if s.running() == s.capacity {
		return nil
	}
	var best *scanned
	for _, g := range s.groups {
		if g.waiting > 0 && (best == nil || g.running < best.running || g.running == best.running && g.since < best.since) {
			best = g
		}
	}
	if best != nil {
		best.waiting--
		best.running++
		s.touch(best)
	}
	return best
}

func (s *scan) find(g flow.Group) *scanned {
	i := slices.IndexFunc(s.groups, func(known *scanned) bool { return known.of == g })
	if i < 0 {
		return nil
	}
	return s.groups[i]
}

// both is Turns and the oracle, which are told the same.
type both struct {
	turns *flow.Turns
	model *scan
}

func (b *both) pick(t *rapid.T) *scanned { return rapid.SampledFrom(b.model.groups).Draw(t, "group") }

func (b *both) number(t *rapid.T) int {
	return rapid.OneOf(rapid.IntRange(-1, 4), rapid.IntRange(0, 6000)).Draw(t, "n")
}

func (b *both) join(*rapid.T) {
	if len(b.model.groups) < 12 {
		b.model.groups = append(b.model.groups, &scanned{of: b.turns.Join()})
	}
}

func (b *both) leave(t *rapid.T) {
	g := b.pick(t)
	g.waiting, g.left = 0, true
	b.turns.Leave(g.of)
	if g.running == 0 && len(b.model.groups) > 1 {
		b.model.groups = slices.DeleteFunc(b.model.groups, func(other *scanned) bool { return other == g })
	}
}

func (b *both) offer(t *rapid.T) {
	g, n := b.pick(t), b.number(t)
	b.turns.Offer(g.of, n)
	if n > 0 && !g.left {
		if g.waiting == 0 {
			b.model.touch(g)
		}
		g.waiting += n
	}
}

func (b *both) withdraw(t *rapid.T) {
	g, n := b.pick(t), b.number(t)
	want := max(0, min(n, g.waiting))
	require.Equal(t, want, b.turns.Withdraw(g.of, n))
	g.waiting -= want
}

func (b *both) next(t *rapid.T) {
	for range rapid.IntRange(1, b.model.capacity).Draw(t, "turns") {
		want := b.model.next()
		got, ok := b.turns.Next()
		require.Equal(t, want != nil, ok)
		if !ok {
			return
		}
		require.Same(t, want, b.model.find(got))
	}
}

func (b *both) done(t *rapid.T) {
	g := b.pick(t)
	for range rapid.IntRange(0, g.running+1).Draw(t, "times") {
		b.turns.Done(g.of)
		if g.running > 0 {
			g.running--
			b.model.touch(g)
		}
	}
}

func (b *both) lend(t *rapid.T) {
	g := b.pick(t)
	want := g.running > 0 && b.model.lent < b.model.capacity
	require.Equal(t, want, b.turns.Lend(g.of))
	if want {
		g.running--
		b.model.lent++
		b.model.touch(g)
	}
}

func (b *both) reclaim(*rapid.T) {
	b.model.lent = max(0, b.model.lent-1)
	b.turns.Reclaim()
}

func (b *both) check(t *rapid.T) {
	require.Equal(t, b.model.running(), b.turns.Running())
	require.Equal(t, b.model.lent, b.turns.Lent())
	require.Equal(t, b.model.waiting(), b.turns.Waiting())
}

func TestTurnsAgreeWithOracleUnderRandomSchedules(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		// Some capacities need more than one word, and more than one word of words.
		capacity := rapid.OneOf(rapid.IntRange(1, 6), rapid.SampledFrom([]int{63, 64, 200, 4095, 4096, 9000})).Draw(t, "capacity")
		b := &both{turns: flow.NewTurns(capacity), model: &scan{capacity: capacity}}
		b.join(t)
		t.Repeat(map[string]func(*rapid.T){
			"join": b.join, "leave": b.leave, "offer": b.offer, "withdraw": b.withdraw, "next": b.next, "done": b.done,
			"lend": b.lend, "reclaim": b.reclaim, "": b.check,
		})
	})
}

// From any beginning, when every handler that ran has returned once, groups that all want more are within one of another.
func TestSharesSettleAtTheFairOnes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		capacity := rapid.IntRange(1, 100).Draw(t, "capacity")
		turns := flow.NewTurns(capacity)
		running := map[flow.Group]int{}
		var handlers []flow.Group
		start := func() {
			for g, ok := turns.Next(); ok; g, ok = turns.Next() {
				running[g]++
				handlers = append(handlers, g)
			}
		}
		for range rapid.IntRange(1, 12).Draw(t, "groups") {
			g := turns.Join()
			running[g] = 0
			turns.Offer(g, rapid.IntRange(0, capacity).Draw(t, "first"))
			start()
		}
		for g := range running {
			turns.Offer(g, 1000)
		}
		start()
		for _, g := range rapid.Permutation(slices.Clone(handlers)).Draw(t, "returns") {
			turns.Done(g)
			running[g]--
			start()
		}
		least, most := capacity, 0
		for _, n := range running {
			least, most = min(least, n), max(most, n)
		}
		require.LessOrEqual(t, most-least, 1, "%v", running)
		require.Equal(t, capacity, turns.Running())
	})
}
