// Command chaos runs troupe on a real Kafka while both are being killed, frozen and cut off, and has the records checked;
// benchmarks/chaos/README.md says how to read what it prints. Its exit status is 1 when a promise was broken.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/troupe-go/troupe/benchmarks/chaos"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

// options are what the flags say.
type options struct {
	config             chaos.Config
	size               chaos.Size
	scenarios, clients string
	protocols, orders  string
	seed               uint64
	short, list        bool
	results            string
}

func parse(arguments []string, stderr io.Writer) (options, error) {
	o := options{config: chaos.Config{Progress: stderr}}
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.scenarios, "scenarios", "", "names joined by commas; none: all, or with -short some of them")
	flags.StringVar(&o.clients, "clients", "confluent", "clients joined by commas: confluent, franz")
	flags.StringVar(&o.protocols, "protocols", "classic,consumer", "group protocols joined by commas; ignored by -short without -scenarios")
	flags.StringVar(&o.orders, "orders", "partition", "orders joined by commas: partition, key, unordered; ignored as -protocols is")
	flags.Uint64Var(&o.seed, "seed", 0, "decides on the times of all faults; 0 is a random one")
	flags.BoolVar(&o.short, "short", false, "less of everything, for continuous integration")
	flags.BoolVar(&o.list, "list", false, "list the scenarios and end")
	flags.StringVar(&o.results, "results", "", "folder of chaos.json and chaos.md, into which the outcomes are put")
	flags.StringVar(&o.config.Troupe, "troupe", "bin/troupe", "the program under test")
	flags.StringVar(&o.config.Unsteady, "unsteady", "bin/chaos/unsteady", "likewise, with a handler that fails now and then, for the orders but partition")
	flags.StringVar(&o.config.Verifier, "verifier", "bin/chaos/verify", "the program that judges")
	flags.StringVar(&o.config.Folder, "folder", ".local/chaos", "where logs are kept while a trial runs, and after one that fails")
	flags.StringVar(&o.config.Cluster.Script, "kafka", "dev/kafka/kafka.sh", "the script that starts brokers")
	flags.StringVar(&o.config.Cluster.Folder, "kafka-folder", "", "where the brokers keep their data; none: a folder in -folder")
	flags.IntVar(&o.config.Cluster.Port, "kafka-port", 19392, "port of the first broker; up to 50 above it are used")
	storm := flags.Duration("storm", 0, "length of the memory scenario; 0 is that of its size")
	if err := flags.Parse(arguments); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	o.size = chaos.Full()
	if o.short {
		o.size = chaos.Short()
	}
	if *storm > 0 {
		o.size.MeteredStorm = *storm
	}
	if o.seed == 0 {
		o.seed = rand.Uint64N(1_000_000) + 1
	}
	var err error
	if o.config.Folder, err = filepath.Abs(o.config.Folder); err != nil {
		return o, err
	}
	if o.config.Cluster.Folder == "" {
		o.config.Cluster.Folder = filepath.Join(o.config.Folder, "kafka")
	}
	o.config.Cluster.Folder, err = filepath.Abs(o.config.Cluster.Folder)
	return o, err
}

// cases are the trials that the flags ask for.
func (o options) cases(all []chaos.Scenario) []chaos.Case {
	if o.short && o.scenarios == "" {
		client := strings.Split(o.clients, ",")[0]
		return []chaos.Case{
			{Scenario: "sigkill", Client: client, Protocol: chaos.Classic, Order: chaos.ByPartition, Seed: o.seed},
			{Scenario: "storm", Client: client, Protocol: chaos.Consumer, Order: chaos.ByPartition, Seed: o.seed},
			{Scenario: "outage", Client: client, Protocol: chaos.Classic, Order: chaos.ByPartition, Seed: o.seed},
			{Scenario: "sigkill", Client: client, Protocol: chaos.Consumer, Order: chaos.ByKey, Seed: o.seed},
		}
	}
	names := strings.Split(o.scenarios, ",")
	if o.scenarios == "" {
		names = nil
		for _, s := range all {
			if s.Name != "outage" { // two others, one after the other
				names = append(names, s.Name)
			}
		}
	}
	var list []chaos.Case
	for _, client := range strings.Split(o.clients, ",") {
		for _, protocol := range strings.Split(o.protocols, ",") {
			for _, order := range strings.Split(o.orders, ",") {
				for _, name := range names {
					list = append(list, chaos.Case{Scenario: name, Client: client, Protocol: protocol, Order: order, Seed: o.seed})
				}
			}
		}
	}
	return list
}

func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) error {
	o, err := parse(arguments, stderr)
	if err != nil {
		return err
	}
	all := chaos.Scenarios(o.size)
	if o.list {
		for _, s := range all {
			fmt.Fprintf(stdout, "%-18s%s\n", s.Name, s.About)
		}
		return nil
	}
	results := &chaos.Results{}
	if o.results != "" {
		if results, err = chaos.ReadResults(o.results); err != nil {
			return err
		}
	}
	var failed []string
	run := &chaos.Results{}
	o.config.Done = func(outcome chaos.Outcome) error {
		if len(outcome.Violations) > 0 {
			failed = append(failed, outcome.String())
		}
		run.Take(outcome, all)
		if o.results == "" {
			return nil
		}
		results.Take(outcome, all)
		return results.Save(o.results)
	}
	fmt.Fprintf(stderr, "seed %d\n", o.seed)
	began := time.Now()
	err = chaos.Run(ctx, o.config, all, o.cases(all))
	run.Write(stdout)
	fmt.Fprintf(stderr, "took %s\n", time.Since(began).Round(time.Second))
	if len(failed) > 0 {
		slices.Sort(failed)
		err = errors.Join(err, fmt.Errorf("promises were broken: %s; again with -scenarios, -clients, -protocols, -orders and -seed",
			strings.Join(failed, "; ")))
	}
	return err
}
