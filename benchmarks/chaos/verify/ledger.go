package verify

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
)

// Entry is a record that the brokers have acknowledged.
type Entry struct {
	ID
	Partition int32
	Offset    int64
	Sum       uint64
	// IntendedMS is when it was meant to be written, AckedMS when its acknowledgement came.
	IntendedMS, AckedMS int64
}

const entryFormat = "%d %d %d %d %x %d %d\n"

// Ledger is the file of acknowledged records, a line each, in the order of their acknowledgements.
type Ledger struct {
	file  *os.File
	lines *bufio.Writer
}

// CreateLedger begins a new ledger.
func CreateLedger(path string) (*Ledger, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("create the ledger: %w", err)
	}
	return &Ledger{file: file, lines: bufio.NewWriterSize(file, 1<<16)}, nil
}

// Add writes an entry. One goroutine at a time may call it.
func (l *Ledger) Add(e Entry) error {
	_, err := fmt.Fprintf(l.lines, entryFormat, e.Key, e.Seq, e.Partition, e.Offset, e.Sum, e.IntendedMS, e.AckedMS)
	if err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	return nil
}

// Close makes the ledger durable.
func (l *Ledger) Close() error {
	if err := errors.Join(l.lines.Flush(), l.file.Sync(), l.file.Close()); err != nil {
		return fmt.Errorf("close the ledger: %w", err)
	}
	return nil
}

// ReadLedger reads a ledger back.
func ReadLedger(path string) ([]Entry, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	var entries []Entry
	for lines := bufio.NewReader(file); ; {
		var e Entry
		_, err := fmt.Fscanf(lines, entryFormat, &e.Key, &e.Seq, &e.Partition, &e.Offset, &e.Sum, &e.IntendedMS, &e.AckedMS)
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err != nil {
			return nil, fmt.Errorf("line %d of the ledger: %w", len(entries)+1, err)
		}
		entries = append(entries, e)
	}
}
