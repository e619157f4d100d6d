// Package smoke measures what troupe costs beyond the Kafka client it stands on. A handler that does nothing drains an
// endless topic of an embedded broker, and a bare poll loop over the same client with the same properties drains it too.
// Broker, loop and processor each run in a process of their own, in turns:
//
//	smoke ─┬─ broker                       serves copies of one record batch
//	       └─ bare, troupe, troupe, bare…  one at a time, each with a consumer group of its own
//
// The runs of a pair follow one another, and every second pair begins with the other, so that a machine that grows slower
// does not favour either. What counts is the median of the pairs' ratios; no run passes or fails by its time.
package smoke

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"

	"github.com/troupe-go/troupe/benchmarks/harness"
)

// topic is the topic that the broker serves.
const topic = "canned"

// Load is what every run reads.
type Load struct {
	Records     int64 `json:"records"`
	RecordBytes int   `json:"record_bytes"`
	Partitions  int32 `json:"partitions"`
}

// Mode is what a process of the measurement does.
type Mode string

// The modes.
const (
	Broker Mode = "broker"
	Bare   Mode = "bare"
	Troupe Mode = "troupe"
)

// Task is what a process is told by its parent.
type Task struct {
	Mode      Mode   `json:"mode"`
	Load      Load   `json:"load"`
	Bootstrap string `json:"bootstrap,omitempty"` // of the broker
	Group     string `json:"group,omitempty"`
	// ProfileDir is where a CPU profile of a run is written; empty for none.
	ProfileDir string `json:"profile_dir,omitempty"`
}

// arguments turn the task into the arguments of a process, and ParseTask back.
func (t Task) arguments() ([]string, error) {
	text, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("encode the task of a %s process: %w", t.Mode, err)
	}
	return []string{taskArgument, string(text)}, nil
}

// taskArgument is the first argument of a process that was started by another one.
const taskArgument = "task"

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

// Do carries the task out and answers to the parent.
func (t Task) Do(ctx context.Context, input io.Reader, output io.Writer) error {
	var (
		cost harness.Cost
		err  error
	)
	stopProfile, err := t.profile()
	if err != nil {
		return err
	}
	switch t.Mode {
	case Broker:
		return serve(t.Load, input, output)
	case Bare:
		cost, err = drainBare(ctx, t)
	case Troupe:
		cost, err = drainTroupe(ctx, t)
	}
	stopProfile()
	if err != nil {
		return fmt.Errorf("%s: %w", t.Mode, err)
	}
	if want := cost.Records * int64(t.Load.RecordBytes); cost.ValueBytes != want {
		return fmt.Errorf("%s: %d records had %d bytes instead of %d", t.Mode, cost.Records, cost.ValueBytes, want)
	}
	return harness.Reply(output, cost)
}

func (t Task) profile() (stop func(), err error) {
	if t.ProfileDir == "" || t.Mode == Broker {
		return func() {}, nil
	}
	file, err := os.Create(filepath.Join(t.ProfileDir, string(t.Mode)+".cpu.pprof"))
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
