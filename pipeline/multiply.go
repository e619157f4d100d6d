package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strings"
	"sync"

	"github.com/itchyny/gojq"
)

const (
	multiplication = "_bounded_multiply"
	factor         = "$__bounded_factor"

	textBytesMax  = 16 << 20
	numberBitsMax = 1 << 20
)

// boundMultiplication replaces a * b and a *= b by calls of multiply.
//
// Multiplication is where one instruction can make data explode: jq repeats a string that is multiplied by a number, so
// that an amount that arrives as text times a quantity that arrives as 1e9 would be gigabytes.
func boundMultiplication(q *gojq.Query) {
	call := func(left, right *gojq.Query) *gojq.Query {
		return &gojq.Query{Term: &gojq.Term{
			Type: gojq.TermTypeFunc,
			Func: &gojq.Func{Name: multiplication, Args: []*gojq.Query{left, right}},
		}}
	}
	switch q.Op { //nolint:exhaustive // only two operators multiply
	case gojq.OpMul:
		q.Term, q.Left, q.Right, q.Op = call(q.Left, q.Right).Term, nil, nil, 0
	case gojq.OpUpdateMul:
		// l *= r is r as $x | l |= . * $x (jq manual, "Arithmetic update-assignment").
		this := &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeIdentity}}
		x := &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: factor}}}
		update := &gojq.Query{Left: q.Left, Op: gojq.OpModify, Right: call(this, x)}
		q.Left, q.Right, q.Op = q.Right, update, gojq.OpPipe
		q.Patterns = []*gojq.Pattern{{Name: factor}}
	default:
	}
}

// multiply is jq's multiplication with bounded results. Anything but plain numbers is left to gojq itself, so that its
// meaning, and the words of its errors, are gojq's.
func multiply(l, r any) any {
	if product, ok := multiplyNumbers(l, r); ok {
		return product
	}
	text, isText := l.(string)
	times := r
	if !isText {
		text, isText = r.(string)
		times = l
	}
	if n, isNumber := gojq.ToFloat64(times); isText && isNumber && float64(len(text))*n > textBytesMax {
		return fmt.Errorf("a string of %d bytes times %v is longer than %d bytes; tonumber makes a number of text",
			len(text), times, textBytesMax)
	}
	if bits(l)+bits(r) > numberBitsMax {
		return fmt.Errorf("the product has more than %d bits", numberBitsMax)
	}
	product, _ := plainMultiplication().RunWithContext(context.Background(), nil, l, r).Next()
	return product
}

var plainMultiplication = sync.OnceValue(func() *gojq.Code {
	query, err := gojq.Parse("$l * $r")
	if err != nil {
		panic(fmt.Sprintf("parse the multiplication: %v", err))
	}
	code, err := gojq.Compile(query, gojq.WithVariables([]string{"$l", "$r"}))
	if err != nil {
		panic(fmt.Sprintf("compile the multiplication: %v", err))
	}
	return code
})

// multiplyNumbers is the common case without a machine of gojq's for each product.
func multiplyNumbers(l, r any) (any, bool) {
	a, aFloat, ok := smallNumber(l)
	b, bFloat, also := smallNumber(r)
	switch {
	case !ok || !also:
		return nil, false
	case aFloat || bFloat:
		return a * b, true
	default:
		return int(a) * int(b), true
	}
}

// smallNumber gives a float, or an integer whose product with another such integer fits an int and a float64 exactly
// enough to be converted back; other numbers are gojq's affair.
func smallNumber(v any) (value float64, isFloat, ok bool) {
	const integerMax = 1 << 31
	switch v := v.(type) {
	case int:
		return float64(v), false, -integerMax < v && v < integerMax
	case float64:
		return v, true, true
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return float64(i), false, -integerMax < i && i < integerMax
		}
		if f, err := v.Float64(); err == nil && strings.ContainsAny(v.String(), ".eE") && !math.IsInf(f, 0) {
			return f, true, true
		}
	}
	return 0, false, false
}

func bits(v any) int {
	if b, ok := v.(*big.Int); ok {
		return b.BitLen()
	}
	return 0
}
