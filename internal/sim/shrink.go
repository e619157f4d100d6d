package sim

import "time"

// Shrink looks for a smaller configuration that breaks the same rule: it leaves out classes of faults, then records, then
// time, as long as the rule is still broken. It gives the smallest that it found, and its result.
func Shrink(c Config) (Config, Result) {
	c.Log = nil
	return shrink(c, Run)
}

func shrink(c Config, run func(Config) Result) (Config, Result) {
	best := run(c)
	if best.Violation == nil {
		return c, best
	}
	try := func(smaller Config) bool {
		r := run(smaller)
		if r.Violation == nil || r.Violation.Rule != best.Violation.Rule {
			return false
		}
		c, best = smaller, r
		return true
	}
	for again := true; again; {
		again = false
		for f := range best.Faults.Each {
			smaller := c
			smaller.Without = c.Without.With(f)
			again = try(smaller) || again
		}
		for share := 8; share >= 2; share-- {
			smaller := c
			smaller.Records = best.Records * (share - 1) / share
			again = (smaller.Records > 0 && try(smaller)) || again
		}
		for share := 4; share >= 2; share-- {
			smaller := c
			smaller.Horizon = best.Calm * time.Duration(share-1) / time.Duration(share)
			again = (smaller.Horizon > 100*time.Millisecond && try(smaller)) || again
		}
	}
	return c, best
}
