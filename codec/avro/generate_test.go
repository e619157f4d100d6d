package avro

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// shape is a random schema before it is text. Named types are defined where they come first; later uses are refs.
type shape struct {
	kind      string
	logical   string
	name      string
	aliases   []string
	ref       bool
	fields    []shapeField
	items     *shape
	branches  []*shape
	symbols   []string
	enumDef   string
	size      int
	precision int
	scale     int
}

type shapeField struct {
	name    string
	aliases []string
	shape   *shape
	value   any
	has     bool
}

func (s *shape) json() any {
	if s.ref {
		return s.name
	}
	out := map[string]any{"type": s.kind}
	if s.logical != "" {
		out["logicalType"] = s.logical
		if s.logical == "decimal" {
			out["precision"], out["scale"] = s.precision, s.scale
		}
	}
	if s.name != "" {
		out["name"] = s.name
	}
	if s.aliases != nil {
		out["aliases"] = s.aliases
	}
	switch s.kind {
	case "record":
		fields := []any{}
		for _, f := range s.fields {
			field := map[string]any{"name": f.name, "type": f.shape.json()}
			if f.aliases != nil {
				field["aliases"] = f.aliases
			}
			if f.has {
				field["default"] = f.value
			}
			fields = append(fields, field)
		}
		out["fields"] = fields
	case "enum":
		out["symbols"] = s.symbols
		if s.enumDef != "" {
			out["default"] = s.enumDef
		}
	case "fixed":
		out["size"] = s.size
	case "array":
		out["items"] = s.items.json()
	case "map":
		out["values"] = s.items.json()
	case "union":
		branches := []any{}
		for _, b := range s.branches {
			branches = append(branches, b.json())
		}
		return branches
	default:
		if len(out) == 1 {
			return s.kind
		}
	}
	return out
}

func (s *shape) text() string {
	text, err := json.Marshal(s.json())
	if err != nil {
		panic(err)
	}
	return string(text)
}

// generator makes random schemas, values and evolutions of schemas.
type generator struct {
	*rand.Rand
	names  int
	left   int      // values that the payload may still have
	spaces bool     // whether names have namespaces: hamba knows no way to name, from within one, a type without
	open   []*shape // records that are being made, which their parts may name
	done   []*shape // named types that are complete
}

func newGenerator(seed uint64) *generator { return &generator{Rand: rand.New(rand.NewPCG(seed, 6))} }

func (g *generator) name() string {
	g.names++
	if g.spaces {
		return fmt.Sprintf("ns%d.T%d", g.IntN(2), g.names)
	}
	return fmt.Sprintf("T%d", g.names)
}

func (g *generator) schema() *shape {
	g.names, g.open, g.done, g.spaces = 0, nil, nil, g.IntN(2) == 0
	if g.IntN(4) == 0 {
		return g.shape(0)
	}
	return g.record(0)
}

func (g *generator) shape(depth int) *shape {
	roll := g.IntN(20)
	switch {
	case depth >= 4 || roll < 10:
		return g.primitive()
	case roll < 12:
		return g.record(depth)
	case roll == 12:
		return &shape{kind: "array", items: g.shape(depth + 1)}
	case roll == 13:
		return &shape{kind: "map", items: g.shape(depth + 1)}
	case roll < 17:
		return g.union(depth)
	case roll == 17 && len(g.done) > 0:
		named := g.done[g.IntN(len(g.done))]
		return &shape{kind: named.kind, name: named.name, ref: true}
	case roll == 18 && len(g.open) > 0:
		return g.recursion()
	default:
		return g.named()
	}
}

func (g *generator) recursion() *shape {
	open := g.open[g.IntN(len(g.open))]
	ref := &shape{kind: open.kind, name: open.name, ref: true}
	switch g.IntN(3) {
	case 0:
		return &shape{kind: "array", items: ref}
	case 1:
		return &shape{kind: "map", items: ref}
	default:
		return &shape{kind: "union", branches: []*shape{{kind: "null"}, ref}}
	}
}

func (g *generator) primitive() *shape {
	kinds := []string{"null", "boolean", "int", "long", "float", "double", "bytes", "string"}
	s := &shape{kind: kinds[g.IntN(len(kinds))]}
	if g.IntN(3) > 0 {
		return s
	}
	switch s.kind {
	case "int":
		s.logical = []string{"date", "time-millis"}[g.IntN(2)]
	case "long":
		s.logical = []string{"time-micros", "timestamp-millis", "timestamp-micros", "timestamp-nanos", "local-timestamp-millis", "local-timestamp-micros"}[g.IntN(6)]
	case "bytes":
		s.logical = "decimal"
		s.precision = 1 + g.IntN(40)
		s.scale = g.IntN(s.precision + 1)
	case "string":
		s.logical = "uuid"
	}
	return s
}

func (g *generator) named() *shape {
	s := &shape{name: g.name()}
	if g.IntN(2) == 0 {
		s.kind = "enum"
		for i := range 1 + g.IntN(5) {
			s.symbols = append(s.symbols, fmt.Sprintf("S%d", i))
		}
	} else {
		s.kind = "fixed"
		s.size = g.IntN(20)
		switch g.IntN(4) {
		case 0:
			s.size, s.logical = 12, "duration"
		case 1:
			s.size, s.logical = 1+g.IntN(16), "decimal"
			s.precision = 1 + g.IntN((8*s.size-1)*30103/100000)
			s.scale = g.IntN(s.precision + 1)
		}
	}
	g.done = append(g.done, s)
	return s
}

func (g *generator) record(depth int) *shape {
	s := &shape{kind: "record", name: g.name()}
	g.open = append(g.open, s)
	for i := range g.IntN(6) {
		f := shapeField{name: fmt.Sprintf("f%d", i), shape: g.shape(depth + 1)}
		if g.IntN(3) == 0 {
			f.value, f.has = g.defaultFor(f.shape)
		}
		s.fields = append(s.fields, f)
	}
	g.open = g.open[:len(g.open)-1]
	g.done = append(g.done, s)
	return s
}

func (g *generator) union(depth int) *shape {
	s := &shape{kind: "union"}
	seen := map[string]bool{}
	for range 1 + g.IntN(4) {
		b := &shape{kind: "null"}
		if g.IntN(3) > 0 {
			b = g.shape(depth + 1)
		}
		key := b.kind
		if b.name != "" {
			key = b.name
		}
		if b.kind != "union" && !seen[key] {
			seen[key] = true
			s.branches = append(s.branches, b)
			continue
		}
		lost := b.names(nil)
		g.done = slices.DeleteFunc(g.done, func(named *shape) bool { return slices.Contains(lost, named.name) })
	}
	if len(s.branches) == 0 {
		s.branches = []*shape{{kind: "null"}}
	}
	return s
}

// defaultFor gives a default for types that have a simple one.
func (g *generator) defaultFor(s *shape) (any, bool) {
	switch {
	case s.ref:
		return nil, false
	case s.kind == "null":
		return nil, true
	case s.kind == "boolean":
		return g.IntN(2) == 0, true
	case s.kind == "int", s.kind == "long":
		return g.IntN(1000) - 500, true
	case s.kind == "float", s.kind == "double":
		return float64(g.IntN(100)) / 4, true
	case s.kind == "string":
		return "default", true
	case s.kind == "bytes":
		return "\u0001\u00ff", true
	case s.kind == "array":
		return []any{}, true
	case s.kind == "map":
		return map[string]any{}, true
	case s.kind == "enum":
		return s.symbols[g.IntN(len(s.symbols))], true
	case s.kind == "union":
		return g.defaultFor(s.branches[0])
	}
	return nil, false
}

// value writes a random value, if the type has a finite one.
func (g *generator) value(n *node) ([]byte, bool) {
	g.left = 1000
	data := g.payload(nil, n, 0)
	return data, g.left > 0
}

// payload writes a random value in all the forms that the binary encoding has for it.
func (g *generator) payload(out []byte, n *node, depth int) []byte {
	if g.left--; g.left <= 0 {
		return out
	}
	switch n.kind {
	case kindNull:
		return out
	case kindBoolean:
		return append(out, byte(g.IntN(2)))
	case kindInt:
		return binary.AppendVarint(out, int64(int32(g.long())))
	case kindLong:
		v := g.long()
		if n.logical == logicalTimeMicros || n.logical == logicalLocalMicros || n.logical == logicalTimestampMicros {
			v %= 1 << 52 // so that the libraries' time.Duration and time.Time have room for it
		}
		return binary.AppendVarint(out, v)
	case kindFloat:
		if g.IntN(10) == 0 {
			return binary.LittleEndian.AppendUint32(out, math.Float32bits([]float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0}[g.IntN(4)]))
		}
		return binary.LittleEndian.AppendUint32(out, g.Uint32())
	case kindDouble:
		if g.IntN(10) == 0 {
			return binary.LittleEndian.AppendUint64(out, math.Float64bits([]float64{math.NaN(), math.Inf(1), math.Inf(-1), 0.1}[g.IntN(4)]))
		}
		return binary.LittleEndian.AppendUint64(out, g.Uint64())
	case kindBytes:
		size := g.IntN(20)
		if n.logical == logicalDecimal {
			size = 1 + g.IntN(20)
		}
		return append(binary.AppendVarint(out, int64(size)), g.random(size)...)
	case kindString:
		return g.string(out)
	case kindFixed:
		return append(out, g.random(n.size)...)
	case kindEnum:
		return binary.AppendVarint(out, int64(g.IntN(len(n.symbols))))
	case kindUnion:
		i := g.IntN(len(n.branches))
		if depth > 6 {
			i = max(0, slices.IndexFunc(n.branches, func(b *node) bool { return b.kind == kindNull }))
		}
		return g.payload(binary.AppendVarint(out, int64(i)), n.branches[i], depth+1)
	case kindRecord:
		for i := range n.fields {
			out = g.payload(out, n.fields[i].node, depth+1)
		}
		return out
	case kindArray, kindMap:
		return g.blocks(out, n, depth)
	}
	panic("unknown kind")
}

func (g *generator) blocks(out []byte, n *node, depth int) []byte {
	for range g.IntN(3) {
		count := 1 + g.IntN(3)
		if depth > 6 {
			break
		}
		var block []byte
		for range count {
			if n.kind == kindMap {
				block = g.string(block)
			}
			block = g.payload(block, n.items, depth+1)
		}
		if g.IntN(2) == 0 {
			out = binary.AppendVarint(binary.AppendVarint(out, int64(-count)), int64(len(block)))
		} else {
			out = binary.AppendVarint(out, int64(count))
		}
		out = append(out, block...)
	}
	return append(out, 0)
}

func (g *generator) long() int64 {
	return int64(g.Uint64()) >> g.IntN(64)
}

func (g *generator) random(size int) []byte {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(g.Uint32())
	}
	return data
}

func (g *generator) string(out []byte) []byte {
	text := []string{"", "a", "key", "grün", "日本語", "longer than the others, so that it needs a second byte for its length: it has seventy"}[g.IntN(6)]
	return append(binary.AppendVarint(out, int64(len(text))), text...)
}
