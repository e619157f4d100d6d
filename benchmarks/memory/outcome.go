package memory

import (
	"cmp"
	"fmt"
	"time"
)

// Outcome is what came of a trial. One with an error has no figures.
type Outcome struct {
	Client string `json:"client"`
	Peaks  Peaks  `json:"peaks"`
	// MaxRSS is the most that the process has had resident in its whole life, as the system tells its parent.
	MaxRSS int64 `json:"max_rss_bytes"`
	// While the fault lasted and nothing more came in: what was held, and what the partitions said of themselves.
	Used     int64          `json:"standing_used_bytes"`
	RSS      int64          `json:"standing_rss_bytes"`
	Received int64          `json:"standing_received"`
	Causes   map[string]int `json:"causes"`
	// Healthy is how many records of healthy partitions were handled while the fault lasted, and in which time.
	Healthy     int64         `json:"healthy_records,omitempty"`
	HealthyTime time.Duration `json:"healthy_ns,omitempty"`
	// DrainTime is how long it took from the end of the fault until everything was committed; Left is held then.
	DrainTime time.Duration `json:"drain_ns"`
	Left      int64         `json:"left_bytes"`

	HealthyStarved bool   `json:"healthy_starved,omitempty"`
	NotStanding    bool   `json:"not_standing,omitempty"`
	NotDrained     bool   `json:"not_drained,omitempty"`
	Error          string `json:"error,omitempty"`
}

// rssFactor and rssBase say how much may be resident: as many times the budget, and so much.
const (
	rssFactor = 2
	rssBase   = 128 << 20
)

// Faults are the reasons why the trial has failed; none, and it has passed.
func (o Outcome) Faults(s Scenario) []string {
	if o.Error != "" {
		return []string{o.Error}
	}
	var faults []string
	note := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	note(o.Peaks.Used > s.Memory, "the account was at %d bytes, above the budget of %d", o.Peaks.Used, s.Memory)
	base := cmp.Or(s.Base, rssBase)
	note(o.highestRSS() > rssFactor*s.Memory+base, "the process had %d bytes resident, more than %d times the budget and %d", o.highestRSS(),
		rssFactor, base)
	note(o.HealthyStarved, "only %d of %d records of healthy partitions were handled", o.Healthy, s.healthy())
	note(o.NotStanding, "the intake came to no end")
	note(o.Causes[s.Cause] < int(s.Faulty), "only %d of %d faulty partitions say %s: %v", o.Causes[s.Cause], s.Faulty, s.Cause, o.Causes)
	note(o.NotDrained, "not everything was done after the fault had ended")
	note(!o.NotDrained && o.Left != 0, "%d bytes are still accounted for when everything is done", o.Left)
	return faults
}

func (o Outcome) highestRSS() int64 { return max(o.Peaks.RSS, o.MaxRSS) }
