package meter

import (
	"slices"
	"sync"

	"github.com/troupe-go/troupe/stream"
)

// Other is the value of a label for everything outside the words that the label knows.
const Other = "other"

// labelsMax is the most labels that a measured family has.
const labelsMax = 2

// family is what does not change about a metric.
type family struct {
	name   string // without the prefix
	help   string
	kind   stream.MetricKind
	labels []string
	// words are the values that the last label may take; any other becomes Other, so that a key or an error text cannot
	// end in a label by mistake. Nil: the values come from configuration, such as topics.
	words []string
}

func (f *family) metric(values []stream.MetricValue) stream.Metric {
	return stream.Metric{Name: f.name, Help: f.help, Kind: f.kind, Labels: f.labels, Values: values}
}

// series are the members of a measured family by the values of its labels.
type series[T any] struct {
	family
	create func() *T
	read   func(*T, []string) stream.MetricValue

	mu      sync.RWMutex
	members map[[labelsMax]string]*T
}

// start makes the members that are known beforehand: a counter that is first seen at 1 hides its first event from a rate.
func (s *series[T]) start() *series[T] {
	s.members = make(map[[labelsMax]string]*T)
	switch {
	case len(s.labels) == 0:
		s.with("", "")
	case len(s.labels) == 1:
		for _, word := range s.words {
			s.with(word, "")
		}
	}
	return s
}

// with gives the member of these label values; labels that the family does not have are empty.
func (s *series[T]) with(first, second string) *T {
	key := [labelsMax]string{first, second}
	if last := len(s.labels) - 1; last >= 0 && s.words != nil && !slices.Contains(s.words, key[last]) {
		key[last] = Other
	}
	s.mu.RLock()
	member := s.members[key]
	s.mu.RUnlock()
	if member != nil {
		return member
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if member = s.members[key]; member == nil {
		member = s.create()
		s.members[key] = member
	}
	return member
}

func (s *series[T]) snapshot() stream.Metric {
	s.mu.RLock()
	defer s.mu.RUnlock()
	values := make([]stream.MetricValue, 0, len(s.members))
	for key, member := range s.members {
		values = append(values, s.read(member, slices.Clone(key[:len(s.labels)])))
	}
	slices.SortFunc(values, func(a, b stream.MetricValue) int { return slices.Compare(a.LabelValues, b.LabelValues) })
	return s.metric(values)
}

func (s *series[T]) describe() family { return s.family }

// measured is a series of any type.
type measured interface {
	snapshot() stream.Metric
	describe() family
}
