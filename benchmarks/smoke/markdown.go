package smoke

import (
	"bytes"
	"fmt"
	"io"

	"github.com/troupe-go/troupe/benchmarks/harness"
)

// WriteMarkdown writes the report for people.
func (r Report) WriteMarkdown(to io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# A handler that does nothing, beside a bare poll loop\n\n")
	fmt.Fprintf(&b, "Written by `make bench-smoke`; the package documentation of `benchmarks/smoke` says what runs.\n\n")
	fmt.Fprintf(&b, "%d records of %d bytes in %d partitions. %s, %d cores, %s/%s, %s, %s. Load average before: %s. %s.\n\n",
		r.Load.Records, r.Load.RecordBytes, r.Load.Partitions, r.Machine.CPU, r.Machine.Cores, r.Machine.OS, r.Machine.Arch,
		r.Machine.Go, r.Client, r.Machine.Load, r.At.Format("2006-01-02"))
	lowest, highest := r.Median, r.Median
	for _, p := range r.Pairs {
		lowest, highest = min(lowest, p.Ratio), max(highest, p.Ratio)
	}
	fmt.Fprintf(&b, "**troupe reaches %.2f times the bare loop's throughput** (median of %d pairs, from %.2f to %.2f). "+
		"Beyond the bare loop, a record costs (medians):\n\n", r.Median, len(r.Pairs), lowest, highest)
	fmt.Fprintf(&b, "| | bare loop | troupe | beyond |\n|---|--:|--:|--:|\n")
	for _, row := range []struct {
		name string
		of   func(harness.Cost) float64
	}{
		{"processor time, ns", func(c harness.Cost) float64 { return float64(c.CPUPerRecord()) }},
		{"Go allocations", harness.Cost.AllocationsPerRecord},
		{"Go bytes allocated", harness.Cost.BytesPerRecord},
	} {
		bare := median(r.Pairs, func(p Pair) float64 { return row.of(p.Bare) })
		troupe := median(r.Pairs, func(p Pair) float64 { return row.of(p.Troupe) })
		fmt.Fprintf(&b, "| %s | %.2f | %.2f | %+.2f |\n", row.name, bare, troupe, troupe-bare)
	}
	fmt.Fprintf(&b, "\nEvery run:\n\n| pair | run | records/s | ratio | user s per million | system s per million "+
		"| allocations per record | bytes per record | GC cycles | max RSS, MiB |\n|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for i, p := range r.Pairs {
		writeRun(&b, i+1, Bare, p.Bare, "")
		writeRun(&b, i+1, Troupe, p.Troupe, fmt.Sprintf("%.3f", p.Ratio))
	}
	if _, err := b.WriteTo(to); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func writeRun(b *bytes.Buffer, pair int, mode Mode, c harness.Cost, ratio string) {
	millions := float64(c.Records) / 1e6
	fmt.Fprintf(b, "| %d | %s | %.0f | %s | %.3f | %.3f | %.2f | %.0f | %d | %d |\n", pair, mode, c.RecordsPerSecond(), ratio,
		c.UserCPU.Seconds()/millions, c.SystemCPU.Seconds()/millions, c.AllocationsPerRecord(), c.BytesPerRecord(),
		c.GCCycles, c.MaxRSS>>20)
}
