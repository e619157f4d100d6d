package stream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/stream"
)

func TestABatchErrorThatNamesNothingIsNone(t *testing.T) {
	t.Parallel()
	var e stream.BatchError
	e.Fail(3, nil)
	require.NoError(t, e.Err())
}

func TestABatchErrorNamesRecordsAndWhereItStopped(t *testing.T) {
	t.Parallel()
	var e stream.BatchError
	boom := errors.New("boom")
	e.Fail(4, boom)
	e.Fail(1, stream.Skip("old"))
	e.StopAt(7)
	require.Equal(t, []int{1, 4}, e.Failed())
	require.ErrorIs(t, e.Of(4), boom)
	require.NoError(t, e.Of(2))
	require.Equal(t, 7, e.Attempted(10))
	require.NoError(t, e.Check(10))
	require.NoError(t, e.Check(7))
	require.EqualError(t, e.Err(), "2 records of the batch failed, the first at index 1: "+e.Of(1).Error()+"; from index 7 on none was attempted")
}

func TestABatchErrorThatDoesNotFitItsBatchIsFound(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*stream.BatchError){
		"beyond":          func(e *stream.BatchError) { e.Fail(10, io.EOF) },
		"negative":        func(e *stream.BatchError) { e.Fail(-1, io.EOF) },
		"nothing begun":   func(e *stream.BatchError) { e.StopAt(0) },
		"stops beyond":    func(e *stream.BatchError) { e.StopAt(11) },
		"not attempted":   func(e *stream.BatchError) { e.StopAt(3); e.Fail(3, io.EOF) },
		"stops nowhere":   func(e *stream.BatchError) { e.StopAt(-1) },
		"stops and fails": func(e *stream.BatchError) { e.StopAt(5); e.Fail(9, io.EOF) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var e stream.BatchError
			set(&e)
			require.Error(t, e.Check(10))
		})
	}
}

// closer is a BatchHandler that is closed.
type closer struct{ stream.BatchHandlerFunc }

func (closer) Close() error { return io.EOF }

func TestABatchHandlerServesAsAHandler(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		returns func() error
		want    error
	}{
		"nil":     {func() error { return nil }, nil},
		"plain":   {func() error { return boom }, boom},
		"named":   {func() error { var e stream.BatchError; e.Fail(0, boom); return fmt.Errorf("batch: %w", e.Err()) }, boom},
		"nothing": {func() error { return &stream.BatchError{} }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []*stream.Record
			of := stream.BatchHandlerFunc(func(_ context.Context, records []*stream.Record) error {
				got = records
				return c.returns()
			})
			h := stream.Batched(of)
			record := &stream.Record{Offset: 3}
			require.Equal(t, c.want, h.Handle(t.Context(), record))
			require.Equal(t, []*stream.Record{record}, got)
			_, batches := h.(stream.BatchHandler)
			require.True(t, batches)
			_, closes := h.(io.Closer)
			require.False(t, closes)
		})
	}
	h := stream.Batched(closer{})
	_, batches := h.(stream.BatchHandler)
	require.True(t, batches)
	require.Equal(t, io.EOF, h.(io.Closer).Close())
}
