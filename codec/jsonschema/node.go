package jsonschema

import "strings"

// node is a compiled schema: what the library made of it, in the form in which run walks it.
type node struct {
	location string // a URI reference, for messages
	always   bool   // true and {}
	never    bool   // false
	resource *resource

	// What a value of any type must be.
	types    types // 0 is any
	constant *choice
	enum     *choice

	// What other schemas say about the same value.
	ref          *node // in drafts before 2019-09, all there is
	recursiveRef *node
	dynamicRef   *dynamicRef
	not          *node
	allOf        []*node
	anyOf        []*node
	oneOf        []*node
	condition    *node
	then         *node
	otherwise    *node

	object  *objectNode
	array   *arrayNode
	strings *stringNode
	numbers *numberNode
}

type objectNode struct {
	minimum, maximum int
	required         []string
	properties       map[string]*node
	order            []string // the names of properties, sorted
	patterns         []patternNode
	additional       *node
	names            *node
	dependencies     []dependency
	unevaluated      *node
}

type patternNode struct {
	pattern *pattern
	node    *node
}

// dependency says what the presence of a property demands.
type dependency struct {
	keyword  string
	property string
	required []string
	node     *node
}

type arrayNode struct {
	minimum, maximum  int
	unique            bool
	prefix            []*node
	rest              *node // of the items after the prefix
	contains          *node
	containsMin       int
	containsMax       int
	containsEvaluates bool // for unevaluatedItems, since 2020-12
	unevaluated       *node
}

type stringNode struct {
	minimum, maximum int
	pattern          *pattern
}

type numberNode struct {
	bounds     []bound
	multipleOf *decimal
}

// bound is one of minimum, maximum and the exclusive ones.
type bound struct {
	keyword   string
	limit     decimal
	lower     bool
	exclusive bool
}

// admits says whether a number is on the right side.
func (b *bound) admits(d decimal) bool {
	order := d.compare(b.limit)
	if b.lower {
		order = -order
	}
	return order < 0 || order == 0 && !b.exclusive
}

// resource is a schema with a URI of its own: what dynamic references choose among.
type resource struct {
	root      *node
	recursive bool             // $recursiveAnchor
	anchors   map[string]*node // $dynamicAnchor
}

type dynamicRef struct {
	anchor string // empty where the reference is as a $ref
	target *node
}

// types is a set of the types of values.
type types uint8

const (
	typeNull types = 1 << iota
	typeBoolean
	typeInteger
	typeNumber
	typeString
	typeArray
	typeObject
)

func typeNames() []string {
	return []string{"null", "boolean", "integer", "number", "string", "array", "object"}
}

func typeOf(name string) types {
	for i, n := range typeNames() {
		if n == name {
			return 1 << i
		}
	}
	return 0
}

func (t types) String() string {
	var out []string
	for i, name := range typeNames() {
		if t&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return strings.Join(out, " or ")
}
