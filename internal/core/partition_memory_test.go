package core

import (
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

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

// TestRecordOverheadCoversWhatHoldsARecord: while it waits for a retry, which any record may come to do.
func TestRecordOverheadCoversWhatHoldsARecord(t *testing.T) {
	t.Parallel()
	const errorText = 64
	held := unsafe.Sizeof(stream.Record{}) + unsafe.Sizeof(entry{}) + unsafe.Sizeof(line{}) + unsafe.Sizeof(trouble{}) + 2*unsafe.Sizeof(alarm{})
	require.LessOrEqual(t, int(held)+errorText, stream.RecordOverhead)
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
