package offset_test

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/internal/core/offset"
)

const topicID = "kdb1AWTPQ5S0NoJHDAhJ8Q"

func TestMetadataRoundTrip(t *testing.T) {
	t.Parallel()
	for _, runs := range [][]offset.Run{
		{{First: 8, Last: 8}},
		{{First: 8, Last: 8}, {First: 10, Last: 10}},
		{{First: 8, Last: 500}, {First: 70_000, Last: 90_000_000_000}},
		{{First: math.MaxInt64 - 1, Last: math.MaxInt64 - 1}},
	} {
		s, complete := offset.Encode(7, topicID, runs, 0)
		require.True(t, complete)
		require.True(t, strings.HasPrefix(s, "t1:"))
		require.Len(t, s, offset.EncodedLen(7, topicID, runs))
		got, err := offset.Decode(s, 7, topicID)
		require.NoError(t, err)
		require.Equal(t, runs, got)
	}
}

// TestMetadataFormStays holds the text of a known set: a later version must still read what this one has written.
func TestMetadataFormStays(t *testing.T) {
	t.Parallel()
	runs := []offset.Run{{First: 1002, Last: 1005}, {First: 1010, Last: 1010}}
	s, complete := offset.Encode(1000, topicID, runs, 0)
	require.True(t, complete)
	require.Equal(t, "t1:6AcWa2RiMUFXVFBRNVMwTm9KSERBaEo4UQEDAwCRQDRH", s)
}

func TestNoRunsNoMetadata(t *testing.T) {
	t.Parallel()
	s, complete := offset.Encode(7, topicID, nil, 0)
	require.Empty(t, s)
	require.True(t, complete)
	require.Zero(t, offset.EncodedLen(7, topicID, nil))
	runs, err := offset.Decode("", 7, topicID)
	require.NoError(t, err)
	require.Empty(t, runs)
}

func TestMetadataOfOthersIsTold(t *testing.T) {
	t.Parallel()
	s, _ := offset.Encode(7, topicID, []offset.Run{{First: 9, Last: 12}}, 0)
	cases := map[string]struct {
		text      string
		committed int64
		topicID   string
		want      error
	}{
		"another program":          {"some text", 7, topicID, offset.ErrForeign},
		"a later form":             {"t2:" + s[3:], 7, topicID, offset.ErrForeign},
		"translated offset":        {s, 8, topicID, offset.ErrOtherOffset},
		"recreated topic":          {s, 7, "another-topic-id", offset.ErrOtherTopic},
		"unknown topic id":         {s, 7, "", offset.ErrOtherTopic},
		"cut off":                  {s[:len(s)-3], 7, topicID, offset.ErrDamaged},
		"prefix only":              {"t1:", 7, topicID, offset.ErrDamaged},
		"one letter changed":       {s[:10] + swapped(s[10]) + s[11:], 7, topicID, offset.ErrDamaged},
		"line break":               {s[:10] + "\n" + s[10:], 7, topicID, offset.ErrDamaged},
		"no alphabet":              {"t1:!!!!!!!!!!!!!!!!", 7, topicID, offset.ErrDamaged},
		"endless":                  {"t1:" + strings.Repeat("A", 1<<20), 7, topicID, offset.ErrDamaged},
		"no runs":                  {sealed(7, topicID), 7, topicID, offset.ErrDamaged},
		"half a run":               {sealed(7, topicID, 1), 7, topicID, offset.ErrDamaged},
		"run without end":          {sealed(7, topicID, 1, math.MaxUint64), 7, topicID, offset.ErrDamaged},
		"gap without end":          {sealed(7, topicID, math.MaxUint64, 0), 7, topicID, offset.ErrDamaged},
		"sum beyond int64":         {sealed(7, topicID, math.MaxInt64/2, math.MaxInt64/2), 7, topicID, offset.ErrDamaged},
		"second run beyond int64":  {sealed(7, topicID, 0, math.MaxInt64-10, 0, 5), 7, topicID, offset.ErrDamaged},
		"base beyond int64":        {sealed(math.MaxUint64, topicID, 0, 0), -1, topicID, offset.ErrDamaged},
		"base is the last offset":  {sealed(math.MaxInt64-1, topicID, 0, 0), math.MaxInt64 - 1, topicID, offset.ErrDamaged},
		"topic id without its end": {raw([]byte{7, 200, 1, 'x', 0, 0}), 7, topicID, offset.ErrDamaged},
		"long form of a varint":    {raw([]byte{0x87, 0x00, 0, 0, 0}), 7, "", offset.ErrDamaged},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runs, err := offset.Decode(c.text, c.committed, c.topicID)
			require.ErrorIs(t, err, c.want)
			require.Empty(t, runs)
		})
	}
}

func TestMetadataOverLimitCarriesLowestRuns(t *testing.T) {
	t.Parallel()
	var runs []offset.Run
	for at := int64(1000); at < 100_000; at += 7 {
		runs = append(runs, offset.Run{First: at, Last: at + at%5})
	}
	require.Greater(t, offset.EncodedLen(900, topicID, runs), offset.MetadataLimit)
	for limit := 1; limit <= offset.MetadataLimit; limit += 13 {
		s, complete := offset.Encode(900, topicID, runs, limit)
		require.False(t, complete)
		require.LessOrEqual(t, len(s), limit)
		got, err := offset.Decode(s, 900, topicID)
		require.NoError(t, err)
		require.Equal(t, runs[:len(got)], append([]offset.Run{}, got...))
		if limit > 200 {
			require.Greater(t, len(s), limit-8, "the limit is used")
		}
	}
}

func TestEncodeClaimsNoMoreThanItWasGiven(t *testing.T) {
	t.Parallel()
	// Touching runs are joined; what overlaps, lies below the base or runs backwards is left out.
	s, complete := offset.Encode(10, topicID, []offset.Run{
		{First: 3, Last: 12},
		{First: 13, Last: 14},
		{First: 20, Last: 18},
		{First: 12, Last: 13},
		{First: 30, Last: 31},
	}, 0)
	require.True(t, complete)
	got, err := offset.Decode(s, 10, topicID)
	require.NoError(t, err)
	require.Equal(t, []offset.Run{{First: 11, Last: 14}, {First: 30, Last: 31}}, got)

	for _, base := range []int64{-1, math.MaxInt64, math.MaxInt64 - 1} {
		s, _ = offset.Encode(base, topicID, []offset.Run{{First: 5, Last: 6}, {First: math.MaxInt64, Last: math.MaxInt64}}, 0)
		require.Empty(t, s, "base %d", base)
	}
}

func TestMetadataOfRandomTrackersRoundTrips(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tracker := offset.NewTracker(rapid.Int64Range(0, math.MaxInt64/2).Draw(t, "start"))
		for range rapid.IntRange(0, 300).Draw(t, "records") {
			at := tracker.Last() + rapid.Int64Range(1, 3).Draw(t, "step")
			require.NoError(t, tracker.Add(at))
			if rapid.IntRange(0, 2).Draw(t, "done") > 0 {
				require.NoError(t, tracker.Done(at))
			}
		}
		id := rapid.StringN(0, 30, 60).Draw(t, "topic id")
		limit := rapid.IntRange(1, 500).Draw(t, "limit")
		runs := tracker.DoneBeyond()
		s, complete := offset.Encode(tracker.Watermark(), id, runs, limit)
		require.LessOrEqual(t, len(s), limit)
		require.Equal(t, complete, offset.EncodedLen(tracker.Watermark(), id, runs) <= limit)
		got, err := offset.Decode(s, tracker.Watermark(), id)
		require.NoError(t, err)
		require.Equal(t, complete, len(got) == len(runs))
		for i, run := range got {
			require.Equal(t, runs[i], run)
		}
	})
}

// FuzzDecode feeds arbitrary text: it must never panic, and what it accepts must be a proper set that has this one text.
func FuzzDecode(f *testing.F) {
	s, _ := offset.Encode(7, topicID, []offset.Run{{First: 9, Last: 12}, {First: 20, Last: 20}}, 0)
	f.Add(s, int64(7), topicID)
	f.Add(sealed(7, "", 0, 0), int64(7), "")
	f.Add(sealed(7, "", 0, math.MaxInt64), int64(7), "")
	f.Add("t1:", int64(0), "")
	f.Add("", int64(-1), "")
	f.Fuzz(func(t *testing.T, text string, committed int64, id string) {
		runs, err := offset.Decode(text, committed, id)
		if err != nil {
			require.Empty(t, runs)
			return
		}
		above := committed
		for _, run := range runs {
			require.Greater(t, run.First, above)
			require.GreaterOrEqual(t, run.Last, run.First)
			require.Less(t, run.Last, int64(math.MaxInt64))
			above = run.Last + 1
		}
		again, complete := offset.Encode(committed, id, runs, math.MaxInt32)
		require.True(t, complete)
		require.Equal(t, text, again)
	})
}

// FuzzDecodeSealed puts a true checksum behind arbitrary bytes, so that the fuzzer gets past it.
func FuzzDecodeSealed(f *testing.F) {
	f.Add([]byte{7, 0, 1, 3}, int64(7))
	f.Add([]byte{7, 0, 0, 0, 0, 0, 0, 0}, int64(7))
	f.Add([]byte{7, 1, 'x', 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0}, int64(7))
	f.Fuzz(func(t *testing.T, body []byte, committed int64) {
		text := raw(body)
		runs, err := offset.Decode(text, committed, "")
		if err != nil {
			return
		}
		again, _ := offset.Encode(committed, "", runs, math.MaxInt32)
		require.Equal(t, text, again)
	})
}

// sealed is metadata made by hand: true checksum, any numbers.
func sealed(base uint64, id string, numbers ...uint64) string {
	body := binary.AppendUvarint(nil, base)
	body = binary.AppendUvarint(body, uint64(len(id)))
	body = append(body, id...)
	for _, n := range numbers {
		body = binary.AppendUvarint(body, n)
	}
	return raw(body)
}

func raw(body []byte) string {
	body = append([]byte{}, body...)
	body = binary.BigEndian.AppendUint32(body, crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
	return "t1:" + base64.RawURLEncoding.EncodeToString(body)
}

func swapped(letter byte) string {
	if letter == 'A' {
		return "B"
	}
	return "A"
}

func TestRunString(t *testing.T) {
	t.Parallel()
	require.Equal(t, "[3 5..7]", fmt.Sprint([]offset.Run{{First: 3, Last: 3}, {First: 5, Last: 7}}))
}
