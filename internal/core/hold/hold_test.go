package hold

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestHeldKeysSurviveTheMetadata(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		topic := rapid.StringN(0, 40, 100).Draw(t, "topic")
		var ids []ID
		for _, key := range rapid.SliceOfN(rapid.SliceOf(rapid.Byte()), 0, Max).Draw(t, "keys") {
			ids = append(ids, Of(key))
		}
		done := rapid.SampledFrom([]string{"", "t1:AAAA"}).Draw(t, "done")
		gotDone, held := Split(Join(done, Encode(topic, ids)))
		require.Equal(t, done, gotDone)
		got, err := Decode(held, topic)
		require.NoError(t, err)
		require.Equal(t, ids, got)
		if len(ids) > 0 {
			_, err = Decode(held, topic+"x")
			require.ErrorIs(t, err, ErrOtherTopic)
		}
	})
}

func TestTheMostHeldKeysLeaveRoomInTheMetadata(t *testing.T) {
	t.Parallel()
	require.Less(t, len(Encode("AAAAAAAAAAAAAAAAAAAAAA", make([]ID, Max))), 1000)
}

func TestIDsAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	id := Of([]byte("customer-7"))
	got, err := Parse(id.String())
	require.NoError(t, err)
	require.Equal(t, id, got)
	for _, wrong := range []string{"", "7", "zzzzzzzzzzzzzzzz", "00112233445566778"} {
		_, err := Parse(wrong)
		require.ErrorContains(t, err, "16 hexadecimal digits")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Encode("topic", []ID{1, 2}), "topic")
	f.Add("h1:", "")
	f.Add("h1:AAAAAAA", "topic")
	f.Fuzz(func(t *testing.T, s, topicID string) {
		ids, err := Decode(s, topicID)
		if err != nil {
			require.Empty(t, ids)
			return
		}
		if len(ids) > 0 {
			require.Equal(t, Encode(topicID, ids), prefix+s[len(s)-len(Encode(topicID, ids))+len(prefix):])
		}
	})
}
