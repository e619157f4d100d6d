package jsonschema

import (
	"slices"
	"strconv"
	"strings"
)

const (
	faultsMax  = 3
	faultSteps = 20 // what it takes to write one down
	pointerMax = 200
)

// report has the first faults of a value.
type report struct {
	most   int
	faults []fault
}

type fault struct {
	Fault
	at []step
}

func (r *report) full() bool { return len(r.faults) >= r.most }

func (r *report) add(path []step, n *node, keyword, message string) {
	if r.full() {
		return
	}
	location := n.location
	if keyword != "" {
		location += "/" + keyword
	}
	r.faults = append(r.faults, fault{
		Fault: Fault{Instance: pointer(path), Keyword: described(location), Message: message},
		at:    slices.Clone(path),
	})
}

// pointer writes a JSON pointer, without the middle where it is long.
func pointer(path []step) string {
	var out strings.Builder
	for _, s := range path {
		out.WriteByte('/')
		if s.index >= 0 {
			out.WriteString(strconv.Itoa(s.index))
			continue
		}
		out.WriteString(strings.ReplaceAll(strings.ReplaceAll(clip(s.name), "~", "~0"), "/", "~1"))
		if out.Len() > 1<<16 {
			break
		}
	}
	text := out.String()
	if len(text) <= pointerMax {
		return text
	}
	tail := text[len(text)-pointerMax/2:]
	if slash := strings.IndexByte(tail, '/'); slash >= 0 {
		tail = tail[slash:]
	}
	return clipTo(text, pointerMax/2) + strings.ToValidUTF8(tail, "\uFFFD")
}

// String is the number without an exponent, unless that is long.
func (d decimal) String() string {
	var out strings.Builder
	if d.negative {
		out.WriteByte('-')
	}
	switch {
	case d.digits == "":
		return "0"
	case d.size() > 40:
		out.WriteString("0." + clipTo(d.digits, 30) + "e" + strconv.Itoa(d.point))
	case d.point <= 0:
		out.WriteString("0." + strings.Repeat("0", -d.point) + d.digits)
	case d.whole():
		out.WriteString(d.shifted(d.point - len(d.digits)))
	default:
		out.WriteString(d.digits[:d.point] + "." + d.digits[d.point:])
	}
	return out.String()
}

func (b *bound) refusal() string {
	side := "at most "
	switch {
	case b.lower && b.exclusive:
		side = "more than "
	case b.lower:
		side = "at least "
	case b.exclusive:
		side = "less than "
	}
	return "is not " + side + b.limit.String()
}
