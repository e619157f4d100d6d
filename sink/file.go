package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/troupe-go/troupe/stream"
)

// FileMode is what a new file gets, before the process's umask.
const FileMode = 0o644

// ErrClosed says that a file sink was written to after Close.
var ErrClosed = errors.New("the file is closed")

// File appends each value as a line to a file, the lines of one record with one write.
//
// The file is opened with O_APPEND, so several processes may share it, and synced on Close only: what a record's write
// returned for survives the process, and survives the machine once the operating system has written it. A write that
// the disk cut short leaves a torn line; the next write first ends it, so that it spoils no other.
type File struct {
	path    string
	compact bool

	mu     sync.Mutex
	file   *os.File
	torn   bool // the file does not end with a line break
	closed bool
}

// NewFile appends to the file at path, which Open or the first Write creates. Compact is as for Lines.
func NewFile(path string, compact bool) *File { return &File{path: path, compact: compact} }

// Open opens or creates the file now rather than with the first record.
func (s *File) Open() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open()
}

func (s *File) open() error {
	if s.closed {
		return ErrClosed
	}
	if s.file != nil {
		return nil
	}
	// Readable too: the last byte tells whether an earlier process died within a line.
	file, err := os.OpenFile(s.path, os.O_APPEND|os.O_CREATE|os.O_RDWR, FileMode)
	if errors.Is(err, os.ErrPermission) {
		file, err = os.OpenFile(s.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, FileMode)
	}
	if err != nil {
		return fmt.Errorf("open the output file: %w", err)
	}
	s.file, s.torn = file, endsWithinLine(file)
	return nil
}

// endsWithinLine is false where it cannot be known: a pipe, a device, a file that may not be read.
func endsWithinLine(file *os.File) bool {
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return false
	}
	var last [1]byte
	if _, err := file.ReadAt(last[:], info.Size()-1); err != nil {
		return false
	}
	return last[0] != '\n'
}

// Write appends the lines of one record and returns when the operating system has them. What the disk refuses is
// Unavailable: the records wait until there is space.
func (s *File) Write(_ context.Context, r *stream.Record, results []stream.Message) error {
	lines := linesOf(results, s.compact)
	if len(lines) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.append(lines); err != nil {
		return stream.Unavailable(notWritten(r, err), fileDependency)
	}
	return nil
}

// WriteBatch appends the lines of all records with one write. Of those that a full disk cut short only the records that are
// not there as a whole are Unavailable.
func (s *File) WriteBatch(_ context.Context, records []*stream.Record, results [][]stream.Message) error {
	b := newBatch(results, s.compact)
	if len(b.lines) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	written, err := s.append(b.lines)
	return b.verdict(records, written, err, fileDependency)
}

// fileDependency names the circuit of a file that takes no more.
const fileDependency = "file"

// append says how many bytes of the lines are in the file.
func (s *File) append(lines []byte) (written int, err error) {
	if err := s.open(); err != nil {
		return 0, err
	}
	mended := 0
	if s.torn {
		lines, mended = append([]byte{'\n'}, lines...), 1
	}
	n, err := s.file.Write(lines)
	if n > 0 {
		s.torn = lines[n-1] != '\n'
	}
	if err == nil && n < len(lines) {
		err = io.ErrShortWrite
	}
	return max(n-mended, 0), err
}

// Close syncs and closes the file. It is no error to close twice.
func (s *File) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	file := s.file
	s.file, s.closed = nil, true
	if file == nil {
		return nil
	}
	err := file.Sync()
	if info, statErr := file.Stat(); statErr == nil && !info.Mode().IsRegular() {
		err = nil // pipes and devices cannot be synced
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("close the output file %s: %w", s.path, err)
	}
	return nil
}
