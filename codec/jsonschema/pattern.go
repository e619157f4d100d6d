package jsonschema

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// What regular expressions may cost to compile and to keep: x{1000} has seven bytes and a thousand instructions, \pL has
// three and 1,300 numbers.
const (
	patternBytesMax = 4096
	patternSizeMax  = 50_000
	patternsSizeMax = 500_000
)

// pattern is a compiled regular expression. Matching takes time in proportion to the string's length times steps, at most.
type pattern struct {
	text  string
	regex *regexp.Regexp
	steps int
}

func (p *pattern) String() string { return p.text }

func (p *pattern) MatchString(text string) bool { return p.regex.MatchString(text) }

// cost is what matching a string takes, in the steps of Limits.
func (p *pattern) cost(text string) int { return 1 + len(text)*p.steps/24 }

// patterns compiles regular expressions, each once.
type patterns struct {
	known  map[string]*pattern
	size   int
	failed error // the first
}

// engine is the library's way to regular expressions. It drops the errors of those that it only checks.
func (p *patterns) engine(text string) (jsonschema.Regexp, error) {
	if known, ok := p.known[text]; ok {
		return known, nil
	}
	compiled, err := p.compile(text)
	if err != nil {
		if p.failed == nil {
			p.failed = fmt.Errorf("the pattern %q cannot be used: %w", clip(text), err)
		}
		return nil, err
	}
	p.known[text] = compiled
	return compiled, nil
}

func (p *patterns) compile(text string) (*pattern, error) {
	if len(text) > patternBytesMax {
		return nil, fmt.Errorf("%d bytes, %d are allowed: %w", len(text), patternBytesMax, ErrLimit)
	}
	translated := fromECMA(text)
	tree, err := syntax.Parse(translated, syntax.Perl)
	if err != nil {
		return nil, invalidPattern(err)
	}
	steps, ranges := sizes(tree)
	if steps+ranges > patternSizeMax {
		return nil, fmt.Errorf("%d states, %d are allowed: %w", steps+ranges, patternSizeMax, ErrLimit)
	}
	if p.size += steps + ranges; p.size > patternsSizeMax {
		return nil, fmt.Errorf("more than %d states in all patterns together: %w", patternsSizeMax, ErrLimit)
	}
	regex, err := regexp.Compile(translated)
	if err != nil {
		return nil, invalidPattern(err)
	}
	return &pattern{text: text, regex: regex, steps: steps}, nil
}

func invalidPattern(err error) error {
	text := clip(strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	return fmt.Errorf("%s (lookaround and back references are not known, write it without them)", text)
}

// sizes estimates how many instructions an expression takes, repetitions written out, and how many numbers its classes
// have.
func sizes(tree *syntax.Regexp) (steps, ranges int) {
	steps = 1
	if tree.Op == syntax.OpLiteral {
		steps = len(tree.Rune)
	}
	if tree.Op == syntax.OpCharClass {
		ranges = len(tree.Rune)
	}
	for _, sub := range tree.Sub {
		subSteps, subRanges := sizes(sub)
		if tree.Op == syntax.OpRepeat {
			subSteps *= max(tree.Min+1, tree.Max)
		}
		steps += subSteps
		ranges += subRanges
	}
	return steps, ranges
}

// fromECMA writes \u0041, which ECMA-262 has and Go has not, as \x{41}. What else Go does not have (lookaround, back
// references) cannot be matched in linear time.
func fromECMA(text string) string {
	if !strings.Contains(text, `\u`) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); {
		if text[i] != '\\' || i+1 == len(text) {
			out.WriteByte(text[i])
			i++
			continue
		}
		unit, ok := codeUnit(text[i:])
		if !ok {
			out.WriteString(text[i : i+2])
			i += 2
			continue
		}
		i += codeUnitBytes
		if low, ok := codeUnit(text[i:]); ok && utf16.IsSurrogate(unit) {
			if pair := utf16.DecodeRune(unit, low); pair != '\uFFFD' {
				unit = pair
				i += codeUnitBytes
			}
		}
		fmt.Fprintf(&out, `\x{%x}`, unit)
	}
	return out.String()
}

const codeUnitBytes = len(`\u0000`)

func codeUnit(text string) (rune, bool) {
	if len(text) < codeUnitBytes || text[:2] != `\u` {
		return 0, false
	}
	unit, err := strconv.ParseUint(text[2:codeUnitBytes], 16, 16)
	return rune(unit), err == nil
}
