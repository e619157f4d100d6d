package pipeline

import (
	"slices"
	"strconv"
	"strings"
)

// override puts the values of --set flags into the tree, the later over the earlier.
func override(root *node, flags []string, r *report) {
	for _, flag := range flags {
		path, text, ok := strings.Cut(flag, "=")
		at := &node{flag: "--set " + path}
		if !ok || path == "" {
			at.flag = "--set"
			r.add(at, "want key=value, like retry.max_attempts=5")
			continue
		}
		keys, schema := splitPath(root, path, at, r)
		if schema != nil {
			set(root, keys, flagValue(text, path, schema, r), at.flag)
		}
	}
}

// flagValue takes a value as it is where it must be a scalar, so that jq programs need no second quoting. Where it may be
// a list or a mapping it is read as YAML, and what is no YAML is text.
func flagValue(text, path string, schema schemaNode, r *report) *node {
	own := report{file: r.file}
	b := treeBuilder{report: &own, flag: "--set " + path}
	structured := slices.ContainsFunc(schema.types(), func(name string) bool { return name == "object" || name == "array" })
	if structured && len(text) <= sourceBytesMax && !nestedTooDeep([]byte(text)) {
		file, err := parseYAML([]byte(text))
		if err == nil && len(file.Docs) == 1 && file.Docs[0].Body != nil {
			if n := b.build(file.Docs[0].Body, path, 0); len(own.faults) == 0 {
				return n
			}
		}
	}
	n := b.node(nil, path)
	n.text = text
	return n
}

// splitPath finds the keys of a path by the schema, because keys like bootstrap.servers have dots themselves. It gives the
// schema of the place too, which is nil where there is no such place.
func splitPath(root *node, path string, at *node, r *report) ([]string, schemaNode) {
	var keys []string
	schema, current := rootSchema(), root
	for rest := path; rest != ""; {
		key, tail, _ := strings.Cut(rest, ".")
		switch {
		case schema.freeForm():
			key, tail = rest, ""
			schema = schema.values()
		case schema.property(key) != nil:
			schema = schema.property(key)
		case schema.items() != nil && isIndex(key, current):
			schema = schema.items()
		default:
			at.path = strings.Join(append(keys, key), ".")
			r.suggest(at, nearest(key, schema.names()), "unknown key")
			return nil, nil
		}
		keys = append(keys, key)
		if i, err := strconv.Atoi(key); err == nil && current != nil && current.kind == sequence && i < len(current.items) {
			current = current.items[i]
		} else {
			current = current.child(key)
		}
		rest = tail
	}
	return keys, schema
}

// isIndex accepts the places of a list that exist, and the one after them.
func isIndex(key string, list *node) bool {
	i, err := strconv.Atoi(key)
	length := 0
	if list != nil && list.kind == sequence {
		length = len(list.items)
	}
	return err == nil && i >= 0 && i <= length
}

// set puts value at keys below n, making the mappings and lists on the way.
func set(n *node, keys []string, value *node, flag string) {
	for i, key := range keys {
		slot := n.slot(key, flag)
		if i == len(keys)-1 {
			*slot = value
			return
		}
		n = *slot
	}
}

// slot gives the place of the value under key, which exists afterwards.
func (n *node) slot(key, flag string) **node {
	fresh := &node{path: join(n.path, key), flag: flag}
	if i, err := strconv.Atoi(key); err == nil && (n.kind == sequence || n.null()) {
		n.kind, n.text = sequence, ""
		if i >= len(n.items) {
			i = len(n.items)
			n.items = append(n.items, fresh)
		}
		return &n.items[i]
	}
	if n.kind != mapping {
		*n = node{kind: mapping, path: n.path, line: n.line, column: n.column, flag: flag}
	}
	i := slices.IndexFunc(n.entries, func(e entry) bool { return e.key.text == key })
	if i < 0 {
		i = len(n.entries)
		n.entries = append(n.entries, entry{key: &node{text: key, quoted: true, path: fresh.path, flag: flag}, value: fresh})
	}
	return &n.entries[i].value
}
