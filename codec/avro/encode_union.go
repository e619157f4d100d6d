package avro

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
)

// How well a branch of a union goes with a value.
type fit uint8

const (
	fitNone     fit = iota
	fitLossy        // not quite: a float that is only near to the number, a record that defaults must complete
	fitPossible     // the type has another natural form, or takes much: a whole number for a double, base64, a map
	fitNatural      // the form that Decode gives to values of the type
)

// failedWork is what a branch costs that was tried in vain, besides its values: making the error takes longer.
const failedWork = 31

// union chooses the branch of a bare value: the first one, in the order of the schema, that takes the value in its natural
// form; if there is none, the first one that takes it without loss, and then at all. An object with one key that names a
// branch chooses that branch, if no record or map takes the object as it is.
func (e *encoder) union(n *node, v any) error {
	start := len(e.out)
	e.work -= len(n.branches) / 8 // to look at them
	var tried int
	var failed error
	for want := fitNatural; want > fitNone; want-- {
		for i, branch := range n.branches {
			if branch.fits(v) != want {
				continue
			}
			e.out = binary.AppendVarint(e.out[:start], int64(i))
			err := e.value(branch, v)
			if err == nil || errors.Is(err, errWritten) {
				return err
			}
			if tried++; failed == nil {
				failed = err
			}
			e.work -= failedWork
		}
	}
	e.out = e.out[:start]
	if i, value, ok := n.tagged(v); ok {
		e.out = binary.AppendVarint(e.out, int64(i))
		if err := e.value(n.branches[i], value); err != nil {
			return within(err, n.branches[i].typeName())
		}
		return nil
	}
	switch tried {
	case 0:
		return mismatch(n, v)
	case 1:
		return failed
	default:
		return fmt.Errorf("no branch of %s takes %s; the first says: %w", n.describeBranches(), kindOf(v), failed)
	}
}

// tagged reads the form in which JSON for Avro names the branch: {"long": 5}.
func (n *node) tagged(v any) (int, any, bool) {
	object, ok := v.(map[string]any)
	if !ok || len(object) != 1 {
		return 0, nil, false
	}
	for name, value := range object {
		for i, branch := range n.branches {
			if branch.typeName() == name {
				return i, value, true
			}
		}
	}
	return 0, nil, false
}

// fits looks at the value itself, not at its parts.
func (n *node) fits(v any) fit {
	switch v := v.(type) {
	case nil:
		return natural(n.kind == kindNull)
	case bool:
		return natural(n.kind == kindBoolean)
	case []any:
		return natural(n.kind == kindArray)
	case []byte:
		return natural(n.kind == kindBytes || n.kind == kindFixed)
	case map[string]any:
		return n.fitsObject(v)
	case string:
		return n.fitsString(v)
	case json.Number, int, int64, float64, *big.Int:
		return n.fitsNumber(v)
	default:
		return fitNone
	}
}

func natural(is bool) fit {
	if is {
		return fitNatural
	}
	return fitNone
}

func (n *node) fitsObject(object map[string]any) fit {
	switch {
	case n.kind == kindMap:
		return fitPossible
	case n.logical == logicalDuration:
		parts := durationParts()
		return natural(hasJust(object, len(parts), func(i int) string { return parts[i] }))
	case n.kind == kindRecord:
		if hasJust(object, len(n.fields), func(i int) string { return n.fields[i].name }) {
			return fitNatural
		}
		return fitLossy
	}
	return fitNone
}

// hasJust says whether an object has just these names.
func hasJust(object map[string]any, count int, name func(int) string) bool {
	if len(object) != count {
		return false
	}
	for i := range count {
		if _, found := object[name(i)]; !found {
			return false
		}
	}
	return true
}

func (n *node) fitsString(v string) fit {
	switch {
	case n.kind == kindString, n.kind == kindEnum, n.logical.isTime():
		return fitNatural
	case n.logical == logicalUUID:
		return fitNatural
	case (n.kind == kindFloat || n.kind == kindDouble) && notFinite(v):
		return fitPossible
	case n.kind == kindBytes, n.kind == kindFixed && n.logical != logicalDuration:
		return fitPossible
	}
	return fitNone
}

func (n *node) fitsNumber(v any) fit {
	whole := isWhole(v)
	switch {
	case n.kind == kindInt, n.kind == kindLong:
		if whole && !n.logical.isTime() {
			return fitNatural
		}
		return fitPossible
	case n.kind == kindFloat, n.kind == kindDouble:
		switch {
		case !n.keeps(v):
			return fitLossy
		case whole:
			return fitPossible
		}
		return fitNatural
	case n.logical == logicalDecimal:
		if whole == (n.scale == 0) {
			return fitNatural
		}
		return fitPossible
	}
	return fitNone
}

// keeps says whether a float or a double reads back as the same number.
func (n *node) keeps(v any) bool {
	bits := 64
	if n.kind == kindFloat {
		bits = 32
	}
	var text string
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return true
		}
		text = string(appendFloat(nil, v, 64))
	default:
		text = fmt.Sprint(v)
	}
	f, err := strconv.ParseFloat(text, bits)
	if err != nil {
		return false
	}
	given, err := parseDecimal(text)
	if err != nil {
		return false
	}
	kept, err := parseDecimal(string(appendFloat(nil, f, bits)))
	return err == nil && given == kept
}
