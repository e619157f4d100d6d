// Command smoke compares troupe with a bare poll loop of its Kafka client; package benchmarks/smoke says how. Its exit
// status tells whether the measurement could be made, not how it turned out.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/troupe-go/troupe/benchmarks/smoke"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "smoke:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if task, is, err := smoke.ParseTask(arguments); is {
		if err != nil {
			return err
		}
		return task.Do(ctx, stdin, stdout)
	}
	config := smoke.Config{Load: smoke.Load{RecordBytes: 100, Partitions: 12}, Progress: stderr}
	flags := flag.NewFlagSet("smoke", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Int64Var(&config.Load.Records, "records", 2_000_000, "records of each run")
	flags.IntVar(&config.Pairs, "pairs", 9, "pairs of runs")
	flags.StringVar(&config.ProfileDir, "profile", "", "folder for CPU profiles of the last runs")
	results := flags.String("results", "", "folder for smoke.json and smoke.md; none: smoke.md goes to standard output only")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if config.Load.Records < 1 || config.Pairs < 1 || flags.NArg() > 0 {
		return errors.New("-records and -pairs must be at least 1, and there are no other arguments")
	}
	report, err := smoke.Measure(ctx, config)
	if err != nil {
		return err
	}
	if *results != "" {
		if err := save(report, *results); err != nil {
			return err
		}
	}
	return report.WriteMarkdown(stdout)
}

func save(report smoke.Report, folder string) (err error) {
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "smoke.json"), append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("save the report: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(folder, "smoke.md"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return fmt.Errorf("save the report: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return report.WriteMarkdown(file)
}
