package core

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

func TestWhileOutputsFillTheMemoryNothingIsBegunAndTheCauseSaysSo(t *testing.T) {
	t.Parallel()
	for _, order := range []Order{ByPartition, ByKey, Unordered} {
		now := epoch
		p := NewPartition(now, PartitionConfig{Order: order, Lanes: 4, KeyHash: sum}, PartitionStart{})
		out := &PartitionEffects{}
		step := func(m messages.ToPartition) {
			out.Reset()
			p.Step(now, m, out)
			require.NoError(t, p.Check())
		}
		p.Crowd(now, true)
		step(recordsFrom(0, 9))
		require.Empty(t, out.Work)
		require.Equal(t, stream.Flowing, p.Status(now).Cause, "for a moment is no news")
		require.Equal(t, epoch.Add(unacknowledgedAfter), out.Wake)
		now = out.Wake
		p.Crowd(now, true)
		step(messages.Tick{})
		require.Empty(t, out.Work)
		require.Equal(t, stream.OutputUnavailable, p.Status(now).Cause)
		require.Contains(t, p.Status(now).Detail, "memory")
		now = now.Add(time.Second)
		p.Crowd(now, false)
		step(messages.Tick{})
		require.NotEmpty(t, out.Work)
		require.Equal(t, stream.Flowing, p.Status(now).Cause)
	}
}

func TestNotesOnRecordsThatFailAreCountedUntilTheyAreDone(t *testing.T) {
	t.Parallel()
	now := epoch
	p := NewPartition(now, PartitionConfig{Order: Unordered, Lanes: 4, Retry: retry.Policy{MaxAttempts: 2, Initial: time.Second}}, PartitionStart{})
	out := &PartitionEffects{}
	step := func(m messages.ToPartition) []messages.Work {
		out.Reset()
		p.Step(now, m, out)
		require.NoError(t, p.Check())
		return append([]messages.Work(nil), out.Work...)
	}
	outcomes := func(works []messages.Work, fail bool) (o messages.Outcomes) {
		for _, w := range works {
			outcome := messages.Outcome{Lane: w.Lane, Seq: w.Seq, Attempted: len(w.Records)}
			for i := range w.Records {
				if fail {
					outcome.Exceptions = append(outcome.Exceptions, messages.Exception{
						Index: i, Failure: messages.Failure{Kind: messages.Failed, Err: errors.New("boom")},
					})
				}
			}
			o.Outcomes = append(o.Outcomes, outcome)
		}
		return o
	}
	works := step(recordsFrom(0, 3))
	require.Len(t, works, 4)
	require.Zero(t, p.NotesBytes())
	require.Empty(t, step(outcomes(works, true)))
	require.Equal(t, 4*notesBytes, p.NotesBytes())
	now = now.Add(time.Second)
	works = step(messages.Tick{})
	step(outcomes(works[:1], false))
	require.Equal(t, 3*notesBytes, p.NotesBytes())
	step(outcomes(works[1:], true)) // to the dead letters
	require.Equal(t, 3*notesBytes, p.NotesBytes())
	for _, w := range works[1:] {
		step(messages.DeadLetterResult{Offset: w.Records[0].Offset})
	}
	require.Zero(t, p.NotesBytes())
	works = step(recordsFrom(4, 4))
	step(outcomes(works, true))
	require.Equal(t, notesBytes, p.NotesBytes())
	p.Abandon()
	require.Zero(t, p.NotesBytes(), "its share is given back as a whole")
}

// What is behind the length of a slice that is used again is not garbage.
func TestEffectsThatAreEmptiedKeepNoRecords(t *testing.T) {
	t.Parallel()
	value := make([]byte, 10)
	out := &PartitionEffects{
		Work:        []messages.Work{{Records: []stream.Record{{Value: value}}}},
		Publish:     []messages.PublishOutput{{Message: stream.Message{Value: value}}},
		DeadLetters: []messages.DeadLetter{{Record: stream.Record{Value: value}}},
		Events:      []stream.Event{stream.Skipped{}},
	}
	out.Reset()
	require.Nil(t, out.Work[:1][0].Records)
	require.Nil(t, out.Publish[:1][0].Message.Value)
	require.Nil(t, out.DeadLetters[:1][0].Record.Value)
	require.Nil(t, out.Events[:1][0])
}
