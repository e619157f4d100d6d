package jsonschema

import (
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// extension is the URI of a vocabulary without keywords, through which the library shows each schema that it compiles.
const extension = base + "vocabulary"

// compiled is a schema of the library and the object that it was made of.
type compiled struct {
	schema *jsonschema.Schema
	object map[string]any
}

// compilation has the library compile a schema with its references.
type compilation struct {
	limits   *Limits
	patterns patterns
	schemas  []compiled
	nodes    int
}

// compile makes the nodes of a schema. It fails with a *SchemaError.
func (s *Schema) compile(root any, references []named) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = &SchemaError{Err: fmt.Errorf("the compiler failed: %s", clip(fmt.Sprint(fault)))}
		}
	}()
	shelf, err := newShelf(root, references, &s.limits)
	if err != nil {
		return err
	}
	c := compilation{limits: &s.limits, patterns: patterns{known: map[string]*pattern{}}}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(dialect(root))
	compiler.UseLoader(shelf)
	compiler.UseRegexpEngine(c.patterns.engine)
	compiler.RegisterVocabulary(&jsonschema.Vocabulary{URL: extension, Compile: c.see})
	compiler.AssertVocabs()
	for _, reference := range references {
		if _, err := compiler.Compile(shelf.uri(reference.name)); err != nil {
			return &SchemaError{Reference: reference.name, Err: c.explain(err)}
		}
	}
	top, err := compiler.Compile(base)
	if err != nil {
		return &SchemaError{Err: c.explain(err)}
	}
	b := newBuilder(c.schemas)
	s.root = b.node(top)
	s.nodes = len(b.nodes) + 1
	s.dynamic = b.dynamic
	if b.err != nil {
		return &SchemaError{Err: b.err}
	}
	return nil
}

// see is called for each schema that is an object. Different URIs and pointers may lead to the same place, so that there
// can be more schemas than there are objects in the texts. They are counted when the library queues them, which takes it
// time in proportion to the length of the queue.
func (c *compilation) see(ctx *jsonschema.CompilerContext, object map[string]any) (jsonschema.SchemaExt, error) {
	for keyword, value := range object {
		c.nodes += subschemas(keyword, value)
	}
	if c.nodes > 2*c.limits.SchemaNodes {
		return nil, fmt.Errorf("more than %d schemas: %w", 2*c.limits.SchemaNodes, ErrLimit)
	}
	c.schemas = append(c.schemas, compiled{ctx.Enqueue(nil), object})
	return nil, nil
}

// subschemas is how many schemas a keyword may have.
func subschemas(keyword string, value any) int {
	switch keyword {
	case "allOf", "anyOf", "oneOf", "prefixItems", "items":
		if list, ok := value.([]any); ok {
			return len(list)
		}
		return 1
	case "properties", "patternProperties", "dependencies", "dependentSchemas":
		members, _ := value.(map[string]any)
		return len(members)
	case "not", "if", "then", "else", "contains", "propertyNames", "additionalItems", "additionalProperties",
		"unevaluatedItems", "unevaluatedProperties", "$ref", "$dynamicRef", "$recursiveRef":
		return 1
	default:
		return 0
	}
}

// dialect is that of schemas without $schema: the root's for its references, and draft-07 for the root, as in Confluent's
// registry.
func dialect(root any) *jsonschema.Draft {
	object, _ := root.(map[string]any)
	uri, _ := object["$schema"].(string)
	_, path, _ := strings.Cut(strings.TrimSuffix(uri, "#"), "://")
	for _, draft := range []*jsonschema.Draft{jsonschema.Draft4, jsonschema.Draft6, jsonschema.Draft2019, jsonschema.Draft2020} {
		if _, known, _ := strings.Cut(draft.String(), "://"); path == known {
			return draft
		}
	}
	return jsonschema.Draft7
}

// explain says in few words what the library found. Its own messages can be as long as the schema.
func (c *compilation) explain(err error) error {
	var unknown *jsonschema.LoadURLError
	var invalid *jsonschema.SchemaValidationError
	switch {
	case c.patterns.failed != nil:
		return c.patterns.failed
	case errors.Is(err, ErrLimit):
		return err
	case errors.As(err, &unknown):
		return unknown.Err
	case errors.As(err, &invalid):
		return explainInvalid(invalid)
	default:
		return errors.New(clipTo(strings.ReplaceAll(err.Error(), base, ""), locationMax))
	}
}

// explainInvalid names the first fault that the library found in a schema by its draft's own schema.
func explainInvalid(invalid *jsonschema.SchemaValidationError) error {
	var first *jsonschema.ValidationError
	if !errors.As(invalid.Err, &first) {
		return errors.New(clipTo(invalid.Err.Error(), locationMax))
	}
	for len(first.Causes) > 0 {
		first = first.Causes[0]
	}
	var at []step
	for _, name := range first.InstanceLocation {
		at = append(at, step{name, -1})
	}
	place := strings.TrimSuffix(described(invalid.URL), "/") + pointer(at)
	return fmt.Errorf("%s: not a valid schema: %s", place, reason(first))
}

// reason is what the library says about one fault, without the place.
func reason(fault *jsonschema.ValidationError) string {
	text := (&jsonschema.ValidationError{ErrorKind: fault.ErrorKind}).Error()
	_, text, _ = strings.Cut(text, ": ")
	return clipTo(text, locationMax)
}
