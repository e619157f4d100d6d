package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	// sourceBytesMax bounds a configuration file.
	sourceBytesMax = 1 << 20
	// depthMax bounds its nesting; the schema needs seven levels.
	depthMax = 64
)

type nodeKind uint8

const (
	scalar nodeKind = iota
	mapping
	sequence
)

// node is one value of the configuration and where it was written.
type node struct {
	kind    nodeKind
	entries []entry // of a mapping, in the order of the file
	items   []*node // of a sequence

	text   string // of a scalar, as written but unquoted
	quoted bool   // a quoted or block scalar is a string, whatever it looks like
	secret bool   // its text came from a ${file:...}

	path         string
	line, column int
	flag         string // the --set that gave the value, instead of the file
}

type entry struct {
	key   *node // a scalar
	value *node
}

func (n *node) origin(file string) string {
	if n.flag != "" {
		return n.flag
	}
	return file
}

// child gives the value under key, or nil; it may be called on nil.
func (n *node) child(key string) *node {
	if n == nil || n.kind != mapping {
		return nil
	}
	for _, e := range n.entries {
		if e.key.text == key {
			return e.value
		}
	}
	return nil
}

// at follows keys down from n, and gives nil where one is missing.
func (n *node) at(keys ...string) *node {
	for _, key := range keys {
		n = n.child(key)
	}
	return n
}

var (
	integerText = regexp.MustCompile(`^[-+]?[0-9]+$`)
	decimalText = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
)

// value is a scalar's value by YAML 1.2's core schema: nil, bool, int64, float64 or string.
func (n *node) value() any {
	if n.quoted {
		return n.text
	}
	switch n.text {
	case "", "~", "null", "Null", "NULL":
		return nil
	case "true", "True", "TRUE":
		return true
	case "false", "False", "FALSE":
		return false
	}
	if integerText.MatchString(n.text) {
		if i, err := strconv.ParseInt(n.text, 10, 64); err == nil {
			return i
		}
	}
	if decimalText.MatchString(n.text) {
		if f, err := strconv.ParseFloat(n.text, 64); err == nil {
			return f
		}
	}
	return n.text
}

func (n *node) null() bool { return n.kind == scalar && n.value() == nil }

// walk visits n and all below it.
func (n *node) walk(visit func(*node)) {
	visit(n)
	for _, e := range n.entries {
		e.value.walk(visit)
	}
	for _, item := range n.items {
		item.walk(visit)
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// parse reads one YAML document. It gives nil where the text cannot be read at all.
func parse(src []byte, r *report) *node {
	start := &node{line: 1, column: 1}
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	switch {
	case len(src) > sourceBytesMax:
		r.add(&node{}, "the file has %d bytes, more than the %d allowed", len(src), sourceBytesMax)
		return nil
	case !utf8.Valid(src):
		r.add(&node{}, "the file is not valid UTF-8")
		return nil
	case nestedTooDeep(src):
		r.add(&node{}, "nested deeper than %d levels", depthMax)
		return nil
	}
	file, err := parseYAML(src)
	if err != nil {
		r.faults = append(r.faults, syntaxFault(r.file, src, err))
		return nil
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil {
			bodies = append(bodies, doc.Body)
		}
	}
	if len(bodies) == 0 {
		r.add(start, "the file is empty; 'troupe init' writes a commented one to begin with")
		return nil
	}
	if len(bodies) > 1 {
		r.add(positioned(bodies[1].GetToken(), ""), "a second document: one file holds one pipeline")
	}
	b := treeBuilder{report: r}
	root := b.build(bodies[0], "", 0)
	if root.kind != mapping {
		r.add(start, "the file must be a mapping of keys to values")
		return nil
	}
	root.line, root.column = 1, 1
	return root
}

// parseYAML calls the library, and turns a panic in it into an error: the text comes from outside.
func parseYAML(src []byte) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			file, err = nil, fmt.Errorf("not valid YAML: %v", p)
		}
	}()
	return parser.ParseBytes(src, 0, parser.AllowDuplicateMapKey())
}

// nestedTooDeep finds nesting that costs the parser, which recurses and is quadratic in depth, more than it may. Blocks
// nest by indentation and so are bounded by the file's size; it looks at brackets, and at "- - -" and "? ? ?".
func nestedTooDeep(src []byte) bool {
	depth := 0
	for line := range strings.Lines(string(src)) {
		markers := 0
		for _, field := range strings.Fields(line) {
			if field != "-" && field != "?" && field != ":" {
				break
			}
			markers++
		}
		indent := len(line) - len(strings.TrimLeft(line, " "))
		if markers > depthMax || indent > 16*depthMax {
			return true
		}
		for i := range len(line) {
			switch line[i] {
			case '[', '{':
				depth++
			case ']', '}':
				depth = max(depth-1, 0)
			}
			if depth > depthMax {
				return true
			}
		}
	}
	return false
}

func syntaxFault(file string, src []byte, err error) Fault {
	fault := Fault{File: file, Line: 1, Column: 1, Message: err.Error()}
	var syntax yaml.Error
	if errors.As(err, &syntax) {
		fault.Message = syntax.GetMessage()
		if tk := syntax.GetToken(); tk != nil && tk.Position != nil {
			fault.Line, fault.Column = tk.Position.Line, tk.Position.Column
		}
	}
	lines := strings.Split(string(src), "\n")
	if fault.Line <= len(lines) && strings.Contains(lines[fault.Line-1], "${") {
		fault.Message += "; within braces a ${...} must be quoted"
	}
	return fault
}

func positioned(tk *token.Token, path string) *node {
	n := &node{path: path}
	if tk != nil && tk.Position != nil {
		n.line, n.column = tk.Position.Line, tk.Position.Column
	}
	return n
}

type treeBuilder struct {
	report *report
	flag   string // the --set the text comes from; such nodes have no position
}

func (b *treeBuilder) node(tk *token.Token, path string) *node {
	if b.flag != "" {
		return &node{path: path, flag: b.flag}
	}
	return positioned(tk, path)
}

// build turns the library's tree into ours. What it refuses becomes a null.
func (b *treeBuilder) build(from ast.Node, path string, depth int) *node {
	if from == nil {
		return b.node(nil, path)
	}
	n := b.node(from.GetToken(), path)
	if depth > depthMax {
		b.report.add(n, "nested deeper than %d levels", depthMax)
		return n
	}
	switch from := from.(type) {
	case *ast.MappingNode:
		b.mapping(n, from, depth)
	case *ast.SequenceNode:
		n.kind = sequence
		for i, value := range from.Values {
			n.items = append(n.items, b.build(value, join(path, strconv.Itoa(i)), depth+1))
		}
	case *ast.LiteralNode:
		n.text, n.quoted = from.Value.Value, true
	case *ast.StringNode:
		n.text = from.Value
		n.quoted = from.Token.Type == token.SingleQuoteType || from.Token.Type == token.DoubleQuoteType
	case *ast.AnchorNode:
		b.report.add(n, "anchors are not supported: write the value out, or use ${VAR}")
		return b.build(from.Value, path, depth+1)
	case *ast.AliasNode:
		b.report.add(n, "aliases are not supported: write the value out, or use ${VAR}")
	case *ast.TagNode:
		b.report.add(n, "tags are not supported: remove %q", from.Start.Value)
	case ast.ScalarNode:
		if from.Type() != ast.NullType {
			n.text = from.GetToken().Value
		}
	default:
		b.report.add(n, "a %s is not expected here", strings.ToLower(from.Type().YAMLName()))
	}
	return n
}

func (b *treeBuilder) mapping(n *node, from *ast.MappingNode, depth int) {
	n.kind = mapping
	seen := make(map[string]*node, len(from.Values))
	for i, pair := range from.Values {
		tk := pair.Key.GetToken()
		key := b.node(tk, join(n.path, tk.Value))
		key.text, key.quoted = tk.Value, true
		if i == 0 {
			n.line, n.column = key.line, key.column // the library's own is that of the first colon
		}
		if _, merge := pair.Key.(*ast.MergeKeyNode); merge {
			b.report.add(key, "merge keys are not supported: write the values out")
			continue
		}
		if text, ok := pair.Key.(*ast.StringNode); ok {
			key.text, key.path = text.Value, join(n.path, text.Value)
		}
		if first := seen[key.text]; first != nil {
			b.report.add(key, "given twice: first on line %d", first.line)
			continue
		}
		seen[key.text] = key
		n.entries = append(n.entries, entry{key: key, value: b.build(pair.Value, key.path, depth+1)})
	}
}
