package parallel

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/troupe-go/troupe/benchmarks/harness"
)

// Figures are what a contender's records cost, from when the first was handed to a handler until the last was done.
type Figures struct {
	Records int64         `json:"records,omitempty"`
	Elapsed time.Duration `json:"elapsed_ns,omitempty"`
	CPU     time.Duration `json:"cpu_ns,omitempty"` // user and system, of all threads
	// MaxRSS is the most memory that the process has had resident in its whole life, in bytes.
	MaxRSS int64 `json:"max_rss_bytes,omitempty"`
}

func figures(c harness.Cost) Figures {
	return Figures{Records: c.Records, Elapsed: c.Elapsed, CPU: c.UserCPU + c.SystemCPU}
}

// RecordsPerSecond is the throughput.
func (f Figures) RecordsPerSecond() float64 { return float64(f.Records) / f.Elapsed.Seconds() }

// CPUSecondsPerMillion is the processor time of a million records.
func (f Figures) CPUSecondsPerMillion() float64 { return f.CPU.Seconds() / float64(f.Records) * 1e6 }

// Run is one round of a contender. One with an error has no figures.
type Run struct {
	Figures
	Poisoned *Poisoned `json:"poisoned,omitempty"`
	Waiting  *Waiting  `json:"waiting,omitempty"`
	Error    string    `json:"error,omitempty"`
}

// Row is a contender and its rounds.
type Row struct {
	Contender Contender `json:"contender"`
	Runs      []Run     `json:"runs"`
}

// err is the first error of the row.
func (r Row) err() string {
	for _, run := range r.Runs {
		if run.Error != "" {
			return run.Error
		}
	}
	return ""
}

// median of a figure over the rounds; only for a row without an error.
func (r Row) median(of func(Run) float64) float64 {
	values := make([]float64, len(r.Runs))
	for i, run := range r.Runs {
		values[i] = of(run)
	}
	return median(values)
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}

// Section is a scenario and what came of it.
type Section struct {
	At       time.Time       `json:"at"`
	Machine  harness.Machine `json:"machine"`
	Client   string          `json:"client"` // troupe's
	Scenario Scenario        `json:"scenario"`
	Rows     []Row           `json:"rows"`
}

// Ratio is the median, over the rounds, of a contender's throughput over that of the scenario's baseline in the same round.
// There is none without a baseline, or where one of them failed.
func (s Section) Ratio(row Row) (ratio float64, is bool) {
	at := slices.IndexFunc(s.Rows, func(r Row) bool { return r.Contender.Name() == s.Scenario.Baseline })
	if at < 0 || s.Rows[at].err() != "" || row.err() != "" {
		return 0, false
	}
	ratios := make([]float64, min(len(row.Runs), len(s.Rows[at].Runs)))
	for i := range ratios {
		ratios[i] = row.Runs[i].RecordsPerSecond() / s.Rows[at].Runs[i].RecordsPerSecond()
	}
	return median(ratios), true
}

// failures are the contenders that have no figure.
func (s Section) failures() []error {
	var list []error
	for _, row := range s.Rows {
		if message := row.err(); message != "" {
			list = append(list, fmt.Errorf("%s: %s: %s", s.Scenario.Name, row.Contender.Name(), message))
		}
	}
	return list
}

// Report holds the latest section of every scenario, kept from run to run.
type Report struct {
	Sections []Section `json:"sections"`
}

// resultsName is of the files that hold them.
const resultsName = "parallel"

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
