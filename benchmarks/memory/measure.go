package memory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/troupe-go/troupe/benchmarks/harness"
)

// Config is one measurement.
type Config struct {
	Scenarios []Scenario
	// Clients are troupe's Kafka clients.
	Clients []string
	Short   bool
	Kafka   harness.KafkaConfig
	// Progress receives a line for each trial.
	Progress io.Writer
	// Done receives each scenario's outcomes.
	Done func(Section) error
}

// trialMax bounds one trial.
const trialMax = 15 * time.Minute

// measurement is a Config at work.
type measurement struct {
	Config
	bootstrap string
	bridge    bridge
	loaded    map[string]bool
}

// Measure runs the trials on a Kafka of its own. It fails when one of them does.
func Measure(ctx context.Context, config Config) (err error) {
	bridge := bridge{from: loopback(config.Kafka.Port + bridgeAbove), to: loopback(config.Kafka.Port + proxiedAbove)}
	config.Kafka.Advertised = bridge.from
	kafka, err := harness.StartKafka(ctx, config.Kafka, config.Progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kafka.Stop(context.WithoutCancel(ctx))) }()
	m := &measurement{Config: config, bootstrap: kafka.Bootstrap(), bridge: bridge, loaded: make(map[string]bool)}
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
	section := Section{Machine: harness.ThisMachine(), At: time.Now().UTC().Truncate(time.Second), Scenario: s}
	if !m.loaded[s.Topic.Name] {
		m.loaded[s.Topic.Name] = true
		var answer Outcome
		task := Task{Role: Load, Bootstrap: m.bootstrap, Scenario: s}
		arguments, err := task.arguments()
		if err == nil {
			err = harness.Run(ctx, &answer, arguments...)
		}
		if err == nil && answer.Error != "" {
			err = errors.New(answer.Error)
		}
		if err != nil {
			return section, fmt.Errorf("write the backlog: %w", err)
		}
	}
	for _, client := range m.Clients {
		outcome := m.trial(ctx, Task{
			Role: Try, Bootstrap: m.bootstrap, BridgeFrom: m.bridge.from, BridgeTo: m.bridge.to, Scenario: s, Client: client, Short: m.Short,
		})
		if ctx.Err() != nil {
			return section, ctx.Err()
		}
		section.Outcomes = append(section.Outcomes, outcome)
		fmt.Fprintf(m.Progress, "%s, %s: %s\n", s.Name, client, outcome.line(s))
	}
	return section, nil
}

// trial runs one trial, as a process of its own.
func (m *measurement) trial(ctx context.Context, task Task) (outcome Outcome) {
	ctx, cancel := context.WithTimeout(ctx, trialMax)
	defer cancel()
	arguments, err := task.arguments()
	if err != nil {
		return Outcome{Client: task.Client, Error: err.Error()}
	}
	process, err := harness.Start(ctx, arguments...)
	if err != nil {
		return Outcome{Client: task.Client, Error: err.Error()}
	}
	err = errors.Join(process.Answer(&outcome), process.Stop())
	outcome.Client, outcome.MaxRSS = task.Client, process.MaxRSS()
	if err != nil {
		outcome.Error = err.Error()
	}
	return outcome
}

// line says in short what came of a trial.
func (o Outcome) line(s Scenario) string {
	verdict := "passed"
	if faults := o.Faults(s); len(faults) > 0 {
		verdict = fmt.Sprintf("FAILED: %v", faults)
	}
	text := fmt.Sprintf("budget %.0f MiB, accounted %.1f, resident %.0f (%.2f times, Go %.0f), drained in %s", mebibytes(s.Memory), mebibytes(o.Peaks.Used),
		mebibytes(o.highestRSS()), float64(o.highestRSS())/float64(s.Memory), mebibytes(o.Peaks.Go), o.DrainTime.Round(100*time.Millisecond))
	if o.Healthy > 0 {
		text += fmt.Sprintf(", healthy %.0f records/s", float64(o.Healthy)/o.HealthyTime.Seconds())
	}
	return text + ", " + verdict
}

func mebibytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }
