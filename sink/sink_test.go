package sink

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func messages(values ...string) []stream.Message {
	var all []stream.Message
	for _, v := range values {
		all = append(all, stream.Message{Value: []byte(v)})
	}
	return all
}

func record() *stream.Record { return &stream.Record{Topic: "orders", Partition: 2, Offset: 7} }

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}

func TestKafkaEmitsToItsTopic(t *testing.T) {
	t.Parallel()
	r := record()
	require.NoError(t, Kafka{Topic: "out"}.Write(t.Context(), r, messages("a", "b")))
	require.Len(t, r.Outputs(), 2)
	require.Equal(t, "out", r.Outputs()[1].Topic)
	require.Equal(t, "b", string(r.Outputs()[1].Value))
}

func TestFileAppendsALineForEachResult(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "out.jsonl")
	for range 2 {
		s := NewFile(path, true)
		require.NoError(t, s.Write(t.Context(), record(), messages(`{"a":1}`, "{\n \"b\": 2\r\n}")))
		require.NoError(t, s.Write(t.Context(), record(), []stream.Message{{Value: nil}}))
		require.NoError(t, s.Write(t.Context(), record(), nil))
		require.NoError(t, s.Close())
		require.NoError(t, s.Close())
	}
	const once = "{\"a\":1}\n{\"b\":2}\nnull\n"
	require.Equal(t, once+once, read(t, path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(FileMode), info.Mode().Perm()|0o044, "at most rw-r--r--, less the umask")
}

func TestFileEndsALineThatWasTorn(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "out")
	require.NoError(t, os.WriteFile(path, []byte("whole\nto"), 0o600))
	s := NewFile(path, false)
	require.NoError(t, s.Write(t.Context(), record(), messages("next")))
	require.NoError(t, s.Write(t.Context(), record(), messages("after")))
	require.NoError(t, s.Close())
	require.Equal(t, "whole\nto\nnext\nafter\n", read(t, path))
}

func TestFullDiskMakesRecordsWait(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("needs /dev/full, which this system does not have")
	}
	s := NewFile("/dev/full", false)
	err := s.Write(t.Context(), record(), messages("x"))
	var unavailable *stream.UnavailableError
	require.ErrorAs(t, err, &unavailable)
	require.Equal(t, "file", unavailable.Name)
	require.ErrorContains(t, err, "write the results of orders-2 at offset 7")
	require.NoError(t, s.Close())
}

func TestFileRefusesWritesAfterClose(t *testing.T) {
	t.Parallel()
	s := NewFile(filepath.Join(t.TempDir(), "out"), false)
	require.NoError(t, s.Open())
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Write(t.Context(), record(), messages("x")), ErrClosed)
	require.ErrorIs(t, s.Open(), ErrClosed)
}

func TestOpenFailsWithTheReason(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, NewFile(filepath.Join(t.TempDir(), "no", "file"), false).Open(), os.ErrNotExist)
	require.Error(t, NewFile(t.TempDir(), false).Open())
}

func TestConcurrentWritesKeepTheLinesOfARecordTogether(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "out")
	s := NewFile(path, false)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if err := s.Write(t.Context(), record(), messages("first", "second")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, s.Close())
	require.Equal(t, strings.Repeat("first\nsecond\n", 400), read(t, path))
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestLinesWritesToAStream(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := NewLines(&out, false)
	require.NoError(t, s.Write(t.Context(), record(), messages("a\nb", "c")))
	require.NoError(t, s.Close())
	require.Equal(t, "a\nb\nc\n", out.String())

	err := NewLines(brokenWriter{}, false).Write(t.Context(), record(), messages("x"))
	var unavailable *stream.UnavailableError
	require.ErrorAs(t, err, &unavailable)
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

func TestCompactLeavesWhatIsNotJSON(t *testing.T) {
	t.Parallel()
	require.Equal(t, "{\n\n", string(lineOf(nil, []byte("{\n"), true)))
	require.Equal(t, "x{\n\n", string(lineOf([]byte("x"), []byte("{\n"), true)))
}

func TestLogShowsTheRecord(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := Log{Logger: slog.New(slog.NewJSONHandler(&out, nil))}
	require.NoError(t, s.Write(t.Context(), record(), []stream.Message{
		{Value: []byte("v\xff")}, {Key: []byte{}, Value: bytes.Repeat([]byte("x"), loggedBytesMax+1)},
	}))
	require.NoError(t, s.Close())
	require.Contains(t, out.String(), `"msg":"record","topic":"orders","partition":2,"offset":7,"key":null,"value":"v`+"\uFFFD"+`"`)
	require.Contains(t, out.String(), `xxx..."`)
	require.NoError(t, Drop{}.Write(t.Context(), record(), messages("x")))
	require.NoError(t, Drop{}.Close())
}

// batch are records that follow one another, and what each gives.
func batchOf(values ...[]string) (records []*stream.Record, results [][]stream.Message) {
	for i, of := range values {
		r := record()
		r.Offset += int64(i)
		records, results = append(records, r), append(results, messages(of...))
	}
	return records, results
}

// notWrittenOf are the indexes of the records that a batch says are not written.
func notWrittenOf(t *testing.T, err error) []int {
	t.Helper()
	var partial *stream.BatchError
	require.ErrorAs(t, err, &partial)
	for _, i := range partial.Failed() {
		var unavailable *stream.UnavailableError
		require.ErrorAs(t, partial.Of(i), &unavailable)
	}
	return partial.Failed()
}

func TestABatchIsOneWriteOfAllLines(t *testing.T) {
	t.Parallel()
	records, results := batchOf([]string{"a", "b"}, nil, []string{"c"})
	path := filepath.Join(t.TempDir(), "out")
	require.NoError(t, os.WriteFile(path, []byte("to"), 0o600))
	file := NewFile(path, false)
	require.NoError(t, file.WriteBatch(t.Context(), records, results))
	require.NoError(t, file.WriteBatch(t.Context(), records[:1], [][]stream.Message{nil}))
	require.NoError(t, file.Close())
	require.Equal(t, "to\na\nb\nc\n", read(t, path), "behind a line that was torn")

	w := &shortWriter{room: 100}
	require.NoError(t, NewLines(w, false).WriteBatch(t.Context(), records, results))
	require.Equal(t, []string{"a\nb\nc\n"}, w.writes)
}

// shortWriter has room for so many bytes.
type shortWriter struct {
	room   int
	writes []string
}

func (w *shortWriter) Write(p []byte) (int, error) {
	n := min(len(p), w.room)
	w.writes = append(w.writes, string(p[:n]))
	w.room -= n
	if n < len(p) {
		return n, io.ErrShortWrite
	}
	return n, nil
}

func TestOfABatchOnlyWhatIsNotThereAsAWholeIsUnavailable(t *testing.T) {
	t.Parallel()
	records, results := batchOf([]string{"a", "b"}, nil, []string{"c", "d"}, nil, []string{"e"})
	for room, want := range map[int][]int{0: {0, 1, 2, 3, 4}, 3: {0, 1, 2, 3, 4}, 4: {2, 3, 4}, 7: {2, 3, 4}, 8: {4}, 9: {4}} {
		w := &shortWriter{room: room}
		err := NewLines(w, false).WriteBatch(t.Context(), records, results)
		require.Equal(t, want, notWrittenOf(t, err), room)
		require.ErrorContains(t, err, "write the results of orders-2 at offset")
	}
}

func TestFullDiskMakesABatchWait(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("needs /dev/full, which this system does not have")
	}
	s := NewFile("/dev/full", false)
	records, results := batchOf([]string{"a"}, []string{"b"})
	require.Equal(t, []int{0, 1}, notWrittenOf(t, s.WriteBatch(t.Context(), records, results)))
	require.NoError(t, s.Close())
	require.Equal(t, []int{0, 1}, notWrittenOf(t, s.WriteBatch(t.Context(), records, results)), "closed")
}
