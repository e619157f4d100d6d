// Command memory measures whether the byte budget holds; benchmarks/memory/README.md says how. Its exit status is 1 when a
// trial fails.
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

	"github.com/troupe-go/troupe/benchmarks/memory"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "memory:", err)
		os.Exit(1)
	}
}

// options are what the flags say.
type options struct {
	config             memory.Config
	scenarios, clients string
	list               bool
	results            string
}

func parse(arguments []string, stderr io.Writer) (options, error) {
	o := options{config: memory.Config{Progress: stderr}}
	flags := flag.NewFlagSet("memory", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.scenarios, "scenarios", "", "names joined by commas; none: all")
	flags.StringVar(&o.clients, "clients", "confluent,franz", "troupe's Kafka clients, joined by commas. With other than both nothing is saved")
	flags.BoolVar(&o.config.Short, "short", false, "a tenth of the records, to see that everything works; nothing is saved")
	flags.BoolVar(&o.list, "list", false, "list the scenarios and end")
	flags.StringVar(&o.results, "results", "", "folder of memory.json and memory.md, into which the outcomes are put; none: standard output only")
	flags.StringVar(&o.config.Kafka.Script, "kafka", "dev/kafka/kafka.sh", "the script that starts the broker")
	flags.StringVar(&o.config.Kafka.Folder, "kafka-folder", ".local/kafka-memory", "where the broker keeps its data")
	flags.IntVar(&o.config.Kafka.Port, "kafka-port", 19892, "port of the broker; up to 35 above it are used")
	if err := flags.Parse(arguments); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, errors.New("there are no arguments but flags")
	}
	o.config.Clients = strings.Split(o.clients, ",")
	var err error
	if o.config.Scenarios, err = choose(memory.Scenarios(o.config.Short), o.scenarios); err != nil {
		return o, err
	}
	if o.config.Short || len(o.config.Clients) != 2 { // not what the results are to hold
		o.results = ""
	}
	if o.config.Kafka.Folder, err = filepath.Abs(o.config.Kafka.Folder); err != nil {
		return o, fmt.Errorf("folder of the broker: %w", err)
	}
	return o, nil
}

// choose keeps the scenarios that are named.
func choose(all []memory.Scenario, names string) ([]memory.Scenario, error) {
	if names == "" {
		return all, nil
	}
	var kept []memory.Scenario
	for _, name := range strings.Split(names, ",") {
		at := slices.IndexFunc(all, func(s memory.Scenario) bool { return s.Name == name })
		if at < 0 {
			return nil, fmt.Errorf("there is no scenario %q; -list names all", name)
		}
		kept = append(kept, all[at])
	}
	return kept, nil
}

func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) error {
	if task, is, err := memory.ParseTask(arguments); is {
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
			fmt.Fprintf(stdout, "%-20s%s\n", s.Name, s.About)
		}
		return nil
	}
	results := &memory.Report{}
	if o.results != "" {
		if results, err = memory.ReadReport(o.results); err != nil {
			return err
		}
	}
	report := &memory.Report{}
	o.config.Done = func(s memory.Section) error {
		report.Take(s)
		if o.results == "" {
			return nil
		}
		results.Take(s)
		return results.Save(o.results)
	}
	err = memory.Measure(ctx, o.config)
	return errors.Join(err, report.Write(stdout))
}
