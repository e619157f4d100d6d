package chaos

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// startTimeout is how long a member may take to join.
	startTimeout = 90 * time.Second
	// exitTimeout is how long a member may take to end after SIGTERM, beyond its own shutdown_timeout.
	exitTimeout = 60 * time.Second
)

// member is one life of one member: a process.
type member struct {
	name    string
	command *exec.Cmd
	events  string // the file of its events
	started time.Time
	ended   chan struct{} // closed when the process has ended

	frozen   atomic.Bool
	leaving  atomic.Bool // it was told to end
	thawedAt atomic.Int64

	mu      sync.Mutex
	address string
}

// launchMember starts the program.
func launchMember(program, pipeline, folder, name string) (*member, error) {
	m := &member{name: name, events: filepath.Join(folder, name+".events.jsonl"), ended: make(chan struct{}), started: time.Now()}
	log, err := os.Create(filepath.Join(folder, name+".log"))
	if err != nil {
		return nil, fmt.Errorf("member %s: %w", name, err)
	}
	m.command = exec.Command(program, "run", pipeline, "--events", m.events, "--set", "kafka.client.id="+name)
	apart(m.command)
	m.command.Stdout = log
	stderr, err := m.command.StderrPipe()
	if err == nil {
		err = m.command.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("member %s: %w", name, err), log.Close())
	}
	go func() {
		m.follow(io.TeeReader(stderr, log))
		_ = m.command.Wait() // its exit status is looked at by who asks for it
		_ = log.Close()      // only a log
		close(m.ended)
	}()
	return m, nil
}

// follow reads the log, where the member says at which address it answers.
func (m *member) follow(log io.Reader) {
	lines := bufio.NewReader(log)
	for {
		line, err := lines.ReadBytes('\n')
		if bytes.Contains(line, []byte("answering admin requests")) {
			var entry struct{ Address string }
			if json.Unmarshal(line, &entry) == nil {
				m.mu.Lock()
				m.address = entry.Address
				m.mu.Unlock()
			}
		}
		if err != nil {
			return
		}
	}
}

func (m *member) running() bool {
	select {
	case <-m.ended:
		return false
	default:
		return true
	}
}

// answering says whether the member has come so far that it answers admin requests; a signal then finds its handler.
func (m *member) answering() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.address != ""
}

var errNoAddress = errors.New("it has not said yet at which address it answers")

// get asks the admin server.
func (m *member) get(ctx context.Context, path string) (status int, body []byte, err error) {
	m.mu.Lock()
	address := m.address
	m.mu.Unlock()
	if address == "" {
		return 0, nil, errNoAddress
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, http.NoBody)
	if err != nil {
		return 0, nil, fmt.Errorf("ask %s: %w", m.name, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, fmt.Errorf("ask %s: %w", m.name, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err = io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, fmt.Errorf("ask %s: %w", m.name, err)
	}
	return response.StatusCode, body, nil
}

// awaitReady waits until the member has joined the group.
func (m *member) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ended := false
	err := wait(ctx, m.name+" to join", func() bool {
		if ended = !m.running(); ended {
			return true
		}
		status, _, err := m.get(ctx, "/readyz")
		return err == nil && status == http.StatusOK
	})
	if ended && err == nil {
		err = fmt.Errorf("%s ended by itself: %s", m.name, m.command.ProcessState)
	}
	return err
}

func (m *member) signal(s os.Signal) error {
	if err := m.command.Process.Signal(s); err != nil {
		return fmt.Errorf("signal %s to %s: %w", s, m.name, err)
	}
	return nil
}

// kill ends the process with SIGKILL and waits for it.
func (m *member) kill() error {
	m.leaving.Store(true)
	err := m.signal(syscall.SIGKILL)
	<-m.ended
	return err
}

// leave stops the process cleanly. An error says that it was not clean.
func (m *member) leave(ctx context.Context) error {
	m.leaving.Store(true)
	if err := m.signal(syscall.SIGTERM); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, exitTimeout)
	defer cancel()
	select {
	case <-m.ended:
	case <-ctx.Done():
		return fmt.Errorf("%s did not end after SIGTERM: %w", m.name, errors.Join(ctx.Err(), m.kill()))
	}
	if code := m.command.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended after SIGTERM with %s", m.name, m.command.ProcessState)
	}
	return nil
}
