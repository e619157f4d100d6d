// Package properties knows the Kafka client's properties by librdkafka's names: which exist, what they may hold, whether
// they belong to a consumer or a producer, which of them the processor owns, and troupe's defaults.
//
// It is used by every adapter and by whatever checks a configuration, and needs no client library itself.
package properties

import (
	"fmt"
	"strconv"
	"strings"
)

// Scope says which kind of client a property belongs to.
type Scope uint8

// The scopes.
const (
	Both Scope = iota
	Consumer
	Producer
)

func (s Scope) String() string { return [...]string{"both", "consumer", "producer"}[s] }

type kind uint8

const (
	text kind = iota
	integer
	number
	boolean
	choice
)

type property struct {
	scope     Scope
	kind      kind
	low, high int64
	choices   string // separated by spaces
	alias     string // the other name of the same property
}

// Table is the set of properties. Make it once with New and keep it: it is read only.
type Table struct {
	known map[string]property
	owned map[string]string
}

// New makes the table.
func New() *Table { return &Table{known: table(), owned: owned()} }

// Scope gives the scope of a property, and whether there is such a property.
func (t *Table) Scope(name string) (Scope, bool) {
	p, known := t.known[name]
	return p.scope, known
}

// canonical gives the name that stands for a property and its alias.
func (t *Table) canonical(name string) string {
	if alias := t.known[name].alias; alias != "" {
		return alias
	}
	return name
}

// fault says what is wrong with a value, or nothing.
func (p property) fault(value string) string {
	switch p.kind {
	case text:
		return ""
	case integer:
		return p.integerFault(value)
	case number:
		if _, err := strconv.ParseFloat(value, 64); err != nil {
			return fmt.Sprintf("%q is not a number", value)
		}
	case boolean:
		switch strings.ToLower(value) {
		case "true", "false", "t", "f", "1", "0":
		default:
			return fmt.Sprintf("%q is neither true nor false", value)
		}
	case choice:
		choices := strings.Fields(p.choices)
		for _, c := range choices {
			if strings.EqualFold(c, value) {
				return ""
			}
		}
		return fmt.Sprintf("%q is none of %s", value, strings.Join(choices, ", "))
	}
	return ""
}

func (p property) integerFault(value string) string {
	if p.alias == "request.required.acks" && value == "all" {
		return ""
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return fmt.Sprintf("%q is not a whole number", value)
	}
	if n < p.low || n > p.high {
		return fmt.Sprintf("%d is not between %d and %d", n, p.low, p.high)
	}
	return ""
}
