package memory

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/benchmarks/harness"
)

// Role is what a process of the measurement does.
type Role string

// The roles.
const (
	// Load creates a topic and writes it.
	Load Role = "load"
	// Try is a trial.
	Try Role = "try"
)

// Task is what a process is told by its parent.
type Task struct {
	Role      Role   `json:"role"`
	Bootstrap string `json:"bootstrap"`
	// BridgeFrom and BridgeTo are where producers look for the brokers that take no outputs.
	BridgeFrom string   `json:"bridge_from,omitempty"`
	BridgeTo   string   `json:"bridge_to,omitempty"`
	Scenario   Scenario `json:"scenario"`
	Client     string   `json:"client,omitempty"` // troupe's Kafka client
	Short      bool     `json:"short,omitempty"`
}

// taskArgument is the first argument of a process that was started by another one.
const taskArgument = "task"

func (t Task) arguments() ([]string, error) {
	text, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("encode a task: %w", err)
	}
	return []string{taskArgument, string(text)}, nil
}

// ParseTask says whether this process was started to carry out a task, and which.
func ParseTask(arguments []string) (task Task, is bool, err error) {
	if len(arguments) != 2 || arguments[0] != taskArgument {
		return Task{}, false, nil
	}
	if err := json.Unmarshal([]byte(arguments[1]), &task); err != nil {
		return Task{}, true, fmt.Errorf("decode the task: %w", err)
	}
	return task, true, nil
}

// Do carries the task out and answers to the parent. What fails is answered, too.
func (t Task) Do(ctx context.Context, output io.Writer) error {
	var (
		outcome Outcome
		err     error
	)
	switch t.Role {
	case Load:
		err = load(ctx, t.Bootstrap, t.Scenario.Topic)
	case Try:
		debug.SetMemoryLimit(troupe.GoMemoryLimit(t.Scenario.Memory)) // as the service does
		outcome, err = t.try(ctx)
	}
	if err != nil {
		outcome.Error = err.Error()
	}
	return harness.Reply(output, outcome)
}
