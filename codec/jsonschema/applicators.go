package jsonschema

import "fmt"

// others applies the schemas that say something about the same value.
func (r *run) others(n *node, value any, seen *evaluated) bool {
	for _, other := range [...]*node{n.ref, r.recursive(n), r.dynamic(n)} {
		if other != nil && !r.also(other, value, seen) {
			return false
		}
	}
	ok := true
	for _, other := range n.allOf {
		if !r.also(other, value, seen) {
			if r.ended() {
				return false
			}
			ok = false
		}
	}
	return ok && r.anyOf(n, value, seen) && r.oneOf(n, value, seen) && r.not(n, value) && r.conditional(n, value, seen)
}

func (r *run) not(n *node, value any) bool {
	if n.not == nil || !r.silently(n.not, value, nil) {
		return r.stopped == nil
	}
	return r.loud() && r.fault(n, "not", "is what it must not be")
}

func (r *run) conditional(n *node, value any, seen *evaluated) bool {
	if n.condition == nil {
		return true
	}
	consequence := n.otherwise
	if r.silently(n.condition, value, seen) {
		consequence = n.then
	}
	if r.stopped != nil {
		return false
	}
	return consequence == nil || r.also(consequence, value, seen)
}

func (r *run) anyOf(n *node, value any, seen *evaluated) bool {
	if len(n.anyOf) == 0 {
		return true
	}
	matched := false
	closest := fault{at: r.path}
	for _, alternative := range n.anyOf {
		if r.alternative(alternative, value, seen, &closest) {
			if matched = true; seen == nil {
				return true
			}
		}
	}
	return matched || r.loud() && r.none(n, "anyOf", len(n.anyOf), closest)
}

func (r *run) oneOf(n *node, value any, seen *evaluated) bool {
	if len(n.oneOf) == 0 {
		return true
	}
	matched := -1
	closest := fault{at: r.path}
	for i, alternative := range n.oneOf {
		if !r.alternative(alternative, value, seen, &closest) {
			continue
		}
		if matched >= 0 {
			return r.loud() && r.fault(n, "oneOf", fmt.Sprintf("fits alternatives %d and %d, want just one", matched, i))
		}
		matched = i
	}
	return matched >= 0 || r.loud() && r.none(n, "oneOf", len(n.oneOf), closest)
}

// alternative applies one of several schemas of which not all need fit, and keeps the fault that it found furthest in.
func (r *run) alternative(n *node, value any, seen *evaluated, closest *fault) bool {
	outer := r.report
	if outer == nil {
		return r.also(n, value, seen)
	}
	inner := report{most: 1}
	r.report = &inner
	ok := r.also(n, value, seen)
	r.report = outer
	if !ok && inner.full() && len(inner.faults[0].at) > len(closest.at) {
		*closest = inner.faults[0]
	}
	return ok
}

// none reports that no alternative fits: by the fault of the one that got furthest into the value, if one got inside.
func (r *run) none(n *node, keyword string, count int, closest fault) bool {
	if len(closest.at) > len(r.path) {
		r.report.faults = append(r.report.faults, closest)
		return false
	}
	return r.fault(n, keyword, fmt.Sprintf("fits none of %d alternatives", count))
}

// recursive finds what a $recursiveRef means here: the outermost schema the walk came through that asks for it.
func (r *run) recursive(n *node) *node {
	if n.recursiveRef == nil || n.recursiveRef.resource == nil || !n.recursiveRef.resource.recursive || !r.spend(1+len(r.scopes)/8) {
		return n.recursiveRef
	}
	for _, scope := range r.scopes {
		if scope.recursive {
			return scope.root
		}
	}
	return n.recursiveRef
}

// dynamic finds what a $dynamicRef means here: the outermost anchor of that name that the walk came by.
func (r *run) dynamic(n *node) *node {
	if n.dynamicRef == nil {
		return nil
	}
	if n.dynamicRef.anchor == "" || !r.spend(1+len(r.scopes)/8) {
		return n.dynamicRef.target
	}
	for _, scope := range r.scopes {
		if found, ok := scope.anchors[n.dynamicRef.anchor]; ok {
			return found
		}
	}
	return n.dynamicRef.target
}

// enter notes that the walk has come into another resource.
func (r *run) enter(n *node) bool {
	if !r.schema.dynamic || len(r.scopes) > 0 && r.scopes[len(r.scopes)-1] == n.resource {
		return false
	}
	r.scopes = append(r.scopes, n.resource)
	return true
}
