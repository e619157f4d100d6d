package avro

import (
	"errors"
	"fmt"
	"slices"
)

// resolver makes plans from pairs of types, each pair once.
type resolver struct {
	plans map[[2]*node]*plan
}

// resolve makes the plan to read as reader what writer wrote, by the rules of the specification ("Schema Resolution"),
// and three that it leaves open:
//
//   - Of the reader's union, a branch of the same type and full name (or alias) is taken before one of the same short
//     name, and that before one that a number, bytes or a string can be promoted to; the first in each rank.
//   - A branch of the writer's union that the reader cannot take is an error when a value of that branch comes, not
//     before: schemas often keep branches that nobody writes. If no branch can be taken, the schemas are incompatible.
//   - Dates and times of different units are incompatible: a reader would be wrong by a factor of a thousand.
func resolve(writer, reader *node) (*plan, error) {
	r := resolver{plans: map[[2]*node]*plan{}}
	return r.resolve(writer, reader)
}

func (r *resolver) resolve(w, n *node) (*plan, error) {
	key := [2]*node{w, n}
	if p, found := r.plans[key]; found {
		if p.action == actFail {
			return nil, p.err
		}
		return p, nil
	}
	p := &plan{writer: w, reader: n}
	r.plans[key] = p
	if err := r.fill(p, w, n); err != nil {
		// Whoever met this pair while it was being made holds p.
		*p = plan{action: actFail, writer: w, reader: n, err: errors.New(err.Error())}
		return nil, err
	}
	return p, nil
}

func (r *resolver) fill(p *plan, w, n *node) error {
	switch {
	case w.kind == kindUnion:
		return r.writerUnion(p, w, n)
	case n.kind == kindUnion:
		return r.readerUnion(p, w, n)
	case w.kind != n.kind:
		return promote(w, n)
	}
	if err := sameMeaning(w, n); err != nil {
		return err
	}
	switch w.kind {
	case kindNull, kindBoolean, kindInt, kindLong, kindFloat, kindDouble, kindBytes, kindString:
		return nil
	case kindFixed:
		if w.size != n.size {
			return fmt.Errorf("the writer's fixed %s has %d bytes, the reader's %d", w.name, w.size, n.size)
		}
		return nil
	case kindEnum:
		r.enum(p, w, n)
		return nil
	case kindArray, kindMap:
		p.action = actItems
		items, err := r.resolve(w.items, n.items)
		if err != nil {
			return within(err, "[]")
		}
		p.items = items
		return nil
	case kindRecord:
		return r.record(p, w, n)
	case kindUnion:
	}
	panic("avro: a union is handled above")
}

func incompatible(w, n *node) error {
	return fmt.Errorf("the writer's %s cannot be read as %s", w.describe(), n.describe())
}

// promote allows what the specification calls promotion.
func promote(w, n *node) error {
	if !promotable(w.kind, n.kind) {
		return incompatible(w, n)
	}
	bytes := w.kind == kindBytes || n.kind == kindBytes
	if bytes && (w.logical == logicalDecimal || n.logical == logicalDecimal) {
		return incompatible(w, n)
	}
	return sameUnit(w, n)
}

func promotable(w, n kind) bool {
	switch w {
	case kindInt:
		return n == kindLong || n == kindFloat || n == kindDouble
	case kindLong:
		return n == kindFloat || n == kindDouble
	case kindFloat:
		return n == kindDouble
	case kindString:
		return n == kindBytes
	case kindBytes:
		return n == kindString
	case kindNull, kindBoolean, kindDouble, kindRecord, kindEnum, kindArray, kindMap, kindUnion, kindFixed:
	}
	return false
}

func sameUnit(w, n *node) error {
	if w.logical.isTime() && n.logical.isTime() && w.logical != n.logical {
		return incompatible(w, n)
	}
	return nil
}

func sameMeaning(w, n *node) error {
	if w.name != "" && matchName(w, n) == noMatch {
		return fmt.Errorf("the writer's %s is not the reader's %s, nor one of its aliases", w.describe(), n.describe())
	}
	if w.logical == logicalDecimal && n.logical == logicalDecimal && (w.scale != n.scale || w.precision != n.precision) {
		return fmt.Errorf("the writer's decimal(%d,%d) cannot be read as decimal(%d,%d)", w.precision, w.scale, n.precision, n.scale)
	}
	return sameUnit(w, n)
}

// Ranks of a match, the better ones first.
const (
	matchFull = iota
	matchShort
	matchPromoted
	noMatch
)

// matchName compares the names of two types of one kind.
func matchName(w, n *node) int {
	switch {
	case w.name == n.name, slices.Contains(n.aliases, w.name):
		return matchFull
	case w.short == n.short:
		return matchShort
	}
	return noMatch
}

func match(w, n *node) int {
	switch {
	case w.kind != n.kind:
		if promotable(w.kind, n.kind) {
			return matchPromoted
		}
		return noMatch
	case w.name == "":
		return matchFull
	case w.kind == kindFixed && w.size != n.size:
		return noMatch
	}
	return matchName(w, n)
}

func (r *resolver) readerUnion(p *plan, w, n *node) error {
	best, rank := -1, noMatch
	for i, branch := range n.branches {
		if w == branch { // one schema for both
			best = i
			break
		}
		if m := match(w, branch); m < rank {
			best, rank = i, m
		}
	}
	if best < 0 {
		return fmt.Errorf("the reader's union %s has no branch for the writer's %s", n.describeBranches(), w.describe())
	}
	items, err := r.resolve(w, n.branches[best])
	if err != nil {
		return err
	}
	p.action, p.branch, p.items = actInto, best, items
	return nil
}

func (r *resolver) writerUnion(p *plan, w, n *node) error {
	p.action = actUnion
	p.branches = make([]*plan, len(w.branches))
	var failed error
	possible := false
	for i, branch := range w.branches {
		q, err := r.resolve(branch, n)
		if err != nil {
			failed = err
			q = &plan{action: actFail, writer: branch, reader: n, err: errors.New(err.Error())}
		} else {
			possible = true
		}
		p.branches[i] = q
	}
	if !possible && failed != nil {
		return failed
	}
	return nil
}

func (r *resolver) enum(p *plan, w, n *node) {
	p.action = actSymbol
	p.symbols = make([]int, len(w.symbols))
	for i, symbol := range w.symbols {
		index, known := n.symbolIndex[symbol]
		if !known {
			index = n.symbolDefault
		}
		p.symbols[i] = index
	}
}

// record pairs fields: by name first, then by the reader's aliases among the fields that are left.
func (r *resolver) record(p *plan, w, n *node) error {
	p.action = actRecord
	p.fields = make([]planField, len(w.fields))
	sources := make([]int, len(n.fields))
	for i := range p.fields {
		p.fields[i].target = -1
	}
	for i := range n.fields {
		if sources[i] = w.fieldNamed(n.fields[i].name); sources[i] >= 0 {
			p.fields[sources[i]].target = i
		}
	}
	for i := range n.fields {
		for _, alias := range n.fields[i].aliases {
			if at := w.fieldNamed(alias); sources[i] < 0 && at >= 0 && p.fields[at].target < 0 {
				sources[i], p.fields[at].target = at, i
			}
		}
	}
	for i := range n.fields {
		f := &n.fields[i]
		if sources[i] < 0 {
			if err := f.usable(); err != nil {
				return within(fmt.Errorf("the writer's record %s does not have the field, and %w", w.name, err), f.name)
			}
			p.fills = append(p.fills, i)
			continue
		}
		q, err := r.resolve(w.fields[sources[i]].node, f.node)
		if err != nil {
			return within(err, f.name)
		}
		p.fields[sources[i]].plan = q
	}
	p.inOrder = inOrder(p)
	return nil
}

func inOrder(p *plan) bool {
	next := 0
	for _, f := range p.fields {
		if f.target < 0 {
			continue
		}
		if f.target != next {
			return false
		}
		next++
	}
	return len(p.fills) == 0
}
