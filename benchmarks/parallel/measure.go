package parallel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/benchmarks/harness"
)

// Config is one measurement.
type Config struct {
	Scenarios []Scenario
	// Rounds of every scenario, at least 1.
	Rounds int
	// Client is troupe's Kafka client.
	Client string
	Kafka  KafkaConfig
	// Peer is the folder of Parallel Consumer's jars.
	Peer string
	// ProfileDir is where CPU profiles of contenders are written; empty for none.
	ProfileDir string
	// Progress receives a line for each run.
	Progress io.Writer
	// Done receives each scenario's figures.
	Done func(Section) error
}

// runTimeout bounds one run of a contender.
const runTimeout = 5 * time.Minute

// measurement is a Config at work.
type measurement struct {
	Config
	bootstrap string
	loaded    map[string]bool
}

// Measure runs the scenarios on a Kafka of its own. It fails when a contender does, never because one was slow.
func Measure(ctx context.Context, config Config) (err error) {
	kafka, err := harness.StartKafka(ctx, config.Kafka, config.Progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kafka.Stop(context.WithoutCancel(ctx))) }()
	m := &measurement{Config: config, bootstrap: kafka.Bootstrap(), loaded: make(map[string]bool)}
	var failures []error
	for _, scenario := range config.Scenarios {
		section, err := m.scenario(ctx, scenario)
		if err == nil {
			err = config.Done(section)
		}
		if err != nil {
			return errors.Join(append(failures, fmt.Errorf("%s: %w", scenario.Name, err))...)
		}
		failures = append(failures, section.failures()...)
	}
	return errors.Join(failures...)
}

func (m *measurement) scenario(ctx context.Context, s Scenario) (Section, error) {
	section := Section{Machine: harness.ThisMachine(), At: time.Now().UTC().Truncate(time.Second), Client: m.Client, Scenario: s}
	for _, contender := range s.Contenders {
		section.Rows = append(section.Rows, Row{Contender: contender})
		if s.Kind != Drain {
			continue
		}
		if err := m.load(ctx, s.topic(contender, 0)); err != nil {
			return section, err
		}
	}
	if s.WarmUp > 0 {
		if err := m.load(ctx, s.warmUp()); err != nil {
			return section, err
		}
	}
	for round := range m.Rounds {
		order := make([]int, len(section.Rows))
		for i := range order {
			order[i] = i
		}
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, i := range order {
			row := &section.Rows[i]
			run, err := m.run(ctx, s, row.Contender, round)
			if ctx.Err() != nil {
				return section, ctx.Err()
			}
			if err != nil {
				run = Run{Error: err.Error()}
			}
			row.Runs = append(row.Runs, run)
			fmt.Fprintf(m.Progress, "%s, round %d: %s\n", s.Name, round+1, s.line(row.Contender, run))
		}
	}
	return section, nil
}

// warmUp is what each process of the scenario drains first.
func (s Scenario) warmUp() Topic { return newTopic(s.Partitions, s.Keys, s.WarmUp) }

// line says in short what came of a run.
func (s Scenario) line(c Contender, run Run) string {
	if run.Error != "" {
		return c.Name() + ": no figure: " + run.Error
	}
	text := fmt.Sprintf("%-28s %9.0f records/s, %6.2f CPU s per million, %4.0f MiB", c.Name(), run.RecordsPerSecond(),
		run.CPUSecondsPerMillion(), mebibytes(run.MaxRSS))
	if ideal := s.Ideal(c); ideal > 0 && s.Kind == Drain {
		text += fmt.Sprintf(", %.3f of the ideal", run.RecordsPerSecond()/ideal)
	}
	if p := run.Poisoned; p != nil {
		text += fmt.Sprintf(", p50 %s, p99 %s", p.P50.Round(10*time.Microsecond), p.P99.Round(10*time.Microsecond))
	}
	if w := run.Waiting; w != nil {
		text += fmt.Sprintf(", goroutines %d to %d, RSS %.0f to %.0f MiB", w.Before.Goroutines, w.After.Goroutines, mebibytes(w.Before.RSS),
			mebibytes(w.After.RSS))
	}
	return text
}

// load writes a topic unless it is there.
func (m *measurement) load(ctx context.Context, topic Topic) error {
	if m.loaded[topic.Name] {
		return nil
	}
	m.loaded[topic.Name] = true
	return m.ask(ctx, Task{Role: Load, Topic: topic})
}

// ask runs a task to its end.
func (m *measurement) ask(ctx context.Context, task Task) error {
	task.Bootstrap = m.bootstrap
	arguments, err := task.arguments()
	if err != nil {
		return err
	}
	var run Run
	if err := harness.Run(ctx, &run, arguments...); err != nil {
		return err
	}
	if run.Error != "" {
		return fmt.Errorf("%s topic %s: %s", task.Role, task.Topic.Name, run.Error)
	}
	return nil
}

// run is one round of one contender.
func (m *measurement) run(ctx context.Context, s Scenario, c Contender, round int) (Run, error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	task := Task{
		Role: Contend, Bootstrap: m.bootstrap, Topic: s.topic(c, round), Rate: s.Rate, Kind: s.Kind, Contender: c, Latency: s.Latency,
		Group:  fmt.Sprintf("%s-%s-%d", s.Name, strings.ReplaceAll(c.Name(), "/", "-"), round),
		Client: cmp.Or(c.Client, m.Client), ProfileDir: m.ProfileDir,
	}
	if s.WarmUp > 0 {
		task.WarmUp = s.warmUp()
	}
	if s.Kind != Drain {
		if err := m.ask(ctx, Task{Role: Create, Topic: task.Topic}); err != nil {
			return Run{}, err
		}
	}
	process, err := m.start(ctx, task)
	if err != nil {
		return Run{}, err
	}
	run, err := m.attend(ctx, process, task)
	if err := errors.Join(err, process.Stop()); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("it took more than %s: %w", runTimeout, err)
		}
		return Run{}, err
	}
	if run.Error == "" {
		run.MaxRSS = process.MaxRSS()
	}
	return run, nil
}

// attend waits for a contender's figures, and writes what it reads when that is to be written meanwhile.
func (m *measurement) attend(ctx context.Context, process *harness.Process, task Task) (run Run, err error) {
	if task.Kind != Drain {
		var joined ready
		if err := process.Answer(&joined); err != nil {
			return Run{}, err
		}
		if joined.Error != "" {
			return Run{Error: joined.Error}, nil
		}
		if err := m.ask(ctx, Task{Role: Produce, Topic: task.Topic, Rate: task.Rate}); err != nil {
			return Run{}, err
		}
	}
	err = process.Answer(&run)
	return run, err
}

// start starts a contender's process.
func (m *measurement) start(ctx context.Context, task Task) (*harness.Process, error) {
	if task.Contender.Program == ParallelConsumer {
		return startPeer(ctx, m.Peer, task)
	}
	arguments, err := task.arguments()
	if err != nil {
		return nil, err
	}
	return harness.Start(ctx, arguments...)
}
