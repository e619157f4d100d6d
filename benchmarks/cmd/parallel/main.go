// Command parallel measures parallelism beyond partitions, beside peers; benchmarks/parallel/README.md says how. Its exit
// status is 1 when a contender has no figure, however the others turned out.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/troupe-go/troupe/benchmarks/parallel"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "parallel:", err)
		os.Exit(1)
	}
}

// options are what the flags say.
type options struct {
	config                parallel.Config
	scenarios, contenders string
	short, list           bool
	results               string
}

func parse(arguments []string, stderr io.Writer) (options, error) {
	o := options{config: parallel.Config{Progress: stderr}}
	flags := flag.NewFlagSet("parallel", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.scenarios, "scenarios", "", "names joined by commas; none: all")
	flags.StringVar(&o.contenders, "contenders", "", "names joined by commas; none: all. Otherwise nothing is saved")
	flags.IntVar(&o.config.Rounds, "rounds", 3, "rounds of every scenario")
	flags.BoolVar(&o.short, "short", false, "a tenth of the records, to see that everything works; nothing is saved")
	flags.BoolVar(&o.list, "list", false, "list the scenarios and contenders and end")
	flags.StringVar(&o.results, "results", "", "folder of parallel.json and parallel.md, into which the figures are put; none: standard output only")
	flags.StringVar(&o.config.Client, "client", "confluent", "troupe's Kafka client: confluent or franz")
	flags.StringVar(&o.config.Peer, "peer", "bin/peers/parallel-consumer", "folder of Parallel Consumer's jars")
	flags.StringVar(&o.config.ProfileDir, "profile", "", "folder for CPU profiles of the last runs")
	flags.StringVar(&o.config.Kafka.Script, "kafka", "dev/kafka/kafka.sh", "the script that starts the broker")
	flags.StringVar(&o.config.Kafka.Folder, "kafka-folder", ".local/kafka-parallel", "where the broker keeps its data")
	flags.IntVar(&o.config.Kafka.Port, "kafka-port", 19792, "port of the broker; up to 30 above it are used")
	if err := flags.Parse(arguments); err != nil {
		return o, err
	}
	if o.config.Rounds < 1 || flags.NArg() > 0 {
		return o, errors.New("-rounds must be at least 1, and there are no other arguments")
	}
	var err error
	if o.config.Scenarios, err = choose(parallel.Scenarios(o.short), o.scenarios, o.contenders); err != nil {
		return o, err
	}
	if o.config.Kafka.Folder, err = filepath.Abs(o.config.Kafka.Folder); err != nil {
		return o, fmt.Errorf("folder of the broker: %w", err)
	}
	return o, nil
}

// choose keeps the scenarios and contenders that are named.
func choose(all []parallel.Scenario, scenarios, contenders string) ([]parallel.Scenario, error) {
	var kept []parallel.Scenario
	for _, s := range all {
		if !named(scenarios, s.Name) {
			continue
		}
		s.Contenders = slices.DeleteFunc(s.Contenders, func(c parallel.Contender) bool { return !named(contenders, c.Name()) })
		if len(s.Contenders) > 0 {
			kept = append(kept, s)
		}
	}
	for _, name := range strings.Split(scenarios, ",") {
		if name != "" && !slices.ContainsFunc(all, func(s parallel.Scenario) bool { return s.Name == name }) {
			return nil, fmt.Errorf("there is no scenario %q; -list names all", name)
		}
	}
	if len(kept) == 0 {
		return nil, fmt.Errorf("no scenario has a contender named %q; -list names all", contenders)
	}
	return kept, nil
}

func named(list, name string) bool {
	return list == "" || slices.Contains(strings.Split(list, ","), name)
}

func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) error {
	if task, is, err := parallel.ParseTask(arguments); is {
		if err != nil {
			return err
		}
		return task.Do(ctx, stdout)
	}
	o, err := parse(arguments, stderr)
	if err != nil {
		return err
	}
	if o.list {
		for _, s := range o.config.Scenarios {
			fmt.Fprintf(stdout, "%-15s%s\n", s.Name, s.About)
			for _, c := range s.Contenders {
				fmt.Fprintf(stdout, "%15s%s\n", "", c.Name())
			}
		}
		return nil
	}
	results := &parallel.Report{}
	if o.short || o.contenders != "" { // not what the results are to hold
		o.results = ""
	}
	if o.results != "" {
		if results, err = parallel.ReadReport(o.results); err != nil {
			return err
		}
	}
	report := &parallel.Report{}
	o.config.Done = func(s parallel.Section) error {
		report.Take(s)
		if o.results == "" {
			return nil
		}
		results.Take(s)
		return results.Save(o.results)
	}
	err = parallel.Measure(ctx, o.config)
	return errors.Join(err, report.Write(stdout))
}
