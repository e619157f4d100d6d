package avro

import (
	"encoding/binary"
	"math"
)

// cursor takes values from bytes that a checker has accepted, which is why it returns no errors.
type cursor struct {
	data []byte
	pos  int
}

func (c *cursor) long() int64 {
	b := c.data[c.pos]
	c.pos++
	if b < 0x80 {
		return int64(b>>1) ^ -int64(b&1)
	}
	v := uint64(b & 0x7f)
	for shift := uint(7); ; shift += 7 {
		b = c.data[c.pos]
		c.pos++
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return int64(v>>1) ^ -int64(v&1)
		}
	}
}

func (c *cursor) boolean() bool { return c.take(1)[0] == 1 }

func (c *cursor) float() float32 { return math.Float32frombits(binary.LittleEndian.Uint32(c.take(4))) }

func (c *cursor) double() float64 { return math.Float64frombits(binary.LittleEndian.Uint64(c.take(8))) }

// bytes gives a part of data, not a copy.
func (c *cursor) bytes() []byte { return c.take(int(c.long())) }

func (c *cursor) take(size int) []byte {
	part := c.data[c.pos : c.pos+size]
	c.pos += size
	return part
}

// block gives the count of the next block; zero ends an array or a map.
func (c *cursor) block() int {
	count := c.long()
	if count < 0 {
		c.long()
		count = -count
	}
	return int(count)
}

// skip passes over a value and gives its bytes.
func (c *cursor) skip(n *node) []byte {
	start := c.pos
	c.pass(n)
	return c.data[start:c.pos]
}

func (c *cursor) pass(n *node) {
	switch n.kind {
	case kindNull:
	case kindBoolean:
		c.pos++
	case kindInt, kindLong, kindEnum:
		c.long()
	case kindFloat:
		c.pos += 4
	case kindDouble:
		c.pos += 8
	case kindFixed:
		c.pos += n.size
	case kindBytes, kindString:
		c.bytes()
	case kindRecord:
		for i := range n.fields {
			c.pass(n.fields[i].node)
		}
	case kindUnion:
		c.pass(n.branches[c.long()])
	case kindArray, kindMap:
		for count := c.block(); count > 0; count = c.block() {
			for range count {
				if n.kind == kindMap {
					c.bytes()
				}
				c.pass(n.items)
			}
		}
	}
}
