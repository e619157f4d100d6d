// Package deadletter turns a record that could not be handled into the message that is kept of it, and turns that
// message back into the record: key, value and headers, byte for byte.
//
// There are two envelopes. The JSON envelope leaves key and headers as they were and writes the value and the facts of
// the failure as one JSON object. The raw envelope leaves key, value and headers as they were and appends the facts as
// headers, in one of four dialects.
//
// Restoring is exact even for a record that carries the headers of an earlier dead letter, because nothing of the
// original is ever replaced. The facts of a raw envelope are one block behind the original headers; a repeated header's
// last value counts for every tool, so readers see the newest facts. A JSON envelope around a record that already has
// such a block ends with the header [EnvelopeHeader], and only then; otherwise nobody could tell it from a raw envelope
// around a JSON dead letter.
package deadletter

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/troupe-go/troupe/stream"
)

// Envelope is the form of a dead letter.
type Envelope string

// The envelopes.
const (
	JSON Envelope = "json"
	Raw  Envelope = "raw"
)

// ParseEnvelope reads an envelope's name; empty is JSON.
func ParseEnvelope(s string) (Envelope, error) {
	switch e := Envelope(s); e {
	case "":
		return JSON, nil
	case JSON, Raw:
		return e, nil
	default:
		return "", fmt.Errorf("dead-letter envelope %q is none of json, raw", s)
	}
}

// Dialect names the headers of a raw envelope.
type Dialect string

// The dialects: troupe's own, Kafka Connect's (KIP-298), Kafka Streams' (KIP-1034) and Spring Kafka's. Facts that a
// foreign dialect has no header for are written under troupe's own names.
const (
	Native  Dialect = "native"
	Connect Dialect = "connect"
	Streams Dialect = "streams"
	Spring  Dialect = "spring"
)

// ParseDialect reads a dialect's name; empty is Native.
func ParseDialect(s string) (Dialect, error) {
	switch d := Dialect(s); d {
	case "":
		return Native, nil
	case Native, Connect, Streams, Spring:
		return d, nil
	default:
		return "", fmt.Errorf("dead-letter dialect %q is none of native, connect, streams, spring", s)
	}
}

// EnvelopeHeader marks a JSON dead letter of a record that carries the headers of an earlier one.
const EnvelopeHeader = "troupe.envelope"

// How many bytes of these texts a dead letter keeps.
const (
	MaxErrorType    = 512
	MaxErrorMessage = 8 << 10
	MaxStack        = 32 << 10
)

const truncationMark = "... [truncated]"

// Failure is why, when and where a record failed for good.
type Failure struct {
	// ErrorType is a name of the kind of error; see [ErrorType].
	ErrorType string
	Message   string
	// Reason is the processor's: permanent, decode, exhausted, stuck or output-refused.
	Reason string
	// FailedAt is kept to the millisecond.
	FailedAt time.Time
	Attempts int32
	Group    string
	Handler  string
	Host     string
	// Stack is set only where the handler panicked.
	Stack string
}

// Letter is a dead letter read back.
type Letter struct {
	Envelope Envelope
	Dialect  Dialect // of a raw envelope, else empty
	// Record is the original: where it was read, its timestamp where known, key, value and headers. Its slices share
	// memory with the dead letter where the envelope left them as they were.
	Record  stream.Record
	Failure Failure
}

// Build makes the dead letter of a record. It shares the record's bytes and does not change them.
//
// The message has no timestamp of its own, so that the dead-letter topic's retention counts from the failure and not
// from the record's age.
func Build(r *stream.Record, f Failure, topic string, envelope Envelope, dialect Dialect) (stream.Message, error) {
	f.ErrorType = truncate(f.ErrorType, MaxErrorType)
	f.Message = truncate(f.Message, MaxErrorMessage)
	f.Stack = truncate(f.Stack, MaxStack)
	m := stream.Message{Topic: topic, Key: r.Key}
	switch envelope {
	case JSON:
		value, err := encodeJSON(r, &f)
		if err != nil {
			return stream.Message{}, fmt.Errorf("dead letter of %s@%d: %w", r.Source(), r.Offset, err)
		}
		m.Value = value
		m.Headers = r.Headers
		if _, ambiguous := findBlock(r.Headers); ambiguous || lastMarker(r.Headers) >= 0 {
			m.Headers = appendHeaders(r.Headers, []stream.Header{{Key: EnvelopeHeader, Value: []byte(JSON)}})
		}
	case Raw:
		facts := facts{
			topic: r.Topic, partition: r.Partition, offset: r.Offset, timestamp: r.Timestamp, failure: f,
		}
		m.Value = r.Value
		m.Headers = appendHeaders(r.Headers, facts.headers(dialect))
	default:
		return stream.Message{}, fmt.Errorf("dead letter of %s@%d: unknown envelope %q", r.Source(), r.Offset, envelope)
	}
	return m, nil
}

// appendHeaders never writes into the spare capacity of the record's own slice.
func appendHeaders(original, added []stream.Header) []stream.Header {
	joined := make([]stream.Header, 0, len(original)+len(added))
	return append(append(joined, original...), added...)
}

// truncate gives valid UTF-8 of at most limit bytes, cut between runes, and says where it cut.
func truncate(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= limit {
		return s
	}
	end := limit - len(truncationMark)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + truncationMark
}

// The suffixes of default topic names.
const (
	Suffix       = ".dead-letter"
	ParkedSuffix = ".parked"
)

// maxTopicName is Kafka's limit on the length of a topic's name.
const maxTopicName = 249

// ErrParked says that a record of a parked topic failed again. It has been through the dead letters twice already, and
// there is no third topic: whoever reads a parked topic decides there what to do with failures.
var ErrParked = errors.New("a record from a parked topic has nowhere further to go")

// TopicFor gives the topic that a failed record's dead letter goes to: the policy's topic, or "<topic>.dead-letter"
// where that is empty. A record that was read from a dead-letter topic goes to "<that topic>.parked", so that it never
// comes back to where it was read, and one that was read from such a parked topic is [ErrParked].
//
// isDeadLetter says which topics hold dead letters; nil goes by the suffix.
func TopicFor(policyTopic, recordTopic string, isDeadLetter func(topic string) bool) (string, error) {
	if isDeadLetter == nil {
		isDeadLetter = func(topic string) bool { return strings.HasSuffix(topic, Suffix) }
	}
	holdsDeadLetters := func(topic string) bool { return topic == policyTopic || isDeadLetter(topic) }

	topic := policyTopic
	if from, parked := strings.CutSuffix(recordTopic, ParkedSuffix); parked && holdsDeadLetters(from) {
		return "", fmt.Errorf("topic %s: %w; read it without dead letters, or redrive it", recordTopic, ErrParked)
	}
	switch {
	case holdsDeadLetters(recordTopic):
		topic = recordTopic + ParkedSuffix
	case policyTopic == "":
		topic = recordTopic + Suffix
	}
	if len(topic) > maxTopicName {
		return "", fmt.Errorf("dead-letter topic %s is longer than Kafka's %d characters; set dead_letter.topic",
			topic, maxTopicName)
	}
	return topic, nil
}
