package smoke

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/troupe-go/troupe/benchmarks/harness"
)

// Config is one measurement.
type Config struct {
	Load Load
	// Pairs of runs, at least 1.
	Pairs int
	// ProfileDir is where CPU profiles of the last runs are written; empty for none.
	ProfileDir string
	// Progress receives a line for each run.
	Progress io.Writer
}

// Pair is a run of each, one after the other.
type Pair struct {
	Bare   harness.Cost `json:"bare"`
	Troupe harness.Cost `json:"troupe"`
	// Ratio is troupe's throughput over the bare loop's.
	Ratio float64 `json:"ratio"`
}

// Report is what was measured.
type Report struct {
	At      time.Time       `json:"at"`
	Machine harness.Machine `json:"machine"`
	Client  string          `json:"client"`
	Load    Load            `json:"load"`
	Pairs   []Pair          `json:"pairs"`
	Median  float64         `json:"median_ratio"`
}

// Measure runs the pairs. It fails when a process does, never because one was slow.
func Measure(ctx context.Context, c Config) (report Report, err error) {
	report = Report{
		At: time.Now().UTC().Truncate(time.Second), Machine: harness.ThisMachine(), Client: clientVersion(), Load: c.Load,
	}
	arguments, err := Task{Mode: Broker, Load: c.Load}.arguments()
	if err != nil {
		return report, err
	}
	broker, err := harness.Start(ctx, arguments...)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, broker.Stop()) }()
	var bootstrap string
	if err := broker.Answer(&bootstrap); err != nil {
		return report, err
	}
	for number := range c.Pairs {
		pair, err := c.pair(ctx, bootstrap, number)
		if err != nil {
			return report, err
		}
		report.Pairs = append(report.Pairs, pair)
	}
	report.Median = median(report.Pairs, func(p Pair) float64 { return p.Ratio })
	return report, nil
}

// pair runs both modes. Every second pair begins with the other one.
func (c Config) pair(ctx context.Context, bootstrap string, number int) (Pair, error) {
	modes := []Mode{Bare, Troupe}
	if number%2 == 1 {
		slices.Reverse(modes)
	}
	costs := make(map[Mode]harness.Cost, len(modes))
	for _, mode := range modes {
		task := Task{
			Mode: mode, Load: c.Load, Bootstrap: bootstrap, Group: fmt.Sprintf("%s-%d", mode, number), ProfileDir: c.ProfileDir,
		}
		arguments, err := task.arguments()
		if err != nil {
			return Pair{}, err
		}
		var cost harness.Cost
		if err := harness.Run(ctx, &cost, arguments...); err != nil {
			return Pair{}, err
		}
		costs[mode] = cost
		fmt.Fprintf(c.Progress, "pair %d: %-6s %9.0f records/s, %s of processor time, %.2f allocations and %.0f bytes per record\n",
			number+1, mode, cost.RecordsPerSecond(), cost.CPUPerRecord(), cost.AllocationsPerRecord(), cost.BytesPerRecord())
	}
	bare, troupe := costs[Bare], costs[Troupe]
	return Pair{Bare: bare, Troupe: troupe, Ratio: troupe.RecordsPerSecond() / bare.RecordsPerSecond()}, nil
}

func median(pairs []Pair, of func(Pair) float64) float64 {
	values := make([]float64, len(pairs))
	for i, p := range pairs {
		values[i] = of(p)
	}
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}
