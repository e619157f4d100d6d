package jsonschema

import "maps"

// evaluated is which parts of an array or an object the schemas applied to it have looked at: unevaluatedItems and
// unevaluatedProperties are for the others. A nil one is not interested.
type evaluated struct {
	allProperties bool
	properties    map[string]struct{}

	allItems bool
	prefix   int
	items    map[int]struct{}
}

func (e *evaluated) property(name string) {
	if e == nil || e.allProperties {
		return
	}
	if e.properties == nil {
		e.properties = map[string]struct{}{}
	}
	e.properties[name] = struct{}{}
}

func (e *evaluated) item(i int) {
	if e == nil || e.allItems {
		return
	}
	if e.items == nil {
		e.items = map[int]struct{}{}
	}
	e.items[i] = struct{}{}
}

func (e *evaluated) merge(other *evaluated) {
	e.allProperties = e.allProperties || other.allProperties
	e.allItems = e.allItems || other.allItems
	e.prefix = max(e.prefix, other.prefix)
	if e.properties == nil {
		e.properties = other.properties
	} else {
		maps.Copy(e.properties, other.properties)
	}
	if e.items == nil {
		e.items = other.items
	} else {
		maps.Copy(e.items, other.items)
	}
}

func (e *evaluated) size() int { return len(e.properties) + len(e.items) }

// wantsEvaluated says whether a schema asks for what others have looked at.
func (n *node) wantsEvaluated(kind types) bool {
	return kind == typeObject && n.object != nil && n.object.unevaluated != nil ||
		kind == typeArray && n.array != nil && n.array.unevaluated != nil
}

// unevaluated checks what no other schema has looked at.
func (r *run) unevaluated(n *node, value any, seen *evaluated) bool {
	switch v := value.(type) {
	case map[string]any:
		return n.object == nil || n.object.unevaluated == nil || r.unevaluatedProperties(n, v, seen)
	case []any:
		return n.array == nil || n.array.unevaluated == nil || r.unevaluatedItems(n, v, seen)
	default:
		return true
	}
}

func (r *run) unevaluatedProperties(n *node, object map[string]any, seen *evaluated) bool {
	if seen.allProperties {
		return true
	}
	ok := true
	for name, value := range r.each(object) {
		if !r.spend(1) {
			return false
		}
		if _, found := seen.properties[name]; found {
			continue
		}
		if !r.inside(n.object.unevaluated, value, step{name, -1}) {
			if r.ended() {
				return false
			}
			ok = false
		}
	}
	seen.allProperties = true
	return ok
}

func (r *run) unevaluatedItems(n *node, array []any, seen *evaluated) bool {
	if seen.allItems {
		return true
	}
	ok := true
	for i := seen.prefix; i < len(array); i++ {
		if !r.spend(1) {
			return false
		}
		if _, found := seen.items[i]; found {
			continue
		}
		if !r.inside(n.array.unevaluated, array[i], step{index: i}) {
			if r.ended() {
				return false
			}
			ok = false
		}
	}
	seen.allItems = true
	return ok
}
