package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// event is one line of the event stream, with the fields of all kinds of events that tests look at.
type event struct {
	Time       time.Time
	Event      string
	Topic      string
	Partition  int32
	Partitions []at
	Offset     int64
	Offsets    []at
	Origin     string
	Attempt    int32
	Attempts   int32
	Reason     string
	Error      string
	DelayMS    int64 `json:"delay_ms"`
	Records    int64
	Abandoned  int64
	To         string
	Position   int64
	Chosen     int64
	Unfinished []string
}

type at struct {
	Topic     string
	Partition int32
	Offset    int64
}

// process is the program, running or ended.
type process struct {
	t       *testing.T
	command *exec.Cmd
	ended   chan struct{} // closed when the process has ended and all of its output was read

	mu      sync.Mutex
	events  []event
	stderr  bytes.Buffer
	address string        // of the admin server
	changed chan struct{} // closed and replaced whenever there is something new
}

// run starts the pipeline; args follow those that every process has.
func (w *world) run(args ...string) *process {
	w.t.Helper()
	return w.start(append([]string{"run", w.file, "--events", "-"}, args...)...)
}

func (w *world) start(args ...string) *process {
	w.t.Helper()
	p := &process{
		t: w.t, command: exec.Command(binary, args...), ended: make(chan struct{}), changed: make(chan struct{}),
	}
	p.command.Env = w.environment()
	stdout, err := p.command.StdoutPipe()
	require.NoError(w.t, err)
	stderr, err := p.command.StderrPipe()
	require.NoError(w.t, err)
	require.NoError(w.t, p.command.Start())
	var reading sync.WaitGroup
	reading.Go(func() { lines(stdout, p.takeEvent) })
	reading.Go(func() { lines(stderr, p.takeLog) })
	go func() {
		reading.Wait()
		_ = p.command.Wait() // the exit code is looked at by who asks for it
		close(p.ended)
	}()
	w.t.Cleanup(p.cleanUp)
	return p
}

// environment is what pipelines refer to.
func (w *world) environment() []string {
	return append(os.Environ(), "BROKERS="+w.brokers, "GROUP="+w.group, "IN="+w.in, "OUT="+w.out, "DEAD="+w.dead)
}

func lines(from io.Reader, take func([]byte)) {
	reader := bufio.NewReader(from)
	for {
		line, err := reader.ReadBytes('\n')
		if len(line) > 0 {
			take(line)
		}
		if err != nil {
			return
		}
	}
}

func (p *process) takeEvent(line []byte) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil {
		p.takeLog(append([]byte("on standard output: "), line...))
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, e)
	p.wake()
}

func (p *process) takeLog(line []byte) {
	var entry struct{ Msg, Address string }
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stderr.Write(line)
	if json.Unmarshal(line, &entry) == nil && entry.Msg == "answering admin requests" {
		p.address = entry.Address
	}
	p.wake()
}

func (p *process) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *process) cleanUp() {
	select {
	case <-p.ended:
	default:
		_ = p.command.Process.Kill() // it may have ended meanwhile
		<-p.ended
	}
	if p.t.Failed() {
		p.mu.Lock()
		defer p.mu.Unlock()
		var events strings.Builder
		for _, e := range p.events {
			fmt.Fprintf(&events, "%+v\n", e)
		}
		p.t.Logf("process %d wrote:\n%s%s", p.command.Process.Pid, p.stderr.String(), tail(events.String(), 20_000))
	}
}

func tail(text string, bytes int) string { return text[max(0, len(text)-bytes):] }

// until waits for a condition over what the process has written, which it calls with the lock held.
func (p *process) until(what string, condition func() bool) {
	p.t.Helper()
	tooLate := time.NewTimer(deadline)
	defer tooLate.Stop()
	for ended := false; ; {
		p.mu.Lock()
		met, changed := condition(), p.changed
		p.mu.Unlock()
		if met {
			return
		}
		if ended {
			require.Fail(p.t, "the process ended without "+what)
		}
		select {
		case <-changed:
		case <-p.ended:
			ended = true // and look once more
		case <-tooLate.C:
			require.Fail(p.t, "waited in vain for "+what)
		}
	}
}

// event waits for the first event of that name which fits.
func (p *process) event(name string, fits func(event) bool) (found event) {
	p.t.Helper()
	p.until("an event "+name, func() bool {
		for _, e := range p.events {
			if e.Event == name && (fits == nil || fits(e)) {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

// eventsOf gives the events of that name so far.
func (p *process) eventsOf(name string) (found []event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.events {
		if e.Event == name {
			found = append(found, e)
		}
	}
	return found
}

// untilCommitted waits until the process has committed an offset of a partition, and compares with what the broker says.
func (p *process) untilCommitted(w *world, partition int32, offset int64) event {
	p.t.Helper()
	e := p.event("committed", func(e event) bool {
		for _, o := range e.Offsets {
			if o.Topic == w.in && o.Partition == partition && o.Offset >= offset {
				return true
			}
		}
		return false
	})
	require.GreaterOrEqual(p.t, w.committed(partition), offset)
	return e
}

// log is what the process has written to standard error.
func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// get asks the admin server; the status is 0 where it does not answer.
func (p *process) get(path string) (status int, body string) {
	p.t.Helper()
	p.until("its admin address", func() bool { return p.address != "" })
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + p.address + path)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	require.NoError(p.t, err)
	return response.StatusCode, string(read)
}

// untilAnswer asks the admin server until the answer fits.
func (p *process) untilAnswer(path string, fits func(status int, body string) bool) {
	p.t.Helper()
	eventually(p.t, "another answer of "+path, func() bool { return fits(p.get(path)) })
}

func (p *process) untilReady() {
	p.t.Helper()
	p.untilAnswer("/readyz", func(status int, _ string) bool { return status == http.StatusOK })
}

// statusNumber gives a number of /api/v1/status.
func (p *process) statusNumber(path ...string) float64 {
	p.t.Helper()
	_, body := p.get("/api/v1/status")
	var value any
	require.NoError(p.t, json.Unmarshal([]byte(body), &value))
	for _, key := range path {
		fields, ok := value.(map[string]any)
		require.True(p.t, ok, "%s in %s", key, body)
		value = fields[key]
	}
	number, ok := value.(float64)
	require.True(p.t, ok, "%v in %s", path, body)
	return number
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.command.Process.Signal(s))
}

// exit waits until the process has ended and gives its exit code.
func (p *process) exit() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(deadline):
		require.Fail(p.t, "the process does not end")
	}
	return p.command.ProcessState.ExitCode()
}

// stop stops the process cleanly.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	require.Equal(p.t, 0, p.exit(), "exit code of a clean stop")
}
