package chaos

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// event is one line of a member's event stream, with the fields that are looked at here.
type event struct {
	Time    time.Time `json:"time"`
	Event   string    `json:"event"`
	Epoch   uint64    `json:"epoch"`
	Offsets []struct {
		Partition int32  `json:"partition"`
		Epoch     uint64 `json:"epoch"`
		Offset    int64  `json:"offset"`
	} `json:"offsets"`
}

// readEvents calls take for each event of a file. The last line of a killed member may be cut.
func readEvents(path string, take func(event)) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open the events: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	for lines := bufio.NewReader(file); ; {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		var e event
		if err := json.Unmarshal(bytes.TrimSpace(line), &e); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		take(e)
	}
}
