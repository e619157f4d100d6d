package flow_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/stream"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	p := func(n int32) stream.Partition { return stream.Partition{Topic: "orders", Number: n} }
	ps := func(numbers ...int32) (out []stream.Partition) {
		for _, n := range numbers {
			out = append(out, p(n))
		}
		return out
	}
	const limit = 1000 // four partitions: a fair share is 62, half of it 31
	cases := map[string]struct {
		used          int64
		held          []flow.Holding
		pause, resume []stream.Partition
	}{
		"nothing below the high mark": {
			used: 800,
			held: []flow.Holding{{p(0), 700, false}, {p(1), 100, false}, {p(2), 0, false}, {p(3), 0, false}},
		},
		"the largest first, and no more than needed": {
			used:  810, // 310 above the low mark
			held:  []flow.Holding{{p(0), 150, false}, {p(1), 300, false}, {p(2), 200, false}, {p(3), 160, false}},
			pause: ps(1, 2),
		},
		"what is paused counts": {
			used: 810,
			held: []flow.Holding{{p(0), 150, false}, {p(1), 300, true}, {p(2), 200, true}, {p(3), 160, false}},
		},
		"a fair share is left in peace": {
			used:  900, // by others than these
			held:  []flow.Holding{{p(0), 62, false}, {p(1), 63, false}, {p(2), 10, false}, {p(3), 0, false}},
			pause: ps(1),
		},
		"equal holdings by name": {
			used:  820,
			held:  []flow.Holding{{p(3), 205, false}, {p(1), 205, false}, {p(2), 205, false}, {p(0), 205, false}},
			pause: ps(0, 1),
		},
		"critical: all that hold anything": {
			used:   951,
			held:   []flow.Holding{{p(0), 1, false}, {p(1), 900, true}, {p(2), 50, false}, {p(3), 0, true}},
			pause:  ps(2, 0),
			resume: ps(3),
		},
		"a half fair share resumes": {
			used:   900,
			held:   []flow.Holding{{p(0), 31, true}, {p(1), 32, true}, {p(2), 800, true}, {p(3), 0, true}},
			resume: ps(0, 3),
		},
		"between the marks it stays as it is": {
			used: 501,
			held: []flow.Holding{{p(0), 400, true}, {p(1), 100, false}, {p(2), 0, false}, {p(3), 1, false}},
		},
		"at the low mark everything resumes": {
			used:   500,
			held:   []flow.Holding{{p(2), 400, true}, {p(1), 100, true}, {p(0), 0, false}, {p(3), 0, false}},
			resume: ps(1, 2),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pause, resume := flow.Decide(limit, c.used, c.held)
			require.Equal(t, c.pause, pause)
			require.Equal(t, c.resume, resume)
		})
	}
	pause, resume := flow.Decide(0, 1<<40, []flow.Holding{{p(0), 1 << 40, true}, {p(1), 5, false}})
	require.Empty(t, pause)
	require.Equal(t, ps(0), resume, "no limit, no pause")
	pause, resume = flow.Decide(limit, 2000, nil)
	require.Empty(t, pause)
	require.Empty(t, resume)
}

// world is a process in miniature: partitions with endless backlogs, some that never finish a record.
type world struct {
	limit, record int64
	perPoll       int
	held          []flow.Holding
	stuck         []bool
	polled        []int // records brought, by partition
	turn          int   // where the next poll begins
}

func (w *world) used() (sum int64) {
	for i := range w.held {
		sum += w.held[i].Held
	}
	return sum
}

// poll brings at most perPoll records, in turns of up to slice from one partition, as a client does.
func (w *world) poll(slice int) {
	left := w.perPoll
	for range w.held {
		i := w.turn % len(w.held)
		w.turn++
		if w.held[i].Paused {
			continue
		}
		n := min(left, slice)
		w.held[i].Held += int64(n) * w.record
		w.polled[i] += n
		left -= n
		if left == 0 {
			return
		}
	}
}

func (w *world) decide() {
	pause, resume := flow.Decide(w.limit, w.used(), w.held)
	for i := range w.held {
		h := &w.held[i]
		switch {
		case slices.Contains(pause, h.Partition):
			h.Paused = true
		case slices.Contains(resume, h.Partition):
			h.Paused = false
		}
	}
}

func TestBudgetIsBoundedAndTheHealthyNeverStarve(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 30).Draw(t, "partitions")
		w := &world{
			limit:   rapid.Int64Range(1_000, 1_000_000).Draw(t, "limit"),
			record:  rapid.Int64Range(1, 2_000).Draw(t, "record size"),
			perPoll: rapid.IntRange(1, 500).Draw(t, "records per poll"),
			stuck:   make([]bool, n),
			polled:  make([]int, n),
		}
		for i := range n {
			w.held = append(w.held, flow.Holding{Partition: stream.Partition{Topic: "t", Number: int32(i)}})
			w.stuck[i] = rapid.Bool().Draw(t, fmt.Sprint("stuck ", i))
		}
		slice := rapid.IntRange(1, 500).Draw(t, "records in a row")
		lazy := rapid.IntRange(1, 4).Draw(t, "polls between finishing")
		chunk := int64(min(w.perPoll, slice)) * w.record
		bound := w.limit*95/100 + int64(w.perPoll)*w.record + int64(n)*chunk
		// Stuck ones fill up the budget first; from then on what counts is that the others move.
		warmup := int(w.limit/w.record)/min(w.perPoll, slice) + 2*n
		warmup = min(warmup, 3_000)
		window := 2 * (n + 1) * lazy
		var before []int
		for step := range warmup + 10*window {
			w.poll(slice)
			require.LessOrEqual(t, w.used(), bound, "step %d", step)
			if step%lazy == 0 {
				for i := range w.held {
					if !w.stuck[i] {
						w.held[i].Held = 0
					}
				}
			}
			w.decide()
			for i := range w.held {
				require.False(t, w.held[i].Paused && w.held[i].Held == 0, "partition %d holds nothing and is paused", i)
			}
			if step < warmup || (step-warmup)%window != 0 {
				continue
			}
			for i := range before {
				require.True(t, w.stuck[i] || w.polled[i] > before[i], "partition %d starves at step %d", i, step)
			}
			before = slices.Clone(w.polled)
		}
	})
}

func TestDecideIsDeterministicAndConsistent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Int64Range(-1, 10_000).Draw(t, "limit")
		used := rapid.Int64Range(0, 12_000).Draw(t, "used")
		var held []flow.Holding
		for i := range rapid.IntRange(0, 10).Draw(t, "partitions") {
			held = append(held, flow.Holding{
				Partition: stream.Partition{Topic: "t", Number: int32(i)},
				Held:      rapid.Int64Range(0, 3000).Draw(t, "held"),
				Paused:    rapid.Bool().Draw(t, "paused"),
			})
		}
		pause, resume := flow.Decide(limit, used, held)
		for _, h := range held {
			if slices.Contains(pause, h.Partition) {
				require.False(t, h.Paused)
				require.Positive(t, h.Held)
				require.Greater(t, used*100, limit*80)
			}
			require.False(t, slices.Contains(resume, h.Partition) && !h.Paused)
			if used*100 > limit*95 && limit > 0 && h.Held > 0 {
				require.True(t, h.Paused || slices.Contains(pause, h.Partition))
			}
		}
		again := rapid.Permutation(held).Draw(t, "another order")
		pause2, resume2 := flow.Decide(limit, used, again)
		require.Equal(t, pause, pause2)
		require.Equal(t, resume, resume2)
	})
}
