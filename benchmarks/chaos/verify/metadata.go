package verify

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"math"
	"sort"
	"strings"
)

// Run is a range of offsets, both ends included.
type Run struct{ First, Last int64 }

// doneBeyond reads what the metadata of a commit says was done beyond its offset: "t1:" and in base64 the offset that it was
// written for, the topic's id behind its length, for each run the gap before it and its length, both less one, and a checksum;
// all numbers are varints. Behind a space there may be more, about keys. What cannot be read, or was written for another
// offset, says nothing: the next owner ignores it too.
func doneBeyond(metadata string, offset int64) []Run {
	text, _, _ := strings.Cut(metadata, " ")
	text, ours := strings.CutPrefix(text, "t1:")
	body, err := base64.RawURLEncoding.DecodeString(text)
	if !ours || err != nil || len(body) < crc32.Size {
		return nil
	}
	end := len(body) - crc32.Size
	sum := binary.BigEndian.Uint32(body[end:])
	body = body[:end]
	if crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) != sum {
		return nil
	}
	numbers := varints{rest: body}
	base, topic := numbers.next(), numbers.next()
	if base != offset || !numbers.skip(topic) {
		return nil
	}
	var runs []Run
	for at := base; len(numbers.rest) > 0; {
		first := at + 1 + numbers.next()
		last := first + numbers.next()
		if numbers.broken || first <= at || last < first || last == math.MaxInt64 {
			return nil
		}
		runs = append(runs, Run{first, last})
		at = last + 1
	}
	return runs
}

// varints reads numbers, until one is broken.
type varints struct {
	rest   []byte
	broken bool
}

func (v *varints) next() int64 {
	n, size := binary.Uvarint(v.rest)
	if size <= 0 {
		v.rest, v.broken = nil, true
		return 0
	}
	v.rest = v.rest[size:]
	return int64(n)
}

// skip passes over bytes, and says whether there were so many.
func (v *varints) skip(n int64) bool {
	if v.broken || n < 0 || n > int64(len(v.rest)) {
		return false
	}
	v.rest = v.rest[n:]
	return true
}

// covers says whether a commit says of an offset that it was done.
func (c *Commit) covers(offset int64) bool { return offset < c.Offset || c.names(offset) }

// names says whether its metadata says so.
func (c *Commit) names(offset int64) bool {
	i := sort.Search(len(c.Done), func(i int) bool { return c.Done[i].Last >= offset })
	return i < len(c.Done) && c.Done[i].First <= offset
}
