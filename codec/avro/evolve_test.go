package avro

import (
	"fmt"
	"slices"
)

// evolve changes a schema the way its owner might: what can be read afterwards and what cannot.
func (g *generator) evolve(s *shape) *shape {
	out := *s
	if s.ref {
		return &out
	}
	switch s.kind {
	case "record":
		g.evolveRecord(&out, s)
	case "array", "map":
		out.items = g.evolve(s.items)
	case "union":
		if g.IntN(6) == 0 {
			return g.evolve(s.branches[g.IntN(len(s.branches))])
		}
		out.branches = nil
		for _, b := range s.branches {
			if len(s.branches) == 1 || g.IntN(8) > 0 {
				out.branches = append(out.branches, g.evolveBranch(b))
			}
		}
		if len(out.branches) == 0 {
			out.branches = s.branches[:1]
		}
		g.Shuffle(len(out.branches), func(i, j int) {
			out.branches[i], out.branches[j] = out.branches[j], out.branches[i]
		})
	case "enum":
		out.symbols = slices.Clone(s.symbols)
		g.Shuffle(len(out.symbols), func(i, j int) { out.symbols[i], out.symbols[j] = out.symbols[j], out.symbols[i] })
		if g.IntN(4) == 0 {
			out.symbols = append(out.symbols[1:], "NEW")
			if g.IntN(2) == 0 {
				out.enumDef = "NEW"
			}
		}
	default:
		if s.logical == "" && g.IntN(4) == 0 {
			to := map[string][]string{"int": {"long", "float", "double"}, "long": {"float", "double"}, "float": {"double"}, "string": {"bytes"}, "bytes": {"string"}}[s.kind]
			if len(to) > 0 {
				out.kind = to[g.IntN(len(to))]
			}
		}
	}
	if s.name == "" && g.IntN(10) == 0 && s.kind != "union" && s.kind != "null" {
		return &shape{kind: "union", branches: []*shape{{kind: "null"}, &out}}
	}
	return &out
}

// evolveBranch leaves the kinds alone, so that a union does not get one twice.
func (g *generator) evolveBranch(s *shape) *shape {
	if s.name == "" && s.kind != "array" && s.kind != "map" {
		return s
	}
	for {
		if b := g.evolve(s); b.kind == s.kind {
			return b
		}
	}
}

func (g *generator) evolveRecord(out, s *shape) {
	out.fields = nil
	for _, f := range s.fields {
		if g.IntN(6) == 0 {
			if defined := f.shape.names(nil); len(defined) == 0 {
				continue
			}
		}
		f.shape = g.evolve(f.shape)
		f.has, f.value = false, nil
		if g.IntN(6) == 0 {
			f.aliases = []string{f.name}
			f.name = "renamed_" + f.name
		}
		out.fields = append(out.fields, f)
	}
	for i := range g.IntN(3) {
		p := g.primitive()
		f := shapeField{name: fmt.Sprintf("new%d", i), shape: p}
		if f.value, f.has = g.defaultFor(p); g.IntN(12) == 0 {
			f.has = false
		}
		out.fields = append(out.fields, f)
	}
	if g.IntN(6) == 0 {
		out.aliases = []string{out.name}
		// Kept under its name, as other parts may name it; the alias must do no harm.
	}
	if len(s.names(nil)) == 1 && g.IntN(3) == 0 {
		g.Shuffle(len(out.fields), func(i, j int) { out.fields[i], out.fields[j] = out.fields[j], out.fields[i] })
	}
}

// names gives the names that a shape defines.
func (s *shape) names(into []string) []string {
	if s.ref {
		return append(into, s.name) // a reader that lost the definition has no use for the name
	}
	if s.name != "" {
		into = append(into, s.name)
	}
	for _, f := range s.fields {
		into = f.shape.names(into)
	}
	for _, b := range s.branches {
		into = b.names(into)
	}
	if s.items != nil {
		into = s.items.names(into)
	}
	return into
}
