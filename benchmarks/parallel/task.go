package parallel

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/benchmarks/harness"
)

// Role is what a process of the measurement does.
type Role string

// The roles.
const (
	// Load creates a topic, writes it and reads it back.
	Load Role = "load"
	// Create only creates it.
	Create Role = "create"
	// Produce writes it, at a rate.
	Produce Role = "produce"
	// Contend is to be a contender.
	Contend Role = "contend"
)

// Task is what a process is told by its parent.
type Task struct {
	Role      Role          `json:"role"`
	Bootstrap string        `json:"bootstrap"`
	Topic     Topic         `json:"topic"`
	Rate      int           `json:"rate,omitempty"` // records a second; 0 is no limit
	Kind      Kind          `json:"kind,omitempty"`
	Contender Contender     `json:"contender"`
	Latency   time.Duration `json:"latency_ns,omitempty"`
	// WarmUp is drained before Topic; it has no records when there is nothing to warm.
	WarmUp Topic  `json:"warm_up"`
	Group  string `json:"group,omitempty"`
	Client string `json:"client,omitempty"` // troupe's Kafka client
	// ProfileDir is where a CPU profile of the contender is written; empty for none.
	ProfileDir string `json:"profile_dir,omitempty"`
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

// ready is answered by a contender that has joined its group and waits for records.
type ready struct {
	Ready bool   `json:"ready"`
	Error string `json:"error,omitempty"`
}

// Do carries the task out and answers to the parent. What fails is answered, too.
func (t Task) Do(ctx context.Context, output io.Writer) error {
	var (
		run Run
		err error
	)
	stopProfile, err := t.profile()
	if err == nil {
		run, err = t.do(ctx, output)
		stopProfile()
	}
	if err != nil {
		run = Run{Error: err.Error()}
	}
	return harness.Reply(output, run)
}

func (t Task) do(ctx context.Context, output io.Writer) (Run, error) {
	switch t.Role {
	case Load:
		return Run{}, load(ctx, t.Bootstrap, t.Topic)
	case Create:
		return Run{}, create(ctx, t.Bootstrap, t.Topic)
	case Produce:
		return Run{}, produce(ctx, t.Bootstrap, t.Topic, t.Rate)
	case Contend:
	}
	switch {
	case t.Kind == Poison:
		return t.poison(ctx, output)
	case t.Kind == Parked:
		return t.park(ctx, output)
	case t.Contender.Program == Floor:
		return t.drain(ctx, t.drainFloor)
	case t.Contender.Program == Troupe:
		runtime.GOMAXPROCS(troupe.GoProcessors(t.Client, runtime.GOMAXPROCS(0))) // as the service does
		return t.drain(ctx, t.drainTroupe)
	}
	return Run{}, fmt.Errorf("no process of this program is %s", t.Contender.Program)
}

// drain reads the topic, after the one to warm up with.
func (t Task) drain(ctx context.Context, one func(context.Context, Topic, string) (harness.Cost, error)) (Run, error) {
	if t.WarmUp.Records > 0 {
		if _, err := one(ctx, t.WarmUp, t.Group+"-warm-up"); err != nil {
			return Run{}, fmt.Errorf("warm up: %w", err)
		}
	}
	cost, err := one(ctx, t.Topic, t.Group)
	if err != nil {
		return Run{}, err
	}
	return Run{Figures: figures(cost)}, nil
}

func (t Task) profile() (stop func(), err error) {
	if t.ProfileDir == "" || t.Role != Contend {
		return func() {}, nil
	}
	name := strings.ReplaceAll(t.Contender.Name(), "/", "-")
	file, err := os.Create(filepath.Join(t.ProfileDir, fmt.Sprintf("%s-%s.cpu.pprof", t.Topic.Name, name)))
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return func() {
		pprof.StopCPUProfile()
		_ = file.Close() // a profile that is cut short says so to its reader
	}, nil
}
