// Command formats measures what the codecs' checks cost beside libraries that make none; package benchmarks/formats says how.
// Its exit status tells whether the measurement could be made, not how it turned out.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/troupe-go/troupe/benchmarks/formats"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "formats:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("formats", flag.ContinueOnError)
	flags.SetOutput(stderr)
	rounds := flags.Int("rounds", 31, "rounds of every pair")
	results := flags.String("results", "", "folder for formats.json and formats.md; none: standard output only")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if *rounds < 1 || flags.NArg() > 0 {
		return errors.New("-rounds must be at least 1, and there are no other arguments")
	}
	pairs, release, err := formats.Pairs(ctx)
	defer release()
	if err != nil {
		return err
	}
	report, err := formats.Measure(ctx, pairs, *rounds, 100*time.Millisecond)
	if err != nil {
		return err
	}
	if *results != "" {
		if err := report.Save(*results); err != nil {
			return err
		}
	}
	return report.Write(stdout)
}
