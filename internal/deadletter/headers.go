package deadletter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-go/troupe/stream"
)

// facts are what a dead letter says about its record besides key, value and headers.
type facts struct {
	topic     string
	partition int32
	offset    int64
	timestamp time.Time
	failure   Failure
}

// field is one header of a dialect. get gives nil to leave the header out.
type field struct {
	key string
	get func(*facts) []byte
	set func(*facts, []byte) error
}

// fields are the headers of a dialect in their order. The first is always written, and in each dialect it is the one
// that the dialect's own software writes first: the last header of that key begins the block.
func (d Dialect) fields() []field {
	switch d {
	case Native:
		return nativeFields()
	case Connect:
		return connectFields()
	case Streams:
		return streamsFields()
	case Spring:
		return springFields()
	default:
		return nil
	}
}

func dialects() [4]Dialect { return [...]Dialect{Native, Connect, Streams, Spring} }

func nativeFields() []field {
	return []field{
		{"troupe.original_topic", getTopic, setTopic},
		{"troupe.original_partition", getPartition, setPartition},
		{"troupe.original_offset", getOffset, setOffset},
		text("troupe.error_type", func(f *facts) *string { return &f.failure.ErrorType }),
		text("troupe.error_message", func(f *facts) *string { return &f.failure.Message }),
		{"troupe.failed_at", getFailedAt, setFailedAt},
		{"troupe.original_timestamp", getTimestamp, setTimestamp},
		{"troupe.attempts", getAttempts, setAttempts},
		text("troupe.group", func(f *facts) *string { return &f.failure.Group }),
		text("troupe.handler", func(f *facts) *string { return &f.failure.Handler }),
		text("troupe.host", func(f *facts) *string { return &f.failure.Host }),
		text("troupe.reason", func(f *facts) *string { return &f.failure.Reason }),
		text("troupe.stack", func(f *facts) *string { return &f.failure.Stack }),
	}
}

// native gives those of troupe's own fields that a foreign dialect has no header for.
func native(names ...string) []field {
	return slices.DeleteFunc(nativeFields(), func(f field) bool {
		return !slices.Contains(names, strings.TrimPrefix(f.key, "troupe."))
	})
}

// connectFields puts the group where Connect names the connector, the handler where it names the class, the reason where
// it names the stage and the partition where it numbers the task.
func connectFields() []field {
	const prefix = "__connect.errors."
	return append([]field{
		{prefix + "topic", getTopic, setTopic},
		{prefix + "partition", getPartition, setPartition},
		{prefix + "offset", getOffset, setOffset},
		text(prefix+"connector.name", func(f *facts) *string { return &f.failure.Group }),
		{prefix + "task.id", getPartition, ignore},
		text(prefix+"stage", func(f *facts) *string { return &f.failure.Reason }),
		text(prefix+"class.name", func(f *facts) *string { return &f.failure.Handler }),
		text(prefix+"exception.class.name", func(f *facts) *string { return &f.failure.ErrorType }),
		text(prefix+"exception.message", func(f *facts) *string { return &f.failure.Message }),
		text(prefix+"exception.stacktrace", func(f *facts) *string { return &f.failure.Stack }),
	}, native("failed_at", "original_timestamp", "attempts", "host")...)
}

func streamsFields() []field {
	const prefix = "__streams.errors."
	exception := text(prefix+"exception", func(f *facts) *string { return &f.failure.ErrorType })
	exception.get = func(f *facts) []byte { return []byte(f.failure.ErrorType) } // the first: also when empty
	return append([]field{
		exception,
		text(prefix+"stacktrace", func(f *facts) *string { return &f.failure.Stack }),
		text(prefix+"message", func(f *facts) *string { return &f.failure.Message }),
		{prefix + "topic", getTopic, setTopic},
		{prefix + "partition", getPartition, setPartition},
		{prefix + "offset", getOffset, setOffset},
	}, native("failed_at", "original_timestamp", "attempts", "group", "handler", "host", "reason")...)
}

// springFields leaves out kafka_dlt-original-timestamp-type, which a Record does not know, and writes the error's type
// as the exception's cause too: there Spring's own readers look for what the listener threw.
func springFields() []field {
	const prefix = "kafka_dlt-"
	errorType := func(f *facts) *string { return &f.failure.ErrorType }
	return append([]field{
		{prefix + "original-topic", getTopic, setTopic},
		{prefix + "original-partition", getBinaryPartition, setBinaryPartition},
		{prefix + "original-offset", getBinaryOffset, setBinaryOffset},
		{prefix + "original-timestamp", getBinaryTimestamp, setBinaryTimestamp},
		{prefix + "original-timestamp-type", leaveOut, ignore},
		text(prefix+"original-consumer-group", func(f *facts) *string { return &f.failure.Group }),
		text(prefix+"exception-fqcn", errorType),
		text(prefix+"exception-cause-fqcn", errorType),
		text(prefix+"exception-message", func(f *facts) *string { return &f.failure.Message }),
		text(prefix+"exception-stacktrace", func(f *facts) *string { return &f.failure.Stack }),
	}, native("failed_at", "attempts", "handler", "host", "reason")...)
}

// headers writes the facts as the block of a dialect.
func (f *facts) headers(d Dialect) []stream.Header {
	fields := d.fields()
	headers := make([]stream.Header, 0, len(fields))
	for _, field := range fields {
		if value := field.get(f); value != nil {
			headers = append(headers, stream.Header{Key: field.key, Value: value})
		}
	}
	return headers
}

// block is where the facts stand among the headers of a raw dead letter.
type block struct {
	dialect    Dialect
	start, end int
	facts      facts
}

// findBlock finds the last block: it begins with the first header of a dialect and goes on as long as headers of that
// dialect follow, none twice. What follows it was added by somebody else and belongs to the record. Headers that do not
// tell where the record was read, or are malformed, are none.
func findBlock(headers []stream.Header) (block, bool) {
	if len(headers) == 0 {
		return block{}, false
	}
	firsts := make(map[string]Dialect)
	for _, d := range dialects() {
		firsts[d.fields()[0].key] = d
	}
	for i, h := range slices.Backward(headers) {
		dialect, begins := firsts[h.Key]
		if !begins {
			continue
		}
		if b, complete := readBlock(headers, i, dialect.fields()); complete {
			b.dialect = dialect
			return b, true
		}
	}
	return block{}, false
}

// readBlock reads on until a header that is not one of fields, or is there twice. It uses the fields up.
func readBlock(headers []stream.Header, start int, fields []field) (block, bool) {
	b := block{start: start, end: start, facts: facts{partition: -1, offset: -1}}
	for ; b.end < len(headers); b.end++ {
		h := headers[b.end]
		n := slices.IndexFunc(fields, func(f field) bool { return f.key == h.Key })
		if n < 0 || fields[n].set == nil {
			break
		}
		if err := fields[n].set(&b.facts, h.Value); err != nil {
			return block{}, false
		}
		fields[n].set = nil // seen
	}
	return b, b.facts.topic != "" && b.facts.partition >= 0 && b.facts.offset >= 0
}

func text(key string, of func(*facts) *string) field {
	return field{
		key: key,
		get: func(f *facts) []byte {
			if s := *of(f); s != "" {
				return []byte(s)
			}
			return nil
		},
		set: func(f *facts, value []byte) error {
			*of(f) = strings.ToValidUTF8(string(value), "\uFFFD")
			return nil
		},
	}
}

func leaveOut(*facts) []byte       { return nil }
func ignore(*facts, []byte) error  { return nil }
func getTopic(f *facts) []byte     { return []byte(f.topic) }
func getPartition(f *facts) []byte { return strconv.AppendInt(nil, int64(f.partition), 10) }
func getOffset(f *facts) []byte    { return strconv.AppendInt(nil, f.offset, 10) }
func getAttempts(f *facts) []byte  { return strconv.AppendInt(nil, int64(f.failure.Attempts), 10) }
func getFailedAt(f *facts) []byte  { return f.failure.FailedAt.UTC().AppendFormat(nil, timeLayout) }

func getTimestamp(f *facts) []byte {
	if f.timestamp.IsZero() {
		return nil
	}
	return strconv.AppendInt(nil, f.timestamp.UnixMilli(), 10)
}

func getBinaryPartition(f *facts) []byte {
	return binary.BigEndian.AppendUint32(nil, uint32(f.partition))
}

func getBinaryOffset(f *facts) []byte { return binary.BigEndian.AppendUint64(nil, uint64(f.offset)) }

func getBinaryTimestamp(f *facts) []byte {
	if f.timestamp.IsZero() {
		return nil
	}
	return binary.BigEndian.AppendUint64(nil, uint64(f.timestamp.UnixMilli()))
}

func setTopic(f *facts, value []byte) error {
	if len(value) == 0 || len(value) > maxTopicName {
		return fmt.Errorf("%d bytes are no topic name", len(value))
	}
	f.topic = string(value)
	return nil
}

func setPartition(f *facts, value []byte) error {
	n, err := parseCount(value, 32)
	f.partition = int32(n)
	return err
}

func setOffset(f *facts, value []byte) error {
	n, err := parseCount(value, 64)
	f.offset = n
	return err
}

func setAttempts(f *facts, value []byte) error {
	n, err := parseCount(value, 32)
	f.failure.Attempts = int32(n)
	return err
}

func setTimestamp(f *facts, value []byte) error {
	ms, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil {
		return err
	}
	f.timestamp = time.UnixMilli(ms).UTC()
	return nil
}

func setFailedAt(f *facts, value []byte) error {
	at, err := time.Parse(time.RFC3339Nano, string(value))
	if err != nil {
		return err
	}
	f.failure.FailedAt = at.UTC()
	return nil
}

func setBinaryPartition(f *facts, value []byte) error {
	if len(value) != 4 || value[0] > 127 {
		return errors.New("not a 4-byte partition number")
	}
	f.partition = int32(binary.BigEndian.Uint32(value))
	return nil
}

func setBinaryOffset(f *facts, value []byte) error {
	if len(value) != 8 || value[0] > 127 {
		return errors.New("not an 8-byte offset")
	}
	f.offset = int64(binary.BigEndian.Uint64(value))
	return nil
}

func setBinaryTimestamp(f *facts, value []byte) error {
	if len(value) != 8 {
		return errors.New("not an 8-byte timestamp")
	}
	f.timestamp = time.UnixMilli(int64(binary.BigEndian.Uint64(value))).UTC()
	return nil
}

// parseCount reads a number that is never negative.
func parseCount(value []byte, bits int) (int64, error) {
	n, err := strconv.ParseInt(string(value), 10, bits)
	if err != nil {
		return 0, err
	}
	if n < 0 {
		return 0, fmt.Errorf("%d is negative", n)
	}
	return n, nil
}
