package memory

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/benchmarks/harness"
)

// Section is a scenario and what came of it with each client.
type Section struct {
	At       time.Time       `json:"at"`
	Machine  harness.Machine `json:"machine"`
	Scenario Scenario        `json:"scenario"`
	Outcomes []Outcome       `json:"outcomes"`
}

// failures are the trials that have failed.
func (s Section) failures() []error {
	var list []error
	for _, o := range s.Outcomes {
		for _, fault := range o.Faults(s.Scenario) {
			list = append(list, fmt.Errorf("%s, %s: %s", s.Scenario.Name, o.Client, fault))
		}
	}
	return list
}

// Report holds the latest section of every scenario, kept from run to run.
type Report struct {
	Sections []Section `json:"sections"`
}

// resultsName is of the files that hold them.
const resultsName = "memory"

// ReadReport reads what a folder holds; nothing where it holds none.
func ReadReport(folder string) (*Report, error) {
	var r Report
	if err := harness.ReadResults(folder, resultsName, &r); err != nil {
		return nil, err
	}
	return &r, nil
}

// Take puts a section in the place of the one of the same scenario. The order is that of all scenarios.
func (r *Report) Take(s Section) {
	r.Sections = slices.DeleteFunc(r.Sections, func(other Section) bool { return other.Scenario.Name == s.Scenario.Name })
	r.Sections = append(r.Sections, s)
	all := Scenarios(false)
	rank := func(name string) int {
		return slices.IndexFunc(all, func(s Scenario) bool { return s.Name == name })
	}
	slices.SortStableFunc(r.Sections, func(a, b Section) int { return cmp.Compare(rank(a.Scenario.Name), rank(b.Scenario.Name)) })
}

// Write writes the report for people.
func (r *Report) Write(to io.Writer) error {
	var b bytes.Buffer
	r.writeMarkdown(&b)
	if _, err := b.WriteTo(to); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// Save writes the report into a folder, for programs and for people.
func (r *Report) Save(folder string) error {
	var table bytes.Buffer
	r.writeMarkdown(&table)
	return harness.SaveResults(folder, resultsName, r, table.Bytes())
}

const preface = `# The memory budget

Written by ` + "`make bench-memory`" + `; ` + "`benchmarks/memory/README.md`" + ` says what is measured, and how to repeat it. Sizes are in MiB. A trial
passes if the account was never above the budget, the process never above twice the budget and 128 MiB, the healthy partitions
came to the end of their backlog while the fault lasted, the faulty ones said why they stood, and everything was done and
committed after the fault had ended.

| scenario | client | budget | accounted, highest | outputs, dead letters of that | resident, highest | Go's of that | of the budget | healthy records/s | drained in, s | |
|---|---|--:|--:|--:|--:|--:|--:|--:|--:|---|
`

func (r *Report) writeMarkdown(b *bytes.Buffer) {
	b.WriteString(preface)
	for _, s := range r.Sections {
		for _, o := range s.Outcomes {
			s.writeRow(b, o)
		}
	}
	b.WriteString("\n")
	for _, s := range r.Sections {
		m := s.Machine
		fmt.Fprintf(b, "* **%s**: %s. %d records of %d bytes (%s) in %d partitions, %s order. %s, %d cores, %s/%s, %s; load average before: %s. %s.\n",
			s.Scenario.Name, s.Scenario.About, s.Scenario.Topic.Records, s.Scenario.Topic.ValueBytes, s.Scenario.Topic.Values,
			s.Scenario.Topic.Partitions, s.Scenario.Order, m.CPU, m.Cores, m.OS, m.Arch, m.Go, m.Load, s.At.Format(time.DateOnly))
	}
	for i, failure := range r.failures() {
		if i == 0 {
			b.WriteString("\nFailed:\n\n")
		}
		fmt.Fprintf(b, "* %s\n", strings.ReplaceAll(strings.TrimSpace(failure.Error()), "\n", "; "))
	}
}

func (r *Report) failures() (list []error) {
	for _, s := range r.Sections {
		list = append(list, s.failures()...)
	}
	return list
}

func (s Section) writeRow(b *bytes.Buffer, o Outcome) {
	verdict, healthy := "passed", ""
	if len(o.Faults(s.Scenario)) > 0 {
		verdict = "**failed**"
	}
	if o.Healthy > 0 {
		healthy = fmt.Sprintf("%.0f", float64(o.Healthy)/o.HealthyTime.Seconds())
	}
	fmt.Fprintf(b, "| %s | %s | %.0f | %.1f | %.1f, %.1f | %.0f | %.0f | %.2f | %s | %.1f | %s |\n", s.Scenario.Name, o.Client, mebibytes(s.Scenario.Memory),
		mebibytes(o.Peaks.Used), mebibytes(o.Peaks.Outputs), mebibytes(o.Peaks.DeadLetters), mebibytes(o.highestRSS()), mebibytes(o.Peaks.Go),
		float64(o.highestRSS())/float64(s.Scenario.Memory), healthy, o.DrainTime.Seconds(), verdict)
}
