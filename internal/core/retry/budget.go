package retry

import (
	"math"
	"time"
)

// Limits shapes a [Budget].
type Limits struct {
	// Failures is how high the decaying count may rise; the failure that takes it above spends the budget. Defaults to 5.
	Failures float64
	// HalfLife is the time in which the count decays to a half. Defaults to 30 s.
	HalfLife time.Duration
	// Initial is the longest pause after a first failure; it doubles with every further one. Defaults to 100 ms.
	Initial time.Duration
	// Max caps the pause. Defaults to 15 s.
	Max time.Duration
}

// Budget says how often an actor may fail before it is better to end the process. It counts failures in a number that
// decays, as the suture supervisor does: a failure now and then is forgiven for ever, a burst of them is not. Between
// restarts it asks for a pause that grows exponentially, with full jitter, so that many actors which failed of one cause
// do not start again in step.
//
// It is not safe for concurrent use.
type Budget struct {
	limits   Limits
	failures float64
	last     time.Time
}

// NewBudget makes a full budget. Zero fields of limits are set to their defaults.
func NewBudget(limits Limits) *Budget {
	if limits.Failures <= 0 {
		limits.Failures = 5
	}
	if limits.HalfLife <= 0 {
		limits.HalfLife = 30 * time.Second
	}
	if limits.Initial <= 0 {
		limits.Initial = 100 * time.Millisecond
	}
	if limits.Max <= 0 {
		limits.Max = 15 * time.Second
	}
	return &Budget{limits: limits}
}

// Fail counts a failure at now and gives the pause before the next start, anything from zero to the backoff reached; or
// spent, when there should be no next start. The entropy decides the pause.
func (b *Budget) Fail(now time.Time, entropy uint64) (delay time.Duration, spent bool) {
	b.failures = b.Level(now) + 1
	if now.After(b.last) {
		b.last = now
	}
	if b.failures > b.limits.Failures {
		return 0, true
	}
	ceiling := grown(b.limits.Initial, b.limits.Max, 2, math.Ceil(b.failures)-1)
	return duration(ceiling * fraction(entropy)), false
}

// Level is the count of failures at now, decayed. A clock that was set back decays nothing.
func (b *Budget) Level(now time.Time) float64 {
	since := now.Sub(b.last)
	if b.failures == 0 || since <= 0 {
		return b.failures
	}
	return b.failures * math.Exp2(-float64(since)/float64(b.limits.HalfLife))
}
