package protobuf

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
)

var (
	errTimestamp = errors.New("a timestamp that is not in the years 1 to 9999")
	errDuration  = errors.New("a duration out of range, or with parts of different signs")
	errNoKind    = errors.New("a google.protobuf.Value without a value")
	errNaN       = errors.New("a google.protobuf.Value cannot be NaN or infinite")
	errTypeURL   = errors.New("a google.protobuf.Any with a value and without a type_url")
)

// form gives the JSON form of a message.
func (d *decoder) form(n *message, pieces []piece) (any, error) {
	switch n.special {
	case specialNone:
		return d.object(n, pieces)
	case specialTimestamp:
		return d.timestamp(pieces)
	case specialDuration:
		return d.duration(pieces)
	case specialAny:
		return d.anything(n, pieces)
	case specialWrapper, specialStruct, specialList, specialValue, specialFieldMask:
	}
	fields, err := d.object(n, pieces)
	if err != nil {
		return nil, err
	}
	switch n.special {
	case specialWrapper:
		if value, found := fields["value"]; found {
			return value, nil
		}
		return n.field(1).zero(), nil
	case specialStruct:
		if inner, found := fields["fields"]; found {
			return inner, nil
		}
		return map[string]any{}, nil
	case specialList:
		if inner, found := fields["values"]; found {
			return inner, nil
		}
		return []any{}, nil
	case specialFieldMask:
		return d.fieldMask(fields, pieces)
	case specialValue:
		return d.value(fields, pieces)
	case specialNone, specialTimestamp, specialDuration, specialAny:
	}
	panic("protobuf: unknown special type")
}

// value takes the only field that is set.
func (d *decoder) value(fields map[string]any, pieces []piece) (any, error) {
	for name, value := range fields {
		if _, text := value.(string); text && name == "numberValue" {
			return nil, d.fail(pieces, errNaN)
		}
		return value, nil
	}
	return nil, d.fail(pieces, errNoKind)
}

// seconds reads a Timestamp or a Duration.
func (d *decoder) seconds(pieces []piece) (seconds int64, nanos int32) {
	for i := range pieces {
		for d.pos = pieces[i].start; d.pos < pieces[i].end; {
			number, wire := d.tag()
			switch number {
			case 1:
				seconds = int64(d.varint())
			case 2:
				nanos = int32(d.varint())
			default:
				d.pass(wire)
			}
		}
	}
	return seconds, nanos
}

func (d *decoder) timestamp(pieces []piece) (any, error) {
	const first, last = -62135596800, 253402300799
	seconds, nanos := d.seconds(pieces)
	if seconds < first || seconds > last || nanos < 0 || nanos > 999_999_999 {
		return nil, d.fail(pieces, errTimestamp)
	}
	var buffer [40]byte
	out := time.Unix(seconds, int64(nanos)).UTC().AppendFormat(buffer[:0], "2006-01-02T15:04:05.000000000")
	return d.keep(append(shorten(out), 'Z')), nil
}

func (d *decoder) duration(pieces []piece) (any, error) {
	const most = 315_576_000_000
	seconds, nanos := d.seconds(pieces)
	if seconds < -most || seconds > most || nanos < -999_999_999 || nanos > 999_999_999 || seconds > 0 && nanos < 0 || seconds < 0 && nanos > 0 {
		return nil, d.fail(pieces, errDuration)
	}
	sign := ""
	if seconds < 0 || nanos < 0 {
		sign, seconds, nanos = "-", -seconds, -nanos
	}
	out := fmt.Appendf(nil, "%s%d.%09d", sign, seconds, nanos)
	return d.keep(append(shorten(out), 's')), nil
}

// shorten leaves 0, 3, 6 or 9 digits behind the point.
func shorten(out []byte) []byte {
	text := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(string(out), "000"), "000"), ".000")
	return out[:len(text)]
}

// fieldMask writes the paths in one text, in the way of JSON's names. A path that would read back as another has no form.
func (d *decoder) fieldMask(fields map[string]any, pieces []piece) (any, error) {
	paths, _ := fields["paths"].([]any)
	var out []byte
	for i, path := range paths {
		snake, _ := path.(string)
		camel := camelCase(snake)
		if !protoreflect.FullName(snake).IsValid() || snakeCase(camel) != snake {
			return nil, within(within(d.fail(pieces, fmt.Errorf("the path %q has no JSON form", clip(snake, 60))), indexStep(i)), "paths")
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, camel...)
	}
	return string(out), nil
}

// camelCase is how the specification makes a field's JSON name.
func camelCase(name string) string {
	out := make([]byte, 0, len(name))
	upper := false
	for _, b := range []byte(name) {
		if b == '_' {
			upper = true
			continue
		}
		if upper && 'a' <= b && b <= 'z' {
			b -= 'a' - 'A'
		}
		upper = false
		out = append(out, b)
	}
	return string(out)
}

func snakeCase(name string) string {
	out := make([]byte, 0, len(name))
	for _, b := range []byte(name) {
		if 'A' <= b && b <= 'Z' {
			out = append(out, '_')
			b += 'a' - 'A'
		}
		out = append(out, b)
	}
	return string(out)
}

// anything reads an Any, whose bytes are a payload of their own: they are checked like the one around them, on the same
// account.
func (d *decoder) anything(n *message, pieces []piece) (any, error) {
	url, value := "", span{}
	for i := range pieces {
		for d.pos = pieces[i].start; d.pos < pieces[i].end; {
			number, wire := d.tag()
			switch number {
			case 1:
				url = d.string()
			case 2:
				value = d.bytes()
			default:
				d.pass(wire)
			}
		}
	}
	if url == "" {
		if value.start != value.end {
			return nil, d.fail(pieces, errTypeURL)
		}
		return map[string]any{}, nil
	}
	descriptor, err := n.catalog.find(url)
	if err != nil {
		return nil, within(d.fail(pieces, err), "@type")
	}
	inner := n.catalog.message(descriptor)
	c := checker{data: d.data[:value.end], pos: value.start, work: d.work, depth: d.depth, text: true, keep: true}
	if err := c.whole(inner); err != nil {
		return nil, err
	}
	d.work = c.work
	groups, loose := d.groups, d.loose
	d.groups, d.loose = c.groups, true
	one := [1]piece{{span: value}}
	content, err := d.message(inner, one[:])
	d.groups, d.loose = groups, loose
	if err != nil {
		return nil, err
	}
	if inner.special != specialNone {
		return map[string]any{"@type": url, "value": content}, nil
	}
	fields, _ := content.(map[string]any)
	fields["@type"] = url
	return fields, nil
}
