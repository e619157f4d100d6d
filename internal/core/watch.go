package core

import "time"

// CancelGrace is how long a handler may take to return after its context was cancelled, before its attempt counts as
// stuck.
const CancelGrace = 500 * time.Millisecond

// Attempt is what is known of the attempt that a lane's worker is at. A zero Started means that it is at none.
type Attempt struct {
	Started   time.Time
	Cancelled time.Time // when its context was cancelled because its time was up; zero before
	Paused    time.Time // since when its time does not count; zero while it does
	Stuck     bool      // already reported
}

// WatchVerdict is what to do about an attempt.
type WatchVerdict uint8

// The verdicts.
const (
	WatchNothing WatchVerdict = iota
	WatchCancel               // its time is up: cancel its context
	WatchStuck                // it ignores that: report it
)

// Watch decides about a running attempt, and when to look again; a zero time means that there is nothing to look for.
// Deadlines are looked at now and then instead of by a timer for each attempt, so most attempts cost nothing here.
func Watch(now time.Time, a Attempt, timeout time.Duration) (WatchVerdict, time.Time) {
	switch {
	case timeout <= 0 || a.Started.IsZero() || a.Stuck || !a.Paused.IsZero():
		return WatchNothing, time.Time{}
	case a.Cancelled.IsZero():
		if due := a.Started.Add(timeout); now.Before(due) {
			return WatchNothing, due
		}
		return WatchCancel, now.Add(CancelGrace)
	default:
		if due := a.Cancelled.Add(CancelGrace); now.Before(due) {
			return WatchNothing, due
		}
		return WatchStuck, time.Time{}
	}
}
