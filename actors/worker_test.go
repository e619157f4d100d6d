package actors

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/meter"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// The lane's watch and the worker's goroutine both report on one work. The partition knows the place of a report in the
// work by those before it, so none may overtake another.
func TestTheLastReportOfAWorkDoesNotOvertakeTheOneBefore(t *testing.T) {
	t.Parallel()
	slow, release := make(chan struct{}), make(chan struct{})
	env := &Env{
		Meter: meter.New(meter.Build{}), Slots: NewSlots(1), Orphans: NewOrphans(),
		Settings: Settings{NewHandler: func(stream.Partition) (stream.Handler, error) {
			return stream.HandlerFunc(func(_ context.Context, r *stream.Record) error {
				if r.Offset == 1 {
					close(slow)
					<-release
				}
				return nil
			}), nil
		}},
	}
	reports := make(chan messages.Outcome, 2)
	last := make(chan struct{})
	w := newWorker(t.Context(), env, stream.Partition{Topic: "orders"}, func(o messages.Outcome) {
		if !o.Going {
			close(last)
			reports <- o
			return
		}
		close(release) // the worker finishes while this report is on its way
		select {
		case <-last:
		case <-time.After(50 * time.Millisecond):
		}
		reports <- o
	})
	w.give(messages.Work{Seq: 1, Records: []stream.Record{{Offset: 0}, {Offset: 1}}})
	<-slow
	w.watch(time.Now().Add(10 * turn))

	first, second := <-reports, <-reports
	require.True(t, first.Going)
	require.Equal(t, 1, first.Attempted)
	require.False(t, second.Going)
	require.Equal(t, 1, second.First)
	require.Equal(t, 1, second.Attempted)
	w.abandon(true)
}
