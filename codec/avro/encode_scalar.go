package avro

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

func (e *encoder) boolean(n *node, v any) error {
	b, ok := v.(bool)
	if !ok {
		return mismatch(n, v)
	}
	if b {
		e.out = append(e.out, 1)
	} else {
		e.out = append(e.out, 0)
	}
	return nil
}

func (e *encoder) text(text string) error {
	if !utf8.ValidString(text) {
		return fmt.Errorf("the string %q is %w", clip(text), ErrUTF8)
	}
	if len(text) > e.limits.Bytes {
		return errWritten
	}
	e.out = append(binary.AppendVarint(e.out, int64(len(text))), text...)
	return nil
}

func (e *encoder) integer(n *node, v any) error {
	var i int64
	var err error
	if text, ok := v.(string); ok && n.logical.isTime() {
		i, err = parseTime(n.logical, text)
	} else {
		i, err = integerOf(n, v)
	}
	if err != nil {
		return err
	}
	if n.kind == kindInt && (i < math.MinInt32 || i > math.MaxInt32) {
		return fmt.Errorf("%s is out of the range of an int", kindOf(v))
	}
	e.out = binary.AppendVarint(e.out, i)
	return nil
}

// integerOf takes every number that is whole and has 64 bits, however it is written.
func integerOf(n *node, v any) (int64, error) {
	outside := func() error { return fmt.Errorf("%s is out of the range of a long", kindOf(v)) }
	switch v := v.(type) {
	case int:
		return int64(v), nil
	case int64:
		return v, nil
	case *big.Int:
		if !v.IsInt64() {
			return 0, outside()
		}
		return v.Int64(), nil
	case float64:
		if v != math.Trunc(v) || math.IsInf(v, 0) {
			return 0, fmt.Errorf("%s is not a whole number", kindOf(v))
		}
		if v < math.MinInt64 || v >= -math.MinInt64 {
			return 0, outside()
		}
		return int64(v), nil
	case json.Number:
		if i, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return i, nil
		}
		d, err := parseDecimal(v.String())
		if err != nil {
			return 0, err
		}
		unscaled, err := d.unscaled(19, 0)
		switch {
		case len(d.digits) > d.point:
			return 0, fmt.Errorf("%s is not a whole number", kindOf(v))
		case err != nil || !unscaled.IsInt64():
			return 0, outside()
		}
		return unscaled.Int64(), nil
	default:
		return 0, mismatch(n, v)
	}
}

// real takes every number that is in range, and the strings of those that are not finite. A number gets the nearest
// value that the type has.
func (e *encoder) real(n *node, v any) error {
	f, err := floatOf(n, v)
	if err != nil {
		return err
	}
	if n.kind == kindDouble {
		e.out = binary.LittleEndian.AppendUint64(e.out, math.Float64bits(f))
		return nil
	}
	if math.IsInf(float64(float32(f)), 0) && !math.IsInf(f, 0) {
		return fmt.Errorf("%s is out of the range of a float", kindOf(v))
	}
	e.out = binary.LittleEndian.AppendUint32(e.out, math.Float32bits(float32(f)))
	return nil
}

func floatOf(n *node, v any) (float64, error) {
	switch v := v.(type) {
	case int:
		return float64(v), nil
	case int64:
		return float64(v), nil
	case float64:
		return v, nil
	case *big.Int:
		f, _ := new(big.Float).SetInt(v).Float64()
		if math.IsInf(f, 0) {
			return 0, fmt.Errorf("%s is out of the range of a double", kindOf(v))
		}
		return f, nil
	case json.Number:
		bits := 64
		if n.kind == kindFloat {
			bits = 32 // rounded once, not twice
		}
		f, err := strconv.ParseFloat(v.String(), bits)
		if err != nil || notFinite(v.String()) {
			if errors.Is(err, strconv.ErrRange) {
				return 0, fmt.Errorf("%s is out of the range of a %s", kindOf(v), n.kind)
			}
			return 0, fmt.Errorf("%q is not a number", clip(v.String()))
		}
		return f, nil
	case string:
		switch v {
		case "NaN":
			return math.NaN(), nil
		case "Infinity":
			return math.Inf(1), nil
		case "-Infinity":
			return math.Inf(-1), nil
		}
	}
	return 0, mismatch(n, v)
}

// opaque writes bytes and fixed, and what they stand for.
func (e *encoder) opaque(n *node, v any) error {
	data, isBytes := v.([]byte)
	var err error
	switch {
	case isBytes:
	case n.logical == logicalDecimal:
		data, err = decimalBytes(n, v)
	case n.logical == logicalDuration:
		data, err = durationBytes(n, v)
	default:
		text, ok := v.(string)
		if !ok {
			return mismatch(n, v)
		}
		if n.logical == logicalUUID {
			data, err = parseUUID(text)
		} else if data, err = base64.StdEncoding.DecodeString(text); err != nil {
			err = mismatch(n, v)
		}
	}
	switch {
	case err != nil:
		return err
	case n.logical == logicalDecimal && len(data) > decimalBytesMax:
		return errDecimal
	case n.kind == kindFixed && len(data) != n.size:
		return fmt.Errorf("want the %d bytes of the fixed %s, got %d", n.size, n.name, len(data))
	case len(data) > e.limits.Bytes:
		return errWritten
	case n.kind == kindBytes:
		e.out = binary.AppendVarint(e.out, int64(len(data)))
	}
	e.out = append(e.out, data...)
	return nil
}

func decimalBytes(n *node, v any) ([]byte, error) {
	var text string
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = v
	case float64:
		text = string(appendFloat(nil, v, 64))
	case int, int64, *big.Int:
		text = fmt.Sprint(v)
	default:
		return nil, mismatch(n, v)
	}
	d, err := parseDecimal(text)
	if err != nil {
		return nil, mismatch(n, v)
	}
	unscaled, err := d.unscaled(n.precision, n.scale)
	if err != nil {
		return nil, fmt.Errorf("%s has %w", clip(text), err)
	}
	return appendTwos(nil, unscaled, n.size)
}

func durationBytes(n *node, v any) ([]byte, error) {
	object, ok := v.(map[string]any)
	parts := durationParts()
	if !ok || len(object) != len(parts) {
		return nil, mismatch(n, v)
	}
	var data []byte
	for _, part := range parts {
		value, found := object[part]
		if !found {
			return nil, mismatch(n, v)
		}
		i, err := integerOf(&node{kind: kindLong}, value)
		if err != nil {
			return nil, within(err, part)
		}
		if i < 0 || i > math.MaxUint32 {
			return nil, within(fmt.Errorf("%d is out of the range of 32 bits without a sign", i), part)
		}
		data = binary.LittleEndian.AppendUint32(data, uint32(i))
	}
	return data, nil
}

// isWhole says whether a number is written as a whole one, which is what an int or a long decodes to.
func isWhole(v any) bool {
	switch v := v.(type) {
	case float64:
		return v == math.Trunc(v)
	case json.Number:
		return !strings.ContainsAny(v.String(), ".eE")
	default:
		return true
	}
}
