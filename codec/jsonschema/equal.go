package jsonschema

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"math/big"

	"github.com/troupe-go/troupe/codec/document"
)

// choice is the values of an enum or a const.
type choice struct {
	strings map[string]struct{}
	numbers map[decimal]struct{}
	others  []any
	text    string // for messages
}

func newChoice(values []any) (*choice, error) {
	c := &choice{strings: map[string]struct{}{}, numbers: map[decimal]struct{}{}}
	for _, value := range values {
		switch v := value.(type) {
		case string:
			c.strings[v] = struct{}{}
		case json.Number:
			d, err := parseDecimal(string(v))
			if err != nil {
				return nil, err
			}
			c.numbers[d] = struct{}{}
		default:
			c.others = append(c.others, v)
		}
		if len(c.text) < 100 {
			text, err := document.Encode(value)
			if err != nil {
				return nil, err
			}
			if c.text != "" {
				c.text += ", "
			}
			c.text += clip(string(text))
		}
	}
	c.text = clip(c.text)
	return c, nil
}

// among says whether a value is one of the choice.
func (r *run) among(c *choice, value any) bool {
	switch v := value.(type) {
	case string:
		_, found := c.strings[v]
		return r.spend(len(v)/64) && found
	case json.Number, int, int64, float64, *big.Int:
		if len(c.numbers) == 0 {
			return false
		}
		d, ok := r.decimal(v)
		_, found := c.numbers[d]
		return ok && found
	default:
		for _, other := range c.others {
			if r.equal(value, other, len(r.path)) {
				return true
			}
		}
		return false
	}
}

// equal compares two values, numbers by what they are: 1.0 is 1.
func (r *run) equal(a, b any, depth int) bool {
	if !r.spend(1) || r.tooDeep(depth) {
		return false
	}
	switch a := a.(type) {
	case nil, bool:
		return a == b
	case string:
		b, ok := b.(string)
		return ok && len(a) == len(b) && r.spend(len(a)/64) && a == b
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !r.equal(a[i], b[i], depth+1) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name := range a {
			other, found := b[name]
			if !found || !r.equal(a[name], other, depth+1) {
				return false
			}
		}
		return true
	default:
		return r.equalNumbers(a, b)
	}
}

func (r *run) equalNumbers(a, b any) bool {
	if r.kind(a)&r.kind(b)&typeNumber == 0 {
		return false
	}
	first, ok := r.decimal(a)
	if !ok {
		return false
	}
	second, ok := r.decimal(b)
	return ok && first == second
}

// hash is the same for values that are equal. The order of an object's properties does not matter.
func (r *run) hash(seed maphash.Seed, value any, depth int) uint64 {
	if !r.spend(1) || r.tooDeep(depth) {
		return 0
	}
	switch v := value.(type) {
	case nil:
		return maphash.Comparable(seed, typeNull)
	case bool:
		return maphash.Comparable(seed, v)
	case string:
		if !r.spend(len(v) / 64) {
			return 0
		}
		return maphash.String(seed, v)
	case []any:
		sum := maphash.Comparable(seed, typeArray)
		for _, item := range v {
			sum = maphash.Comparable(seed, [2]uint64{sum, r.hash(seed, item, depth+1)})
		}
		return sum
	case map[string]any:
		sum := maphash.Comparable(seed, typeObject)
		for name, member := range v {
			sum += maphash.Comparable(seed, [2]uint64{maphash.String(seed, name), r.hash(seed, member, depth+1)})
		}
		return sum
	default:
		if r.kind(value) == 0 {
			return 0
		}
		d, _ := r.decimal(value)
		return maphash.Comparable(seed, d)
	}
}

func (r *run) tooDeep(depth int) bool {
	if depth <= r.limits.Depth {
		return false
	}
	r.stop(fmt.Errorf("nested deeper than %d: %w", r.limits.Depth, ErrLimit))
	return true
}
