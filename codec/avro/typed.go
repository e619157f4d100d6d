package avro

import (
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"

	hamba "github.com/hamba/avro/v2"
)

// typed is a schema for Go types: what the library needs, kept apart from other schemas.
type typed struct {
	root     *node
	decoding hamba.Schema
	encoding func() (hamba.Schema, error)
	api      hamba.API
	bound    sync.Map                     // reflect.Type to error: whether the type can be filled
	last     atomic.Pointer[reflect.Type] // a type that can be filled, since most schemas are read into one
	readers  sync.Pool                    // of *hamba.Reader
}

func newAPI(limits *Limits) hamba.API {
	return hamba.Config{
		MaxByteSliceSize:       -1, // the checker has been there
		MaxSliceAllocSize:      limits.Items,
		DisableBlockSizeHeader: true,
	}.Freeze()
}

// decode fills target from data that a checker has accepted.
func (t *typed) decode(data []byte, target any) (err error) {
	v := reflect.ValueOf(target)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return fmt.Errorf("want a pointer to decode into, got %T", target)
	}
	typ := v.Type()
	if last := t.last.Load(); last == nil || *last != typ {
		if err := t.bind(typ.Elem()); err != nil {
			return err
		}
		t.last.Store(&typ)
	}
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	r, ok := t.readers.Get().(*hamba.Reader)
	if !ok {
		r = hamba.NewReader(nil, 0, hamba.WithReaderConfig(t.api))
	}
	r.Reset(data).Error = nil
	r.ReadVal(t.decoding, target)
	switch {
	case r.Error != nil:
		return clean(r.Error)
	case len(data) > 0:
		// The library's own Unmarshal would let pass what ends too early or too late.
		if r.Peek(); r.Error == nil {
			return fmt.Errorf("%T: %w", target, ErrTrailing)
		}
	}
	r.Reset(nil)
	t.readers.Put(r)
	return nil
}

func (t *typed) encode(value any) (data []byte, err error) {
	if value == nil {
		return nil, errors.New("want a Go value of the schema, got nil")
	}
	schema, err := t.encoding()
	if err != nil {
		return nil, err
	}
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	data, err = t.api.Marshal(schema, value)
	if err != nil {
		return nil, clean(err)
	}
	return data, nil
}

// panicked makes an error of a panic of the library, which it has for Go values that do not go with the schema.
func panicked(p any) error {
	return fmt.Errorf("the Go value does not go with the schema: %v", p)
}

func clean(err error) error {
	return errors.New(strings.ReplaceAll(err.Error(), "avro: ", ""))
}

// bind finds out whether a Go type can be filled. What the type does not have, the library skips, and to make a skipper
// for an array of a record that contains this array again it recurses until the process dies.
func (t *typed) bind(target reflect.Type) error {
	if known, found := t.bound.Load(target); found {
		err, _ := known.(error)
		return err
	}
	b := binder{seen: map[binding]bool{}, visits: map[*node]visit{}}
	err := b.bind(t.root, target)
	t.bound.Store(target, err)
	return err
}

type binding struct {
	node *node
	typ  reflect.Type
}

type binder struct {
	seen   map[binding]bool
	visits map[*node]visit
	later  []*node // branches of unions, for which the library makes skippers only when they come
}

type visit uint8

const (
	visitBegun visit = iota + 1
	visitEnded
)

func (b *binder) bind(n *node, typ reflect.Type) error {
	if err := checkRat(n, typ); err != nil {
		return err
	}
	return b.bindElem(n, typ)
}

// bindElem does not care how many pointers there are.
func (b *binder) bindElem(n *node, typ reflect.Type) error {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	key := binding{n, typ}
	if b.seen[key] {
		return nil
	}
	b.seen[key] = true
	switch {
	case n.kind == kindUnion:
		for _, branch := range n.branches {
			if err := b.bindElem(branch, typ); err != nil {
				return err
			}
		}
		return nil
	case n.kind == kindArray && typ.Kind() == reflect.Slice, n.kind == kindMap && typ.Kind() == reflect.Map:
		return b.bind(n.items, typ.Elem())
	case n.kind == kindRecord && typ.Kind() == reflect.Struct:
		return b.record(n, typ)
	}
	return nil
}

// checkRat refuses a big.Rat by value, for a decimal of bytes: the library writes a pointer into it, and it reads as zero.
func checkRat(n *node, typ reflect.Type) error {
	nullable := n.kind == kindUnion && len(n.branches) == 2 && typ.Kind() == reflect.Pointer
	if nullable {
		typ = typ.Elem()
		for _, branch := range n.branches {
			if branch.kind != kindNull {
				n = branch
			}
		}
	}
	rat := reflect.TypeFor[big.Rat]()
	switch {
	case n.kind != kindBytes || n.logical != logicalDecimal || typ.Kind() != reflect.Struct || !typ.ConvertibleTo(rat):
		return nil
	case nullable:
		return errors.New("want a **big.Rat for a decimal that may be null, not a *big.Rat")
	default:
		return errors.New("want a *big.Rat for a decimal, not a big.Rat")
	}
}

func (b *binder) record(n *node, typ reflect.Type) error {
	fields := structFields(typ)
	for i := range n.fields {
		f := &n.fields[i]
		inner, found := fields[f.name]
		for _, alias := range f.aliases {
			if !found {
				inner, found = fields[alias]
			}
		}
		if !found {
			if b.recurses(f.node) {
				return within(fmt.Errorf("%s must have the field, since its type contains itself", typ), f.name)
			}
			continue
		}
		if err := b.bind(f.node, inner); err != nil {
			return within(err, f.name)
		}
	}
	return nil
}

// recurses says whether from a type another one can be reached that contains itself without a union between.
func (b *binder) recurses(n *node) bool {
	for b.later = []*node{n}; len(b.later) > 0; {
		last := len(b.later) - 1
		n, b.later = b.later[last], b.later[:last]
		if b.cyclic(n) {
			return true
		}
	}
	return false
}

// cyclic looks for a cycle, each type once.
func (b *binder) cyclic(n *node) bool {
	if v := b.visits[n]; v != 0 {
		return v == visitBegun
	}
	b.visits[n] = visitBegun
	for i := range n.fields {
		if b.cyclic(n.fields[i].node) {
			return true
		}
	}
	if n.items != nil && b.cyclic(n.items) {
		return true
	}
	b.later = append(b.later, n.branches...)
	b.visits[n] = visitEnded
	return false
}

// structFields gives the types of a struct's fields by the names that the library knows them by: the tag avro, or the
// field's own name, and those of embedded structs, of which the outer ones come first.
func structFields(typ reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	seen := map[reflect.Type]bool{}
	for level := []reflect.Type{typ}; len(level) > 0; {
		var next []reflect.Type
		for _, t := range level {
			if seen[t] {
				continue
			}
			seen[t] = true
			for i := range t.NumField() {
				f := t.Field(i)
				if f.Anonymous {
					inner := f.Type
					if inner.Kind() == reflect.Pointer {
						inner = inner.Elem()
					}
					if inner.Kind() == reflect.Struct {
						next = append(next, inner)
					}
					continue
				}
				name := f.Name
				if tag, ok := f.Tag.Lookup("avro"); ok {
					name, _, _ = strings.Cut(tag, ",")
				}
				if _, taken := fields[name]; !taken && f.IsExported() {
					fields[name] = f.Type
				}
			}
		}
		level = next
	}
	return fields
}
