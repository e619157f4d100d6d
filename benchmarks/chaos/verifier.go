package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/troupe-go/troupe/benchmarks/chaos/verify"
)

// loadTimeout is how long the load may take to have its last records acknowledged, beyond its own time-out for that.
const loadTimeout = 3 * time.Minute

// load runs the verifier's load while do runs.
func (t *trial) load(ctx context.Context, do func() error) (err error) {
	log, err := os.Create(t.file("load.log"))
	if err != nil {
		return fmt.Errorf("log of the load: %w", err)
	}
	defer func() { _ = log.Close() }() // only a log
	command := exec.Command(t.verifier, "load", "-brokers", strings.Join(t.script.Brokers, ","), "-topic", t.script.Input,
		"-run", t.script.Run, "-ledger", t.file("ledger"), "-seed", strconv.FormatUint(t.Seed, 10),
		"-rate", strconv.Itoa(t.scenario.Rate), "-poison", strconv.Itoa(t.scenario.PoisonPerMille), "-records", "100000000")
	apart(command)
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		return fmt.Errorf("start the load: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	done := do()
	signalled := command.Process.Signal(syscall.SIGTERM)
	timeout := time.NewTimer(loadTimeout)
	defer timeout.Stop()
	select {
	case err = <-ended:
	case <-timeout.C:
		err = errors.Join(errors.New("it does not end"), command.Process.Kill(), <-ended)
	case <-ctx.Done():
		err = errors.Join(ctx.Err(), command.Process.Kill(), <-ended)
	}
	if err := errors.Join(done, signalled, err); err != nil {
		return fmt.Errorf("under load: %w", err)
	}
	return nil
}

// runCheck runs the verifier's check.
func (t *trial) runCheck(ctx context.Context) (verify.Report, error) {
	command := exec.CommandContext(ctx, t.verifier, "check", "-script", t.file("script.json"), "-ledger", t.file("ledger"))
	apart(command)
	var complaint bytes.Buffer
	command.Stderr = &complaint
	answer, err := command.Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || len(answer) == 0) {
		return verify.Report{}, fmt.Errorf("check the logs: %w: %s", err, complaint.String())
	}
	if err := os.WriteFile(t.file("report.json"), answer, 0o644); err != nil {
		return verify.Report{}, fmt.Errorf("keep the report: %w", err)
	}
	var report verify.Report
	if err := json.Unmarshal(answer, &report); err != nil {
		return verify.Report{}, fmt.Errorf("read the report: %w", err)
	}
	return report, nil
}
