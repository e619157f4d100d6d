package memory

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// good is the outcome of a trial that has passed.
func good(s Scenario) Outcome {
	return Outcome{
		Client: "franz", Peaks: Peaks{Used: s.Memory, RSS: s.Memory}, MaxRSS: 2*s.Memory + 128<<20,
		Causes: map[string]int{s.Cause: int(s.Faulty)}, Healthy: s.healthy(), HealthyTime: time.Second, DrainTime: time.Second,
	}
}

func TestTrialFailsByEachQuestion(t *testing.T) {
	t.Parallel()
	s := Scenarios(false)[3]
	require.Positive(t, s.healthy())
	require.Empty(t, good(s).Faults(s))
	for want, spoil := range map[string]func(*Outcome){
		"the account was at":             func(o *Outcome) { o.Peaks.Used++ },
		"bytes resident":                 func(o *Outcome) { o.MaxRSS++ },
		"records of healthy partitions":  func(o *Outcome) { o.HealthyStarved = true },
		"came to no end":                 func(o *Outcome) { o.NotStanding = true },
		"faulty partitions say":          func(o *Outcome) { o.Causes = map[string]int{s.Cause: int(s.Faulty) - 1, "flowing": 1} },
		"not everything was done":        func(o *Outcome) { o.NotDrained, o.Left = true, 1 },
		"still accounted for":            func(o *Outcome) { o.Left = 1 },
		"the processor ended by itself.": func(o *Outcome) { o.Error = "the processor ended by itself." },
	} {
		o := good(s)
		spoil(&o)
		faults := o.Faults(s)
		require.Len(t, faults, 1, want)
		require.Contains(t, faults[0], want)
	}
}

func TestScenariosOverrunTheirBudgets(t *testing.T) {
	t.Parallel()
	for _, short := range []bool{false, true} {
		for _, s := range Scenarios(short) {
			held := int64(0) // of what records may have, which is not all of the budget, by the partitions that hold what they get
			for p := range s.Faulty {
				held += s.Topic.of(p) * int64(s.Topic.ValueBytes+400)
			}
			require.Greater(t, held, s.Memory*7/8, "%s, short %t", s.Name, short)
		}
	}
}

func TestReportKeepsTheLatestSectionOfEveryScenario(t *testing.T) {
	t.Parallel()
	folder, all := t.TempDir(), Scenarios(false)
	r, err := ReadReport(folder)
	require.NoError(t, err)
	for _, i := range []int{2, 0} {
		r.Take(Section{Scenario: all[i], Outcomes: []Outcome{good(all[i])}})
	}
	require.NoError(t, r.Save(folder))
	r, err = ReadReport(folder)
	require.NoError(t, err)
	bad := good(all[2])
	bad.NotDrained = true
	r.Take(Section{Scenario: all[2], Outcomes: []Outcome{good(all[2]), bad}})
	require.Len(t, r.Sections, 2)
	require.NoError(t, r.Save(folder))
	text, err := os.ReadFile(filepath.Join(folder, resultsName+".md"))
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(text), "| passed |"))
	require.Equal(t, 1, strings.Count(string(text), "| **failed** |"))
	require.Contains(t, string(text), "one-stuck, franz: not everything was done after the fault had ended")
}
