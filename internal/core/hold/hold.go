// Package hold names keys that are held: their records follow one that went to the dead letters, until an operator
// releases the key.
//
// Which keys those are must outlast the incarnation, and so it travels in the metadata of the partition's commits, behind
// what is done beyond the offset, with a space between:
//
//	"h1:" base64url( topic-length topic { id } crc32c )
//
// The topic is the topic's id, because a topic that was deleted and made again has other keys; topic-length is one byte, each
// id has eight, and the checksum has four, big endian, over all before it.
package hold

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// Max is how many keys of a partition may be held: what they take of a commit's metadata must leave room for the rest.
const Max = 64

const (
	prefix        = "h1:"
	idBytes       = 8
	checksumBytes = 4
	topicIDBytes  = 255
	textMax       = 4096
)

// ErrDamaged is the answer to text that begins like ours and cannot be true.
var ErrDamaged = errors.New("the metadata's held keys are damaged")

// ErrOtherTopic is the answer to text that was written for another topic.
var ErrOtherTopic = errors.New("the metadata's held keys belong to another topic")

var (
	text     = base64.RawURLEncoding.Strict()
	checksum = crc32.MakeTable(crc32.Castagnoli)
)

// ID stands for a key: the first eight bytes of its SHA-256, so that nobody makes a key that is taken for another's.
type ID uint64

// Of gives the id of a key.
func Of(key []byte) ID {
	sum := sha256.Sum256(key)
	return ID(binary.BigEndian.Uint64(sum[:idBytes]))
}

// String gives the id in hexadecimal digits.
func (id ID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// Parse reads what String gives.
func Parse(s string) (ID, error) {
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil || len(s) != 2*idBytes {
		return 0, fmt.Errorf("%q is not the id of a key: 16 hexadecimal digits", s)
	}
	return ID(n), nil
}

// Split cuts a commit's metadata in what is done beyond the offset, and the held keys.
func Split(metadata string) (done, held string) {
	if strings.HasPrefix(metadata, prefix) {
		return "", metadata
	}
	if at := strings.Index(metadata, " "+prefix); at >= 0 {
		return metadata[:at], metadata[at+1:]
	}
	return metadata, ""
}

// Join puts the two together again.
func Join(done, held string) string {
	if done == "" || held == "" {
		return done + held
	}
	return done + " " + held
}

// Encode writes the ids as text; none is no text.
func Encode(topicID string, ids []ID) string {
	if len(ids) == 0 || len(topicID) > topicIDBytes {
		return ""
	}
	b := make([]byte, 0, 1+len(topicID)+len(ids)*idBytes+checksumBytes)
	b = append(b, byte(len(topicID)))
	b = append(b, topicID...)
	for _, id := range ids {
		b = binary.BigEndian.AppendUint64(b, uint64(id))
	}
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, checksum))
	return prefix + text.EncodeToString(b)
}

// Decode reads what Encode wrote. No text gives no ids. After an error it is right to go on without: the keys' records are
// handled then.
func Decode(s, topicID string) ([]ID, error) {
	if s == "" {
		return nil, nil
	}
	if len(s) > textMax || strings.ContainsAny(s, "\r\n") {
		return nil, ErrDamaged
	}
	b, err := text.DecodeString(strings.TrimPrefix(s, prefix))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if len(b) < 1+checksumBytes {
		return nil, fmt.Errorf("%w: %d bytes are too few", ErrDamaged, len(b))
	}
	body, sum := b[:len(b)-checksumBytes], b[len(b)-checksumBytes:]
	if crc32.Checksum(body, checksum) != binary.BigEndian.Uint32(sum) {
		return nil, fmt.Errorf("%w: the checksum differs", ErrDamaged)
	}
	length := int(body[0])
	if rest := len(body) - 1 - length; rest < 0 || rest%idBytes != 0 {
		return nil, fmt.Errorf("%w: %d bytes are no whole number of ids", ErrDamaged, len(body))
	}
	if topic := string(body[1 : 1+length]); topic != topicID {
		return nil, fmt.Errorf("%w: written for topic id %q, now %q", ErrOtherTopic, topic, topicID)
	}
	var ids []ID
	for rest := body[1+length:]; len(rest) > 0; rest = rest[idBytes:] {
		ids = append(ids, ID(binary.BigEndian.Uint64(rest)))
	}
	return ids, nil
}
