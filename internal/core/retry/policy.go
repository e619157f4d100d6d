// Package retry decides whether and when something is tried again: a record whose handler failed ([Policy]), and an
// actor that failed by a bug ([Budget]).
//
// It is pure: the time and the randomness are arguments, so that a simulation from a seed repeats exactly.
package retry

import (
	"math"
	"time"
)

// Policy says how often and with which pauses one record is tried. The zero value tries for ever, without a pause.
type Policy struct {
	// MaxAttempts counts all attempts, the first one too; zero or less is no limit.
	MaxAttempts int
	// Initial is the pause after the first failed attempt.
	Initial time.Duration
	// Max caps the pause before jitter; zero or less is no cap.
	Max time.Duration
	// Multiplier is the growth from pause to pause; below 1, and what is no number, counts as 1.
	Multiplier float64
	// Jitter spreads each pause evenly over (1±Jitter) of itself; it counts as if between 0 and 1.
	Jitter float64
}

// Exhausted says that after this many failed attempts there is no further one.
func (p Policy) Exhausted(attempt int32) bool {
	return p.MaxAttempts > 0 && int64(attempt) >= int64(p.MaxAttempts)
}

// Delay is the pause after the attempt of that number (the first is 1) has failed:
// Initial × Multiplier^(attempt-1), at most Max, with jitter. The same entropy gives the same pause; see [Entropy].
func (p Policy) Delay(attempt int32, entropy uint64) time.Duration {
	pause := grown(p.Initial, p.Max, p.Multiplier, float64(attempt)-1)
	if jitter := min(max(p.Jitter, 0), 1); jitter > 0 {
		pause *= 1 - jitter + 2*jitter*fraction(entropy)
	}
	return duration(pause)
}

// Entropy mixes what is particular to one attempt at one record into the number that Delay wants, so that records which
// failed together do not come back together.
func Entropy(epoch uint64, offset int64, attempt int32) uint64 {
	return mixed(mixed(mixed(epoch)^uint64(offset)) ^ uint64(uint32(attempt)))
}

// grown is initial × multiplier^steps, at most limit, in nanoseconds.
func grown(initial, limit time.Duration, multiplier, steps float64) float64 {
	if initial <= 0 {
		return 0
	}
	pause := float64(initial)
	if multiplier > 1 && steps > 0 {
		pause *= math.Pow(multiplier, steps) // +Inf at worst
	}
	if limit > 0 {
		pause = min(pause, float64(limit))
	}
	return pause
}

// duration cuts off at the greatest duration: a float beyond it has no defined conversion.
func duration(nanoseconds float64) time.Duration {
	if nanoseconds >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(nanoseconds)
}

// fraction maps entropy evenly onto [0, 1).
func fraction(entropy uint64) float64 {
	const significant = 53 // bits of a float64
	return float64(mixed(entropy)>>(64-significant)) / (1 << significant)
}

// mixed is one step of splitmix64 (Steele, Lea, Flood 2014): neighbouring inputs give unrelated outputs.
func mixed(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
