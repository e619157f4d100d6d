package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// stopTimeout is how long a process may take to end once it was told to.
const stopTimeout = 10 * time.Second

// Process is this program once more, with other arguments, or another one that behaves alike. It answers JSON values, one in
// a line, on its standard output, and ends when its standard input does.
type Process struct {
	command *exec.Cmd
	input   io.Closer
	output  *bufio.Reader
}

// Start starts this program with the arguments. Its standard error is the caller's.
func Start(ctx context.Context, arguments ...string) (*Process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	return StartCommand(exec.CommandContext(ctx, program, arguments...))
}

// StartCommand starts another program.
func StartCommand(command *exec.Cmd) (*Process, error) {
	arguments := command.Args[1:]
	command.Stderr = os.Stderr
	command.WaitDelay = stopTimeout
	input, err := command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %v: %w", arguments, err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %v: %w", arguments, err)
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start %v: %w", arguments, err)
	}
	return &Process{command: command, input: input, output: bufio.NewReader(output)}, nil
}

// Answer waits for the process's answer.
func (p *Process) Answer(into any) error {
	line, err := p.output.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("%v ended without an answer: %w", p.command.Args[1:], err)
	}
	if err := json.Unmarshal(line, into); err != nil {
		return fmt.Errorf("answer of %v: %w", p.command.Args[1:], err)
	}
	return nil
}

// Stop ends the process and waits for it.
func (p *Process) Stop() error {
	if err := p.input.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("stop %v: %w", p.command.Args[1:], err)
	}
	if err := p.command.Wait(); err != nil {
		return fmt.Errorf("%v: %w", p.command.Args[1:], err)
	}
	return nil
}

// MaxRSS is the most memory that the process has had resident, in bytes, once it was stopped; 0 where the system does not
// tell. It is never less than what its parent had when it started the process.
func (p *Process) MaxRSS() int64 {
	if p.command.ProcessState == nil {
		return 0
	}
	usage, is := p.command.ProcessState.SysUsage().(*syscall.Rusage)
	if !is {
		return 0
	}
	return maxRSS(usage)
}

// Run starts the program with the arguments, takes its answer and waits for its end.
func Run(ctx context.Context, into any, arguments ...string) error {
	p, err := Start(ctx, arguments...)
	if err != nil {
		return err
	}
	return errors.Join(p.Answer(into), p.Stop())
}

// Reply gives the parent process its answer.
func Reply(output io.Writer, answer any) error {
	if err := json.NewEncoder(output).Encode(answer); err != nil {
		return fmt.Errorf("answer the parent process: %w", err)
	}
	return nil
}

// Dismissed returns when the parent process has closed the input, or is gone.
func Dismissed(input io.Reader) {
	_, _ = io.Copy(io.Discard, input) // whatever ends it
}
