package protobuf

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

var (
	errVarint   = errors.New("a varint of more than 10 bytes or 64 bits")
	errNumber   = errors.New("a field number out of range")
	errWireType = errors.New("a wire type that does not exist")
	errEndGroup = errors.New("the end of a group that has not begun")
	errTooDeep  = fmt.Errorf("nested too deep: %w", ErrLimit)
	errTooMany  = fmt.Errorf("too many values: %w", ErrLimit)
)

// span is a part of a payload.
type span struct{ start, end int }

// checker walks a payload by its type and builds nothing. What it accepts, every other walk over the bytes can trust:
// lengths are backed by bytes, groups end, fields have the wire type of their kind, and the walk ends.
//
// It stays on the stack, and allocates only to report an error, and for the groups if they are wanted.
type checker struct {
	data   []byte
	pos    int
	work   int // how much may still come
	depth  int // levels that may still be entered
	failed int // where the error is

	text  bool // every string must be UTF-8, for no generic value is a string of other bytes
	weigh bool // messages count by the number of their type's fields
	// keep has the checker note where groups end, in the order in which they begin.
	keep   bool
	groups []span

	judged bool // what the walk cannot judge was met: a type of which not every message has a JSON form, or required fields
	ended  int  // where the tag begins that ended the last group
}

// check validates all of data. Its cost is linear in len(data).
func (c *checker) check(n *message, limits *Limits) error {
	if len(c.data) > limits.Bytes {
		return &DecodeError{Position: int64(limits.Bytes), Err: fmt.Errorf("a payload of %d bytes, %d are allowed: %w", len(c.data), limits.Bytes, ErrLimit)}
	}
	c.work, c.depth = limits.Work, limits.Depth
	return c.whole(n)
}

func (c *checker) whole(n *message) error {
	if err := c.message(n, len(c.data), 0); err != nil {
		return &DecodeError{Position: int64(c.failed), Err: err}
	}
	return nil
}

func (c *checker) fail(at int, err error) error {
	c.failed = at
	return err
}

// message reads fields up to end, or, in a group, up to the group's end. Of an unknown group there is no n.
func (c *checker) message(n *message, end int, group int32) error {
	if c.depth--; c.depth < 0 {
		return c.fail(c.pos, errTooDeep)
	}
	if n != nil {
		n.ready()
		c.judged = c.judged || n.special.judged() || len(n.required) > 0
		if c.weigh {
			c.work -= n.weight
		}
	}
	start := c.pos
	for c.pos < end {
		at := c.pos
		number, wire, err := c.tag(end)
		if err != nil {
			return err
		}
		if wire == protowire.EndGroupType {
			if number != group {
				return c.fail(at, errEndGroup)
			}
			c.ended = at
			c.depth++
			return nil
		}
		if c.work--; c.work < 0 {
			return c.fail(at, errTooMany)
		}
		f := n.field(number)
		if f == nil {
			err = c.single(wire, number, nil, end)
		} else if err = c.field(f, wire, at, end); err != nil {
			err = c.locate(err, f, start, at)
		}
		if err != nil {
			return err
		}
	}
	if group != 0 {
		return c.fail(c.pos, ErrTruncated)
	}
	c.depth++
	return nil
}

func (c *checker) tag(end int) (number int32, wire protowire.Type, err error) {
	start := c.pos
	tag, err := c.varint(end)
	if err != nil {
		return 0, 0, err
	}
	if tag > math.MaxUint32 || tag>>3 == 0 {
		return 0, 0, c.fail(start, errNumber)
	}
	if wire = protowire.Type(tag & 7); wire > protowire.Fixed32Type {
		return 0, 0, c.fail(start, errWireType)
	}
	return int32(tag >> 3), wire, nil
}

func (c *checker) varint(end int) (uint64, error) {
	if c.pos < end && c.data[c.pos] < 0x80 {
		v := c.data[c.pos]
		c.pos++
		return uint64(v), nil
	}
	return c.varintSlow(end)
}

func (c *checker) varintSlow(end int) (uint64, error) {
	start := c.pos
	var v uint64
	for shift := uint(0); ; shift += 7 {
		if c.pos >= end {
			return 0, c.fail(c.pos, ErrTruncated)
		}
		b := c.data[c.pos]
		if shift == 63 && b > 1 {
			return 0, c.fail(start, errVarint)
		}
		c.pos++
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
}

func (c *checker) field(f *field, wire protowire.Type, at, end int) error {
	if wire == f.wire {
		return c.single(wire, f.number, f, end)
	}
	if wire != protowire.BytesType || !f.packable {
		return c.fail(at, fmt.Errorf("a %s has the wire type %d, here it is %d", f.kind, f.wire, wire))
	}
	stop, err := c.length(end)
	if err != nil {
		return err
	}
	return c.packed(f, stop)
}

// packed reads values without tags, as many as there are.
func (c *checker) packed(f *field, stop int) error {
	start := c.pos
	if f.size > 0 {
		if (stop-start)%f.size != 0 {
			return c.fail(stop, ErrTruncated)
		}
		if c.work -= (stop - start) / f.size; c.work < 0 {
			return c.fail(start, errTooMany)
		}
		c.pos = stop
		return nil
	}
	for c.pos < stop {
		if c.work--; c.work < 0 {
			return c.fail(c.pos, errTooMany)
		}
		if _, err := c.varint(stop); err != nil {
			return err
		}
	}
	return nil
}

// length reads a length, and gives the end of the bytes that have it, which are there.
func (c *checker) length(end int) (int, error) {
	start := c.pos
	length, err := c.varint(end)
	switch {
	case err != nil:
		return 0, err
	case length > uint64(end-c.pos):
		return 0, c.fail(start, ErrTruncated)
	}
	return c.pos + int(length), nil
}

// single reads one value behind its tag. Of an unknown field there is no f.
func (c *checker) single(wire protowire.Type, number int32, f *field, end int) error {
	switch wire {
	case protowire.VarintType:
		_, err := c.varint(end)
		return err
	case protowire.Fixed32Type:
		return c.skip(4, end)
	case protowire.Fixed64Type:
		return c.skip(8, end)
	case protowire.BytesType:
		stop, err := c.length(end)
		if err != nil {
			return err
		}
		return c.content(f, stop)
	case protowire.StartGroupType, protowire.EndGroupType:
	}
	return c.group(f, number, end) // the end of one is no value
}

func (c *checker) skip(size, end int) error {
	if end-c.pos < size {
		return c.fail(end, ErrTruncated)
	}
	c.pos += size
	return nil
}

func (c *checker) content(f *field, stop int) error {
	switch {
	case f == nil:
	case f.message != nil:
		return c.message(f.message, stop, 0)
	case f.kind == protoreflect.StringKind && (f.utf8 || c.text):
		if text := c.data[c.pos:stop]; !isASCII(text) && !utf8.Valid(text) {
			return c.fail(c.pos+invalidUTF8(text), ErrUTF8)
		}
	}
	c.pos = stop
	return nil
}

func (c *checker) group(f *field, number int32, end int) error {
	if f == nil {
		return c.message(nil, end, number)
	}
	index := len(c.groups)
	if c.keep {
		c.groups = append(c.groups, span{start: c.pos})
	}
	if err := c.message(f.message, end, number); err != nil {
		return err
	}
	if c.keep {
		c.groups[index].end = c.ended
	}
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

// locate adds the field to an error's path, and of a list the index, for which what came before is counted.
func (c *checker) locate(err error, f *field, start, at int) error {
	if f.list || f.mapped {
		d := decoder{cursor: cursor{data: c.data, pos: start}}
		index := 0
		for d.pos < at {
			number, wire := d.tag()
			if number == f.number && wire == f.wire {
				index++
			}
			d.pass(wire)
		}
		if c.data[at]&7 == byte(f.wire) { // a packed part has no index of its own
			err = within(err, indexStep(index))
		}
	}
	return within(err, f.name)
}
