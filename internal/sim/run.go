package sim

import (
	"fmt"
	"io"
	"time"

	"github.com/troupe-go/troupe/internal/core"
)

// Config says which world to run.
type Config struct {
	Seed uint64
	// Without leaves out classes of faults that the seed would have.
	Without Faults
	// Records is the most records that are written. Defaults to what the seed says.
	Records int
	// Horizon is when faults stop at the latest. Defaults to what the seed says.
	Horizon time.Duration
	// Log takes the event log. Defaults to none, which is faster.
	Log io.Writer
}

// Result is what came of a run.
type Result struct {
	Violation *Violation // nil when there was none
	Steps     int64      // messages handled, timers, requests
	Virtual   time.Duration
	Faults    Faults        // that the seed has
	Records   int           // written
	Calm      time.Duration // when faults stopped
	Order     core.Order
	Spared    int // records that were not handled, because a commit's metadata said that they were done
	Full      int // how often a partition was seen with full metadata, once a second
}

// Violation is a guarantee that was broken.
type Violation struct {
	Rule string
	Text string
	At   time.Duration
	Step int64
}

func (v *Violation) String() string {
	return fmt.Sprintf("%s at %s, step %d: %s", v.Rule, v.At, v.Step, v.Text)
}

// Run runs one world from its seed to its end. The same configuration gives the same result, and the same event log to the
// byte.
func Run(c Config) Result {
	w := newWorld(c)
	w.begin()
	w.turn()
	r := Result{
		Violation: w.violation, Steps: w.steps, Virtual: time.Duration(w.now), Faults: w.plan.faults,
		Order: w.plan.partition.Order, Spared: w.oracle.spared, Full: w.oracle.full,
		Records: len(w.broker.records), Calm: min(w.plan.horizon, time.Duration(w.now)),
	}
	if err := w.flush(); err != nil && r.Violation == nil {
		r.Violation = &Violation{Rule: "log", Text: err.Error()}
	}
	return r
}
