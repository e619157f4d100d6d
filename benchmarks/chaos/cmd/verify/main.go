// Command verify writes stamped records into a topic and tells afterwards what became of them; package
// benchmarks/chaos/verify says how, and what the words of its report mean.
//
//	verify load -brokers ... -topic ... -run ... -ledger FILE   until its records are written, or SIGTERM
//	verify check -script FILE -ledger FILE                      exit status 1 when a promise was broken
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
	"strings"
	"syscall"
	"time"

	"github.com/troupe-go/troupe/benchmarks/chaos/verify"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "verify:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) error {
	if len(arguments) > 0 {
		switch arguments[0] {
		case "load":
			return load(ctx, arguments[1:], stdout, stderr)
		case "check":
			return check(ctx, arguments[1:], stdout, stderr)
		}
	}
	return errors.New("the first argument is load or check")
}

func load(ctx context.Context, arguments []string, stdout, stderr io.Writer) (err error) {
	l := verify.Load{}
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.SetOutput(stderr)
	brokers := flags.String("brokers", "", "addresses of brokers, joined by commas")
	file := flags.String("ledger", "", "the ledger to write")
	keys := flags.Int("keys", 2000, "number of keys")
	flags.StringVar(&l.Topic, "topic", "", "the topic to write")
	flags.StringVar(&l.Run, "run", "", "the name that each record bears")
	flags.Uint64Var(&l.Seed, "seed", 1, "decides on keys and poison")
	flags.IntVar(&l.Rate, "rate", 2000, "records a second")
	flags.Int64Var(&l.Records, "records", 1_000_000, "the most records")
	flags.IntVar(&l.PoisonPerMille, "poison", 2, "of a thousand records, how many the pipeline must refuse")
	flags.IntVar(&l.Padding, "padding", 100, "bytes added to each value")
	flags.DurationVar(&l.FlushTimeout, "flush", 2*time.Minute, "how long to wait for acknowledgements at the end")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if *brokers == "" || *file == "" || l.Topic == "" || l.Run == "" || l.Rate < 1 || *keys < 1 || flags.NArg() > 0 {
		return errors.New("load needs -brokers, -topic, -run and -ledger, and a positive -rate and -keys")
	}
	l.Brokers, l.Keys = strings.Split(*brokers, ","), int32(*keys)
	ledger, err := verify.CreateLedger(*file)
	if err != nil {
		return err
	}
	written, err := l.Write(ctx, ledger)
	if err := errors.Join(err, ledger.Close()); err != nil {
		return err
	}
	return answer(stdout, written)
}

func check(ctx context.Context, arguments []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	flags.SetOutput(stderr)
	scriptFile := flags.String("script", "", "what was done, as JSON")
	ledgerFile := flags.String("ledger", "", "the ledger of what was acknowledged")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	text, err := os.ReadFile(*scriptFile)
	if err != nil {
		return fmt.Errorf("read the script: %w", err)
	}
	var script verify.Script
	if err := json.Unmarshal(text, &script); err != nil {
		return fmt.Errorf("read the script %s: %w", *scriptFile, err)
	}
	ledger, err := verify.ReadLedger(*ledgerFile)
	if err != nil {
		return err
	}
	history, err := verify.ReadHistory(ctx, &script)
	if err != nil {
		return err
	}
	report := verify.Check(history, ledger, &script)
	if err := answer(stdout, report); err != nil {
		return err
	}
	if violations := report.Violations(); len(violations) > 0 {
		return fmt.Errorf("broken promises: %s", strings.Join(violations, ", "))
	}
	return nil
}

func answer(to io.Writer, value any) error {
	if err := json.NewEncoder(to).Encode(value); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}
