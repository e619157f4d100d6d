// Command mutants checks that the simulator finds every deliberate bug of internal/sim/mutants. It is run in the module's root.
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
	"regexp"
	"runtime"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/troupe-go/troupe/internal/sim/mutants"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	flags.SetOutput(out)
	seeds := flags.Int("seeds", 2000, "seeds within which each must be found")
	parallel := flags.Int("parallel", runtime.GOMAXPROCS(0), "how many to check at once")
	only := flags.String("only", "", "a regular expression of names")
	if err := flags.Parse(args); err != nil {
		return err
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	all, err := mutants.Load(root, filepath.Join(root, "internal", "sim", "mutants", "patches"))
	if err != nil {
		return err
	}
	chosen := all[:0]
	for _, m := range all {
		if pattern.MatchString(m.Name) {
			chosen = append(chosen, m)
		}
	}
	dir, err := os.MkdirTemp("", "troupe-mutants-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left in a temporary folder does no harm
	began := time.Now()
	results, err := check(ctx, chosen, root, dir, *seeds, *parallel)
	survived := show(results, out)
	fmt.Fprintf(out, "%d mutants in %s, %d survived %d seeds\n", len(results), time.Since(began).Round(time.Second), survived, *seeds)
	if err == nil && survived > 0 {
		err = errors.New("the simulator does not find every bug")
	}
	return err
}

// check checks some at once.
func check(ctx context.Context, all []mutants.Mutant, root, dir string, seeds, parallel int) ([]mutants.Result, error) {
	results := make([]mutants.Result, len(all))
	faults := make([]error, len(all))
	work := make(chan int)
	var workers sync.WaitGroup
	for range max(parallel, 1) {
		workers.Go(func() {
			for i := range work {
				results[i], faults[i] = all[i].Check(ctx, root, dir, seeds)
			}
		})
	}
	for i := range all {
		work <- i
	}
	close(work)
	workers.Wait()
	return results, errors.Join(faults...)
}

func show(results []mutants.Result, out io.Writer) (survived int) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, r := range results {
		found := fmt.Sprintf("seed %d\t%s", r.Seed, r.Rule)
		if r.Seed == 0 {
			survived++
			found = "SURVIVED\t"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", r.Name, found, r.Took.Round(100*time.Millisecond), r.What)
	}
	_ = table.Flush()
	return survived
}
