package verify

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core/offset"
)

func TestMetadataOfACommitSaysWhatWasDoneBeyond(t *testing.T) {
	t.Parallel()
	text, _ := offset.Encode(40, "a topic's id", []offset.Run{{First: 41, Last: 41}, {First: 50, Last: 1000}}, 0)
	want := []Run{{41, 41}, {50, 1000}}
	require.Equal(t, want, doneBeyond(text, 40))
	require.Equal(t, want, doneBeyond(text+" h1:AAAA", 40), "keys that are held follow")
	for name, other := range map[string]struct {
		text   string
		offset int64
	}{
		"none":                    {"", 40},
		"keys only":               {"h1:AAAA", 40},
		"somebody else's":         {"a note", 40},
		"of another offset":       {text, 41},
		"cut":                     {text[:len(text)-3], 40},
		"damaged":                 {text[:12] + "AAAA" + text[16:], 40},
		"empty":                   {"t1:", 40},
		"nothing but a checksum":  {"t1:AAAAAA", 0},
		"what base64 has not got": {"t1:!!!!!!!!", 40},
	} {
		require.Empty(t, doneBeyond(other.text, other.offset), name)
	}
}

func TestACommitCoversWhatIsBelowItAndWhatItNames(t *testing.T) {
	t.Parallel()
	c := Commit{Offset: 10, Done: []Run{{12, 13}, {20, 20}}}
	for at, want := range map[int64]bool{0: true, 9: true, 10: false, 11: false, 12: true, 13: true, 14: false, 19: false, 20: true, 21: false} {
		require.Equal(t, want, c.covers(at), at)
		require.Equal(t, want && at >= 10, c.names(at), at)
	}
}

func FuzzMetadataOfACommit(f *testing.F) {
	text, _ := offset.Encode(7, "id", []offset.Run{{First: 9, Last: 12}, {First: 20, Last: math.MaxInt64 - 1}}, 0)
	f.Add(text, int64(7))
	f.Add("t1:", int64(0))
	f.Add("t1:AAAAAA", int64(0))
	f.Fuzz(func(t *testing.T, text string, at int64) {
		end := at
		for _, run := range doneBeyond(text, at) {
			require.Greater(t, run.First, end)
			require.GreaterOrEqual(t, run.Last, run.First)
			end = run.Last
		}
	})
}
