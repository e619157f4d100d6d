package verify

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	coreoffset "github.com/troupe-go/troupe/internal/core/offset"
)

// groupKey is a key of the offsets log: its kind, and the group's name behind its length.
func groupKey(kind uint16, group string) []byte {
	key := binary.BigEndian.AppendUint16(nil, kind)
	key = binary.BigEndian.AppendUint16(key, uint16(len(group)))
	return append(key, group...)
}

func commitRecord(group, topic string, partition int32, offset int64) (key, value []byte) {
	k := kmsg.OffsetCommitKey{Version: 1, Group: group, Topic: topic, Partition: partition}
	metadata, _ := coreoffset.Encode(offset, "id", []coreoffset.Run{{First: offset + 2, Last: offset + 4}}, 0)
	v := kmsg.OffsetCommitValue{Version: 3, Offset: offset, Metadata: metadata}
	return k.AppendTo(nil), v.AppendTo(nil)
}

func TestOffsetsLogGivesTheCommitsAndGenerationsOfTheGroup(t *testing.T) {
	t.Parallel()
	s := &Script{Group: "mine", Input: "in"}
	var h History
	take := func(key, value []byte) {
		t.Helper()
		require.NoError(t, readOffsetsRecord(key, value, 77, s, &h))
	}
	take(commitRecord("mine", "in", 3, 14))
	take(commitRecord("other", "in", 3, 15))
	take(commitRecord("mine", "other", 3, 16))
	key, _ := commitRecord("mine", "in", 3, 0)
	take(key, nil) // an expired commit
	classic := kmsg.GroupMetadataValue{Version: 3, ProtocolType: "consumer", Generation: 5}
	take(groupKey(2, "mine"), classic.AppendTo(nil))
	take(groupKey(2, "other"), classic.AppendTo(nil))
	take(groupKey(2, "mine"), nil)
	take(groupKey(3, "mine"), []byte{0, 0, 0, 0, 0, 9, 0})
	take(groupKey(8, "mine"), []byte{1, 2, 3}) // something about a member
	require.Equal(t, []Commit{{Partition: 3, Offset: 14, AtMS: 77, Done: []Run{{16, 18}}}}, h.Commits)
	require.Equal(t, []Generation{{5, 77}, {9, 77}}, h.Generations)
}

func TestOffsetsLogThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	s := &Script{Group: "mine", Input: "in"}
	key, value := commitRecord("mine", "in", 3, 14)
	for name, c := range map[string][2][]byte{
		"no key":        {nil, value},
		"short key":     {{0, 1, 0}, value},
		"cut key":       {key[:len(key)-6], value},
		"cut value":     {key, value[:5]},
		"cut epoch":     {groupKey(3, "mine"), {0, 0, 0}},
		"cut classic":   {groupKey(2, "mine"), {0, 3, 0}},
		"empty classic": {groupKey(2, "mine"), {}},
	} {
		require.Error(t, readOffsetsRecord(c[0], c[1], 0, s, &History{}), name)
	}
}
