package jsonschema

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
)

// generator makes schemas and documents that have something to do with one another: few names, few values.
type generator struct {
	*rand.Rand
	draft int // 4, 6, 7, 2019 or 2020
}

func newGenerator(seed uint64) *generator { return &generator{Rand: rand.New(rand.NewPCG(seed, 7))} }

func dialectOf(draft int) string {
	switch draft {
	case 2019, 2020:
		return fmt.Sprintf("https://json-schema.org/draft/%s/schema", map[int]string{2019: "2019-09", 2020: "2020-12"}[draft])
	default:
		return fmt.Sprintf("http://json-schema.org/draft-0%d/schema#", draft)
	}
}

// root is a schema with definitions, to which all schemas may refer.
func (g *generator) root() map[string]any {
	drafts := []int{4, 6, 7, 2019, 2020}
	g.draft = drafts[g.IntN(len(drafts))]
	root, _ := g.keywords(3).(map[string]any)
	if root == nil {
		root = map[string]any{}
	}
	definitions := map[string]any{}
	for i := range 3 {
		definitions[strconv.Itoa(i)] = g.keywords(2)
	}
	root["definitions"] = definitions
	root["$schema"] = dialectOf(g.draft)
	return root
}

func (g *generator) schema(depth int) any {
	switch {
	case g.draft > 4 && g.IntN(12) == 0:
		return g.IntN(3) > 0
	case g.IntN(8) == 0:
		return map[string]any{"$ref": "#/definitions/" + strconv.Itoa(g.IntN(3))}
	case g.IntN(40) == 0:
		return map[string]any{"$ref": "#"}
	default:
		return g.keywords(depth - 1)
	}
}

func (g *generator) schemas(depth int) []any {
	out := make([]any, 1+g.IntN(3))
	for i := range out {
		out[i] = g.schema(depth)
	}
	return out
}

func (g *generator) keywords(depth int) any {
	out := map[string]any{}
	for range 1 + g.IntN(3) {
		if depth <= 0 || g.IntN(3) == 0 {
			g.assertion(out)
		} else {
			g.applicator(out, depth)
		}
	}
	return out
}

func (g *generator) assertion(out map[string]any) {
	small := g.IntN(4)
	switch g.IntN(19) {
	case 0, 1, 2:
		out["type"] = g.typeName()
	case 3:
		types := []any{g.typeName()}
		if other := g.typeName(); other != types[0] {
			types = append(types, other)
		}
		out["type"] = types
	case 4:
		out["const"] = g.value(2)
	case 5:
		out["enum"] = []any{g.value(1), map[string]any{"only": "here"}, g.IntN(100) + 50}
	case 6:
		out["minimum"] = small
	case 7:
		out["maximum"] = small
	case 8:
		if g.draft > 4 {
			out["exclusiveMinimum"] = small
		} else {
			out["minimum"], out["exclusiveMinimum"] = small, true
		}
	case 9:
		out["multipleOf"] = json.Number([]string{"0.5", "2", "0.1", "1e-3", "3"}[g.IntN(5)])
	case 10:
		out["minLength"] = small
	case 11:
		out["maxLength"] = small
	case 12:
		out["pattern"] = g.pattern()
	case 13:
		out["minItems"] = small
	case 14:
		out["maxItems"] = small
	case 15:
		out["uniqueItems"] = true
	case 16:
		out["required"] = []any{g.name()}
	case 17:
		out["minProperties"] = small
	default:
		out["maxProperties"] = small
	}
}

func (g *generator) applicator(out map[string]any, depth int) {
	switch g.IntN(20) {
	case 0, 1, 2:
		out["properties"] = map[string]any{g.name(): g.schema(depth), g.name(): g.schema(depth)}
	case 3:
		out["patternProperties"] = map[string]any{g.pattern(): g.schema(depth)}
	case 4:
		out["additionalProperties"] = g.schema(depth)
	case 5:
		out["propertyNames"] = g.schema(depth)
	case 6:
		out["dependencies"] = map[string]any{g.name(): []any{g.name()}, g.name(): g.schema(depth)}
	case 7:
		out["dependentSchemas"] = map[string]any{g.name(): g.schema(depth)}
		out["dependentRequired"] = map[string]any{g.name(): []any{g.name()}}
	case 8, 9:
		out["items"] = g.schema(depth)
	case 10:
		if g.draft < 2020 {
			out["items"] = g.schemas(depth)
			out["additionalItems"] = g.schema(depth)
		} else {
			out["prefixItems"] = g.schemas(depth)
		}
	case 11:
		out["contains"] = g.schema(depth)
		if g.IntN(2) == 0 {
			out["minContains"] = g.IntN(3)
			out["maxContains"] = 1 + g.IntN(3)
		}
	case 12:
		out["not"] = g.schema(depth)
	case 13:
		out["allOf"] = g.schemas(depth)
	case 14, 15:
		out["anyOf"] = g.schemas(depth)
	case 16:
		out["oneOf"] = g.schemas(depth)
	case 17:
		out["if"], out["then"], out["else"] = g.schema(depth), g.schema(depth), g.schema(depth)
	case 18:
		out["unevaluatedProperties"] = g.schema(depth)
	default:
		out["unevaluatedItems"] = g.schema(depth)
	}
}

func (g *generator) typeName() string { return typeNames()[g.IntN(7)] }

func (g *generator) name() string { return []string{"a", "b", "ab", ""}[g.IntN(4)] }

func (g *generator) pattern() string { return []string{"a", "^b", "b$", "^$", "\\u0061b"}[g.IntN(4)] }

func (g *generator) value(depth int) any {
	kind := g.IntN(7)
	if depth == 0 {
		kind = g.IntN(5)
	}
	switch kind {
	case 0:
		return nil
	case 1:
		return g.IntN(2) == 0
	case 2, 3:
		return json.Number([]string{"0", "1", "2", "3", "1.0", "2.5", "1e0", "-1", "0.1", "30e-1", "9007199254740993"}[g.IntN(11)])
	case 4:
		return []string{"", "a", "b", "ab", "ä", "aba"}[g.IntN(6)]
	case 5:
		out := make([]any, g.IntN(4))
		for i := range out {
			out[i] = g.value(depth - 1)
		}
		return out
	default:
		out := map[string]any{}
		for range g.IntN(4) {
			out[g.name()] = g.value(depth - 1)
		}
		return out
	}
}
