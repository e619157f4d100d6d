package wire

import (
	"fmt"
	"iter"
	"strconv"
)

// Limits of a Path. Protobuf's own compiler refuses deeper nesting.
const (
	DepthMax = 32
	IndexMax = 1<<16 - 1
)

// varintBytesMax is the length of the longest varint of 32 bits.
const varintBytesMax = 5

// Path says which message of a Protobuf schema is meant: the index of a message in the file, of a message declared in that
// one, and so on, each from 0 to IndexMax, at most DepthMax of them. The zero value is empty: no message, which is what all
// other formats have. Paths are comparable.
type Path struct {
	length  uint8
	indexes [DepthMax]uint16
}

// NewPath refuses what a Path cannot hold.
func NewPath(indexes ...int) (Path, error) {
	var p Path
	if len(indexes) > DepthMax {
		return p, fmt.Errorf("%w: %d of them, at most %d are allowed", ErrPath, len(indexes), DepthMax)
	}
	for i, index := range indexes {
		if index < 0 || index > IndexMax {
			return Path{}, fmt.Errorf("%w: %d is not from 0 to %d", ErrPath, index, IndexMax)
		}
		p.indexes[i] = uint16(index)
	}
	p.length = uint8(len(indexes))
	return p, nil
}

// Len is how many indexes there are.
func (p *Path) Len() int { return int(p.length) }

// All gives the indexes, from the file inwards.
func (p *Path) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		for _, index := range p.indexes[:p.length] {
			if !yield(int(index)) {
				return
			}
		}
	}
}

// String is the indexes in brackets: "[1 0]".
func (p Path) String() string {
	out := []byte{'['}
	for i, index := range p.indexes[:p.length] {
		if i > 0 {
			out = append(out, ' ')
		}
		out = strconv.AppendUint(out, uint64(index), 10)
	}
	return string(append(out, ']'))
}

// read gives the length in bytes.
func (p *Path) read(data []byte) (length int, fault failure) {
	count, length, err := varint(data)
	switch {
	case err != nil:
		return 0, failure{0, err}
	case count == 0: // short for one index, 0
		p.length = 1
		return length, failure{}
	case count < 0:
		return 0, failure{0, fmt.Errorf("%w: a count of %d (old clients can be told to write counts without zigzag; tell them not to)", ErrPath, count)}
	case count > DepthMax:
		return 0, failure{0, fmt.Errorf("%w: %d of them, at most %d are allowed", ErrPath, count, DepthMax)}
	}
	for i := range count {
		index, n, err := varint(data[length:])
		if err == nil && (index < 0 || index > IndexMax) {
			err = fmt.Errorf("%w: %d is not from 0 to %d", ErrPath, index, IndexMax)
		}
		if err != nil {
			return 0, failure{length, err}
		}
		p.indexes[i] = uint16(index)
		length += n
	}
	p.length = uint8(count)
	return length, failure{}
}

// varint reads a zigzag varint of 32 bits and gives its length. Padding is accepted, as Kafka's own reader does.
func varint(data []byte) (value int32, length int, err error) {
	var u uint64
	for i := range varintBytesMax {
		if i >= len(data) {
			return 0, 0, fmt.Errorf("%w: in the message indexes", ErrTruncated)
		}
		u |= uint64(data[i]&0x7f) << (7 * i)
		if data[i] < 0x80 {
			if u > 1<<32-1 {
				break
			}
			return int32(uint32(u)>>1) ^ -int32(u&1), i + 1, nil
		}
	}
	return 0, 0, fmt.Errorf("%w: a number has more than 32 bits", ErrPath)
}

// AppendPath appends the path's bytes: none for an empty one.
func AppendPath(out []byte, p Path) []byte {
	switch {
	case p.length == 0:
		return out
	case p.length == 1 && p.indexes[0] == 0:
		return append(out, 0)
	}
	out = appendVarint(out, uint32(p.length))
	for _, index := range p.indexes[:p.length] {
		out = appendVarint(out, uint32(index))
	}
	return out
}

// appendVarint writes what is not negative.
func appendVarint(out []byte, value uint32) []byte {
	u := value << 1
	for u >= 0x80 {
		out = append(out, byte(u)|0x80)
		u >>= 7
	}
	return append(out, byte(u))
}
