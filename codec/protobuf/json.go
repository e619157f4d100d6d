package protobuf

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// writer writes generic values as JSON, as protojson reads it. It refuses what JSON cannot say instead of replacing it.
type writer struct {
	limits *Limits
	out    []byte
	work   int // values share their parts, so that a small one in memory can be a huge one in text
	depth  int

	// found, if there is one, gets the path to what is written at target.
	found  *PathError
	target int
}

func newWriter(limits *Limits) *writer {
	// A message is an object, and may be in an array or an object of its own.
	return &writer{limits: limits, work: limits.Work, depth: 2*limits.Depth + 1}
}

func (w *writer) value(value any) error {
	// Text can be longer than the bytes that it stands for; escapes take most.
	if w.work--; w.work < 0 || len(w.out)/8 > w.limits.Bytes {
		return errWritten
	}
	switch v := value.(type) {
	case nil:
		w.out = append(w.out, "null"...)
	case bool:
		w.out = strconv.AppendBool(w.out, v)
	case string:
		return w.text(v)
	case json.Number:
		return w.number(v)
	case int:
		w.out = strconv.AppendInt(w.out, int64(v), 10)
	case int64:
		w.out = strconv.AppendInt(w.out, v, 10)
	case float64:
		w.real(v)
	case *big.Int:
		w.out = v.Append(w.out, 10)
	case []byte:
		w.out = append(w.out, '"')
		w.out = base64.StdEncoding.AppendEncode(w.out, v)
		w.out = append(w.out, '"')
	case []any:
		return w.array(v)
	case map[string]any:
		return w.object(v)
	default:
		return fmt.Errorf("a %T is no generic value", value)
	}
	return nil
}

func (w *writer) number(number json.Number) error {
	text := number.String()
	if strings.Trim(text, "+-.0123456789eE") != "" || !json.Valid([]byte(text)) {
		return fmt.Errorf("%q is not a number", clip(text, 60))
	}
	w.out = append(w.out, text...)
	return nil
}

func (w *writer) real(f float64) {
	switch {
	case math.IsNaN(f):
		w.out = append(w.out, `"NaN"`...)
	case math.IsInf(f, 1):
		w.out = append(w.out, `"Infinity"`...)
	case math.IsInf(f, -1):
		w.out = append(w.out, `"-Infinity"`...)
	default:
		w.out = appendFloat(w.out, f, 64)
	}
}

func (w *writer) text(text string) error {
	if !utf8.ValidString(text) {
		return ErrUTF8
	}
	if len(text) > w.limits.Bytes*2 {
		return errWritten
	}
	const hex = "0123456789abcdef"
	w.out = append(w.out, '"')
	start := 0
	for i := range len(text) {
		b := text[i]
		if b >= ' ' && b != '"' && b != '\\' {
			continue
		}
		w.out = append(w.out, text[start:i]...)
		if b < ' ' {
			w.out = append(w.out, '\\', 'u', '0', '0', hex[b>>4], hex[b&0xf])
		} else {
			w.out = append(w.out, '\\', b)
		}
		start = i + 1
	}
	w.out = append(append(w.out, text[start:]...), '"')
	return nil
}

// enter begins an array or an object.
func (w *writer) enter() error {
	if w.depth--; w.depth < 0 {
		return errTooDeep
	}
	return nil
}

func (w *writer) array(values []any) error {
	if err := w.enter(); err != nil {
		return err
	}
	w.out = append(w.out, '[')
	for i, value := range values {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		start := len(w.out)
		if err := w.value(value); err != nil {
			return within(err, indexStep(i))
		}
		w.locate(start, indexStep, i)
	}
	w.out = append(w.out, ']')
	w.depth++
	return nil
}

func (w *writer) object(object map[string]any) error {
	if err := w.enter(); err != nil {
		return err
	}
	w.out = append(w.out, '{')
	for i, name := range slices.Sorted(maps.Keys(object)) {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		if err := w.text(name); err != nil {
			return within(err, keyStep(name))
		}
		w.out = append(w.out, ':')
		start := len(w.out)
		if err := w.value(object[name]); err != nil {
			return within(err, clip(name, 60))
		}
		w.locate(start, func(int) string { return clip(name, 60) }, i)
	}
	w.out = append(w.out, '}')
	w.depth++
	return nil
}

// locate adds a step to the path that leads to the target.
func (w *writer) locate(start int, step func(int) string, i int) {
	if w.found != nil && start <= w.target && w.target < len(w.out) {
		w.found.prepend(step(i))
	}
}
