package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/troupe-go/troupe"
)

// eventFile writes events as JSON lines. Whoever follows the file sees each event as it happens, and all of them once the
// file is closed. receive is called from one goroutine, and not after Close.
type eventFile struct {
	to    *bufio.Writer
	file  io.Closer
	lines *json.Encoder
	err   error // the first; nothing is written after it
}

// newEventFile opens the file; - is stdout.
func newEventFile(name string, stdout io.Writer) (*eventFile, error) {
	e := &eventFile{to: bufio.NewWriter(stdout)}
	if name != "-" {
		f, err := os.Create(name)
		if err != nil {
			return nil, misuse(fmt.Errorf("file for events: %w", err))
		}
		e.to, e.file = bufio.NewWriter(f), f
	}
	e.lines = json.NewEncoder(e.to)
	e.lines.SetEscapeHTML(false)
	return e, nil
}

func (e *eventFile) receive(event troupe.EventTime) {
	if e.err != nil {
		return
	}
	if e.err = e.lines.Encode(event); e.err == nil {
		e.err = e.to.Flush()
	}
}

// Close says whether all events were written.
func (e *eventFile) Close() error {
	err := e.err
	if e.file != nil {
		err = errors.Join(err, e.file.Close())
	}
	if err != nil {
		return fmt.Errorf("writing events: %w", err)
	}
	return nil
}
