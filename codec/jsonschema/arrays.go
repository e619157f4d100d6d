package jsonschema

import (
	"fmt"
	"hash/maphash"
)

// items checks an array.
func (r *run) items(n *node, array []any, seen *evaluated) bool {
	a := n.array
	if len(array) < a.minimum {
		return r.loud() && r.fault(n, "minItems", fmt.Sprintf("has %d items, want %d or more", len(array), a.minimum))
	}
	if len(array) > a.maximum {
		return r.loud() && r.fault(n, "maxItems", fmt.Sprintf("has %d items, want %d at most", len(array), a.maximum))
	}
	return r.prefixed(a, array, seen) && r.contains(n, array, seen) && (!a.unique || r.unique(n, array))
}

func (r *run) prefixed(a *arrayNode, array []any, seen *evaluated) bool {
	ok := true
	for i, item := range array {
		sub := a.rest
		if i < len(a.prefix) {
			sub = a.prefix[i]
		}
		if sub == nil {
			break // there is nothing behind the prefix
		}
		if !r.inside(sub, item, step{index: i}) {
			if r.ended() {
				return false
			}
			ok = false
		}
	}
	if seen != nil {
		seen.prefix = max(seen.prefix, len(a.prefix))
		seen.allItems = seen.allItems || a.rest != nil
	}
	return ok
}

// contains counts the items that a schema takes.
func (r *run) contains(n *node, array []any, seen *evaluated) bool {
	a := n.array
	if a.contains == nil {
		return true
	}
	outer, count := r.report, 0
	r.report = nil
	for i, item := range array {
		if r.stopped != nil {
			break
		}
		if r.inside(a.contains, item, step{index: i}) {
			count++
			if a.containsEvaluates {
				seen.item(i)
			}
		}
	}
	r.report = outer
	switch {
	case r.stopped != nil:
		return false
	case count < a.containsMin:
		keyword := "contains"
		if a.containsMin > 1 {
			keyword = "minContains"
		}
		return r.loud() && r.fault(n, keyword, fmt.Sprintf("has %d of the items wanted, want %d or more", count, a.containsMin))
	case count > a.containsMax:
		return r.loud() && r.fault(n, "maxContains", fmt.Sprintf("has %d of the items wanted, want %d at most", count, a.containsMax))
	default:
		return true
	}
}

// pairsMax is up to which length of an array it is faster to compare all of its items with one another.
const pairsMax = 8

func (r *run) uniquePairs(n *node, array []any) bool {
	for i := range array {
		for j := range i {
			if r.equal(array[i], array[j], len(r.path)+1) {
				return r.loud() && r.equalItems(n, j, i)
			}
		}
	}
	return r.stopped == nil
}

func (r *run) equalItems(n *node, first, second int) bool {
	return r.fault(n, "uniqueItems", fmt.Sprintf("items %d and %d are equal", first, second))
}

// unique looks for equal items by their hashes, in time in proportion to the array's size.
func (r *run) unique(n *node, array []any) bool {
	if len(array) <= pairsMax {
		return r.uniquePairs(n, array)
	}
	seed := maphash.MakeSeed()
	first := make(map[uint64][]int, min(len(array), 1024))
	for i, item := range array {
		hash := r.hash(seed, item, len(r.path)+1)
		for _, j := range first[hash] {
			if r.equal(item, array[j], len(r.path)+1) {
				return r.loud() && r.equalItems(n, j, i)
			}
		}
		if r.stopped != nil {
			return false
		}
		first[hash] = append(first[hash], i)
	}
	return true
}
