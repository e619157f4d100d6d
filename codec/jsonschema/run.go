package jsonschema

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
)

// framesMax bounds the recursion, and with it the stack: a document 500 levels deep may pass 40 schemas on each level.
const framesMax = 20_000

// run is one validation. A first walk only finds out whether the value is what the schema describes, and stops where it
// is not; a second one is for the report. Every step of both is paid for with spend, and once there is no budget left
// nothing is valid, so that all loops end.
type run struct {
	limits *Limits
	schema *Schema

	left   int // steps
	frames int
	chain  int // schemas since the last step into the value
	path   []step
	scopes []*resource // that the walk has come through, the outermost first; empty where nothing asks for them
	report *report     // nil in the first walk, and where a fault would not be one of the value

	stopped error // why there is no answer
	at      []step
}

// step leads from an array or an object to one of its values.
type step struct {
	name  string
	index int // of an array's item; -1 for a property
}

// spend pays for steps, and says whether they could be.
func (r *run) spend(steps int) bool {
	if steps <= r.left {
		r.left -= steps
		return true
	}
	r.stop(fmt.Errorf("validating takes too long: %w", ErrLimit))
	return false
}

// stop ends the validation without an answer.
func (r *run) stop(err error) {
	if r.stopped == nil {
		r.stopped, r.at = err, slices.Clone(r.path)
	}
	r.left = -1
}

// ended says whether the walk is over although there is more to look at.
func (r *run) ended() bool { return r.report == nil || r.report.full() || r.stopped != nil }

// valid applies a schema to a value. What it finds evaluated is added to seen, which is fresh, or nil where nobody asks.
func (r *run) valid(n *node, value any, seen *evaluated) bool {
	if !r.spend(1) || r.report != nil && r.report.full() {
		return false
	}
	if n.always {
		return true
	}
	if n.never {
		return r.fault(n, "", "is not allowed here")
	}
	r.chain++
	r.frames++
	entered := r.enter(n)
	ok := false
	switch {
	case r.chain > r.schema.nodes:
		r.stop(fmt.Errorf("%w: %s", ErrCycle, described(n.location)))
	case r.frames > framesMax:
		r.stop(fmt.Errorf("schemas nested too deeply in one another: %w", ErrLimit))
	default:
		ok = r.check(n, value, seen)
	}
	if entered {
		r.scopes = r.scopes[:len(r.scopes)-1]
	}
	r.frames--
	r.chain--
	return ok
}

// inside applies a schema to a value one step further in.
func (r *run) inside(n *node, value any, to step) bool {
	if n.always {
		return r.spend(1)
	}
	if len(r.path) >= r.limits.Depth {
		r.stop(fmt.Errorf("nested deeper than %d: %w", r.limits.Depth, ErrLimit))
		return false
	}
	chain := r.chain
	r.chain = 0
	r.path = append(r.path, to)
	ok := r.valid(n, value, nil)
	r.path = r.path[:len(r.path)-1]
	r.chain = chain
	return ok
}

// also applies another schema to the same value.
func (r *run) also(n *node, value any, seen *evaluated) bool {
	if seen == nil {
		return r.valid(n, value, nil)
	}
	var sub evaluated
	if !r.valid(n, value, &sub) {
		return false
	}
	seen.merge(&sub)
	return r.spend(sub.size() / 4)
}

// silently applies a schema whose refusal is no fault.
func (r *run) silently(n *node, value any, seen *evaluated) bool {
	outer := r.report
	r.report = nil
	ok := r.also(n, value, seen)
	r.report = outer
	return ok
}

func (r *run) check(n *node, value any, seen *evaluated) bool {
	kind := r.kind(value)
	if n.types != 0 && n.types&kind == 0 && !r.integer(n, kind, value) {
		return r.loud() && r.fault(n, "type", fmt.Sprintf("want %s, got %s", n.types, typeOfValue(kind)))
	}
	if n.constant != nil && !r.among(n.constant, value) {
		return r.loud() && r.fault(n, "const", "is not "+n.constant.text)
	}
	if n.enum != nil && !r.among(n.enum, value) {
		return r.loud() && r.fault(n, "enum", "is none of "+n.enum.text)
	}
	if seen == nil && n.wantsEvaluated(kind) {
		seen = &evaluated{}
	}
	return r.byKind(n, value, seen) && r.others(n, value, seen) && r.unevaluated(n, value, seen)
}

func (r *run) byKind(n *node, value any, seen *evaluated) bool {
	switch v := value.(type) {
	case map[string]any:
		return n.object == nil || r.members(n, v, seen)
	case []any:
		return n.array == nil || r.items(n, v, seen)
	case string:
		return n.strings == nil || r.text(n, v)
	case json.Number, int, int64, float64, *big.Int:
		return n.numbers == nil || r.number(n, v)
	default:
		return true
	}
}

func (r *run) loud() bool { return r.report != nil }

// fault reports what is wrong with the value at hand; it is false, as a verdict.
func (r *run) fault(n *node, keyword, message string) bool {
	if r.report != nil && r.spend(faultSteps+len(r.path)/8) {
		r.report.add(r.path, n, keyword, message)
	}
	return false
}

// kind gives a value's type. There is no answer for what JSON does not have.
func (r *run) kind(value any) types {
	switch v := value.(type) {
	case nil:
		return typeNull
	case bool:
		return typeBoolean
	case string:
		return typeString
	case []any:
		return typeArray
	case map[string]any:
		return typeObject
	case json.Number, int, int64, *big.Int:
		return typeNumber
	case float64:
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			return typeNumber
		}
		r.stop(fmt.Errorf("%v is no number in JSON", v))
	default:
		r.stop(fmt.Errorf("a %T has no JSON form", value))
	}
	return 0
}

func typeOfValue(kind types) string {
	if kind == 0 {
		return "what JSON does not have"
	}
	return kind.String()
}

// integer says whether a number is the integer that is wanted: in JSON Schema, 1.0 is one.
func (r *run) integer(n *node, kind types, value any) bool {
	if n.types&typeInteger == 0 || kind != typeNumber {
		return false
	}
	switch v := value.(type) {
	case json.Number:
		if !strings.ContainsAny(string(v), ".eE") {
			return true
		}
	case int, int64, *big.Int:
		return true
	}
	d, ok := r.decimal(value)
	return ok && d.whole()
}

// decimal gives a number that is to be computed with.
func (r *run) decimal(value any) (decimal, bool) {
	d, _, err := asDecimal(value)
	if err != nil {
		r.stop(err)
		return d, false
	}
	if d.size() > r.limits.NumberDigits {
		r.stop(fmt.Errorf("a number of more than %d digits: %w", r.limits.NumberDigits, ErrLimit))
		return d, false
	}
	return d, r.spend(1 + d.size()/16)
}

func (r *run) number(n *node, value any) bool {
	d, ok := r.decimal(value)
	if !ok {
		return false
	}
	for i := range n.numbers.bounds {
		if b := &n.numbers.bounds[i]; !b.admits(d) {
			return r.loud() && r.fault(n, b.keyword, b.refusal())
		}
	}
	by := n.numbers.multipleOf
	if by == nil {
		return true
	}
	if !r.spend((d.size() + by.size()) / 2) {
		return false
	}
	return d.multipleOf(*by) || r.loud() && r.fault(n, "multipleOf", "is not a multiple of "+by.String())
}
