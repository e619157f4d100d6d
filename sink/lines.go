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

// batch is the lines of many records.
type batch struct {
	lines []byte
	ends  []int // behind the lines of each record
}

func newBatch(results [][]stream.Message, compact bool) batch {
	b := batch{ends: make([]int, len(results))}
	for i, of := range results {
		for j := range of {
			b.lines = lineOf(b.lines, of[j].Value, compact)
		}
		b.ends[i] = len(b.lines)
	}
	return b
}

// verdict says, of a write that ended after so many bytes, which records are not written as a whole.
func (b batch) verdict(records []*stream.Record, written int, err error, name string) error {
	var failed stream.BatchError
	for i, end := range b.ends {
		if err != nil && end > written {
			failed.Fail(i, stream.Unavailable(notWritten(records[i], err), name))
		}
	}
	return failed.Err()
}

func notWritten(r *stream.Record, err error) error {
	return fmt.Errorf("write the results of %s at offset %d: %w", r.Source(), r.Offset, err)
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
		return stream.Unavailable(notWritten(r, err), stdoutDependency)
	}
	return nil
}

// WriteBatch writes the lines of all records with one call.
func (s *Lines) WriteBatch(_ context.Context, records []*stream.Record, results [][]stream.Message) error {
	b := newBatch(results, s.Compact)
	if len(b.lines) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	written, err := s.out.Write(b.lines)
	return b.verdict(records, written, err, stdoutDependency)
}

// stdoutDependency names the circuit of a stream that takes no more.
const stdoutDependency = "stdout"

// Close leaves the stream open: it is not the sink's.
func (*Lines) Close() error { return nil }
