package jsonschema

import (
	"fmt"
	"math"
	"unicode/utf8"
)

// text checks a string.
func (r *run) text(n *node, text string) bool {
	s := n.strings
	if s.minimum > 0 || s.maximum < math.MaxInt {
		if !r.spend(len(text) / 64) {
			return false
		}
		length := utf8.RuneCountInString(text)
		if length < s.minimum {
			return r.loud() && r.fault(n, "minLength", fmt.Sprintf("has %d characters, want %d or more", length, s.minimum))
		}
		if length > s.maximum {
			return r.loud() && r.fault(n, "maxLength", fmt.Sprintf("has %d characters, want %d at most", length, s.maximum))
		}
	}
	if s.pattern == nil {
		return true
	}
	if !r.spend(s.pattern.cost(text)) {
		return false
	}
	return s.pattern.MatchString(text) || r.loud() && r.fault(n, "pattern", "does not match "+clip(s.pattern.text))
}
