package sim

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strings"
)

// metadata is what the oracle reads in a commit's metadata, with a reader of its own.
type metadata struct {
	base  int64
	topic string
	spans []span
	held  []uint64 // ids of keys
}

// span is a range of offsets, both ends included.
type span struct{ first, last int64 }

func inside(spans []span, offset int64) bool {
	for _, s := range spans {
		if s.first <= offset && offset <= s.last {
			return true
		}
	}
	return false
}

// readMetadata reads what is done, what keys are held, or both with a space between. Without the former there is no base.
func readMetadata(text string) (m metadata, ok bool) {
	done, keys, both := strings.Cut(text, " ")
	if !both && strings.HasPrefix(text, "h1:") {
		done, keys = "", text
	}
	ok = true
	if done != "" || keys == "" {
		m, ok = readDone(done)
	}
	if keys != "" {
		topic, held, good := readHeld(keys)
		ok = ok && good && (done == "" || topic == m.topic)
		m.topic, m.held = topic, held
	}
	return m, ok
}

// readHeld reads "h1:" base64( topic-length topic { id } checksum ).
func readHeld(text string) (topic string, ids []uint64, ok bool) {
	body, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, "h1:"))
	if err != nil || !strings.HasPrefix(text, "h1:") || len(body) < 5 || len(body) < 5+int(body[0]) {
		return "", nil, false
	}
	sum := binary.BigEndian.Uint32(body[len(body)-4:])
	body = body[:len(body)-4]
	if crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) != sum {
		return "", nil, false
	}
	topic, body = string(body[1:1+body[0]]), body[1+body[0]:]
	for ; len(body) >= 8; body = body[8:] {
		ids = append(ids, binary.BigEndian.Uint64(body))
	}
	return topic, ids, len(body) == 0
}

// readDone reads "t1:" base64( base topic-length topic { gap-1 length-1 } checksum ).
func readDone(text string) (m metadata, ok bool) {
	body, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, "t1:"))
	if err != nil || !strings.HasPrefix(text, "t1:") || len(body) < 4 {
		return metadata{}, false
	}
	sum := binary.BigEndian.Uint32(body[len(body)-4:])
	body = body[:len(body)-4]
	if crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) != sum {
		return metadata{}, false
	}
	number := func() int64 {
		v, n := binary.Uvarint(body)
		if n <= 0 {
			body = nil
			return -1
		}
		body = body[n:]
		return int64(v)
	}
	m.base = number()
	length := number()
	if length < 0 || length > int64(len(body)) {
		return metadata{}, false
	}
	m.topic = string(body[:length])
	body = body[length:]
	for end := m.base; len(body) > 0; {
		first := end + 1 + number()
		last := first + number()
		m.spans = append(m.spans, span{first, last})
		end = last + 1
	}
	return m, true
}
