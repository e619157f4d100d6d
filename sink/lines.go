package sink

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/troupe-go/troupe/stream"
)

// lineOf is a result as one line. Line breaks within JSON are white space and are taken out; text of other formats is
// written as it is. A null value is the line "null".
func lineOf(out []byte, value []byte, compact bool) []byte {
	if value == nil {
		return append(out, "null\n"...)
	}
	if compact && bytes.ContainsAny(value, "\r\n") {
		buffer := bytes.NewBuffer(out)
		if err := json.Compact(buffer, value); err == nil {
			return append(buffer.Bytes(), '\n')
		}
	}
	return append(append(out, value...), '\n')
}

func linesOf(results []stream.Message, compact bool) []byte {
	var out []byte
	for i := range results {
		out = lineOf(out, results[i].Value, compact)
	}
	return out
}

// Lines writes each value as a line to a stream, the lines of one record together.
type Lines struct {
	// Compact takes line breaks out of values, which must be JSON.
	Compact bool

	mu  sync.Mutex
	out io.Writer
}

// NewLines writes to out, from one goroutine at a time.
func NewLines(out io.Writer, compact bool) *Lines { return &Lines{out: out, Compact: compact} }

// Write writes the lines of one record with one call.
func (s *Lines) Write(_ context.Context, r *stream.Record, results []stream.Message) error {
	lines := linesOf(results, s.Compact)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.out.Write(lines); err != nil {
		return stream.Unavailable(fmt.Errorf("write the results of %s at offset %d: %w", r.Source(), r.Offset, err), "stdout")
	}
	return nil
}

// Close leaves the stream open: it is not the sink's.
func (*Lines) Close() error { return nil }
