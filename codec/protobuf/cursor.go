package protobuf

import (
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"
)

// cursor takes values from bytes that a checker has accepted, which is why it returns no errors.
type cursor struct {
	data []byte
	pos  int
}

func (c *cursor) varint() uint64 {
	b := c.data[c.pos]
	c.pos++
	if b < 0x80 {
		return uint64(b)
	}
	v := uint64(b & 0x7f)
	for shift := uint(7); ; shift += 7 {
		b = c.data[c.pos]
		c.pos++
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
}

func (c *cursor) tag() (number int32, wire protowire.Type) {
	tag := c.varint()
	return int32(tag >> 3), protowire.Type(tag & 7)
}

func (c *cursor) fixed32() uint32 { return binary.LittleEndian.Uint32(c.take(4)) }

func (c *cursor) fixed64() uint64 { return binary.LittleEndian.Uint64(c.take(8)) }

// bytes gives where a part with a length lies.
func (c *cursor) bytes() span {
	length := int(c.varint())
	start := c.pos
	c.pos += length
	return span{start, c.pos}
}

func (c *cursor) take(size int) []byte {
	part := c.data[c.pos : c.pos+size]
	c.pos += size
	return part
}

// pass goes over a value behind its tag.
func (c *cursor) pass(wire protowire.Type) {
	switch wire {
	case protowire.VarintType:
		c.varint()
	case protowire.Fixed32Type:
		c.pos += 4
	case protowire.Fixed64Type:
		c.pos += 8
	case protowire.BytesType:
		c.bytes()
	case protowire.StartGroupType:
		for {
			_, wire := c.tag()
			if wire == protowire.EndGroupType {
				return
			}
			c.pass(wire)
		}
	case protowire.EndGroupType:
	}
}
