package deadletter

import (
	"errors"
	"fmt"
	"slices"

	"github.com/troupe-go/troupe/stream"
)

// ErrNotDeadLetter is what Restore answers for a message that has the form of no envelope.
var ErrNotDeadLetter = errors.New("not a dead letter: neither a JSON envelope nor headers of a known dialect")

// Restore reads a dead letter's key, value and headers, in either envelope and any dialect, and gives back the original
// record and the facts of its failure. It also reads what Kafka Connect, Kafka Streams and Spring Kafka write.
func Restore(key, value []byte, headers []stream.Header) (Letter, error) {
	marker := lastMarker(headers)
	if b, found := findBlock(headers); found && b.start > marker {
		original := cut(headers, b.start, b.end)
		return Letter{
			Envelope: Raw, Dialect: b.dialect, Record: b.facts.record(key, value, original), Failure: b.facts.failure,
		}, nil
	}
	facts, payload, err := decodeJSON(value)
	if err != nil {
		return Letter{}, fmt.Errorf("%w: %w", ErrNotDeadLetter, err)
	}
	original := headers
	if marker >= 0 {
		original = cut(headers, marker, marker+1)
	}
	return Letter{
		Envelope: JSON, Record: facts.record(key, payload, original), Failure: facts.failure,
	}, nil
}

func (f *facts) record(key, value []byte, headers []stream.Header) stream.Record {
	return stream.Record{
		Topic: f.topic, Partition: f.partition, Offset: f.offset, LeaderEpoch: -1, Attempt: f.failure.Attempts,
		Key: key, Value: value, Headers: headers, Timestamp: f.timestamp,
	}
}

// lastMarker is the index of the last header that says "a JSON envelope", or -1.
func lastMarker(headers []stream.Header) int {
	for i, h := range slices.Backward(headers) {
		if h.Key == EnvelopeHeader && string(h.Value) == string(JSON) {
			return i
		}
	}
	return -1
}

// cut gives the headers without those from start to end, in a slice of its own unless they are the last ones.
func cut(headers []stream.Header, start, end int) []stream.Header {
	if end == len(headers) {
		return headers[:start:start]
	}
	return appendHeaders(headers[:start], headers[end:])
}
