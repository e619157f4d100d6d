package core

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core/hold"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// An incarnation that begins where a policy chose commits that start with the keys that are held. Is it given back before
// anything has ended, what it says at last must not undo that.
func TestAnIncarnationThatDoesNothingKeepsTheMetadataOfItsStart(t *testing.T) {
	t.Parallel()
	inc := messages.Incarnation{Partition: stream.Partition{Topic: "orders"}, Epoch: 1}
	ids := []hold.ID{hold.Of([]byte("a"))}
	text := hold.Encode("an id", ids)
	for _, metadata := range []string{text, ""} {
		p := NewPartition(epoch, PartitionConfig{Order: ByKey, HoldKeys: true, KeyHash: sum}, PartitionStart{
			Incarnation: inc, Offset: 7, TopicID: "an id", Held: ids, Metadata: metadata,
		})
		var out PartitionEffects
		p.Step(epoch, messages.Drain{Deadline: epoch}, &out)
		require.NotNil(t, out.Drained)
		require.Equal(t, messages.Watermark{Incarnation: inc, Offset: 7, LeaderEpoch: -1, Metadata: metadata}, out.Drained.Watermark)
	}
}

func TestTheMetadataOfAStartIsThatOfItsCommit(t *testing.T) {
	t.Parallel()
	text := hold.Encode("an id", []hold.ID{hold.Of([]byte("a"))})
	for name, c := range map[string]struct {
		position messages.Position
		want     string
	}{
		"committed":       {messages.Position{Committed: 5, LogEnd: 9, Metadata: text, TopicID: "an id"}, ""},
		"outside the log": {messages.Position{Committed: 5, LogStart: 7, LogEnd: 9, Metadata: text, TopicID: "an id"}, text},
		"from a store":    {messages.Position{Committed: 5, Stored: 6, HasStored: true, LogEnd: 9, Metadata: text, TopicID: "an id"}, text},
	} {
		o := NewOwnership(OwnershipConfig{}, &Epochs{})
		var out OwnershipEffects
		o.Step(epoch, messages.PartitionsAssigned{Partitions: []stream.Partition{{Topic: "orders"}}}, &out)
		inc := o.Incarnations()[0]
		o.Step(epoch, messages.PositionFound{Incarnation: inc, Position: c.position}, &out)
		require.Len(t, out.Spawn, 1, name)
		require.Equal(t, c.want, out.Spawn[0].Metadata, name)
		require.Len(t, out.Spawn[0].Held, 1, name)
	}
}
