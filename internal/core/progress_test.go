package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// watchedPart is one partition under a watchdog.
type watchedPart struct {
	t        *testing.T
	now      time.Time
	progress *Progress
	look     Look
	began    []Fault
	ended    []Fault
}

func newWatchedPart(t *testing.T) *watchedPart {
	t.Helper()
	return &watchedPart{
		t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), progress: NewProgress(5 * time.Second),
		look: Look{Partitions: []Standing{{
			Incarnation: messages.Incarnation{Partition: stream.Partition{Topic: "orders", Number: 3}, Epoch: 17},
			Watermark:   -1, Position: -1, Offset: 40,
		}}},
	}
}

func (w *watchedPart) part() *Standing { return &w.look.Partitions[0] }

// pass lets time pass, with a look at every interval; before each of them, change may change what is seen.
func (w *watchedPart) pass(d time.Duration, change ...func(*Standing)) {
	for ; d > 0; d -= ProgressLook {
		w.now = w.now.Add(ProgressLook)
		for _, c := range change {
			c(w.part())
		}
		began, ended := w.progress.Look(w.now, w.look)
		w.began, w.ended = append(w.began, began...), append(w.ended, ended...)
	}
}

func TestRecordsThatDoNotEndWithoutACauseAreAFaultAfterAMinuteAndOnce(t *testing.T) {
	t.Parallel()
	w := newWatchedPart(t)
	w.part().Cause, w.part().Unfinished, w.part().Ends = stream.Flowing, 12, 100
	w.pass(time.Minute)
	require.Empty(t, w.began)
	w.pass(10 * time.Minute)
	require.Len(t, w.began, 1)
	f := w.began[0]
	require.Equal(t, Handling, f.Aspect)
	require.Equal(t, "orders-3 #17", f.Actor)
	require.EqualValues(t, 40, f.Offset)
	require.Equal(t, ProgressLimit, f.Stood)
	require.Len(t, w.progress.Faults(), 1)
	require.ErrorContains(t, w.progress.Faults()[0], "orders-3 #17 has made no progress for 10m55s")
	require.ErrorContains(t, w.progress.Faults()[0], "12 records are not done")

	w.part().Ends++
	w.pass(ProgressLook)
	require.Len(t, w.ended, 1, "it moves")
	require.Empty(t, w.progress.Faults())
	w.pass(time.Minute + ProgressLook)
	require.Len(t, w.began, 2, "it stands again")
	w.look.Partitions = nil
	w.pass(ProgressLook)
	require.Len(t, w.ended, 2, "what has ended is no fault any more")
}

func TestWhateverComesToAnEndIsProgress(t *testing.T) {
	t.Parallel()
	w := newWatchedPart(t)
	w.part().Cause, w.part().Unfinished = stream.Flowing, 12
	w.pass(time.Hour, func(s *Standing) {
		if w.now.Second() == 0 {
			s.Ends++
		}
	})
	require.Empty(t, w.began)
}

func TestEveryCauseExplainsOnlyWhatThereIsEvidenceFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Standing, *Look)
		fault  bool
	}{
		"idle with records":          {func(s *Standing, _ *Look) { s.Cause = stream.Idle }, true},
		"flowing":                    {func(s *Standing, _ *Look) { s.Cause = stream.Flowing }, true},
		"slow, seen in the handler":  {func(s *Standing, _ *Look) { s.Cause, s.Lane.Phase = stream.HandlerSlow, LaneHandles }, false},
		"slow, seen in NewHandler":   {func(s *Standing, _ *Look) { s.Cause, s.Lane.Phase = stream.HandlerSlow, LaneOpens }, false},
		"slow, seen nowhere":         {func(s *Standing, _ *Look) { s.Cause = stream.HandlerSlow }, true},
		"stuck, seen in the handler": {func(s *Standing, _ *Look) { s.Cause, s.Lane.Phase = stream.HandlerStuck, LaneHandles }, false},
		"stuck, seen nowhere":        {func(s *Standing, _ *Look) { s.Cause = stream.HandlerStuck }, true},
		"waits for an orphan":        {func(s *Standing, _ *Look) { s.Cause, s.Lane.Phase = stream.HandlerSlow, LaneAwaitsOrphan }, false},
		"waits for a slot that handlers hold": {func(s *Standing, l *Look) {
			s.Cause, s.Lane.Phase, l.Handlers = stream.HandlerSlow, LaneAwaitsSlot, 1
		}, false},
		"waits for a slot that nobody holds": {func(s *Standing, _ *Look) { s.Cause, s.Lane.Phase = stream.HandlerSlow, LaneAwaitsSlot }, true},
		"dependency known to be down":        {func(s *Standing, _ *Look) { s.Cause, s.CircuitOpen = stream.DependencyDown, true }, false},
		"dependency not known to be down":    {func(s *Standing, _ *Look) { s.Cause = stream.DependencyDown }, true},
		"registry not known to be down":      {func(s *Standing, _ *Look) { s.Cause = stream.RegistryUnavailable }, true},
		"waits for a retry that is due later": {func(s *Standing, _ *Look) {
			s.Cause, s.Due = stream.RetryBackoff, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
		}, false},
		"waits for a retry that was due": {func(s *Standing, _ *Look) {
			s.Cause, s.Due = stream.RetryBackoff, time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
		}, true},
		"output":              {func(s *Standing, _ *Look) { s.Cause = stream.OutputUnavailable }, false},
		"dead letter":         {func(s *Standing, _ *Look) { s.Cause = stream.DeadLetterUnavailable }, false},
		"dead letter's size":  {func(s *Standing, _ *Look) { s.Cause = stream.DeadLetterTooLarge }, false},
		"paused":              {func(s *Standing, _ *Look) { s.Cause = stream.PausedByOperator }, false},
		"draining":            {func(s *Standing, _ *Look) { s.Cause = stream.Draining }, false},
		"no records":          {func(s *Standing, _ *Look) { s.Unfinished = 0 }, false},
		"behind":              {func(s *Standing, _ *Look) { s.Unfinished, s.Behind = 0, true }, true},
		"behind, memory full": {func(s *Standing, l *Look) { s.Unfinished, s.Behind, l.MemoryFull = 0, true, true }, false},
		"start overdue":       {func(s *Standing, _ *Look) { s.Unfinished, s.StartDue = 0, time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC) }, true},
		"start not due":       {func(s *Standing, _ *Look) { s.Unfinished, s.StartDue = 0, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC) }, false},
		"not committed":       {func(s *Standing, _ *Look) { s.Unfinished, s.Watermark, s.Position = 0, 41, 40 }, true},
		"commits fail":        {func(s *Standing, _ *Look) { s.Unfinished, s.Watermark, s.Position, s.CommitFailing = 0, 41, 40, true }, false},
		"committed":           {func(s *Standing, _ *Look) { s.Unfinished, s.Watermark, s.Position = 0, 41, 41 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWatchedPart(t)
			w.part().Unfinished = 1
			c.change(w.part(), &w.look)
			w.pass(2 * time.Minute)
			if c.fault {
				require.Len(t, w.began, 1)
			} else {
				require.Empty(t, w.began)
			}
		})
	}
}

func TestACommitIsDueOnlyAfterItsInterval(t *testing.T) {
	t.Parallel()
	w := newWatchedPart(t)
	w.progress = NewProgress(10 * time.Minute)
	w.part().Watermark, w.part().Position = 41, 40
	w.pass(11 * time.Minute)
	require.Empty(t, w.began)
	w.pass(ProgressLook)
	require.Len(t, w.began, 1)
	require.Equal(t, Committing, w.began[0].Aspect)
}

func TestAProcessThatWasFrozenIsNotAccusedOfIt(t *testing.T) {
	t.Parallel()
	w := newWatchedPart(t)
	w.part().Cause, w.part().Unfinished = stream.Flowing, 12
	w.pass(30 * time.Second)
	w.now = w.now.Add(time.Hour) // stopped by a signal, and continued
	w.pass(20 * time.Second)
	require.Empty(t, w.began)
	w.pass(time.Minute)
	require.Len(t, w.began, 1)
}

func TestAnActorThatComesToNoEndOfAMessageIsAFault(t *testing.T) {
	t.Parallel()
	w := newWatchedPart(t)
	w.look = Look{Partitions: w.look.Partitions, Loops: []Loop{
		{Kind: "publisher", Name: "publisher", Handled: 7, Busy: true, Queued: 3},
		{Kind: "lane", Name: "idle", Handled: 7},
		{Kind: "partition", Name: "forgotten", Handled: 7, Queued: 1},
		{Kind: "poller", Name: "poller-0", Handled: 7, Busy: true, Excused: true},
		{Kind: "poller", Name: "poller-1", Handled: 7, Busy: true, Limit: 10 * time.Second},
	}}
	w.pass(30 * time.Second)
	require.Len(t, w.began, 1, "its own limit is shorter")
	require.Equal(t, "poller-1", w.began[0].Actor)
	w.pass(time.Minute)
	require.Len(t, w.began, 3)
	require.Equal(t, "forgotten", w.began[1].Actor)
	require.Equal(t, "publisher", w.began[2].Actor)
	require.Equal(t, Turning, w.began[2].Aspect)
	for i := range w.look.Loops {
		w.look.Loops[i].Handled++
	}
	w.pass(ProgressLook)
	require.Len(t, w.ended, 3)
}
