package core

import (
	"fmt"
	"time"
)

// FailureRatePolicy says when so many attempts fail that something must be down, although no record says what.
type FailureRatePolicy struct {
	Rate       float64 // of the attempts in the window, from 0 to 1; 0 is never
	Window     time.Duration
	MinRecords int64 // attempts in the window below which nothing is concluded
}

func (p FailureRatePolicy) on() bool { return p.Rate > 0 }

// windowParts is in how many steps the window slides.
const windowParts = 10

// attemptWindow counts the attempts of the last time, in parts of which the oldest is dropped when a new one begins.
type attemptWindow struct {
	policy FailureRatePolicy
	parts  [windowParts]attempts
	sum    attempts
	part   int64     // the number of the newest part, counted from the Unix epoch
	began  time.Time // nothing before is counted; zero for always
}

type attempts struct{ passed, failed int64 }

// add counts attempts that have ended now. A clock that goes back adds to the newest part.
func (w *attemptWindow) add(now time.Time, a attempts) {
	part := now.UnixNano() / w.length()
	for gone := 0; w.part < part && gone < windowParts; gone++ {
		w.part++
		w.drop(w.part)
	}
	w.part = max(w.part, part) // after a long silence every part is empty
	at := &w.parts[w.part%windowParts]
	at.passed += a.passed
	at.failed += a.failed
	w.sum.passed += a.passed
	w.sum.failed += a.failed
}

func (w *attemptWindow) drop(part int64) {
	old := &w.parts[part%windowParts]
	w.sum.passed -= old.passed
	w.sum.failed -= old.failed
	*old = attempts{}
}

func (w *attemptWindow) length() int64 { return max(int64(w.policy.Window)/windowParts, 1) }

// exceeded says whether enough attempts failed.
func (w *attemptWindow) exceeded() bool {
	total := w.sum.passed + w.sum.failed
	return total >= max(w.policy.MinRecords, 1) && float64(w.sum.failed) >= w.policy.Rate*float64(total)
}

// since is when the window's oldest attempt may have ended.
func (w *attemptWindow) since(now time.Time) time.Time {
	since := now.Add(-w.policy.Window)
	if since.Before(w.began) {
		return w.began
	}
	return since
}

// begin forgets what was counted.
func (w *attemptWindow) begin(now time.Time) {
	*w = attemptWindow{policy: w.policy, part: w.part, began: now}
}

func (w *attemptWindow) String() string {
	return fmt.Sprintf("%d of %d attempts failed within %s", w.sum.failed, w.sum.passed+w.sum.failed, w.policy.Window)
}
