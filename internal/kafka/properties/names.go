package properties

import (
	"maps"
	"slices"
	"strings"
)

// Error is a set of properties that no client can be made from.
type Error struct{ Faults []Fault }

func (e *Error) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.String()
	}
	return "kafka properties: " + strings.Join(lines, "\n")
}

// Names are all properties that a user may set, sorted.
func (t *Table) Names() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(t.known)), func(name string) bool { return t.owned[name] != "" })
}

// Value reads a property that is set under either of its names; empty where it is not.
func (t *Table) Value(properties map[string]string, name string) string {
	if value, set := properties[name]; set {
		return value
	}
	wanted := t.canonical(name)
	for other, value := range properties {
		if t.canonical(other) == wanted {
			return value
		}
	}
	return ""
}
