package jsonschema

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// decimal is an exact number: 0.digits times ten to the power of point. There are no zeros at either end of the digits, so
// that equal numbers are equal structs. Zero is the zero value.
type decimal struct {
	negative bool
	digits   string
	point    int
}

// exponentMax is out of any limit, and lets sums with it fit an int.
const exponentMax = 1 << 40

var errNotNumber = errors.New("not a number in JSON's form")

// parseDecimal reads a number in the form of RFC 8259, and allocates only for those with a point.
func parseDecimal(text string) (decimal, error) {
	var d decimal
	rest := text
	if strings.HasPrefix(rest, "-") {
		d.negative = true
		rest = rest[1:]
	}
	whole, rest := leadingDigits(rest)
	if whole == "" || len(whole) > 1 && whole[0] == '0' {
		return decimal{}, errNotNumber
	}
	fraction, exponent := "", 0
	if strings.HasPrefix(rest, ".") {
		if fraction, rest = leadingDigits(rest[1:]); fraction == "" {
			return decimal{}, errNotNumber
		}
	}
	if strings.HasPrefix(rest, "e") || strings.HasPrefix(rest, "E") {
		var err error
		if exponent, rest, err = leadingExponent(rest[1:]); err != nil {
			return decimal{}, err
		}
	}
	if rest != "" {
		return decimal{}, errNotNumber
	}
	digits := whole
	d.point = len(whole) + exponent
	if fraction != "" {
		digits = whole + fraction
	}
	trimmed := strings.TrimLeft(digits, "0")
	d.point -= len(digits) - len(trimmed)
	if d.digits = strings.TrimRight(trimmed, "0"); d.digits == "" {
		return decimal{}, nil
	}
	return d, nil
}

func leadingDigits(text string) (digits, rest string) {
	end := 0
	for end < len(text) && '0' <= text[end] && text[end] <= '9' {
		end++
	}
	return text[:end], text[end:]
}

func leadingExponent(text string) (exponent int, rest string, err error) {
	sign := 1
	switch {
	case strings.HasPrefix(text, "-"):
		sign = -1
		text = text[1:]
	case strings.HasPrefix(text, "+"):
		text = text[1:]
	}
	digits, rest := leadingDigits(text)
	if digits == "" {
		return 0, "", errNotNumber
	}
	for i := range len(digits) {
		exponent = min(10*exponent+int(digits[i]-'0'), exponentMax)
	}
	return sign * exponent, rest, nil
}

// size is how many digits the number has when it is written without an exponent.
func (d decimal) size() int {
	switch {
	case d.point <= 0:
		return len(d.digits) - d.point
	default:
		return max(len(d.digits), d.point)
	}
}

func (d decimal) whole() bool { return d.point >= len(d.digits) }

// compare is -1, 0 or 1.
func (d decimal) compare(other decimal) int {
	switch {
	case d == other:
		return 0
	case d.sign() != other.sign():
		return sign(d.sign() - other.sign())
	case d.point != other.point:
		return d.sign() * sign(d.point-other.point)
	default:
		return d.sign() * strings.Compare(d.digits, other.digits)
	}
}

func (d decimal) sign() int {
	switch {
	case d.digits == "":
		return 0
	case d.negative:
		return -1
	default:
		return 1
	}
}

func sign(i int) int {
	switch {
	case i < 0:
		return -1
	case i > 0:
		return 1
	default:
		return 0
	}
}

// multipleOf says whether d is a whole number of times other, which is not zero. The cost grows with the sizes, which
// have been checked.
func (d decimal) multipleOf(other decimal) bool {
	if d.digits == "" {
		return true
	}
	// Both are whole numbers times powers of ten; the smaller power becomes the unit.
	power, otherPower := d.point-len(d.digits), other.point-len(other.digits)
	unit := min(power, otherPower)
	dividend, divisor := d.shifted(power-unit), other.shifted(otherPower-unit)
	if len(dividend) <= 18 && len(divisor) <= 18 {
		a, _ := strconv.ParseInt(dividend, 10, 64)
		b, _ := strconv.ParseInt(divisor, 10, 64)
		return a%b == 0
	}
	a, _ := new(big.Int).SetString(dividend, 10)
	b, _ := new(big.Int).SetString(divisor, 10)
	return a.Rem(a, b).Sign() == 0
}

func (d decimal) shifted(zeros int) string { return d.digits + strings.Repeat("0", zeros) }

// count gives a number as an int, for the keywords that bound lengths; more than an int holds is as good as the most.
func (d decimal) count() int {
	if d.point > 18 {
		return math.MaxInt
	}
	n, _ := strconv.Atoi(d.digits[:min(d.point, len(d.digits))] + strings.Repeat("0", max(d.point-len(d.digits), 0)))
	return n
}

// asDecimal reads the numbers that codec/document writes; ok is false for what is no number.
func asDecimal(value any) (d decimal, ok bool, err error) {
	switch v := value.(type) {
	case json.Number:
		d, err = parseDecimal(string(v))
	case int:
		d, err = parseDecimal(strconv.Itoa(v))
	case int64:
		d, err = parseDecimal(strconv.FormatInt(v, 10))
	case *big.Int:
		d, err = parseDecimal(v.String())
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return d, true, fmt.Errorf("%v is no number in JSON", v)
		}
		d, err = parseDecimal(strconv.FormatFloat(v, 'e', -1, 64))
	default:
		return d, false, nil
	}
	return d, true, err
}
