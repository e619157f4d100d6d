package parallel

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

const preface = `# Parallelism beyond partitions

Written by ` + "`make bench-parallel`" + `; ` + "`benchmarks/parallel/README.md`" + ` says what is measured, and how to read and repeat it. Broker,
contender and everything else that ran shared one machine: the ratios travel to others, the absolute figures do not.
`

func (r *Report) writeMarkdown(b *bytes.Buffer) {
	b.WriteString(preface)
	if len(r.Sections) == 0 {
		b.WriteString("\nNothing was measured yet.\n")
	}
	for _, s := range r.Sections {
		s.writeMarkdown(b)
	}
}

func (s Section) writeMarkdown(b *bytes.Buffer) {
	m, rounds := s.Machine, 0
	for _, row := range s.Rows {
		rounds = max(rounds, len(row.Runs))
	}
	fmt.Fprintf(b, "\n## %s: %s\n\nPartitions: %d, keys: %d, bytes of a value: %d, rounds: %d (medians). %s, %d cores, %s/%s, %s; "+
		"troupe on its %s client. Load average before: %s. %s.\n\n", s.Scenario.Name, s.Scenario.About, s.Scenario.Partitions, s.Scenario.Keys,
		valueBytes, rounds, m.CPU, m.Cores, m.OS, m.Arch, m.Go, s.Client, m.Load, s.At.Format(time.DateOnly))
	switch s.Scenario.Kind {
	case Drain:
		s.writeDrains(b)
	case Poison:
		s.writePoison(b)
	case Parked:
		s.writeParked(b)
	}
	for i, failure := range s.failures() {
		if i == 0 {
			b.WriteString("\nNo figure:\n\n")
		}
		fmt.Fprintf(b, "* %s\n", strings.ReplaceAll(strings.TrimSpace(failure.Error()), "\n", "; "))
	}
}

// rows writes a row for each contender that has figures.
func (s Section) rows(b *bytes.Buffer, cells func(Row) string) {
	for _, row := range s.Rows {
		if row.err() != "" || len(row.Runs) == 0 {
			fmt.Fprintf(b, "| %s | no figure, see below |\n", row.Contender.Name())
			continue
		}
		fmt.Fprintf(b, "| %s | %s |\n", row.Contender.Name(), cells(row))
	}
}

func (s Section) writeDrains(b *bytes.Buffer) {
	fmt.Fprintf(b, "| contender | records | at once | seconds | records/s (lowest to highest) | of the ideal | beside %s "+
		"| CPU s per million | peak RSS, MiB |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n", s.Scenario.Baseline)
	s.rows(b, func(row Row) string {
		rate := row.median(func(r Run) float64 { return r.RecordsPerSecond() })
		lowest, highest := rate, rate
		for _, run := range row.Runs {
			lowest, highest = min(lowest, run.RecordsPerSecond()), max(highest, run.RecordsPerSecond())
		}
		share, beside := "", ""
		if ideal := s.Scenario.Ideal(row.Contender); ideal > 0 {
			share = fmt.Sprintf("%.3f", rate/ideal)
		}
		if ratio, is := s.Ratio(row); is {
			beside = fmt.Sprintf("%.3f", ratio)
		}
		return fmt.Sprintf("%d | %d | %.2f | %.0f (%.0f to %.0f) | %s | %s | %.2f | %.0f", row.Contender.Records, row.Contender.Concurrency,
			row.median(func(r Run) float64 { return r.Elapsed.Seconds() }), rate, lowest, highest, share, beside,
			row.median(func(r Run) float64 { return r.CPUSecondsPerMillion() }), row.median(func(r Run) float64 { return mebibytes(r.MaxRSS) }))
	})
}

func (s Section) writePoison(b *bytes.Buffer) {
	fmt.Fprintf(b, "%d records a second are written; one of %d has the key that fails. Latency is from when a record of another key was "+
		"due to be written until it was handled.\n\n", s.Scenario.Rate, poisonEvery)
	fmt.Fprintf(b, "| contender | p50, ms | p99, ms (lowest to highest) | attempts at the key | its records held | its partition: committed, of "+
		"| metadata, characters | others not committed | handled again by the next process |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	s.rows(b, func(row Row) string {
		figure := func(of func(Poisoned) float64) float64 {
			return row.median(func(r Run) float64 { return of(*r.Poisoned) })
		}
		p99 := figure(func(p Poisoned) float64 { return milliseconds(p.P99) })
		lowest, highest := p99, p99
		for _, run := range row.Runs {
			lowest, highest = min(lowest, milliseconds(run.Poisoned.P99)), max(highest, milliseconds(run.Poisoned.P99))
		}
		return fmt.Sprintf("%.2f | %.2f (%.2f to %.2f) | %.0f | %.0f | %.0f, %.0f | %.0f | %.0f | %.0f",
			figure(func(p Poisoned) float64 { return milliseconds(p.P50) }), p99, lowest, highest,
			figure(func(p Poisoned) float64 { return float64(p.Attempts) }), figure(func(p Poisoned) float64 { return float64(p.Held) }),
			figure(func(p Poisoned) float64 { return float64(p.Committed) }), figure(func(p Poisoned) float64 { return float64(p.End) }),
			figure(func(p Poisoned) float64 { return float64(p.Metadata) }), figure(func(p Poisoned) float64 { return float64(p.Behind) }),
			figure(func(p Poisoned) float64 { return float64(p.Repeated) }))
	})
}

func (s Section) writeParked(b *bytes.Buffer) {
	fmt.Fprintf(b, "| contender | records | goroutines before, after | heap before, after, MiB | RSS before, after, MiB | heap bytes a record "+
		"| of the memory budget, MiB | CPU s per million |\n|---|--:|--:|--:|--:|--:|--:|--:|\n")
	s.rows(b, func(row Row) string {
		figure := func(of func(Waiting) float64) float64 {
			return row.median(func(r Run) float64 { return of(*r.Waiting) })
		}
		return fmt.Sprintf("%d | %.0f, %.0f | %.1f, %.1f | %.0f, %.0f | %.0f | %.1f | %.2f", row.Contender.Records,
			figure(func(w Waiting) float64 { return float64(w.Before.Goroutines) }), figure(func(w Waiting) float64 { return float64(w.After.Goroutines) }),
			figure(func(w Waiting) float64 { return mebibytes(w.Before.Heap) }), figure(func(w Waiting) float64 { return mebibytes(w.After.Heap) }),
			figure(func(w Waiting) float64 { return mebibytes(w.Before.RSS) }), figure(func(w Waiting) float64 { return mebibytes(w.After.RSS) }),
			figure(func(w Waiting) float64 { return float64(w.After.Heap-w.Before.Heap) / float64(row.Contender.Records) }),
			figure(func(w Waiting) float64 { return mebibytes(w.Budget) }), row.median(func(r Run) float64 { return r.CPUSecondsPerMillion() }))
	})
}

func mebibytes(bytes int64) float64        { return float64(bytes) / (1 << 20) }
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
