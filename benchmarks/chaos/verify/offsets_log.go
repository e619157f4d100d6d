package verify

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The kinds of keys in the offsets log that matter here: the number that each begins with. 0 and 1 are commits, 2 is a group
// of the classic protocol, 3 a group of the consumer protocol (KIP-848).
const (
	commitKeyMax     = 1
	classicGroupKey  = 2
	consumerGroupKey = 3
)

// OffsetsEnds gives the present ends of the offsets log, from which a later [ReadHistory] reads it.
func OffsetsEnds(ctx context.Context, client *kgo.Client) (map[int32]int64, error) {
	return (&reader{admin: kadm.NewClient(client)}).ends(ctx, offsetsTopic)
}

// offsets reads what the offsets log says of the group. The log is compacted, but not in its newest segment.
func (r *reader) offsets(ctx context.Context, s *Script, h *History) error {
	err := r.read(ctx, offsetsTopic, s.OffsetsFrom, func(record *kgo.Record) error {
		if err := readOffsetsRecord(record.Key, record.Value, record.Timestamp.UnixMilli(), s, h); err != nil {
			return fmt.Errorf("offsets log %d-%d: %w", record.Partition, record.Offset, err)
		}
		return nil
	})
	slices.SortStableFunc(h.Generations, func(a, b Generation) int { return cmp.Compare(a.AtMS, b.AtMS) })
	return err
}

var errShortKey = errors.New("the key is too short")

func readOffsetsRecord(key, value []byte, atMS int64, s *Script, h *History) error {
	if len(key) < 4 {
		return errShortKey
	}
	if value == nil { // deleted
		return nil
	}
	kind := binary.BigEndian.Uint16(key)
	switch {
	case kind <= commitKeyMax:
		var k kmsg.OffsetCommitKey
		var v kmsg.OffsetCommitValue
		if err := errors.Join(k.ReadFrom(key), v.ReadFrom(value)); err != nil {
			return fmt.Errorf("a commit: %w", err)
		}
		if k.Group == s.Group && k.Topic == s.Input {
			h.Commits = append(h.Commits, Commit{
				Partition: k.Partition, Offset: v.Offset, AtMS: atMS, Done: doneBeyond(v.Metadata, v.Offset),
			})
		}
	case kind == classicGroupKey && groupOf(key) == s.Group:
		var v kmsg.GroupMetadataValue
		if err := v.ReadFrom(value); err != nil {
			return fmt.Errorf("a group: %w", err)
		}
		h.Generations = append(h.Generations, Generation{v.Generation, atMS})
	case kind == consumerGroupKey && groupOf(key) == s.Group:
		if len(value) < 6 { // its version and its epoch
			return errors.New("a group's value is too short")
		}
		h.Generations = append(h.Generations, Generation{int32(binary.BigEndian.Uint32(value[2:])), atMS})
	}
	return nil
}

// groupOf reads the group from a key: behind the kind, its length in two bytes and the name.
func groupOf(key []byte) string {
	name := key[4:]
	return string(name[:min(len(name), int(binary.BigEndian.Uint16(key[2:])))])
}
