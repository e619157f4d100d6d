package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// Config is a run of many trials.
type Config struct {
	// Troupe, Unsteady and Verifier are the programs.
	Troupe, Unsteady, Verifier string
	Cluster                    ClusterConfig
	// Folder is where each trial has a folder of its own.
	Folder   string
	Progress io.Writer
	// Done is called with the outcome of each trial, as soon as it is there.
	Done func(Outcome) error
}

// stopTimeout is how long the brokers may take to be stopped at the end.
const stopTimeout = 2 * time.Minute

// Run starts the brokers, does the trials one after the other, and stops the brokers. An error means that a trial could not
// be done; broken promises are in the outcomes.
func Run(ctx context.Context, config Config, scenarios []Scenario, cases []Case) (err error) {
	if err := os.MkdirAll(config.Folder, 0o755); err != nil {
		return fmt.Errorf("folder of the trials: %w", err)
	}
	// A copy, so that a build meanwhile does not change what is tried.
	programs := map[string]string{config.Troupe: filepath.Join(config.Folder, "troupe"), config.Unsteady: filepath.Join(config.Folder, "unsteady")}
	for from, to := range programs {
		if err := copyFile(from, to); err != nil {
			return err
		}
	}
	log, err := os.Create(filepath.Join(config.Folder, "kafka.log"))
	if err != nil {
		return fmt.Errorf("log of the brokers' script: %w", err)
	}
	defer func() { _ = log.Close() }() // only a log
	fmt.Fprintf(config.Progress, "starting %d brokers\n", brokers)
	cluster, err := startCluster(ctx, config.Cluster, log)
	if err != nil {
		return fmt.Errorf("start the brokers (see %s): %w", log.Name(), err)
	}
	broken := false
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		err = errors.Join(err, cluster.stop(stopping, broken || err != nil))
	}()
	byName := make(map[string]Scenario, len(scenarios))
	for _, s := range scenarios {
		byName[s.Name] = s
	}
	for i, c := range cases {
		scenario, any := byName[c.Scenario]
		if !any {
			return fmt.Errorf("there is no scenario %q", c.Scenario)
		}
		fmt.Fprintf(config.Progress, "trial %d of %d: %s\n", i+1, len(cases), c)
		program := programs[config.Troupe]
		if c.Order != ByPartition {
			program = programs[config.Unsteady]
		}
		t := &trial{
			Case: c, scenario: scenario, cluster: cluster, fleet: &fleet{program: program}, random: rand.New(rand.NewPCG(c.Seed, 0)),
			folder:   filepath.Join(config.Folder, fmt.Sprintf("%s-%s-%s-%s-%d", c.Scenario, c.Client, c.Protocol, c.Order, c.Seed)),
			progress: config.Progress, verifier: config.Verifier,
		}
		outcome, err := t.run(ctx)
		if err != nil {
			return fmt.Errorf("trial %s (its logs are in %s): %w", c, t.folder, err)
		}
		for _, v := range outcome.Violations {
			fmt.Fprintf(config.Progress, "  VIOLATION %s\n", v)
		}
		if len(outcome.Violations) > 0 {
			broken = true
			fmt.Fprintf(config.Progress, "  its logs are in %s\n", t.folder)
		}
		if err := config.Done(outcome); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, content, 0o755)
	}
	if err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return nil
}
