package chaos

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/benchmarks/chaos/verify"
	"github.com/troupe-go/troupe/benchmarks/harness"
)

// Case is what is tried: a scenario, with a client, a protocol and an order, at times that the seed decides.
type Case struct {
	Scenario string `json:"scenario"`
	Client   string `json:"client"`
	Protocol string `json:"protocol"`
	Order    string `json:"order"`
	Seed     uint64 `json:"seed"`
}

func (c Case) String() string {
	return fmt.Sprintf("%s, %s, %s, order %s, seed %d", c.Scenario, c.Client, c.Protocol, c.Order, c.Seed)
}

// Outcome is what came of a trial.
type Outcome struct {
	Case
	About   string          `json:"about"`
	At      time.Time       `json:"at"`
	Machine harness.Machine `json:"machine"`
	Seconds float64         `json:"seconds"`
	Report  verify.Report   `json:"report"`
	Watched watched         `json:"watched"`
	Growth  []Growth        `json:"growth,omitempty"`
	// Violations are the broken promises; none where all were kept.
	Violations []string `json:"violations,omitempty"`
}

// judge gives what the logs and the admin endpoints say of broken promises, where partitions must have named these causes.
func (o *Outcome) judge(causes ...string) []string {
	found := o.Report.Violations()
	for _, f := range o.Watched.HealthFailures {
		found = append(found, "health: "+f)
	}
	for _, u := range o.Watched.Unnamed {
		found = append(found, "no cause named: "+u)
	}
	for _, c := range causes {
		if o.Watched.Causes[c] == 0 {
			found = append(found, "no partition that stood still named "+c)
		}
	}
	if o.Order != ByPartition && o.Report.CommitsBeyond == 0 {
		found = append(found, "no commit says what was done beyond its offset")
	}
	if o.Watched.Looks == 0 {
		found = append(found, "no member was ever looked at")
	}
	return found
}
