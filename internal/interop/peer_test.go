package interop

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// peer is dev/interop/peer.py, which says what a job is.
type peer struct {
	command *exec.Cmd
	stdin   io.WriteCloser

	mu     sync.Mutex // for a request and its answer
	stdout *bufio.Reader
}

// job is what the peer is to do with one topic.
type job struct {
	Topic      string            `json:"topic"`
	Side       string            `json:"side,omitempty"`
	Format     string            `json:"format"`
	Registry   string            `json:"registry,omitempty"`
	Schema     string            `json:"schema,omitempty"`
	References []peerReference   `json:"references,omitempty"`
	Message    string            `json:"message,omitempty"`
	Config     map[string]any    `json:"config,omitempty"`
	Form       string            `json:"form,omitempty"`
	Branches   bool              `json:"branches,omitempty"`
	Values     []json.RawMessage `json:"values,omitempty"`
	Count      int               `json:"count,omitempty"`
}

type peerReference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// result is what became of a job.
type result struct {
	Values []json.RawMessage `json:"values"`
	Error  string            `json:"error"`
}

func startPeer(interpreter string) (*peer, error) {
	const leavesNoFiles = "-B"
	p := &peer{command: exec.Command(interpreter, leavesNoFiles, filepath.Join("..", "..", "dev", "interop", "peer.py"))}
	p.command.Stderr = os.Stderr
	var err error
	if p.stdin, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.stdout = bufio.NewReader(stdout)
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start the other side: %w", err)
	}
	return p, nil
}

// stop ends the process, which is told by the end of its input.
func (p *peer) stop() error {
	return errors.Join(p.stdin.Close(), p.command.Wait())
}

// do sends jobs and gives their results, in the same order.
func (p *peer) do(t *testing.T, op string, jobs []job) []result {
	t.Helper()
	request, err := json.Marshal(map[string]any{"op": op, "kafka": os.Getenv("TROUPE_KAFKA"), "jobs": jobs})
	require.NoError(t, err)
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err = p.stdin.Write(append(request, '\n'))
	require.NoError(t, err)
	line, err := p.stdout.ReadBytes('\n')
	require.NoError(t, err, "the other side has ended")
	var answer struct{ Results []result }
	require.NoError(t, json.Unmarshal(line, &answer))
	require.Len(t, answer.Results, len(jobs))
	return answer.Results
}

// produce has the peer write the values of jobs. What it cannot write is in the result.
func (p *peer) produce(t *testing.T, jobs []job) []result {
	t.Helper()
	return p.do(t, "produce", jobs)
}

// consume has the peer read.
func (p *peer) consume(t *testing.T, jobs []job) []result {
	t.Helper()
	return p.do(t, "consume", jobs)
}
