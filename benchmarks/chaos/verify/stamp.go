package verify

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ID names a record: the number of its key, and its place among the records with that key, from 0.
type ID struct {
	Key int32 `json:"key"`
	Seq int64 `json:"seq"`
}

func (id ID) String() string { return fmt.Sprintf("key-%d #%d", id.Key, id.Seq) }

// Stamp is what a record says of itself.
type Stamp struct {
	Run string `json:"run"`
	ID
	// IntendedMS is when the record was meant to be written, in milliseconds since 1970.
	IntendedMS int64 `json:"intended_ms"`
	// Poison makes the pipeline's step fail.
	Poison bool `json:"poison"`
}

// The headers of a stamped record, in this order.
const (
	runHeader = "chaos-run"
	seqHeader = "chaos-seq"

	stampedHeaders = 2
)

const sumField = `,"sum":"`

// Record makes the record, its value padded with that many bytes.
func (s Stamp) Record(padding int) (*kgo.Record, error) {
	value, err := json.Marshal(struct {
		Stamp
		Text string `json:"text"`
	}{s, string(bytes.Repeat([]byte{'x'}, padding))})
	if err != nil {
		return nil, fmt.Errorf("stamp %s: %w", s.ID, err)
	}
	value = value[:len(value)-1] // the closing brace
	value = fmt.Appendf(value, `%s%08x"}`, sumField, crc32.Checksum(value, crc32.MakeTable(crc32.Castagnoli)))
	return &kgo.Record{
		Key: fmt.Appendf(nil, "key-%d", s.Key), Value: value,
		Headers: []kgo.RecordHeader{{Key: runHeader, Value: []byte(s.Run)}, {Key: seqHeader, Value: strconv.AppendInt(nil, s.Seq, 10)}},
	}, nil
}

var errChecksum = errors.New("the value's checksum does not fit")

// ParseStamp reads a value back. An error means that it is not what was written.
func ParseStamp(value []byte) (Stamp, error) {
	body, tail, ok := bytes.Cut(value, []byte(sumField))
	if !ok {
		return Stamp{}, errors.New("the value has no checksum")
	}
	if string(tail) != fmt.Sprintf(`%08x"}`, crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))) {
		return Stamp{}, errChecksum
	}
	var s Stamp
	if err := json.Unmarshal(value, &s); err != nil {
		return Stamp{}, fmt.Errorf("read a stamp: %w", err)
	}
	return s, nil
}

// Sum is the checksum of a record's key, value and its first headers; what a dead letter adds comes after those.
func Sum(r *kgo.Record) uint64 {
	sum := fnv.New64a()
	write := func(b []byte) {
		length := int64(len(b))
		if b == nil {
			length = -1
		}
		_, _ = sum.Write(binary.BigEndian.AppendUint64(nil, uint64(length))) // a hash never fails
		_, _ = sum.Write(b)
	}
	write(r.Key)
	write(r.Value)
	for _, h := range r.Headers[:min(len(r.Headers), stampedHeaders)] {
		write([]byte(h.Key))
		write(h.Value)
	}
	return sum.Sum64()
}
