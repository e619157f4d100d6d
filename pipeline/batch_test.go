package pipeline

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/stream"
)

// writes counts the writes to standard output, and ends one early where it is told to.
type writes struct {
	bytes.Buffer
	calls int
	room  int // -1 is no limit
}

func (w *writes) Write(p []byte) (int, error) {
	w.calls++
	if w.room >= 0 && len(p) > w.room {
		n, _ := w.Buffer.Write(p[:w.room])
		return n, errors.New("full")
	}
	return w.Buffer.Write(p)
}

// batchOf are records with these values.
func batchOf(values ...string) []*stream.Record {
	records := make([]*stream.Record, len(values))
	for i, v := range values {
		records[i] = record(v)
		records[i].Offset += int64(i)
	}
	return records
}

func verdicts(t *testing.T, err error, size int) map[int]string {
	t.Helper()
	all := make(map[int]string)
	if err == nil {
		return all
	}
	var partial *stream.BatchError
	require.ErrorAs(t, err, &partial)
	require.NoError(t, partial.Check(size))
	for _, i := range partial.Failed() {
		all[i] = partial.Of(i).Error()
	}
	if n := partial.Attempted(size); n < size {
		all[n] = "not attempted"
	}
	return all
}

func TestABatchIsHandledRecordByRecordAndWrittenAtOnce(t *testing.T) {
	t.Parallel()
	w := &writes{room: -1}
	config := load(t, kafkaKeys+ordersIn+"steps: [{map: '.a | if . == 7 then error(\"bad\") else . end'}, {filter: '. != 3'}]\n"+
		"output: {stdout: {}}\nbatch: {records: 5, wait: 1s}\n", Options{Stdout: w}).Config()
	require.Nil(t, config.Handler)
	require.Equal(t, troupe.BatchPolicy{Records: 5, Wait: time.Second}, config.Batch)
	records := batchOf(`{"a":1}`, `{"a":7}`, `{"a":3}`, `{`, `{"a":5}`)
	err := config.BatchHandler.HandleBatch(t.Context(), records)
	require.Equal(t, map[int]string{
		1: "step 1 (map): error: bad", 2: "skipped: filtered", 3: "value of orders-3 at offset 45: decode json: byte 1: the document ends too early",
	}, verdicts(t, err, 5))
	require.Equal(t, "1\n5\n", w.String())
	require.Equal(t, 1, w.calls)
	var partial *stream.BatchError
	require.ErrorAs(t, err, &partial)
	var permanent *stream.PermanentError
	require.ErrorAs(t, partial.Of(1), &permanent)
}

func TestOfABatchThatWasCutShortOnlyTheRestIsNotWritten(t *testing.T) {
	t.Parallel()
	w := &writes{room: len("11\n22\n3")}
	config := load(t, kafkaKeys+ordersIn+"steps: [{filter: '. != 0'}]\noutput: {stdout: {}}\nbatch: {}\n", Options{Stdout: w}).Config()
	require.Equal(t, troupe.BatchPolicy{}, config.Batch, "the processor's own defaults")
	err := config.BatchHandler.HandleBatch(t.Context(), batchOf("11", "0", "22", "33", "44"))
	const unavailable = "stdout is unavailable: write the results of orders-3 at offset "
	require.Equal(t, map[int]string{
		1: "skipped: filtered", 3: unavailable + "45: full", 4: unavailable + "46: full",
	}, verdicts(t, err, 5))
	var partial *stream.BatchError
	require.ErrorAs(t, err, &partial)
	var down *stream.UnavailableError
	require.ErrorAs(t, partial.Of(4), &down)
}

func TestABatchIsOneWriteToTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "out.jsonl")
	p := load(t, kafkaKeys+ordersIn+"output: {file: {path: "+path+"}}\nbatch: {records: 3, wait: none}\n", Options{})
	config := p.Config()
	require.Equal(t, troupe.BatchPolicy{Records: 3, Wait: -1}, config.Batch)
	require.NoError(t, config.BatchHandler.HandleBatch(t.Context(), batchOf("1", "{\n}", "3")))
	require.NoError(t, p.Close())
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "1\n{}\n3\n", string(content))
}

// slowly ends its context after so many looks at it.
type slowly struct {
	context.Context
	looks int
}

func (c *slowly) Err() error {
	if c.looks--; c.looks < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

func TestRecordsThatTheTimeDidNotSufficeForAreNotAttempted(t *testing.T) {
	t.Parallel()
	w := &writes{room: -1}
	config := load(t, kafkaKeys+ordersIn+"steps: [{map: '.'}]\noutput: {stdout: {}}\nbatch: {}\n", Options{Stdout: w}).Config()
	err := config.BatchHandler.HandleBatch(&slowly{Context: t.Context(), looks: 2}, batchOf("1", "2", "3", "4"))
	require.Equal(t, map[int]string{3: "not attempted"}, verdicts(t, err, 4))
	require.Equal(t, "1\n2\n3\n", w.String(), "what is through is written")

	ended, end := context.WithCancel(t.Context())
	end()
	err = config.BatchHandler.HandleBatch(ended, batchOf(strings.Repeat("[", 100)+strings.Repeat("]", 100), "2"))
	require.Equal(t, map[int]string{1: "not attempted"}, verdicts(t, err, 2), "the first is, so that it goes on")
}

// A program that works for long is cut short when the time is up: at the first record it is a failure, at the others the
// time was not theirs.
func TestOnlyTheFirstOfABatchFailsForWantOfTime(t *testing.T) {
	t.Parallel()
	config := load(t, kafkaKeys+ordersIn+"steps: [{map: 'if . > 0 then last(range(.)) else . end'}]\noutput: {stdout: {}}\nbatch: {}\n",
		Options{Stdout: &writes{room: -1}}).Config()
	for first, want := range map[string]map[int]string{
		"0": {1: "not attempted"}, "100000": {0: "step 1 (map): context deadline exceeded", 1: "not attempted"},
	} {
		ctx := &slowly{Context: t.Context(), looks: map[string]int{"0": 1, "100000": 0}[first]}
		require.Equal(t, want, verdicts(t, config.BatchHandler.HandleBatch(ctx, batchOf(first, "100000", "3")), 3))
	}
}

func TestABatchHoldsNoMoreResultsThanARecordMayGive(t *testing.T) {
	t.Parallel()
	w := &writes{room: -1}
	config := load(t, kafkaKeys+ordersIn+"steps: [{map: '\"x\" * .'}]\noutput: {stdout: {}}\nbatch: {}\n", Options{Stdout: w}).Config()
	var values []string
	for range 5 {
		values = append(values, strconv.Itoa(7<<20))
	}
	err := config.BatchHandler.HandleBatch(t.Context(), batchOf(values...))
	require.Equal(t, map[int]string{3: "not attempted"}, verdicts(t, err, 5))
	require.Equal(t, 1, w.calls)
}
