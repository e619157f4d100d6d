package avro

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	formDate      = "2006-01-02"
	formTime      = "15:04:05"
	formTimestamp = "2006-01-02T15:04:05"

	secondsPerDay = 24 * 60 * 60
)

// unit says how many of a date's or time's numbers make a second, and the digits that are.
func (l logical) unit() (perSecond int64, digits string) {
	switch l {
	case logicalTimeMillis, logicalTimestampMillis, logicalLocalMillis:
		return 1e3, ".000"
	case logicalTimeMicros, logicalTimestampMicros, logicalLocalMicros:
		return 1e6, ".000000"
	case logicalTimestampNanos, logicalLocalNanos:
		return 1e9, ".000000000"
	case logicalNone, logicalDecimal, logicalUUID, logicalDuration, logicalDate:
	}
	return 1, ""
}

// appendTime writes a date or a time as RFC 3339 has it, with all the digits of its unit, and without the zone for local
// timestamps. There is none for the years before 0 and after 9999, and for times of day that no day has.
func appendTime(out []byte, l logical, v int64) ([]byte, bool) {
	perSecond, digits := l.unit()
	switch l {
	case logicalDate:
		return appendDate(out, v*secondsPerDay, 0, formDate)
	case logicalTimeMillis, logicalTimeMicros:
		if v < 0 || v >= secondsPerDay*perSecond {
			return out, false
		}
		return appendDate(out, v/perSecond, v%perSecond*(1e9/perSecond), formTime+digits)
	case logicalTimestampMillis, logicalTimestampMicros, logicalTimestampNanos:
		digits += "Z"
	case logicalLocalMillis, logicalLocalMicros, logicalLocalNanos:
	case logicalNone, logicalDecimal, logicalUUID, logicalDuration:
		return out, false
	}
	seconds, rest := v/perSecond, v%perSecond
	if rest < 0 {
		seconds, rest = seconds-1, rest+perSecond
	}
	return appendDate(out, seconds, rest*(1e9/perSecond), formTimestamp+digits)
}

func appendDate(out []byte, seconds, nanos int64, form string) ([]byte, bool) {
	const first, last = -62167219200, 253402300799 // 0000-01-01T00:00:00Z, 9999-12-31T23:59:59Z
	if seconds < first || seconds > last {
		return out, false
	}
	return time.Unix(seconds, nanos).UTC().AppendFormat(out, form), true
}

// form is what time.Parse needs.
func (l logical) form() string {
	switch {
	case l == logicalDate:
		return formDate
	case l == logicalTimeMillis, l == logicalTimeMicros:
		return formTime
	case l >= logicalLocalMillis:
		return formTimestamp
	default:
		return time.RFC3339
	}
}

// parseTime is the inverse of appendTime. It takes any zone where there is one, and fewer digits, but no more digits than
// the unit has.
func parseTime(l logical, text string) (int64, error) {
	form := l.form()
	t, err := time.Parse(form, text)
	if err != nil {
		return 0, fmt.Errorf("want a %s such as %s, got %q", l, example(l), clip(text))
	}
	if l == logicalDate {
		return t.Unix() / secondsPerDay, nil
	}
	if strings.HasPrefix(form, formTime) {
		t = t.AddDate(1970, 0, 0)
	}
	perSecond, digits := l.unit()
	if fractionDigits(text) >= max(len(digits), 1) {
		return 0, fmt.Errorf("%q has more digits than a %s", clip(text), l)
	}
	if l == logicalTimestampNanos || l == logicalLocalNanos {
		if t.Before(time.Unix(0, math.MinInt64)) || t.After(time.Unix(0, math.MaxInt64)) {
			return 0, fmt.Errorf("%q is out of the range of a %s", clip(text), l)
		}
	}
	return t.Unix()*perSecond + int64(t.Nanosecond())/(1e9/perSecond), nil
}

// fractionDigits counts the digits behind the point of a time's seconds, without zeros at the end.
func fractionDigits(text string) int {
	i := strings.IndexAny(text, ".,")
	if i < 0 {
		return 0
	}
	fraction := text[i+1:]
	end := 0
	for end < len(fraction) && fraction[end] >= '0' && fraction[end] <= '9' {
		end++
	}
	return len(strings.TrimRight(fraction[:end], "0"))
}

func example(l logical) string {
	const micros = 1_700_000_000_123_000
	text, _ := appendTime(nil, logicalTimestampMillis, micros/1e3)
	switch l.form() {
	case formDate:
		return string(text[:10])
	case formTime:
		return string(text[11 : len(text)-1])
	case formTimestamp:
		return string(text[:len(text)-1])
	default:
		return string(text)
	}
}

func clip(text string) string {
	const textMax = 60
	if len(text) > textMax {
		return text[:textMax] + "..."
	}
	return text
}

// appendFloat writes the shortest text that reads back as the same number, as JSON is written elsewhere in this project
// (ECMA-262, Number::toString). A 32-bit number needs fewer digits.
func appendFloat(out []byte, f float64, bits int) []byte {
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	start := len(out)
	out = strconv.AppendFloat(out, f, format, -1, bits)
	if n := len(out); format == 'e' && n-start >= 4 && out[n-4] == 'e' && out[n-2] == '0' {
		out[n-2] = out[n-1] // 1e-07 is written 1e-7
		out = out[:n-1]
	}
	return out
}

// appendDecimal writes a big-endian number in two's complement with scale digits behind the point.
func appendDecimal(out []byte, unscaled []byte, scale int) []byte {
	start := len(out)
	if len(unscaled) <= 8 {
		var v int64
		for i, b := range unscaled {
			if i == 0 && b >= 0x80 {
				v = -1
			}
			v = v<<8 | int64(b)
		}
		out = strconv.AppendInt(out, v, 10)
	} else {
		v := new(big.Int).SetBytes(unscaled)
		if unscaled[0] >= 0x80 {
			v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(unscaled))))
		}
		out = v.Append(out, 10)
	}
	if scale == 0 {
		return out
	}
	if out[start] == '-' {
		start++
	}
	if missing := scale + 1 - (len(out) - start); missing > 0 {
		out = append(out, make([]byte, missing)...)
		copy(out[start+missing:], out[start:])
		for i := range missing {
			out[start+i] = '0'
		}
	}
	return slices.Insert(out, len(out)-scale, '.')
}

// decimal is a number as its digits: 0.digits times ten to the power of point, without zeros at either end.
type decimal struct {
	negative bool
	digits   string
	point    int
}

// parseDecimal reads a number in JSON's syntax. It never expands an exponent.
func parseDecimal(text string) (decimal, error) {
	if !json.Valid([]byte(text)) || strings.Trim(text, "+-.0123456789eE") != "" {
		return decimal{}, fmt.Errorf("%q is not a number", clip(text))
	}
	var d decimal
	text, d.negative = strings.CutPrefix(text, "-")
	mantissa, exponent := text, 0
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa = text[:i]
		// An exponent beyond an int's range gives its nearest end, which is out of anything's range as well.
		exponent, _ = strconv.Atoi(strings.TrimPrefix(text[i+1:], "+"))
		exponent = min(max(exponent, math.MinInt32), math.MaxInt32)
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	d.point = len(whole) + exponent
	digits := whole + fraction
	trimmed := strings.TrimLeft(digits, "0")
	d.point -= len(digits) - len(trimmed)
	d.digits = strings.TrimRight(trimmed, "0")
	if d.digits == "" {
		return decimal{}, nil
	}
	return d, nil
}

// unscaled gives the number times ten to the power of scale, which must be whole and have no more than precision digits.
func (d decimal) unscaled(precision, scale int) (*big.Int, error) {
	if d.digits == "" {
		return new(big.Int), nil
	}
	if len(d.digits)-d.point > scale {
		return nil, fmt.Errorf("more than %d digits behind the point", scale)
	}
	if d.point+scale > precision {
		return nil, fmt.Errorf("more than the %d digits of a decimal(%d,%d)", precision, precision, scale)
	}
	v, ok := new(big.Int).SetString(d.digits+strings.Repeat("0", d.point+scale-len(d.digits)), 10)
	if !ok {
		return nil, errors.New("not a number")
	}
	if d.negative {
		v.Neg(v)
	}
	return v, nil
}

// appendTwos writes a number big-endian in two's complement, in size bytes or, with size 0, in as few as possible.
func appendTwos(out []byte, v *big.Int, size int) ([]byte, error) {
	bits := v.BitLen()
	if v.Sign() < 0 {
		bits = new(big.Int).Not(v).BitLen()
	}
	needed := bits/8 + 1
	if size == 0 {
		size = needed
	}
	if needed > size {
		return nil, fmt.Errorf("the number needs %d bytes, there are %d", needed, size)
	}
	if v.Sign() < 0 {
		v = new(big.Int).Add(v, new(big.Int).Lsh(big.NewInt(1), uint(8*size)))
	}
	start := len(out)
	out = append(out, make([]byte, size)...)
	v.FillBytes(out[start:])
	return out, nil
}

// appendUUID writes 16 bytes in the form of RFC 9562.
func appendUUID(out []byte, id []byte) []byte {
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			out = append(out, '-')
		}
		out = hex.AppendEncode(out, []byte{b})
	}
	return out
}

func parseUUID(text string) ([]byte, error) {
	plain := strings.ReplaceAll(text, "-", "")
	id, err := hex.DecodeString(plain)
	if err != nil || len(id) != 16 || len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return nil, fmt.Errorf("want a uuid, got %q", clip(text))
	}
	return id, nil
}

// The parts of a duration, in the order of its bytes.
func durationParts() [3]string { return [3]string{"months", "days", "milliseconds"} }

func durationOf(data []byte) map[string]any {
	duration := make(map[string]any, 3)
	for i, part := range durationParts() {
		v := binary.LittleEndian.Uint32(data[4*i:])
		duration[part] = json.Number(strconv.FormatUint(uint64(v), 10))
	}
	return duration
}
