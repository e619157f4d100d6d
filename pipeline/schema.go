package pipeline

import (
	_ "embed" // the schema is a file, so that it can be read as one
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

//go:embed schema.json
var schemaSource string

// Schema is the JSON Schema (draft 2020-12) that Load validates with.
func Schema() []byte { return []byte(schemaSource) }

// schemaNode is a part of the schema as the override, the suggestions and the reference look at it.
type schemaNode map[string]any

// loadSchema parses and compiles the schema once. It is part of the program, so a fault in it is a bug and panics.
var loadSchema = sync.OnceValue(func() (s struct {
	root     schemaNode
	compiled *jsonschema.Schema
},
) {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(schemaSource))
	if err != nil {
		panic(fmt.Sprintf("schema.json: %v", err))
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	for name, check := range formats() {
		compiler.RegisterFormat(&jsonschema.Format{Name: name, Validate: check})
	}
	const url = "troupe:schema.json"
	if err := compiler.AddResource(url, doc); err != nil {
		panic(fmt.Sprintf("schema.json: %v", err))
	}
	s.compiled = compiler.MustCompile(url)
	s.root, _ = doc.(map[string]any)
	return s
})

func rootSchema() schemaNode { return loadSchema().root }

// get follows keys down through objects, and gives nil where there is none.
func (s schemaNode) get(keys ...string) schemaNode {
	for _, key := range keys {
		next, _ := s[key].(map[string]any)
		s = next
	}
	if s == nil {
		return nil
	}
	return s.resolved()
}

// resolved merges what a $ref points to with what stands beside it.
func (s schemaNode) resolved() schemaNode {
	ref, ok := s["$ref"].(string)
	if !ok {
		return s
	}
	target := rootSchema().get("$defs", strings.TrimPrefix(ref, "#/$defs/"))
	merged := maps.Clone(target)
	maps.Copy(merged, s)
	delete(merged, "$ref")
	return merged
}

func (s schemaNode) property(name string) schemaNode { return s.get("properties", name) }
func (s schemaNode) items() schemaNode               { return s.get("items") }
func (s schemaNode) values() schemaNode              { return s.get("additionalProperties") }
func (s schemaNode) freeForm() bool                  { return s.values() != nil }

// names are the properties, sorted.
func (s schemaNode) names() []string {
	properties, _ := s["properties"].(map[string]any)
	return slices.Sorted(maps.Keys(properties))
}

// available are the properties that this version does something with, sorted.
func (s schemaNode) available() []string {
	return slices.DeleteFunc(s.names(), func(name string) bool {
		description, _ := s.property(name)["description"].(string)
		return strings.Contains(description, "Not available in this version.")
	})
}

// takesText says that a value is text whatever it looks like, so that a token of digits or the jq program true need no
// quotes.
func (s schemaNode) takesText() bool {
	what, special := s["x-kind"]
	return slices.Equal(s.types(), []string{"string"}) && (!special || what == "jq")
}

func (s schemaNode) types() []string {
	switch t := s["type"].(type) {
	case string:
		return []string{t}
	case []any:
		names := make([]string, 0, len(t))
		for _, name := range t {
			names = append(names, fmt.Sprint(name))
		}
		return names
	default:
		return nil
	}
}

// plain is the tree as the schema library takes it. A null is a key that was not given, except where the schema says
// that null is a value.
func (n *node) plain(schema schemaNode) any {
	switch n.kind {
	case mapping:
		object := make(map[string]any, len(n.entries))
		for _, e := range n.entries {
			property := schema.property(e.key.text)
			if property == nil {
				property = schema.values()
			}
			if e.value.null() && property != nil && !slices.Contains(property.types(), "null") {
				continue
			}
			object[e.key.text] = e.value.plain(property)
		}
		return object
	case sequence:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = item.plain(schema.items())
		}
		return list
	case scalar:
		if value := n.value(); value == nil || !schema.takesText() {
			return value
		}
		return n.text
	default:
		panic("unknown kind of node")
	}
}

// validate reports where the tree is not what the schema says.
func validate(root *node, r *report) {
	err := loadSchema().compiled.Validate(root.plain(rootSchema()))
	var invalid *jsonschema.ValidationError
	if errors.As(err, &invalid) {
		explain(root, invalid, r)
	}
}

// explain reports the leaves of the library's tree of errors.
func explain(root *node, invalid *jsonschema.ValidationError, r *report) {
	if len(invalid.Causes) > 0 {
		for _, cause := range invalid.Causes {
			explain(root, cause, r)
		}
		return
	}
	at, schema := locate(root, invalid.InstanceLocation)
	switch k := invalid.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			r.suggest(at.key(name), nearest(name, schema.names()), "unknown key")
		}
	case *kind.Required:
		for _, name := range k.Missing {
			missing := *at
			missing.path = join(at.path, name)
			r.add(&missing, "missing")
		}
	case *kind.Type:
		r.add(at, "want %s, got %s", wanted(schema), described(at))
	case *kind.Enum:
		words := make([]string, len(k.Want))
		for i, word := range k.Want {
			words[i] = fmt.Sprint(word)
		}
		r.suggest(at, nearest(at.text, words), "%s is none of %s", described(at), strings.Join(words, ", "))
	case *kind.Format:
		if at.isSecret() {
			r.add(at, "the value is not what %s takes", at.path)
			return
		}
		r.add(at, "%v", k.Err)
	case *kind.Minimum:
		r.add(at, "%s is less than %s", described(at), k.Want.RatString())
	case *kind.ExclusiveMinimum:
		r.add(at, "%s is not more than %s", described(at), k.Want.RatString())
	case *kind.Maximum:
		r.add(at, "%s is more than %s", described(at), k.Want.RatString())
	case *kind.Not:
		r.add(at, "%s is not allowed", described(at))
	case *kind.MinItems, *kind.MinLength:
		r.add(at, "must not be empty")
	case *kind.MaxItems:
		r.add(at, "has %d entries, at most %d are allowed", k.Got, k.Want)
	case *kind.MaxLength:
		r.add(at, "has %d characters, at most %d are allowed", k.Got, k.Want)
	case *kind.MinProperties, *kind.MaxProperties:
		r.add(at, "want exactly one of %s", strings.Join(schema.available(), ", "))
	default:
		r.add(at, "%v", invalid)
	}
}

// key is the node of a key, for faults about the key itself.
func (n *node) key(name string) *node {
	for _, e := range n.entries {
		if e.key.text == name {
			return e.key
		}
	}
	return n
}

// locate finds the node and the schema at a location of the library's.
func locate(root *node, location []string) (*node, schemaNode) {
	n, schema := root, rootSchema()
	for _, key := range location {
		if i, err := strconv.Atoi(key); err == nil && n.kind == sequence && i < len(n.items) {
			n, schema = n.items[i], schema.items()
			continue
		}
		child := n.child(key)
		if child == nil {
			break
		}
		next := schema.property(key)
		if next == nil {
			next = schema.values()
		}
		n, schema = child, next
	}
	return n, schema
}

// wanted says in words what a value should be.
func wanted(schema schemaNode) string {
	if kindName, ok := schema["x-kind"].(string); ok {
		return map[string]string{
			"duration":         `a duration like "5s"`,
			"duration or none": `a duration like "5s", or none`,
			"size":             `a size like "256MiB"`,
			"jq":               "a jq program",
		}[kindName]
	}
	var names []string
	for _, name := range schema.types() {
		switch name {
		case "null":
		case "array":
			names = append(names, "a list")
		case "object":
			names = append(names, "a mapping")
		case "integer":
			names = append(names, "a whole number")
		case "boolean":
			names = append(names, "true or false")
		default:
			names = append(names, "a "+name)
		}
	}
	return strings.Join(names, " or ")
}

// described says what a value is. It shows no value that may be secret.
func described(n *node) string {
	switch n.kind {
	case mapping:
		return "a mapping"
	case sequence:
		return "a list"
	case scalar:
	}
	if n.isSecret() {
		return "the value"
	}
	text := n.text
	if len(text) > 80 {
		text = strings.ToValidUTF8(text[:80], "") + "..."
	}
	switch n.value().(type) {
	case nil:
		return "nothing"
	case string:
		return strconv.Quote(text)
	default:
		return text
	}
}
