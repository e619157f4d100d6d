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

// readMetadata reads "t1:" base64( base topic-length topic { gap-1 length-1 } checksum ).
func readMetadata(text string) (m metadata, ok bool) {
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
