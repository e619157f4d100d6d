package registry

import (
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/codec/wire"
)

// Naming is how the subject is called under which a schema is registered.
type Naming uint8

// The three ways of Confluent's clients.
const (
	// TopicName is the topic and "-key" or "-value". One topic has one schema then, and its evolution is checked.
	TopicName Naming = iota
	// RecordName is the full name of the record or message: one schema for all topics.
	RecordName
	// TopicRecordName is the topic, "-" and the full name: several schemas in one topic, each checked by itself.
	TopicRecordName
)

// ErrNoRecordName is why there is no subject: the schema has no name to call it by.
var ErrNoRecordName = errors.New("the schema has no name: only named types have a subject of their own; use subject naming topic")

// ParseNaming reads topic, record and topic-record.
func ParseNaming(text string) (Naming, error) {
	for _, n := range []Naming{TopicName, RecordName, TopicRecordName} {
		if n.String() == text {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%q is no subject naming: want topic, record or topic-record", text)
}

// String is the word in the configuration.
func (n Naming) String() string {
	switch n {
	case TopicName:
		return "topic"
	case RecordName:
		return "record"
	case TopicRecordName:
		return "topic-record"
	default:
		return fmt.Sprintf("naming %d", uint8(n))
	}
}

// Subject is the subject of a side of the topic's records. The record's full name counts in the namings that are called
// by it; it fails with ErrNoRecordName where that is empty then.
func (n Naming) Subject(topic string, side wire.Side, record string) (string, error) {
	if n == TopicName {
		return topic + "-" + side.String(), nil
	}
	if record == "" {
		return "", fmt.Errorf("subject of the %s in topic %s by %s: %w", side, topic, n, ErrNoRecordName)
	}
	if n == RecordName {
		return record, nil
	}
	return topic + "-" + record, nil
}
