package avro

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// decimalBytesMax bounds an unscaled number. Turning it into digits costs more than linear time.
const decimalBytesMax = 512

var (
	errVarint    = errors.New("a number of more than 10 bytes or 64 bits")
	errInt       = errors.New("the number does not fit 32 bits")
	errBoolean   = errors.New("a boolean is 0 or 1")
	errLength    = errors.New("a negative length")
	errCount     = errors.New("a block's count is out of range")
	errBlockSize = errors.New("a block whose size in bytes is not that of its items")
	errTooDeep   = fmt.Errorf("nested too deep: %w", ErrLimit)
	errTooMany   = fmt.Errorf("too many array items and map entries: %w", ErrLimit)
	errTooEmpty  = fmt.Errorf("too many values for so few bytes: %w", ErrLimit)
	errDecimal   = fmt.Errorf("a decimal of more than %d bytes: %w", decimalBytesMax, ErrLimit)
)

// checker walks a payload by its writer's schema and builds nothing. What it accepts, every other walk over the bytes can
// trust: lengths and counts are backed by bytes, blocks are as long as they say, and the walk ends.
//
// It stays on the stack, and allocates only to report an error.
type checker struct {
	data   []byte
	pos    int
	work   int // values that may still come
	items  int // items and entries that may still come
	depth  int // levels that may still be entered
	failed int // where the error is
}

// check validates all of data. Its cost is linear in len(data).
func (n *node) check(data []byte, limits *Limits) error {
	if len(data) > limits.Bytes {
		return &DecodeError{Position: int64(limits.Bytes), Err: fmt.Errorf("a payload of %d bytes, %d are allowed: %w", len(data), limits.Bytes, ErrLimit)}
	}
	c := checker{data: data, work: limits.budget(len(data)), items: limits.Items, depth: limits.Depth}
	if err := c.value(n); err != nil {
		return &DecodeError{Position: int64(c.failed), Err: err}
	}
	if c.pos != len(data) {
		return &DecodeError{Position: int64(c.pos), Err: ErrTrailing}
	}
	return nil
}

func (c *checker) fail(at int, err error) error {
	c.failed = at
	return err
}

func (c *checker) value(n *node) error {
	if c.work--; c.work < 0 {
		return c.fail(c.pos, errTooEmpty)
	}
	switch n.kind {
	case kindNull:
		return nil
	case kindBoolean:
		if c.pos >= len(c.data) {
			return c.fail(c.pos, ErrTruncated)
		}
		if c.data[c.pos] > 1 {
			return c.fail(c.pos, errBoolean)
		}
		c.pos++
		return nil
	case kindInt, kindLong:
		if c.pos < len(c.data) && c.data[c.pos] < 0x80 {
			c.pos++
			return nil
		}
		if n.kind == kindInt {
			_, err := c.int()
			return err
		}
		_, err := c.longSlow()
		return err
	case kindFloat:
		return c.skip(4)
	case kindDouble:
		return c.skip(8)
	case kindFixed:
		return c.skip(n.size)
	case kindBytes:
		return c.bytes(n)
	case kindString:
		return c.text()
	case kindRecord:
		return c.record(n)
	case kindEnum:
		return c.enum(n)
	case kindArray, kindMap:
		return c.blocks(n)
	case kindUnion:
		return c.union(n)
	}
	panic("avro: unknown kind of node")
}

// long reads a zigzag varint.
func (c *checker) long() (int64, error) {
	if c.pos < len(c.data) && c.data[c.pos] < 0x80 {
		v := c.data[c.pos]
		c.pos++
		return int64(v>>1) ^ -int64(v&1), nil
	}
	return c.longSlow()
}

func (c *checker) longSlow() (int64, error) {
	start := c.pos
	var v uint64
	for shift := uint(0); ; shift += 7 {
		if c.pos >= len(c.data) {
			return 0, c.fail(c.pos, ErrTruncated)
		}
		b := c.data[c.pos]
		if shift == 63 && b > 1 {
			return 0, c.fail(start, errVarint)
		}
		c.pos++
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return int64(v>>1) ^ -int64(v&1), nil
		}
	}
}

// int reads a zigzag varint of 32 bits, which takes 5 bytes at most.
func (c *checker) int() (int, error) {
	start := c.pos
	v, err := c.long()
	if err != nil {
		return 0, err
	}
	if v < math.MinInt32 || v > math.MaxInt32 || c.pos-start > 5 {
		return 0, c.fail(start, errInt)
	}
	return int(v), nil
}

func (c *checker) skip(size int) error {
	if len(c.data)-c.pos < size {
		return c.fail(len(c.data), ErrTruncated)
	}
	c.pos += size
	return nil
}

// length reads the length of bytes or a string, which are then there.
func (c *checker) length() (int, error) {
	start := c.pos
	if start < len(c.data) {
		// As in union.
		if b := c.data[start]; b < 0x80 && b&1 == 0 && int(b>>1) < len(c.data)-start {
			c.pos++
			return int(b >> 1), nil
		}
	}
	length, err := c.long()
	switch {
	case err != nil:
		return 0, err
	case length < 0:
		return 0, c.fail(start, errLength)
	case length > int64(len(c.data)-c.pos):
		return 0, c.fail(start, ErrTruncated)
	}
	return int(length), nil
}

func (c *checker) bytes(n *node) error {
	start := c.pos
	length, err := c.length()
	if err != nil {
		return err
	}
	if n.logical == logicalDecimal && length > decimalBytesMax {
		return c.fail(start, errDecimal)
	}
	c.pos += length
	return nil
}

func (c *checker) text() error {
	length, err := c.length()
	if err != nil {
		return err
	}
	text := c.data[c.pos : c.pos+length]
	if !isASCII(text) && !utf8.Valid(text) {
		return c.fail(c.pos+invalidUTF8(text), ErrUTF8)
	}
	c.pos += length
	return nil
}

// isASCII answers for short texts, for which it is quicker than utf8.Valid.
func isASCII(text []byte) bool {
	const short = 24
	if len(text) > short {
		return false
	}
	var bits byte
	for _, b := range text {
		bits |= b
	}
	return bits < utf8.RuneSelf
}

func invalidUTF8(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(text)
}

func (c *checker) record(n *node) error {
	if c.depth--; c.depth < 0 {
		return c.fail(c.pos, errTooDeep)
	}
	for i := range n.fields {
		if err := c.value(n.fields[i].node); err != nil {
			return within(err, n.fields[i].name)
		}
	}
	c.depth++
	return nil
}

func (c *checker) enum(n *node) error {
	start := c.pos
	index, err := c.int()
	if err != nil {
		return err
	}
	if index < 0 || index >= len(n.symbols) {
		return c.fail(start, fmt.Errorf("symbol %d of the enum %s, which has %d", index, n.name, len(n.symbols)))
	}
	return nil
}

func (c *checker) union(n *node) error {
	start := c.pos
	if start < len(c.data) {
		// The usual case: a small number, which is even because it is not negative.
		if b := c.data[start]; b < 0x80 && b&1 == 0 && int(b>>1) < len(n.branches) {
			c.pos++
			return c.value(n.branches[b>>1])
		}
	}
	index, err := c.int()
	if err != nil {
		return err
	}
	if index < 0 || index >= len(n.branches) {
		return c.fail(start, fmt.Errorf("branch %d of a union that has %d", index, len(n.branches)))
	}
	return c.value(n.branches[index])
}

// blocks walks an array or a map: blocks of items up to one with none. A negative count is followed by the block's size
// in bytes, for readers that skip; both ways of reading must end at the same byte.
func (c *checker) blocks(n *node) error {
	if c.depth--; c.depth < 0 {
		return c.fail(c.pos, errTooDeep)
	}
	for index := 0; ; {
		start := c.pos
		count, err := c.long()
		if err != nil {
			return err
		}
		if count == 0 {
			c.depth++
			return nil
		}
		end := -1
		if count < 0 {
			if count == math.MinInt64 {
				return c.fail(start, errCount)
			}
			count = -count
			size, err := c.long()
			if err != nil {
				return err
			}
			if size < 0 || size > int64(len(c.data)-c.pos) {
				return c.fail(start, errBlockSize)
			}
			end = c.pos + int(size)
		}
		if count > int64(c.items) {
			return c.fail(start, errTooMany)
		}
		c.items -= int(count)
		for range int(count) {
			if err := c.item(n, index); err != nil {
				return err
			}
			index++
		}
		if end >= 0 && c.pos != end {
			return c.fail(start, errBlockSize)
		}
	}
}

func (c *checker) item(n *node, index int) error {
	if n.kind == kindArray {
		if err := c.value(n.items); err != nil {
			return within(err, indexStep(index))
		}
		return nil
	}
	start := c.pos
	if err := c.text(); err != nil {
		return within(err, indexStep(index))
	}
	if err := c.value(n.items); err != nil {
		key := cursor{data: c.data, pos: start}
		return within(err, keyStep(string(key.bytes())))
	}
	return nil
}
