package chaos

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/benchmarks/chaos/verify"
)

const howToRead = `# Chaos

Written by ` + "`make chaos`" + `; ` + "`benchmarks/chaos/README.md`" + ` says what is done, and how to read and repeat it.

Real ` + "`troupe run`" + ` processes, three brokers of Apache Kafka, and the program that judges them shared one machine: the
times tell how soon work goes on, not how fast it could be done. Each row is the latest trial of its kind.

`

// writeTable writes the results for people.
func (r *Results) writeTable(b *bytes.Buffer) {
	b.WriteString(howToRead)
	if len(r.Outcomes) == 0 {
		b.WriteString("No trial was made yet.\n")
		return
	}
	m := r.Outcomes[0].Machine
	fmt.Fprintf(b, "%s, %d cores, %s/%s, %s.\n\n", m.CPU, m.Cores, m.OS, m.Arch, m.Go)
	b.WriteString("| scenario | client | protocol | order | records | dead letters | lost | unseen | duplicates (bound) | out of order | " +
		"early or zombie commits | longest gap, s (one partition) | recovery, s (lag) | verdict |\n" +
		"|---|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|\n")
	for i := range r.Outcomes {
		r.Outcomes[i].writeRow(b)
	}
	b.WriteString("\n## What was done\n\n")
	told := make(map[string]bool)
	for _, o := range r.Outcomes {
		if !told[o.Scenario] {
			told[o.Scenario] = true
			fmt.Fprintf(b, "* **%s**: %s.\n", o.Scenario, o.About)
		}
	}
	b.WriteString("\n## Each trial\n\n| scenario | client | protocol | order | date | load before | seed | lasted, s | faults | generations | " +
		"commits (with records beyond) | spared | replayed | late | resent | read on | causes of partitions that stood still, s | longest without a cause, s |\n" +
		"|---|---|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|--:|\n")
	for _, o := range r.Outcomes {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %d | %.0f | %d | %d | %d (%d) | %d | %d | %d | %d | %d | %s | %.1f |\n", o.Scenario, o.Client, o.Protocol,
			o.Order, o.At.Format(time.DateOnly), o.Machine.Load, o.Seed, o.Seconds, len(o.Report.Recoveries), o.Report.Generations,
			o.Report.Commits, o.Report.CommitsBeyond, o.Report.Spared, o.Report.Replayed, o.Report.Late, o.Report.Resent, o.Report.ReadOn, causes(o.Watched.Causes), o.Watched.LongestUnnamedS)
	}
	r.writeGrowth(b)
	r.writeViolations(b)
}

func (o *Outcome) writeRow(b *bytes.Buffer) {
	p := &o.Report
	verdict := "passed"
	if len(o.Violations) > 0 {
		verdict = fmt.Sprintf("**%d violations**", len(o.Violations))
	}
	fmt.Fprintf(b, "| %s | %s | %s | %s | %d | %d | %d | %d | %d (%d) | %d | %d | %.1f (%.1f) | %s | %s |\n", o.Scenario, o.Client, o.Protocol, o.Order,
		p.Acknowledged, p.DeadLetters, p.Lost, p.Unseen, p.Duplicates, p.Bound(), p.OutOfOrder,
		p.EarlyCommits+p.ZombieCommits+p.BackwardCommit, seconds(p.LongestGapMS), seconds(p.LongestPartitionGapMS),
		recovery(p.Recoveries), verdict)
}

func seconds(ms int64) float64 { return (time.Duration(ms) * time.Millisecond).Seconds() }

// recovery gives the longest of each kind.
func recovery(list []verify.Recovery) string {
	first, lag, never := int64(0), int64(0), false
	for _, r := range list {
		first, lag = max(first, r.FirstOutputMS), max(lag, r.LagMS)
		never = never || r.FirstOutputMS < 0 || r.LagMS < 0
	}
	text := fmt.Sprintf("%.1f (%.1f)", seconds(first), seconds(lag))
	if never {
		text += ", once never"
	}
	return text
}

func causes(seen map[string]float64) string {
	if len(seen) == 0 {
		return "none stood"
	}
	var list []string
	for _, cause := range slices.Sorted(maps.Keys(seen)) {
		list = append(list, fmt.Sprintf("%s %.0f", cause, seen[cause]))
	}
	return strings.Join(list, ", ")
}

func (r *Results) writeGrowth(b *bytes.Buffer) {
	begun := false
	for _, o := range r.Outcomes {
		for _, g := range o.Growth {
			if !begun {
				begun = true
				b.WriteString("\n## Memory of the member that lived through the storm\n\n" +
					"| scenario | client | protocol | meter | start | middle | end | limit |\n|---|---|---|---|--:|--:|--:|--:|\n")
			}
			fmt.Fprintf(b, "| %s | %s | %s | %s | %.0f | %.0f | %.0f | %.0f |\n", o.Scenario, o.Client, o.Protocol, g.Meter, g.Start, g.Middle,
				g.End, g.Limit)
		}
	}
}

func (r *Results) writeViolations(b *bytes.Buffer) {
	begun := false
	for _, o := range r.Outcomes {
		for _, v := range o.Violations {
			if !begun {
				begun = true
				b.WriteString("\n## Violations\n\n")
			}
			fmt.Fprintf(b, "* %s: %s\n", o.Case, strings.TrimSpace(v))
		}
	}
}
