package smoke_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/benchmarks/harness"
	"github.com/troupe-go/troupe/benchmarks/smoke"
)

// TestMain lets the test binary be each of the processes that a measurement starts.
func TestMain(m *testing.M) {
	task, is, err := smoke.ParseTask(os.Args[1:])
	if !is {
		os.Exit(m.Run())
	}
	if err == nil {
		err = task.Do(context.Background(), os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func TestMeasureRunsBothModesOverAllRecords(t *testing.T) {
	t.Parallel()
	const records = 20_000
	var progress bytes.Buffer
	report, err := smoke.Measure(t.Context(), smoke.Config{
		Load: smoke.Load{Records: records, RecordBytes: 100, Partitions: 3}, Pairs: 2, Progress: &progress,
	})
	require.NoError(t, err, progress.String())
	require.Len(t, report.Pairs, 2)
	for _, pair := range report.Pairs {
		require.EqualValues(t, records, pair.Bare.Records)
		require.GreaterOrEqual(t, pair.Troupe.Records, int64(records))
		for _, cost := range []harness.Cost{pair.Bare, pair.Troupe} {
			require.Equal(t, cost.Records*100, cost.ValueBytes)
			require.Positive(t, cost.Elapsed)
			require.Positive(t, cost.UserCPU+cost.SystemCPU)
			require.GreaterOrEqual(t, cost.AllocationsPerRecord(), 1.0, "each value is an allocation")
			require.Positive(t, cost.MaxRSS)
		}
		require.InDelta(t, pair.Troupe.RecordsPerSecond()/pair.Bare.RecordsPerSecond(), pair.Ratio, 1e-9)
	}
}

func TestMeasureFailsWithTheProcessThatFails(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := smoke.Measure(ctx, smoke.Config{
		Load: smoke.Load{Records: 1, RecordBytes: 100, Partitions: 1}, Pairs: 1, Progress: &bytes.Buffer{},
	})
	require.Error(t, err)
}

func TestMarkdownShowsMediansAndEveryRun(t *testing.T) {
	t.Parallel()
	cost := func(elapsed, cpu time.Duration, allocations uint64) harness.Cost {
		return harness.Cost{
			Records: 1_000_000, ValueBytes: 100_000_000, Elapsed: elapsed, UserCPU: cpu, Allocations: allocations,
			AllocatedBytes: 100 * allocations, GCCycles: 7, MaxRSS: 64 << 20,
		}
	}
	report := smoke.Report{
		At: time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC), Client: "librdkafka 1.2.3", Median: 0.9,
		Machine: harness.Machine{CPU: "a processor", Cores: 2, OS: "linux", Arch: "amd64", Go: "go1.26", Load: "0.05"},
		Load:    smoke.Load{Records: 1_000_000, RecordBytes: 100, Partitions: 12},
		Pairs: []smoke.Pair{
			{Bare: cost(time.Second, time.Second, 5_000_000), Troupe: cost(2*time.Second, 2*time.Second, 6_000_000), Ratio: 0.5},
			{Bare: cost(time.Second, time.Second, 5_000_000), Troupe: cost(time.Second, 3*time.Second, 8_000_000), Ratio: 1},
		},
	}
	var text bytes.Buffer
	require.NoError(t, report.WriteMarkdown(&text))
	for _, want := range []string{
		"1000000 records of 100 bytes in 12 partitions. a processor, 2 cores, linux/amd64, go1.26, librdkafka 1.2.3. Load average before: 0.05. 2026-02-03.",
		"0.90 times the bare loop's throughput** (median of 2 pairs, from 0.50 to 1.00)",
		"| processor time, ns | 1000.00 | 2500.00 | +1500.00 |",
		"| Go allocations | 5.00 | 7.00 | +2.00 |",
		"| 1 | bare | 1000000 |  | 1.000 | 0.000 | 5.00 | 500 | 7 | 64 |",
		"| 2 | troupe | 1000000 | 1.000 | 3.000 | 0.000 | 8.00 | 800 | 7 | 64 |",
	} {
		require.Contains(t, text.String(), want)
	}
}
