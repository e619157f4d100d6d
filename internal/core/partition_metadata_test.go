package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core/offset"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// manyRuns are so many that the commit's metadata is past its high mark, and still fits.
const manyRuns = 1200

func recordsFrom(first, last int64) messages.Records {
	var m messages.Records
	for at := first; at <= last; at++ {
		m.Records = append(m.Records, stream.Record{Topic: "orders", Offset: at, Timestamp: epoch})
	}
	return m
}

func TestFullMetadataHoldsBackNewRecordsUntilTheLowestIsDone(t *testing.T) {
	t.Parallel()
	p := NewPartition(epoch, PartitionConfig{}, PartitionStart{})
	out, now := &PartitionEffects{}, epoch
	step := func(m messages.ToPartition) {
		out.Reset()
		p.Step(now, m, out)
		require.NoError(t, out.Fault)
		require.NoError(t, p.Check())
	}
	step(recordsFrom(0, 4*manyRuns))
	// Every other record has an output that is not acknowledged.
	for len(out.Work) > 0 {
		o := messages.Outcome{Seq: out.Work[0].Seq, Attempted: len(out.Work[0].Records)}
		for i := range out.Work[0].Records {
			if out.Work[0].Records[i].Offset%2 == 0 {
				o.Outputs = append(o.Outputs, messages.Output{Index: i})
			}
		}
		step(messages.Outcomes{Outcomes: []messages.Outcome{o}})
	}
	now = now.Add(metadataFullAfter) // before that it may be for a moment only
	step(messages.Tick{})
	require.Equal(t, stream.MetadataFull, p.Status(now).Cause)
	require.Positive(t, p.Ledger().States[stream.Queued])
	acknowledged := int64(0)
	for len(out.Work) == 0 {
		step(messages.Published{Results: []messages.PublishResult{{Offset: acknowledged}}})
		acknowledged += 2
	}
	require.NotEqual(t, stream.MetadataFull, p.Status(now).Cause)
	require.Equal(t, acknowledged, p.Status(now).Watermark)
}

// An incarnation may find that the one before it has filled the metadata: then it must begin with the gaps, or it would
// wait for ever for what it does not begin.
func TestInheritedFullMetadataDoesNotHoldBackTheLowestRecord(t *testing.T) {
	t.Parallel()
	start := PartitionStart{Offset: 100}
	for i := range int64(manyRuns) * 4 / 3 {
		start.Done = append(start.Done, offset.Run{First: 101 + 2*i, Last: 101 + 2*i})
	}
	end := start.Done[len(start.Done)-1].Last
	p := NewPartition(epoch, PartitionConfig{}, start)
	out := &PartitionEffects{}
	p.Step(epoch, recordsFrom(100, end), out)
	require.GreaterOrEqual(t, len(out.Watermark.Metadata), offset.MetadataHigh)
	for steps := 0; p.Status(epoch).Watermark <= end; steps++ {
		require.Len(t, out.Work, 1, "nothing is begun at watermark %d", p.Status(epoch).Watermark)
		require.Less(t, steps, 100)
		work := out.Work[0]
		out.Reset()
		p.Step(epoch.Add(time.Second), messages.Outcomes{Outcomes: []messages.Outcome{{Seq: work.Seq, Attempted: len(work.Records)}}}, out)
		require.NoError(t, p.Check())
	}
	require.Empty(t, out.Watermark.Metadata)
}
