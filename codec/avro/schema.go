package avro

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	hamba "github.com/hamba/avro/v2"
)

// Reference is a schema whose named types another one uses. The name is what the registry calls it, and is for messages.
type Reference struct {
	Name string
	Text string
}

// Schema is a parsed schema. It is safe for concurrent use.
type Schema struct {
	text   string
	limits Limits
	root   *node
	typed  *typed
}

// Parse reads a schema. The references come in the order in which they build on each other: each may use the types of
// those before it, and text those of all. Nothing is shared with other schemas. It fails with a *SchemaError.
func Parse(text string, references []Reference, limits Limits) (*Schema, error) {
	limits = limits.withDefaults()
	size := len(text)
	for _, reference := range references {
		size += len(reference.Text)
	}
	if size > limits.SchemaBytes {
		return nil, &SchemaError{Err: fmt.Errorf("%d bytes with its references, %d are allowed: %w", size, limits.SchemaBytes, ErrLimit)}
	}
	p := parser{
		source:   source{limits: &limits},
		compiler: compiler{named: map[string]*node{}},
		cache:    &hamba.SchemaCache{},
	}
	seen := map[Reference]bool{}
	for _, reference := range references {
		if seen[reference] {
			continue
		}
		seen[reference] = true
		if _, _, err := p.parse(reference.Text); err != nil {
			return nil, &SchemaError{Reference: reference.Name, Err: err}
		}
	}
	root, schema, err := p.parse(text)
	if err != nil {
		return nil, &SchemaError{Err: err}
	}
	s := &Schema{text: text, limits: limits, root: root}
	s.typed = &typed{root: root, decoding: schema, api: newAPI(&limits)}
	for _, d := range p.compiler.defaults {
		d.field.makeDefault(&s.limits)
		if d.field.usable() == nil {
			d.source.offerDefault(d.field.node)
		}
	}
	s.typed.encoding = sync.OnceValues(p.withDefaults)
	return s, nil
}

// Text is what was parsed.
func (s *Schema) Text() string { return s.text }

// Type is the type of the whole: record, bytes, union ...
func (s *Schema) Type() string { return s.root.kind.String() }

// Name is the full name of a record, an enum or a fixed; empty for the other types.
func (s *Schema) Name() string { return s.root.name }

// Check says whether data is exactly one value of the schema, within the limits. It costs no allocation, and time linear
// in len(data). It fails with a *DecodeError.
func (s *Schema) Check(data []byte) error { return s.root.check(data, &s.limits) }

// Encode writes a generic value. It fails with a *PathError.
func (s *Schema) Encode(value any) ([]byte, error) {
	e := encoder{limits: &s.limits, work: s.limits.Work}
	if err := e.value(s.root, value); err != nil {
		return nil, asPath(err)
	}
	if len(e.out) > s.limits.Bytes {
		return nil, &PathError{Err: errWritten}
	}
	return e.out, nil
}

// parser reads texts that build on each other.
type parser struct {
	source   source
	compiler compiler
	cache    *hamba.SchemaCache
	sources  []any
}

func (p *parser) parse(text string) (*node, hamba.Schema, error) {
	document, err := p.source.read(text)
	if err != nil {
		return nil, nil, err
	}
	schema, err := parseWith(document, p.cache)
	if err != nil {
		return nil, nil, err
	}
	root, err := p.compiler.compile(document, schema)
	if err != nil {
		return nil, nil, err
	}
	p.sources = append(p.sources, document)
	return root, schema, nil
}

func parseWith(document any, cache *hamba.SchemaCache) (hamba.Schema, error) {
	text, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	schema, err := hamba.ParseWithCache(string(text), "", cache)
	if err != nil {
		return nil, fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "avro: "))
	}
	return schema, nil
}

// withDefaults parses the schema once more, with the defaults that the library may have.
func (p *parser) withDefaults() (hamba.Schema, error) {
	cache := &hamba.SchemaCache{}
	var schema hamba.Schema
	for _, document := range p.sources {
		var err error
		if schema, err = parseWith(document, cache); err != nil {
			return nil, err
		}
	}
	return schema, nil
}

// compiler turns the library's schema into nodes. The JSON goes along, for what the library's does not keep: exact
// defaults, and logical types that it does not know.
type compiler struct {
	named    map[string]*node
	defaults []fieldDefault
}

type fieldDefault struct {
	field  *field
	source *sourceField
}

func (c *compiler) compile(document any, schema hamba.Schema) (*node, error) {
	if ref, ok := schema.(*hamba.RefSchema); ok {
		schema = ref.Schema()
	}
	object, _ := document.(map[string]any)
	if inner, ok := object["type"].([]any); ok {
		document = inner // an object around a union, which the library allows
	}
	if named, ok := schema.(hamba.NamedSchema); ok && !defines(object) {
		n, found := c.named[named.FullName()]
		if !found {
			return nil, fmt.Errorf("unknown type: %s", named.FullName())
		}
		return n, nil
	}
	switch schema := schema.(type) {
	case *hamba.RecordSchema:
		return c.record(object, schema)
	case *hamba.EnumSchema:
		return c.enum(schema)
	case *hamba.FixedSchema:
		return c.fixed(object, schema)
	case *hamba.ArraySchema:
		return c.items(kindArray, object["items"], schema.Items())
	case *hamba.MapSchema:
		return c.items(kindMap, object["values"], schema.Values())
	case *hamba.UnionSchema:
		return c.union(document, schema)
	case *hamba.NullSchema:
		return &node{kind: kindNull}, nil
	case *hamba.PrimitiveSchema:
		return primitive(object, schema.Type())
	default:
		return nil, fmt.Errorf("unknown type: %s", schema.Type())
	}
}

func defines(object map[string]any) bool {
	switch object["type"] {
	case "record", "error", "enum", "fixed":
		return true
	}
	return false
}

func (c *compiler) define(kind kind, schema hamba.NamedSchema) (*node, error) {
	n := &node{kind: kind, name: schema.FullName(), short: schema.Name()}
	if _, taken := c.named[n.name]; taken {
		return nil, fmt.Errorf("the type %s is defined twice", n.name)
	}
	if aliased, ok := schema.(interface{ Aliases() []string }); ok {
		n.aliases = aliased.Aliases()
	}
	c.named[n.name] = n
	return n, nil
}

func (c *compiler) record(object map[string]any, schema *hamba.RecordSchema) (*node, error) {
	n, err := c.define(kindRecord, schema)
	if err != nil {
		return nil, err
	}
	sources, _ := object["fields"].([]*sourceField)
	n.fields = make([]field, len(sources))
	n.indexes = make(map[string]int, len(sources))
	for i, f := range schema.Fields() {
		inner, err := c.compile(sources[i].Type, f.Type())
		if err != nil {
			return nil, err
		}
		n.indexes[f.Name()] = i
		n.fields[i] = field{name: f.Name(), aliases: f.Aliases(), node: inner}
		if sources[i].hasValue {
			n.fields[i].value = &defaultValue{json: sources[i].value}
			c.defaults = append(c.defaults, fieldDefault{field: &n.fields[i], source: sources[i]})
		}
	}
	return n, nil
}

func (c *compiler) enum(schema *hamba.EnumSchema) (*node, error) {
	n, err := c.define(kindEnum, schema)
	if err != nil {
		return nil, err
	}
	n.symbols = schema.Symbols()
	n.symbolIndex = make(map[string]int, len(n.symbols))
	for i, symbol := range n.symbols {
		n.symbolIndex[symbol] = i
	}
	n.symbolDefault = slices.Index(n.symbols, schema.Default())
	return n, nil
}

func (c *compiler) fixed(object map[string]any, schema *hamba.FixedSchema) (*node, error) {
	n, err := c.define(kindFixed, schema)
	if err != nil {
		return nil, err
	}
	n.size = schema.Size()
	switch name := object["logicalType"]; {
	case name == "decimal":
		// Of size bytes in two's complement, every number of this many digits fits: floor(log10(2^(8*size-1) - 1)).
		if object["precision"].(int) <= (8*n.size-1)*30103/100000 && n.size <= decimalBytesMax {
			n.decimal(object)
		}
	case name == "duration" && n.size == 12:
		n.logical = logicalDuration
	case name == "uuid" && n.size == 16:
		n.logical = logicalUUID
	}
	return n, nil
}

func (n *node) decimal(object map[string]any) {
	n.logical = logicalDecimal
	n.precision = object["precision"].(int)
	n.scale = object["scale"].(int)
}

func (c *compiler) items(kind kind, document any, schema hamba.Schema) (*node, error) {
	items, err := c.compile(document, schema)
	if err != nil {
		return nil, err
	}
	return &node{kind: kind, items: items}, nil
}

func (c *compiler) union(document any, schema *hamba.UnionSchema) (*node, error) {
	documents, _ := document.([]any)
	n := &node{kind: kindUnion, branches: make([]*node, len(documents))}
	for i, branch := range schema.Types() {
		var err error
		if n.branches[i], err = c.compile(documents[i], branch); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func primitive(object map[string]any, typ hamba.Type) (*node, error) {
	n := &node{}
	for k := kindNull; k <= kindString; k++ {
		if k.String() == string(typ) {
			n.kind = k
		}
	}
	name, _ := object["logicalType"].(string)
	if n.kind == kindBytes && name == "decimal" {
		n.decimal(object)
		return n, nil
	}
	for l := logicalUUID; l <= logicalLocalNanos; l++ {
		if l.String() == name && l.kind() == n.kind {
			n.logical = l
		}
	}
	return n, nil
}
