// Command sim runs the simulator over a range of seeds, in parallel, one world a goroutine. At the first violation it shrinks
// the seed to the faults and records that it needs, and prints how to run it again and the end of its event log.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/internal/sim"
)

func main() {
	err := run(os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, errViolated):
		os.Exit(1)
	case err != nil:
		fmt.Fprintln(os.Stderr, "sim:", err)
		os.Exit(2)
	}
}

// errViolated says that a guarantee was broken; what is known of it has been printed.
var errViolated = errors.New("a guarantee was broken")

type options struct {
	first, last uint64
	config      sim.Config
	parallel    int
	verbose     bool
	shrink      bool
	tail        int
}

func run(args []string, out io.Writer) error {
	o, err := parse(args, out)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if o.first == o.last {
		return replay(o, out)
	}
	return search(o, out)
}

func parse(args []string, out io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("sim", flag.ContinueOnError)
	flags.SetOutput(out)
	seeds := flags.String("seeds", "10000", "how many seeds from 1 on, or FROM:TO")
	seed := flags.Uint64("seed", 0, "run this seed only")
	without := flags.String("without", "", "classes of faults to leave out, separated by commas")
	flags.IntVar(&o.config.Records, "records", 0, "write at most so many records (0: what the seed says)")
	flags.DurationVar(&o.config.Horizon, "horizon", 0, "stop faults by then (0: what the seed says)")
	flags.IntVar(&o.parallel, "parallel", runtime.GOMAXPROCS(0), "how many worlds to run at once")
	flags.BoolVar(&o.verbose, "v", false, "print the whole event log (with -seed)")
	flags.BoolVar(&o.shrink, "shrink", true, "shrink a seed that fails")
	flags.IntVar(&o.tail, "tail", 60, "how many lines of the event log to print of a seed that fails")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.config.Without, err = sim.ParseFaults(*without); err != nil {
		return o, err
	}
	if *seed != 0 {
		o.first, o.last = *seed, *seed
		return o, nil
	}
	from, to, ranged := strings.Cut(*seeds, ":")
	if !ranged {
		from, to = "1", from
	}
	if o.first, err = strconv.ParseUint(from, 10, 64); err != nil {
		return o, fmt.Errorf("-seeds: %w", err)
	}
	if o.last, err = strconv.ParseUint(to, 10, 64); err != nil {
		return o, fmt.Errorf("-seeds: %w", err)
	}
	if o.first > o.last {
		return o, fmt.Errorf("-seeds: %d is beyond %d", o.first, o.last)
	}
	return o, nil
}

// replay runs one seed, with its event log where that is asked for.
func replay(o options, out io.Writer) error {
	o.config.Seed = o.first
	if o.verbose {
		o.config.Log = out
	}
	r := sim.Run(o.config)
	fmt.Fprintf(out, "seed %d: %d steps, %d records, %s of virtual time; faults: %s\n", o.first, r.Steps, r.Records, r.Virtual, r.Faults)
	if r.Violation == nil {
		return nil
	}
	return report(o, o.first, out)
}

// search runs seeds until one fails. The lowest that fails is reported, whoever is faster.
func search(o options, out io.Writer) error {
	var (
		next, steps, done atomic.Uint64
		failed            atomic.Uint64
		workers           sync.WaitGroup
	)
	next.Store(o.first)
	failed.Store(o.last + 1)
	began := time.Now()
	for range max(o.parallel, 1) {
		workers.Go(func() {
			for {
				seed := next.Add(1) - 1
				if seed > o.last || seed >= failed.Load() {
					return
				}
				c := o.config
				c.Seed = seed
				r := sim.Run(c)
				steps.Add(uint64(r.Steps))
				done.Add(1)
				for low := failed.Load(); r.Violation != nil && seed < low; low = failed.Load() {
					failed.CompareAndSwap(low, seed)
				}
			}
		})
	}
	workers.Wait()
	took := time.Since(began)
	fmt.Fprintf(out, "%d seeds, %d steps in %s: %.0f steps/s\n", done.Load(), steps.Load(), took.Round(time.Millisecond),
		float64(steps.Load())/took.Seconds())
	if failed.Load() > o.last {
		return nil
	}
	return report(o, failed.Load(), out)
}

// report prints what is known of a seed that fails.
func report(o options, seed uint64, out io.Writer) error {
	c := o.config
	c.Seed, c.Log = seed, nil
	r := sim.Run(c)
	fmt.Fprintf(out, "FAILED seed %d: %s\n", seed, r.Violation)
	if o.shrink {
		c, r = sim.Shrink(c)
		fmt.Fprintf(out, "shrunk to %d records in %s, %d steps, with %s: %s\n", r.Records, r.Calm, r.Steps, r.Faults, r.Violation)
	}
	fmt.Fprintf(out, "run it again with: go run ./internal/sim/cmd/sim -seed %d", seed)
	if c.Without != 0 {
		fmt.Fprintf(out, " -without %s", c.Without)
	}
	if c.Records != 0 {
		fmt.Fprintf(out, " -records %d", c.Records)
	}
	if c.Horizon != 0 {
		fmt.Fprintf(out, " -horizon %s", c.Horizon)
	}
	fmt.Fprintln(out, " -shrink=false -v")
	if !o.verbose {
		printTail(c, o.tail, out)
	}
	return errViolated
}

// printTail prints the last lines of the event log.
func printTail(c sim.Config, lines int, out io.Writer) {
	if lines <= 0 {
		return
	}
	var log bytes.Buffer
	c.Log = &log
	sim.Run(c)
	text := bytes.TrimRight(log.Bytes(), "\n")
	for at := len(text); lines > 0 && at > 0; lines-- {
		at = bytes.LastIndexByte(text[:at], '\n')
		if lines == 1 || at < 0 {
			text = text[at+1:]
			break
		}
	}
	fmt.Fprintf(out, "%s\n", text)
}
