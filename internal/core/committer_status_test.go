package core

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

func TestACommitWithoutAnAnswerIsTheCauseOfAllThatWaitsForIt(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	began := now
	c := NewCommitter(CommitterConfig{Records: 10, Interval: 5 * time.Second})
	incs := make([]messages.Incarnation, 3)
	step := func(m messages.ToCommitter) (out CommitEffects) {
		c.Step(now, m, &out)
		return out
	}
	for i := range incs {
		incs[i] = messages.Incarnation{Partition: stream.Partition{Topic: "orders", Number: int32(i)}, Epoch: uint64(i + 1)}
		step(messages.Own{Incarnation: incs[i], Committed: 0, Start: -1})
	}
	done := func(i int, offset int64) CommitEffects {
		return step(messages.WatermarkReport{Watermark: messages.Watermark{Incarnation: incs[i], Offset: offset, Records: offset}})
	}
	require.NotNil(t, done(0, 10).Commit)
	now = now.Add(time.Second)
	require.Nil(t, done(1, 10).Commit, "one at a time")
	failing := func(i int) error {
		_, since, err := c.Status(now, incs[i])
		if err != nil {
			require.Equal(t, began, since)
		}
		return err
	}
	require.NoError(t, failing(0))
	now = now.Add(unansweredAfter)
	require.ErrorContains(t, failing(0), "has not answered")
	require.ErrorContains(t, failing(1), "has not answered", "it waits for the same")
	require.NoError(t, failing(2), "it has nothing to commit")

	out := step(messages.CommitReturned{Seq: 1, Results: []messages.CommitAnswer{{Partition: incs[0].Partition, Err: errors.New("moved"), Retriable: true}}})
	require.NotNil(t, out.Commit)
	began = now
	require.ErrorContains(t, failing(0), "moved")
	require.NoError(t, failing(1))
	now = now.Add(time.Second)
	require.ErrorContains(t, failing(0), "moved")
}
