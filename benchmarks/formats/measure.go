package formats

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/troupe-go/troupe/benchmarks/harness"
)

// Timing is what one way costs for one record.
type Timing struct {
	Nanoseconds float64 `json:"ns"` // the median of the rounds
	Allocations float64 `json:"allocations"`
	Bytes       float64 `json:"bytes"`
}

// Result is a pair that was measured.
type Result struct {
	Pair, Alone, Ours      string
	Ratio, Lowest, Highest float64 // ours to alone, in time: the median of the rounds, and their range
	OfAlone, OfOurs        Timing
}

// Report is all of them.
type Report struct {
	At      time.Time       `json:"at"`
	Machine harness.Machine `json:"machine"`
	Rounds  int             `json:"rounds"`
	Results []Result        `json:"results"`
}

// Measure times every pair for that many rounds, and each way that long in a round.
func Measure(ctx context.Context, pairs []Pair, rounds int, each time.Duration) (Report, error) {
	report := Report{At: time.Now().UTC(), Machine: harness.ThisMachine(), Rounds: rounds}
	for _, p := range pairs {
		result, err := measure(ctx, p, rounds, each)
		if err != nil {
			return report, fmt.Errorf("%s: %w", p.Name, err)
		}
		report.Results = append(report.Results, result)
	}
	return report, nil
}

func measure(ctx context.Context, p Pair, rounds int, each time.Duration) (Result, error) {
	var alone, ours, ratios []float64
	result := Result{Pair: p.Name, Alone: p.Alone, Ours: p.Ours}
	for round := range rounds {
		if err := ctx.Err(); err != nil {
			return result, err
		}
		var a, o Timing
		var err error
		first, second := func() error { a, err = clock(p.alone, each); return err }, func() error { o, err = clock(p.ours, each); return err }
		if round%2 == 1 {
			first, second = second, first
		}
		if err := first(); err != nil {
			return result, err
		}
		if err := second(); err != nil {
			return result, err
		}
		alone, ours, ratios = append(alone, a.Nanoseconds), append(ours, o.Nanoseconds), append(ratios, o.Nanoseconds/a.Nanoseconds)
		result.OfAlone, result.OfOurs = a, o
	}
	result.OfAlone.Nanoseconds, result.OfOurs.Nanoseconds = median(alone), median(ours)
	result.Ratio, result.Lowest, result.Highest = median(ratios), slices.Min(ratios), slices.Max(ratios)
	return result, nil
}

// clock calls one way again and again for that long.
func clock(decode func() error, each time.Duration) (Timing, error) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begun, n := time.Now(), 0
	for time.Since(begun) < each {
		for range 100 { // reading the clock must not count
			if err := decode(); err != nil {
				return Timing{}, err
			}
		}
		n += 100
	}
	took := time.Since(begun)
	runtime.ReadMemStats(&after)
	per := func(total uint64) float64 { return float64(total) / float64(n) }
	return Timing{per(uint64(took)), per(after.Mallocs - before.Mallocs), per(after.TotalAlloc - before.TotalAlloc)}, nil
}

func median(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

// Write writes the report for people.
func (r Report) Write(to io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# What it costs to trust no payload\n\n")
	fmt.Fprintf(&b, "Written by `make bench-formats`; the package documentation of `benchmarks/formats` says how. A record of ten fields; times are for one.\n\n")
	fmt.Fprintf(&b, "%s, %d cores, %s/%s, %s. %d rounds. Load average before: %s. %s.\n\n", r.Machine.CPU, r.Machine.Cores, r.Machine.OS,
		r.Machine.Arch, r.Machine.Go, r.Rounds, r.Machine.Load, r.At.Format("2006-01-02"))
	fmt.Fprintf(&b, "| | alone | ours | times (lowest to highest) | ns alone, ours | allocations alone, ours | bytes alone, ours |\n|---|---|---|--:|--:|--:|--:|\n")
	for _, s := range r.Results {
		fmt.Fprintf(&b, "| %s | %s | %s | **%.2f** (%.2f to %.2f) | %.0f, %.0f | %.0f, %.0f | %.0f, %.0f |\n", s.Pair, s.Alone, s.Ours, s.Ratio,
			s.Lowest, s.Highest, s.OfAlone.Nanoseconds, s.OfOurs.Nanoseconds, s.OfAlone.Allocations, s.OfOurs.Allocations, s.OfAlone.Bytes, s.OfOurs.Bytes)
	}
	_, err := b.WriteTo(to)
	return err
}

// Save puts the report into formats.json and formats.md of a folder.
func (r Report) Save(folder string) error {
	var table bytes.Buffer
	if err := r.Write(&table); err != nil {
		return err
	}
	return harness.SaveResults(folder, "formats", r, table.Bytes())
}
