package parallel_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/benchmarks/harness"
	"github.com/troupe-go/troupe/benchmarks/parallel"
)

func run(records int64, elapsed, cpu time.Duration) parallel.Run {
	return parallel.Run{Figures: parallel.Figures{Records: records, Elapsed: elapsed, CPU: cpu, MaxRSS: 64 << 20}}
}

// drained is a section of three rounds: the floor, a contender, and one that failed in its second round.
func drained() parallel.Section {
	floor := parallel.Contender{Program: parallel.Floor, Order: parallel.Unordered, Concurrency: 100, Records: 10_000}
	key := parallel.Contender{Program: parallel.Troupe, Order: parallel.ByKey, Concurrency: 100, Records: 10_000}
	peer := parallel.Contender{Program: parallel.ParallelConsumer, Order: parallel.ByKey, Concurrency: 100, Records: 10_000}
	return parallel.Section{
		At: time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC), Client: "confluent",
		Machine: harness.Machine{CPU: "a processor", Cores: 2, OS: "linux", Arch: "amd64", Go: "go1.26", Load: "0.05"},
		Scenario: parallel.Scenario{
			Name: "slow-100", About: "a handler that waits", Kind: parallel.Drain, Partitions: 12, Keys: 1000,
			Latency: 10 * time.Millisecond, Baseline: floor.Name(),
		},
		Rows: []parallel.Row{
			{Contender: floor, Runs: []parallel.Run{
				run(10_000, time.Second, time.Second), run(10_000, 2*time.Second, time.Second), run(10_000, 4*time.Second, time.Second),
			}},
			{Contender: key, Runs: []parallel.Run{ // 0.5, 1 and 0.8 of the floor in the same round
				run(10_000, 2*time.Second, 100*time.Millisecond), run(10_000, 2*time.Second, 200*time.Millisecond),
				run(10_000, 5*time.Second, 300*time.Millisecond),
			}},
			{Contender: peer, Runs: []parallel.Run{run(10_000, time.Second, time.Second), {Error: "offset 3\nwas handled twice"}}},
		},
	}
}

func TestTableShowsMediansOfRoundsAndNoFigureForWhoFailed(t *testing.T) {
	t.Parallel()
	var report parallel.Report
	report.Take(drained())
	var text bytes.Buffer
	require.NoError(t, report.Write(&text))
	for _, want := range []string{
		"Partitions: 12, keys: 1000, bytes of a value: 100, rounds: 3 (medians). a processor, 2 cores, linux/amd64, go1.26; troupe on its confluent client. Load average before: 0.05. 2026-02-03.",
		"| go-floor | 10000 | 100 | 2.00 | 5000 (2500 to 10000) | 0.500 | 1.000 | 100.00 | 64 |",
		"| troupe/key | 10000 | 100 | 2.00 | 5000 (2000 to 5000) | 0.500 | 0.800 | 20.00 | 64 |",
		"| parallel-consumer/key | no figure, see below |",
		"* slow-100: parallel-consumer/key: offset 3; was handled twice\n",
	} {
		require.Contains(t, text.String(), want)
	}
}

func TestTableShowsWhatAFailingKeyDoes(t *testing.T) {
	t.Parallel()
	poisoned := func(p99 time.Duration, attempts int64) parallel.Run {
		r := run(1000, time.Second, time.Second)
		r.Poisoned = &parallel.Poisoned{
			P50: 11 * time.Millisecond, P99: p99, Attempts: attempts, Held: 5, Committed: 100, Metadata: 44, End: 200, Behind: 0, Repeated: 0,
		}
		return r
	}
	s := drained()
	s.Scenario = parallel.Scenario{Name: "poison", About: "one key fails", Kind: parallel.Poison, Partitions: 12, Keys: 1000, Rate: 2000}
	s.Rows = []parallel.Row{{
		Contender: parallel.Contender{Program: parallel.Troupe, Order: parallel.ByKey, Poisoned: true},
		Runs:      []parallel.Run{poisoned(20*time.Millisecond, 7), poisoned(30*time.Millisecond, 9)},
	}}
	var text bytes.Buffer
	require.NoError(t, (&parallel.Report{Sections: []parallel.Section{s}}).Write(&text))
	require.Contains(t, text.String(), "| troupe/key/poisoned | 11.00 | 25.00 (20.00 to 30.00) | 8 | 5 | 100, 200 | 44 | 0 | 0 |")
}

func TestTableShowsWhatWaitingRecordsCost(t *testing.T) {
	t.Parallel()
	r := run(1000, time.Second, time.Millisecond)
	r.Waiting = &parallel.Waiting{
		Before: parallel.Meters{RSS: 30 << 20, Heap: 10 << 20, Goroutines: 50}, After: parallel.Meters{RSS: 40 << 20, Heap: 10<<20 + 512_000, Goroutines: 51},
		Budget: 2 << 20,
	}
	s := drained()
	s.Scenario = parallel.Scenario{Name: "parked", About: "all wait", Kind: parallel.Parked, Partitions: 12, Keys: 1000}
	s.Rows = []parallel.Row{{
		Contender: parallel.Contender{Program: parallel.Troupe, Order: parallel.Unordered, Records: 1000}, Runs: []parallel.Run{r},
	}}
	var text bytes.Buffer
	require.NoError(t, (&parallel.Report{Sections: []parallel.Section{s}}).Write(&text))
	require.Contains(t, text.String(), "| troupe/unordered | 1000 | 50, 51 | 10.0, 10.5 | 30, 40 | 512 | 2.0 | 1.00 |")
}

func TestIdealOfPartitionOrderIsBoundByThePartitions(t *testing.T) {
	t.Parallel()
	s := parallel.Scenario{Partitions: 12, Latency: 10 * time.Millisecond}
	require.InDelta(t, 10_000, s.Ideal(parallel.Contender{Order: parallel.ByKey, Concurrency: 100}), 1e-9)
	require.InDelta(t, 1_200, s.Ideal(parallel.Contender{Order: parallel.ByPartition, Concurrency: 100}), 1e-9)
	require.InDelta(t, 800, s.Ideal(parallel.Contender{Order: parallel.ByPartition, Concurrency: 8}), 1e-9)
}

func TestResultsAreKeptFromRunToRunAndReplacedByScenario(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	report, err := parallel.ReadReport(folder)
	require.NoError(t, err)
	other := drained()
	other.Scenario.Name = "parked"
	report.Take(other)
	report.Take(drained())
	require.NoError(t, report.Save(folder))
	report, err = parallel.ReadReport(folder)
	require.NoError(t, err)
	again := drained()
	again.Client = "franz"
	report.Take(again)
	require.Len(t, report.Sections, 2)
	require.Equal(t, "slow-100", report.Sections[0].Scenario.Name, "in the order of the list")
	require.Equal(t, "franz", report.Sections[0].Client)
	require.Equal(t, other, report.Sections[1])
	table, err := os.ReadFile(filepath.Join(folder, "parallel.md"))
	require.NoError(t, err)
	require.Contains(t, string(table), "## slow-100")
}

func TestEveryScenarioHasItsBaselineAmongItsContenders(t *testing.T) {
	t.Parallel()
	for _, short := range []bool{false, true} {
		for _, s := range parallel.Scenarios(short) {
			names := make(map[string]bool)
			for _, c := range s.Contenders {
				require.False(t, names[c.Name()], "%s has two of %s", s.Name, c.Name())
				names[c.Name()] = true
			}
			require.True(t, s.Baseline == "" || names[s.Baseline], s.Name)
		}
	}
}
