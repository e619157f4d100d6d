package actors

import (
	"context"
	"errors"
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

// workerOf makes a worker whose handler is handle, and gives what it reports.
func workerOf(ctx context.Context, handle stream.HandlerFunc) (*worker, <-chan messages.Outcome) {
	env := &Env{
		Meter: meter.New(meter.Build{}), Slots: NewSlots(1), Orphans: NewOrphans(),
		Settings: Settings{NewHandler: func(stream.Partition) (stream.Handler, error) { return handle, nil }},
	}
	reports := make(chan messages.Outcome, 2)
	return newWorker(ctx, env, stream.Partition{Topic: "orders"}, func(o messages.Outcome) { reports <- o }), reports
}

// Work that waits for a slot is not begun when the incarnation has ended meanwhile: no one would know of the attempt.
func TestNothingIsBegunOfAnIncarnationThatHasEnded(t *testing.T) {
	t.Parallel()
	ctx, end := context.WithCancel(t.Context())
	called := make(chan struct{}, 1)
	w, _ := workerOf(ctx, func(context.Context, *stream.Record) error {
		called <- struct{}{}
		return nil
	})
	end()
	w.give(messages.Work{Seq: 1, Records: []stream.Record{{Offset: 0}}})
	require.Eventually(t, func() bool { return len(w.work) == 0 && w.env.Slots.Running() == 0 }, 10*time.Second, time.Millisecond)
	w.abandon(false)
	select {
	case <-called:
		t.Fatal("the handler was called")
	case <-time.After(20 * time.Millisecond):
	}
	require.True(t, w.env.Slots.Acquire(t.Context()), "the slot is free")
}

// What a handler returns because its context was cancelled with the incarnation is no failure of the record's.
func TestAnAttemptCancelledWithItsIncarnationCountsAsNotMade(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]error{
		"as it is": context.Canceled, "another": errors.New("connection closed"),
		"permanent": stream.Permanent(context.Canceled), "later": stream.RetryAfter(context.Canceled, time.Second),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, end := context.WithCancel(t.Context())
			w, reports := workerOf(ctx, func(ctx context.Context, r *stream.Record) error {
				if r.Offset == 0 {
					return nil
				}
				end()
				<-ctx.Done()
				return failure
			})
			w.give(messages.Work{Seq: 1, Records: []stream.Record{{Offset: 0}, {Offset: 1}, {Offset: 2}}})
			o := <-reports
			require.Equal(t, 1, o.Attempted)
			require.Empty(t, o.Exceptions)
			w.abandon(false)
		})
	}
}

// unreadable is the error of a handler that returns a nil pointer as an error.
type unreadable struct{ text string }

func (e *unreadable) Error() string { return e.text }

func TestAnErrorThatPanicsWhenItIsReadIsAPanicOfTheHandler(t *testing.T) {
	t.Parallel()
	w, reports := workerOf(t.Context(), func(context.Context, *stream.Record) error {
		var none *unreadable
		return none
	})
	w.give(messages.Work{Seq: 1, Records: []stream.Record{{Offset: 0}}})
	o := <-reports
	require.Len(t, o.Exceptions, 1)
	require.Equal(t, messages.Panicked, o.Exceptions[0].Failure.Kind)
	require.ErrorContains(t, o.Exceptions[0].Failure.Err, "cannot be read")
	w.abandon(false)
}
