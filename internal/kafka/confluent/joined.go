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
	if c.hasEpoch() {
		c.joined = true
		c.listener.Assigned(nil)
	}
}

// membership is what the library knows of its own part in the group.
type membership struct {
	epoch  int32  // or generation; -1 before the member has joined
	member string // its id; empty before the group has given it one, and after it has left
}

// hasEpoch says whether the group has taken the member in.
func (c *consumer) hasEpoch() bool {
	m, ok := c.membership()
	return ok && m.epoch > 0
}

func (c *consumer) membership() (m membership, ok bool) {
	metadata, err := c.client.GetConsumerGroupMetadata()
	if err != nil {
		return m, false
	}
	return readMembership(metadata)
}

// readMembership reads what the binding keeps in the form in which librdkafka writes it down: a magic that ends with a colon,
// the epoch as four bytes in the machine's order, and the group's and the member's ids, each ended by a zero byte. It is false
// where that form is not found.
func readMembership(metadata *ck.ConsumerGroupMetadata) (m membership, ok bool) {
	written := reflect.ValueOf(metadata).Elem().FieldByName("serialized")
	if !written.IsValid() || written.Kind() != reflect.Slice {
		return m, false
	}
	head, rest, found := bytes.Cut(written.Bytes(), []byte(":"))
	if !found || !bytes.HasPrefix(head, []byte("CGMD")) || len(rest) < 4 {
		return m, false
	}
	_, ids, found := bytes.Cut(rest[4:], []byte{0})
	member, _, ended := bytes.Cut(ids, []byte{0})
	if !found || !ended {
		return m, false
	}
	return membership{epoch: int32(binary.NativeEndian.Uint32(rest)), member: string(member)}, true
}
