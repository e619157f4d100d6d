package offset

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"strings"
)

// The text in a commit's metadata is ASCII, because brokers keep it as a string and cut it off at
// offset.metadata.max.bytes (4096 unless configured otherwise):
//
//	"t1:" base64url( base  topic-length topic  { gap length }  crc32c )
//
// base (the committed offset), topic-length, gap and length are unsigned varints in their shortest form, the checksum
// is four bytes, big endian, over all before it. The first gap counts from the base, each other one from the end of the
// run before; one is taken off, since an offset that is not done must lie between. Likewise length is the run's less one.
const (
	// MetadataLimit is the longest text that is written, in characters, unless told otherwise.
	MetadataLimit = 4000
	// MetadataHigh is the length from which on a partition should take no new records until its lowest one is done.
	MetadataHigh = MetadataLimit * 3 / 4

	metadataPrefix = "t1:"
	checksumBytes  = 4
	// decodeLimit is the longest text that is looked at: no broker gives more in a string.
	decodeLimit   = math.MaxInt16
	topicIDBytes  = 255
	shortestBytes = 1 + 1 + 2 + checksumBytes
)

// ErrForeign is the answer to metadata that somebody else wrote.
var ErrForeign = errors.New("metadata is not in this processor's form")

// ErrDamaged is the answer to metadata that begins like ours and cannot be true.
var ErrDamaged = errors.New("metadata is damaged")

// ErrOtherOffset is the answer to metadata written for another committed offset, as when a mirroring tool translated the
// offset and copied the text.
var ErrOtherOffset = errors.New("metadata belongs to another committed offset")

// ErrOtherTopic is the answer to metadata written for another topic, as when the topic was deleted and made anew.
var ErrOtherTopic = errors.New("metadata belongs to another topic")

var (
	metadataText     = base64.RawURLEncoding.Strict()
	metadataChecksum = crc32.MakeTable(crc32.Castagnoli)
)

// Encode writes the runs done beyond base, the offset that is committed with them, as text of at most limit characters
// (MetadataLimit when limit is not positive). When not all of them fit it carries the lowest ones and complete is false:
// the next owner then handles the others again. Without runs the text is empty.
//
// Runs must ascend; whatever does not lie above base, or above the runs before it, is left out.
func Encode(base int64, topicID string, runs []Run, limit int) (s string, complete bool) {
	if limit <= 0 {
		limit = MetadataLimit
	}
	if base < 0 || len(topicID) > topicIDBytes {
		return "", len(runs) == 0
	}
	room := metadataText.DecodedLen(max(0, limit-len(metadataPrefix))) - checksumBytes
	buffer := appendMetadataHead(make([]byte, 0, min(room+checksumBytes, 64+8*len(runs))), base, topicID)
	head := len(buffer)
	complete = true
	end := base
	for run := range normalised(base, runs) {
		longer := appendMetadataRun(buffer, end, run)
		if len(longer) > room {
			complete = false
			break
		}
		buffer, end = longer, run.Last+1
	}
	if len(buffer) == head {
		return "", complete
	}
	buffer = binary.BigEndian.AppendUint32(buffer, crc32.Checksum(buffer, metadataChecksum))
	return metadataPrefix + metadataText.EncodeToString(buffer), complete
}

// EncodedLen is how many characters Encode would need for all runs, without a limit.
func EncodedLen(base int64, topicID string, runs []Run) int {
	var scratch [2 * binary.MaxVarintLen64]byte
	size := 0
	end := base
	for run := range normalised(base, runs) {
		size += len(appendMetadataRun(scratch[:0], end, run))
		end = run.Last + 1
	}
	if size == 0 {
		return 0
	}
	head := len(appendMetadataHead(scratch[:0], base, "")) - 1
	head += len(binary.AppendUvarint(scratch[:0], uint64(len(topicID)))) + len(topicID)
	return len(metadataPrefix) + metadataText.EncodedLen(head+size+checksumBytes)
}

// Decode reads text that came with a committed offset. Only ascending runs above that offset come back; the caller cuts
// them at the log's end ([DoneSet.Clamp]). No text gives no runs. The errors are ErrForeign, ErrDamaged, ErrOtherOffset
// and ErrOtherTopic; after each of them it is right to go on without runs, since that only repeats work.
//
// The text may come from anybody who may commit for the group: what is allocated is bounded by its length, never by a
// number in it.
func Decode(s string, committed int64, topicID string) ([]Run, error) {
	if s == "" {
		return nil, nil
	}
	text, ours := strings.CutPrefix(s, metadataPrefix)
	if !ours {
		return nil, ErrForeign
	}
	body, err := metadataBody(text)
	if err != nil {
		return nil, err
	}
	base, body, ok := cutUvarint(body)
	if !ok || base > math.MaxInt64-1 {
		return nil, fmt.Errorf("%w: no base offset", ErrDamaged)
	}
	length, body, ok := cutUvarint(body)
	if !ok || length > topicIDBytes || length > uint64(len(body)) {
		return nil, fmt.Errorf("%w: no topic id", ErrDamaged)
	}
	topic, body := body[:length], body[length:]
	runs, err := decodeRuns(int64(base), body)
	switch {
	case err != nil:
		return nil, err
	case int64(base) != committed:
		return nil, fmt.Errorf("%w: written for %d, committed is %d", ErrOtherOffset, base, committed)
	case string(topic) != topicID:
		return nil, fmt.Errorf("%w: written for topic id %q, now %q", ErrOtherTopic, topic, topicID)
	}
	return runs, nil
}

// metadataBody is the checked content of the text, without its checksum.
func metadataBody(text string) ([]byte, error) {
	if len(text) > decodeLimit {
		return nil, fmt.Errorf("%w: %d characters are too many", ErrDamaged, len(text))
	}
	// The decoder passes over line breaks; nobody writes them.
	if strings.ContainsAny(text, "\r\n") {
		return nil, fmt.Errorf("%w: it holds a line break", ErrDamaged)
	}
	whole, err := metadataText.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if len(whole) < shortestBytes {
		return nil, fmt.Errorf("%w: %d bytes are too few", ErrDamaged, len(whole))
	}
	body, checksum := whole[:len(whole)-checksumBytes], whole[len(whole)-checksumBytes:]
	if crc32.Checksum(body, metadataChecksum) != binary.BigEndian.Uint32(checksum) {
		return nil, fmt.Errorf("%w: the checksum differs", ErrDamaged)
	}
	return body, nil
}

func decodeRuns(base int64, body []byte) ([]Run, error) {
	runs := make([]Run, 0, len(body)/2)
	for end := base; len(body) > 0; {
		gap, rest, ok := cutUvarint(body)
		if !ok {
			return nil, fmt.Errorf("%w: run %d has no beginning", ErrDamaged, len(runs))
		}
		length, rest, ok := cutUvarint(rest)
		if !ok {
			return nil, fmt.Errorf("%w: run %d has no length", ErrDamaged, len(runs))
		}
		// One above the last offset must still be an offset.
		room := uint64(math.MaxInt64 - 1 - end)
		if room == 0 || gap > room-1 || length > room-1-gap {
			return nil, fmt.Errorf("%w: run %d goes beyond the greatest offset", ErrDamaged, len(runs))
		}
		first := end + 1 + int64(gap)
		last := first + int64(length)
		runs = append(runs, Run{First: first, Last: last})
		body, end = rest, last+1
	}
	if len(runs) == 0 {
		return nil, fmt.Errorf("%w: it has no runs", ErrDamaged)
	}
	return slices.Clip(runs), nil
}

// normalised yields the runs above base, ascending, with at least one offset between two of them.
func normalised(base int64, runs []Run) func(yield func(Run) bool) {
	return func(yield func(Run) bool) {
		var open Run
		have := false
		above := base
		for _, run := range runs {
			if above >= math.MaxInt64-1 {
				break
			}
			run.First = max(run.First, above+1)
			run.Last = min(run.Last, math.MaxInt64-1)
			if run.Last < run.First {
				continue
			}
			switch {
			case !have:
				open, have = run, true
			case run.First == open.Last+1:
				open.Last = run.Last
			default:
				if !yield(open) {
					return
				}
				open = run
			}
			above = open.Last
		}
		if have {
			yield(open)
		}
	}
}

func appendMetadataHead(buffer []byte, base int64, topicID string) []byte {
	buffer = binary.AppendUvarint(buffer, uint64(base))
	buffer = binary.AppendUvarint(buffer, uint64(len(topicID)))
	return append(buffer, topicID...)
}

// appendMetadataRun writes a run that begins above end, which is known not to be done.
func appendMetadataRun(buffer []byte, end int64, run Run) []byte {
	buffer = binary.AppendUvarint(buffer, uint64(run.First-end-1))
	return binary.AppendUvarint(buffer, uint64(run.Last-run.First))
}

// cutUvarint takes a varint in its shortest form off the front, so that a set has one text only.
func cutUvarint(body []byte) (value uint64, rest []byte, ok bool) {
	value, n := binary.Uvarint(body)
	if n <= 0 {
		return 0, nil, false
	}
	var shortest [binary.MaxVarintLen64]byte
	if !bytes.Equal(binary.AppendUvarint(shortest[:0], value), body[:n]) {
		return 0, nil, false
	}
	return value, body[n:], true
}
