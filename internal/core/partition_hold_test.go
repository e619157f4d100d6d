package core

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core/hold"
	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// TestRecordWhoseKeyCannotBeHeldIsNotHandledAgain: it waits for a key to be released, and then goes to the dead letters.
func TestRecordWhoseKeyCannotBeHeldIsNotHandledAgain(t *testing.T) {
	t.Parallel()
	for _, order := range []Order{ByPartition, ByKey} {
		now := epoch
		inc := messages.Incarnation{Partition: stream.Partition{Topic: "orders"}, Epoch: 1}
		p := NewPartition(now, PartitionConfig{
			Order: order, Lanes: 1, KeyHash: sum, HoldKeys: true, Retry: retry.Policy{MaxAttempts: 3, Max: time.Minute},
		}, PartitionStart{Incarnation: inc})
		var out PartitionEffects
		step := func(m messages.ToPartition) {
			out.Reset()
			p.Step(now, m, &out)
		}
		refused := messages.Failure{Kind: messages.Refused, Err: errors.New("bad")}
		for off := range int64(hold.Max) + 1 {
			step(messages.Records{Records: []stream.Record{{Topic: "orders", Offset: off, Key: fmt.Append(nil, off)}}})
			require.Len(t, out.Work, 1)
			step(messages.Outcomes{Outcomes: []messages.Outcome{{
				Seq: out.Work[0].Seq, Attempted: 1, Exceptions: []messages.Exception{{Failure: refused}},
			}}})
			if off < hold.Max {
				require.Len(t, out.DeadLetters, 1)
				step(messages.DeadLetterResult{Offset: off})
			}
		}
		require.Empty(t, out.DeadLetters)
		for range 3 {
			now = now.Add(time.Minute)
			step(messages.Tick{})
			require.Empty(t, out.Work, "it is handled again")
			require.Empty(t, out.DeadLetters)
		}
		step(messages.ReleaseKeys{All: true})
		now = now.Add(time.Minute)
		step(messages.Tick{})
		require.Empty(t, out.Work)
		require.Len(t, out.DeadLetters, 1)
		require.Equal(t, int64(hold.Max), out.DeadLetters[0].Record.Offset)
		require.EqualError(t, out.DeadLetters[0].Failure.Err, "bad")
		require.Equal(t, int32(1), out.DeadLetters[0].Attempts)
	}
}

// TestRecordOfAHeldKeyIsNotHandledBehindAnotherKeyOfTheSameHash: they are one line, and still two keys.
func TestRecordOfAHeldKeyIsNotHandledBehindAnotherKeyOfTheSameHash(t *testing.T) {
	t.Parallel()
	p := NewPartition(epoch, PartitionConfig{
		Order: ByKey, Lanes: 1, HoldKeys: true, KeyHash: func([]byte) uint64 { return 7 }, Retry: retry.Policy{MaxAttempts: 1},
	}, PartitionStart{Incarnation: messages.Incarnation{Partition: stream.Partition{Topic: "orders"}, Epoch: 1}})
	var out PartitionEffects
	step := func(m messages.ToPartition) {
		out.Reset()
		p.Step(epoch, m, &out)
	}
	step(messages.Records{Records: []stream.Record{{Offset: 0, Key: []byte("a")}}})
	failure := messages.Failure{Kind: messages.Failed, Err: errors.New("boom")}
	step(messages.Outcomes{Outcomes: []messages.Outcome{{
		Seq: 1, Attempted: 1, Exceptions: []messages.Exception{{Failure: failure}},
	}}})
	require.Len(t, out.DeadLetters, 1)
	step(messages.DeadLetterResult{Offset: 0})
	step(messages.Records{Records: []stream.Record{{Offset: 1, Key: []byte("b")}, {Offset: 2, Key: []byte("a")}}})
	require.Len(t, out.Work, 1)
	require.Len(t, out.Work[0].Records, 1)
	require.Equal(t, int64(1), out.Work[0].Records[0].Offset)
	step(messages.Outcomes{Outcomes: []messages.Outcome{{Seq: 2, Attempted: 1}}})
	require.Empty(t, out.Work)
	require.Len(t, out.DeadLetters, 1)
	require.Equal(t, int64(2), out.DeadLetters[0].Record.Offset)
	require.Equal(t, messages.KeyHeld, out.DeadLetters[0].Failure.Kind)
}
