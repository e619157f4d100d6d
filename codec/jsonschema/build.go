package jsonschema

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// since2019 is the first draft in which $ref stands beside other keywords, and since2020 the one after it.
const (
	since2019 = 2019
	since2020 = 2020
)

// builder turns the library's schemas into nodes. What the library rounds, such as lengths, is taken from the objects.
type builder struct {
	objects    map[*jsonschema.Schema]map[string]any
	byLocation map[string]*jsonschema.Schema
	nodes      map[*jsonschema.Schema]*node
	resources  map[*jsonschema.Schema]*resource
	dynamic    bool
	err        error // the first
}

func newBuilder(schemas []compiled) *builder {
	b := &builder{
		objects:    make(map[*jsonschema.Schema]map[string]any, len(schemas)),
		byLocation: make(map[string]*jsonschema.Schema, len(schemas)),
		nodes:      make(map[*jsonschema.Schema]*node, len(schemas)),
		resources:  map[*jsonschema.Schema]*resource{},
	}
	for _, c := range schemas {
		b.objects[c.schema] = c.object
		b.byLocation[c.schema.Location] = c.schema
	}
	for _, c := range schemas {
		if c.schema.DynamicAnchor != "" {
			b.resource(c.schema).anchors[c.schema.DynamicAnchor] = b.node(c.schema)
		}
	}
	return b
}

func (b *builder) fail(s *jsonschema.Schema, err error) {
	if b.err == nil && err != nil {
		b.err = fmt.Errorf("%s: %w", described(s.Location), err)
	}
}

// resource finds the schema with a URI of its own that another one is in: itself or the next one outwards.
func (b *builder) resource(s *jsonschema.Schema) *resource {
	owner := s
	for location := s.Location; ; {
		if found, ok := b.byLocation[location]; ok {
			owner = found
			if found.ID != "" {
				break
			}
		}
		slash := strings.LastIndexByte(location, '/')
		if hash := strings.IndexByte(location, '#'); slash < hash {
			break
		}
		location = location[:slash]
	}
	known, ok := b.resources[owner]
	if !ok {
		known = &resource{anchors: map[string]*node{}, recursive: owner.RecursiveAnchor}
		b.resources[owner] = known
		known.root = b.node(owner)
	}
	return known
}

// node gives a schema's node, which is not filled yet where schemas refer to themselves.
func (b *builder) node(s *jsonschema.Schema) *node {
	if s == nil {
		return nil
	}
	if known, ok := b.nodes[s]; ok {
		return known
	}
	n := &node{location: s.Location}
	b.nodes[s] = n
	if s.Bool != nil {
		n.always, n.never = *s.Bool, !*s.Bool
		return n
	}
	n.resource = b.resource(s)
	if n.ref = b.node(s.Ref); n.ref != nil && s.DraftVersion < since2019 {
		return n // what stands beside it does not count
	}
	b.general(n, s)
	b.applicators(n, s)
	b.object(n, s)
	b.array(n, s)
	b.text(n, s)
	b.number(n, s)
	return n
}

func (b *builder) all(schemas []*jsonschema.Schema) []*node {
	var nodes []*node
	for _, s := range schemas {
		nodes = append(nodes, b.node(s))
	}
	return nodes
}

func (b *builder) general(n *node, s *jsonschema.Schema) {
	if s.Types != nil {
		for _, name := range s.Types.ToStrings() {
			n.types |= typeOf(name)
		}
	}
	var err error
	if s.Const != nil {
		n.constant, err = newChoice([]any{*s.Const})
		b.fail(s, err)
	}
	if s.Enum != nil {
		n.enum, err = newChoice(s.Enum.Values)
		b.fail(s, err)
	}
}

func (b *builder) applicators(n *node, s *jsonschema.Schema) {
	n.not = b.node(s.Not)
	n.allOf, n.anyOf, n.oneOf = b.all(s.AllOf), b.all(s.AnyOf), b.all(s.OneOf)
	n.condition, n.then, n.otherwise = b.node(s.If), b.node(s.Then), b.node(s.Else)
	if s.RecursiveRef != nil {
		n.recursiveRef = b.node(s.RecursiveRef)
		b.dynamic = true
	}
	if s.DynamicRef != nil {
		n.dynamicRef = &dynamicRef{target: b.node(s.DynamicRef.Ref)}
		if s.DynamicRef.Anchor == s.DynamicRef.Ref.DynamicAnchor {
			n.dynamicRef.anchor = s.DynamicRef.Anchor
		}
		b.dynamic = true
	}
}

func (b *builder) object(n *node, s *jsonschema.Schema) {
	o := &objectNode{
		minimum:     b.count(s, "minProperties", s.MinProperties, 0),
		maximum:     b.count(s, "maxProperties", s.MaxProperties, math.MaxInt),
		required:    s.Required,
		names:       b.node(s.PropertyNames),
		unevaluated: b.node(s.UnevaluatedProperties),
	}
	if len(s.Properties) > 0 {
		o.properties = make(map[string]*node, len(s.Properties))
		o.order = slices.Sorted(maps.Keys(s.Properties))
		for _, name := range o.order {
			o.properties[name] = b.node(s.Properties[name])
		}
	}
	for regex, sub := range s.PatternProperties {
		o.patterns = append(o.patterns, patternNode{regex.(*pattern), b.node(sub)})
	}
	slices.SortFunc(o.patterns, func(a, b patternNode) int { return strings.Compare(a.pattern.text, b.pattern.text) })
	o.additional = b.additional(s, "additionalProperties", s.AdditionalProperties)
	b.dependencies(o, s)
	if o.minimum > 0 || o.maximum < math.MaxInt || o.required != nil || o.names != nil || o.unevaluated != nil ||
		o.properties != nil || o.patterns != nil || o.additional != nil || o.dependencies != nil {
		n.object = o
	}
}

func (b *builder) additional(s *jsonschema.Schema, keyword string, value any) *node {
	switch v := value.(type) {
	case bool:
		return &node{location: s.Location + "/" + keyword, always: v, never: !v}
	case *jsonschema.Schema:
		return b.node(v)
	default:
		return nil
	}
}

func (b *builder) dependencies(o *objectNode, s *jsonschema.Schema) {
	for _, property := range slices.Sorted(maps.Keys(s.Dependencies)) {
		d := dependency{keyword: "dependencies", property: property}
		switch v := s.Dependencies[property].(type) {
		case []string:
			d.required = v
		case *jsonschema.Schema:
			d.node = b.node(v)
		}
		o.dependencies = append(o.dependencies, d)
	}
	for _, property := range slices.Sorted(maps.Keys(s.DependentRequired)) {
		o.dependencies = append(o.dependencies, dependency{"dependentRequired", property, s.DependentRequired[property], nil})
	}
	for _, property := range slices.Sorted(maps.Keys(s.DependentSchemas)) {
		o.dependencies = append(o.dependencies, dependency{"dependentSchemas", property, nil, b.node(s.DependentSchemas[property])})
	}
}

func (b *builder) array(n *node, s *jsonschema.Schema) {
	a := &arrayNode{
		minimum:           b.count(s, "minItems", s.MinItems, 0),
		maximum:           b.count(s, "maxItems", s.MaxItems, math.MaxInt),
		unique:            s.UniqueItems,
		contains:          b.node(s.Contains),
		containsMin:       b.count(s, "minContains", s.MinContains, 1),
		containsMax:       b.count(s, "maxContains", s.MaxContains, math.MaxInt),
		containsEvaluates: s.DraftVersion >= since2020,
		unevaluated:       b.node(s.UnevaluatedItems),
	}
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		a.rest = b.node(items)
	case []*jsonschema.Schema:
		a.prefix = b.all(items)
		a.rest = b.additional(s, "additionalItems", s.AdditionalItems)
	}
	if s.DraftVersion >= since2020 {
		a.prefix, a.rest = b.all(s.PrefixItems), b.node(s.Items2020)
	}
	if a.minimum > 0 || a.maximum < math.MaxInt || a.unique || a.contains != nil || a.unevaluated != nil ||
		a.prefix != nil || a.rest != nil {
		n.array = a
	}
}

func (b *builder) text(n *node, s *jsonschema.Schema) {
	t := &stringNode{
		minimum: b.count(s, "minLength", s.MinLength, 0),
		maximum: b.count(s, "maxLength", s.MaxLength, math.MaxInt),
	}
	if s.Pattern != nil {
		t.pattern = s.Pattern.(*pattern)
	}
	if t.minimum > 0 || t.maximum < math.MaxInt || t.pattern != nil {
		n.strings = t
	}
}

// number takes the bounds. In draft-04 the exclusive ones are booleans beside the others.
func (b *builder) number(n *node, s *jsonschema.Schema) {
	var bounds []bound
	for _, bound := range []struct {
		keyword, plain   string
		found            bool
		lower, exclusive bool
	}{
		{"minimum", "minimum", s.Minimum != nil, true, false},
		{"maximum", "maximum", s.Maximum != nil, false, false},
		{"exclusiveMinimum", "minimum", s.ExclusiveMinimum != nil, true, true},
		{"exclusiveMaximum", "maximum", s.ExclusiveMaximum != nil, false, true},
	} {
		if !bound.found {
			continue
		}
		source := bound.keyword
		if _, draft4 := b.objects[s][bound.keyword].(bool); draft4 {
			source = bound.plain
		}
		bounds = append(bounds, b.bound(s, bound.keyword, source, bound.lower, bound.exclusive))
	}
	numbers := &numberNode{bounds: bounds}
	if s.MultipleOf != nil {
		by := b.decimal(s, "multipleOf")
		if by.sign() <= 0 {
			b.fail(s, fmt.Errorf("multipleOf %s is not more than 0", by))
		}
		numbers.multipleOf = &by
	}
	if bounds != nil || numbers.multipleOf != nil {
		n.numbers = numbers
	}
}

func (b *builder) bound(s *jsonschema.Schema, keyword, source string, lower, exclusive bool) bound {
	return bound{keyword: keyword, limit: b.decimal(s, source), lower: lower, exclusive: exclusive}
}

func (b *builder) decimal(s *jsonschema.Schema, keyword string) decimal {
	number, _ := b.objects[s][keyword].(json.Number)
	d, err := parseDecimal(string(number))
	b.fail(s, err)
	return d
}

// count gives a keyword that counts something, and absent where the library saw none.
func (b *builder) count(s *jsonschema.Schema, keyword string, found *int, absent int) int {
	if found == nil {
		return absent
	}
	return b.decimal(s, keyword).count()
}
