package chaos

import (
	"bytes"
	"cmp"
	"io"
	"slices"

	"github.com/troupe-go/troupe/benchmarks/harness"
)

// Results are the latest outcomes of all cases, kept from run to run.
type Results struct {
	Outcomes []Outcome `json:"outcomes"`
}

// resultsName is of the files that hold them.
const resultsName = "chaos"

// ReadResults reads what a folder holds; nothing where it holds none.
func ReadResults(folder string) (*Results, error) {
	var r Results
	if err := harness.ReadResults(folder, resultsName, &r); err != nil {
		return nil, err
	}
	for i := range r.Outcomes {
		if o := &r.Outcomes[i]; o.Order == "" { // there was one order then
			o.Order = ByPartition
		}
	}
	return &r, nil
}

// Take puts an outcome in the place of the one of the same scenario, client, protocol and order. The scenarios' order is that of
// the list.
func (r *Results) Take(o Outcome, order []Scenario) {
	r.Outcomes = slices.DeleteFunc(r.Outcomes, func(other Outcome) bool {
		return other.Scenario == o.Scenario && other.Client == o.Client && other.Protocol == o.Protocol &&
			other.Order == o.Order
	})
	r.Outcomes = append(r.Outcomes, o)
	orders := []string{ByPartition, ByKey, Unordered}
	rank := func(name string) int {
		return slices.IndexFunc(order, func(s Scenario) bool { return s.Name == name })
	}
	slices.SortFunc(r.Outcomes, func(a, b Outcome) int {
		return cmp.Or(cmp.Compare(rank(a.Scenario), rank(b.Scenario)), cmp.Compare(a.Client, b.Client), cmp.Compare(a.Protocol, b.Protocol),
			cmp.Compare(slices.Index(orders, a.Order), slices.Index(orders, b.Order)))
	})
}

// Write writes the table for people.
func (r *Results) Write(to io.Writer) {
	var table bytes.Buffer
	r.writeTable(&table)
	_, _ = table.WriteTo(to) // whoever reads it sees that it is cut
}

// Save writes the results, and the table for people.
func (r *Results) Save(folder string) error {
	var table bytes.Buffer
	r.Write(&table)
	return harness.SaveResults(folder, resultsName, r, table.Bytes())
}
