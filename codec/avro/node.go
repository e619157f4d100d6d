package avro

import "strings"

// kind is a type of the Avro specification.
type kind uint8

const (
	kindNull kind = iota
	kindBoolean
	kindInt
	kindLong
	kindFloat
	kindDouble
	kindBytes
	kindString
	kindRecord
	kindEnum
	kindArray
	kindMap
	kindUnion
	kindFixed
)

func (k kind) String() string {
	return [...]string{
		"null", "boolean", "int", "long", "float", "double", "bytes", "string",
		"record", "enum", "array", "map", "union", "fixed",
	}[k]
}

// logical is a logical type of the specification. One that is unknown, or that does not go with its type, is none: the
// specification says to read the underlying type.
type logical uint8

const (
	logicalNone logical = iota
	logicalDecimal
	logicalUUID
	logicalDuration
	logicalDate
	logicalTimeMillis
	logicalTimeMicros
	logicalTimestampMillis
	logicalTimestampMicros
	logicalTimestampNanos
	logicalLocalMillis
	logicalLocalMicros
	logicalLocalNanos
)

func (l logical) String() string {
	return [...]string{
		"no logical type", "decimal", "uuid", "duration", "date", "time-millis", "time-micros",
		"timestamp-millis", "timestamp-micros", "timestamp-nanos",
		"local-timestamp-millis", "local-timestamp-micros", "local-timestamp-nanos",
	}[l]
}

// kind is the type below a logical type; for those of bytes and fixed, which have more than one, it is fixed.
func (l logical) kind() kind {
	switch l {
	case logicalUUID:
		return kindString
	case logicalDate, logicalTimeMillis:
		return kindInt
	case logicalTimeMicros, logicalTimestampMillis, logicalTimestampMicros, logicalTimestampNanos,
		logicalLocalMillis, logicalLocalMicros, logicalLocalNanos:
		return kindLong
	case logicalNone, logicalDecimal, logicalDuration:
	}
	return kindFixed
}

// isTime says whether the number means a date or a time, so that its unit matters.
func (l logical) isTime() bool { return l >= logicalDate }

// node is one type of a schema, compiled: what validating, decoding, resolving and encoding walk. A recursive type is a
// cycle of nodes. Nodes do not change once Parse has returned.
type node struct {
	kind    kind
	logical logical

	name    string   // of a record, an enum, a fixed: its full name
	short   string   // without the namespace
	aliases []string // full names

	fields   []field        // of a record
	indexes  map[string]int // of the fields, by name
	items    *node          // of an array or a map: the type of what it holds
	branches []*node        // of a union

	symbols       []string // of an enum
	symbolIndex   map[string]int
	symbolDefault int // where the reader does not know the writer's symbol; -1 if there is none

	size      int // of a fixed
	precision int // of a decimal
	scale     int
}

type field struct {
	name    string
	aliases []string
	node    *node
	value   *defaultValue // nil without a default
}

// fieldNamed gives the index of a record's field, or -1.
func (n *node) fieldNamed(name string) int {
	if i, found := n.indexes[name]; found {
		return i
	}
	return -1
}

// typeName is what a union knows a branch by, and what messages call a type.
func (n *node) typeName() string {
	if n.name != "" {
		return n.name
	}
	return n.kind.String()
}

// describe names a type for a message: long (timestamp-millis), record shop.Order.
func (n *node) describe() string {
	text := n.kind.String()
	if n.name != "" {
		text += " " + n.name
	}
	if n.logical != logicalNone {
		text += " (" + n.logical.String() + ")"
	}
	return text
}

func (n *node) describeBranches() string {
	names := make([]string, len(n.branches))
	for i, branch := range n.branches {
		names[i] = branch.typeName()
	}
	return "[" + strings.Join(names, ", ") + "]"
}
