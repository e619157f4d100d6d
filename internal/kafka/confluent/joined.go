package confluent

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// joinCheck is how often a consumer without an assignment looks whether it has joined its group.
const joinCheck = 250 * time.Millisecond

// watchJoin tells the listener of an empty assignment where the library does not: under group.protocol=consumer a member
// may join and own nothing, and nothing is called.
func (c *consumer) watchJoin() {
	now := time.Now()
	if now.Sub(c.joinChecked) < joinCheck {
		return
	}
	c.joinChecked = now
	metadata, err := c.client.GetConsumerGroupMetadata()
	if err != nil || epoch(metadata) <= 0 {
		return
	}
	c.joined = true
	c.listener.Assigned(nil)
}

// epoch reads the member's epoch, which the binding keeps in the form in which librdkafka writes it down: a magic that
// ends with a colon, then the epoch as four bytes in the machine's order. It is -1 before the member has joined, and
// where that form is not found.
func epoch(metadata *ck.ConsumerGroupMetadata) int32 {
	written := reflect.ValueOf(metadata).Elem().FieldByName("serialized")
	if !written.IsValid() || written.Kind() != reflect.Slice {
		return -1
	}
	head, rest, found := bytes.Cut(written.Bytes(), []byte(":"))
	if !found || !bytes.HasPrefix(head, []byte("CGMD")) || len(rest) < 4 {
		return -1
	}
	return int32(binary.NativeEndian.Uint32(rest))
}
