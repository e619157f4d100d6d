package jsonschema

import (
	"fmt"
	"iter"
	"maps"
	"slices"
)

// members checks an object.
func (r *run) members(n *node, object map[string]any, seen *evaluated) bool {
	o := n.object
	if len(object) < o.minimum {
		return r.loud() && r.fault(n, "minProperties", fmt.Sprintf("has %d properties, want %d or more", len(object), o.minimum))
	}
	if len(object) > o.maximum {
		return r.loud() && r.fault(n, "maxProperties", fmt.Sprintf("has %d properties, want %d at most", len(object), o.maximum))
	}
	return r.required(n, "required", o.required, object) &&
		r.properties(n, object, seen) &&
		r.names(n, object) &&
		r.dependencies(n, object, seen)
}

func (r *run) required(n *node, keyword string, names []string, object map[string]any) bool {
	if !r.spend(len(names) / 4) {
		return false
	}
	for _, name := range names {
		if _, found := object[name]; !found {
			return r.loud() && r.fault(n, keyword, fmt.Sprintf("misses %q", clip(name)))
		}
	}
	return true
}

func (r *run) properties(n *node, object map[string]any, seen *evaluated) bool {
	o := n.object
	if o.patterns == nil && o.additional == nil {
		if o.properties == nil {
			return true
		}
		if len(o.order) < len(object) {
			return r.known(o, object, seen)
		}
	}
	ok := true
	for name, value := range r.each(object) {
		if !r.member(o, name, value, seen) {
			if r.ended() {
				return false
			}
			ok = false
		}
	}
	return ok
}

// known checks the properties that the schema names, where those are fewer and the others need nothing.
func (r *run) known(o *objectNode, object map[string]any, seen *evaluated) bool {
	if !r.spend(len(o.order) / 4) {
		return false
	}
	ok := true
	for _, name := range o.order {
		value, found := object[name]
		if !found {
			continue
		}
		seen.property(name)
		if !r.inside(o.properties[name], value, step{name, -1}) {
			if r.ended() {
				return false
			}
			ok = false
		}
	}
	return ok
}

// member checks one property.
func (r *run) member(o *objectNode, name string, value any, seen *evaluated) bool {
	ok := r.spend(1)
	sub, found := o.properties[name]
	if found {
		ok = ok && r.inside(sub, value, step{name, -1})
	}
	for _, p := range o.patterns {
		if !ok && r.ended() || !r.spend(p.pattern.cost(name)) {
			return false
		}
		if p.pattern.MatchString(name) {
			found = true
			ok = r.inside(p.node, value, step{name, -1}) && ok
		}
	}
	if !found && o.additional != nil {
		found = true
		ok = ok && r.inside(o.additional, value, step{name, -1})
	}
	if found {
		seen.property(name)
	}
	return ok
}

// names applies propertyNames.
func (r *run) names(n *node, object map[string]any) bool {
	if n.object.names == nil {
		return true
	}
	ok := true
	for name := range r.each(object) {
		if !r.inside(n.object.names, name, step{name, -1}) {
			if r.ended() {
				return false
			}
			ok = false
		}
	}
	return ok
}

func (r *run) dependencies(n *node, object map[string]any, seen *evaluated) bool {
	if !r.spend(len(n.object.dependencies) / 4) {
		return false
	}
	for i := range n.object.dependencies {
		d := &n.object.dependencies[i]
		if _, found := object[d.property]; !found {
			continue
		}
		if !r.required(n, d.keyword, d.required, object) {
			return false
		}
		if d.node != nil && !r.also(d.node, object, seen) {
			return false
		}
	}
	return true
}

// each goes through an object, in order where it is for the report.
func (r *run) each(object map[string]any) iter.Seq2[string, any] {
	if r.report == nil {
		return maps.All(object)
	}
	return func(yield func(string, any) bool) {
		if !r.spend(len(object)) {
			return
		}
		for _, name := range slices.Sorted(maps.Keys(object)) {
			if !yield(name, object[name]) {
				return
			}
		}
	}
}
