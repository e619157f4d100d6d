package core

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestRingIsAQueue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var r ring
		var queue []int64
		next := int64(0)
		for range rapid.IntRange(1, 15).Draw(t, "steps") {
			for range rapid.SampledFrom([]int{0, 1, 3, 15, 16, 17, 40, 20_000}).Draw(t, "push") {
				r.push(next)
				queue = append(queue, next)
				next++
			}
			for range min(len(queue), rapid.SampledFrom([]int{0, 1, 3, 16, 40, 15_000, 30_000}).Draw(t, "drop")) {
				first, ok := r.first()
				if !ok || first != queue[0] {
					t.Fatalf("first %d, %t, want %d", first, ok, queue[0])
				}
				r.drop()
				queue = queue[1:]
			}
			require.Equal(t, len(queue), r.count)
			_, ok := r.first()
			require.Equal(t, len(queue) > 0, ok)
		}
	})
}

func TestRingGivesUpRoomThatWasNeededOnce(t *testing.T) {
	t.Parallel()
	var r ring
	for i := range int64(1_000_000) {
		r.push(i)
	}
	for i := range int64(1_000_000) {
		first, ok := r.first()
		require.True(t, ok)
		require.Equal(t, i, first)
		r.drop()
	}
	require.LessOrEqual(t, len(r.buffer), roomMax)
	kept := len(r.buffer)
	for range 100 {
		r.push(1)
		r.drop()
	}
	require.Len(t, r.buffer, kept, "room that is not much is kept")
}
