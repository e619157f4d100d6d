package chaos

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/benchmarks/chaos/verify"
)

func outcomeOf(scenario, client string, seed uint64) Outcome {
	return Outcome{Case: Case{Scenario: scenario, Client: client, Protocol: Classic, Order: ByPartition, Seed: seed}, Watched: watched{Looks: 1}}
}

func TestResultsKeepTheLatestOutcomeOfEachKindInTheOrderOfTheList(t *testing.T) {
	t.Parallel()
	folder, all := filepath.Join(t.TempDir(), "not", "there"), Scenarios(Short())
	r, err := ReadResults(folder)
	require.NoError(t, err)
	require.Empty(t, r.Outcomes)
	for _, o := range []Outcome{
		outcomeOf("storm", "confluent", 1), outcomeOf("sigkill", "franz", 2), outcomeOf("sigkill", "confluent", 3),
		outcomeOf("storm", "confluent", 4),
	} {
		r.Take(o, all)
	}
	require.NoError(t, r.Save(folder))
	keyed := outcomeOf("sigkill", "confluent", 5)
	keyed.Order = ByKey
	r.Take(keyed, all)
	require.NoError(t, r.Save(folder))
	r, err = ReadResults(folder)
	require.NoError(t, err)
	seeds := make([]uint64, len(r.Outcomes))
	for i, o := range r.Outcomes {
		seeds[i] = o.Seed
	}
	require.Equal(t, []uint64{3, 5, 2, 4}, seeds)
}

func TestResultsFromBeforeThereWereOrdersAreOfPartitionOrder(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, resultsName+".json"), []byte(`{"outcomes":[{"scenario":"storm"}]}`), 0o600))
	r, err := ReadResults(folder)
	require.NoError(t, err)
	require.Equal(t, ByPartition, r.Outcomes[0].Order)
}

func TestTableTellsFiguresAndViolations(t *testing.T) {
	t.Parallel()
	o := outcomeOf("sigkill", "confluent", 7)
	o.Report = verify.Report{
		Acknowledged: 1000, Lost: 2, Duplicates: 30, ReplayBound: 50, LongestGapMS: 1500, LongestPartitionGapMS: 6250,
		Recoveries: []verify.Recovery{{FirstOutputMS: 100, LagMS: 2000}, {FirstOutputMS: 300, LagMS: -1}},
	}
	o.Watched.Causes = map[string]float64{"output-unavailable": 12, "draining": 3}
	o.Violations = append([]string{"m1 did not end"}, o.judge()...)
	r := &Results{Outcomes: []Outcome{o}}
	folder := t.TempDir()
	require.NoError(t, r.Save(folder))
	table, err := os.ReadFile(filepath.Join(folder, resultsName+".md"))
	require.NoError(t, err)
	for _, want := range []string{
		"| sigkill | confluent | classic | partition | 1000 | 0 | 2 | 0 | 30 (50) | 0 | 0 | 1.5 (6.2) | 0.3 (2.0), once never | **2 violations** |",
		"draining 3, output-unavailable 12",
		"* sigkill, confluent, classic, order partition, seed 7: m1 did not end\n* sigkill, confluent, classic, order partition, seed 7: 2 lost\n",
	} {
		require.Contains(t, string(table), want)
	}
}

func TestWhatTheEndpointsSaidIsJudged(t *testing.T) {
	t.Parallel()
	o := outcomeOf("sigkill", "confluent", 1)
	o.Report.Acknowledged = 1
	require.Empty(t, o.judge())
	o.Order = ByKey
	require.Equal(t, []string{"no commit says what was done beyond its offset"}, o.judge())
	o.Report.CommitsBeyond = 1
	require.Empty(t, o.judge())
	o.Watched = watched{HealthFailures: []string{"503"}, Unnamed: []string{"it stands"}}
	require.Equal(t, []string{"health: 503", "no cause named: it stands", "no member was ever looked at"}, o.judge())
	o.Watched = watched{Looks: 1, Causes: map[string]float64{"idle": 3}}
	require.Equal(t, []string{"no partition that stood still named draining"}, o.judge("idle", "draining"))
}

func TestEventsOfAKilledMemberAreReadUpToTheCutLine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "events")
	text := `{"time":"2026-01-01T00:00:01Z","event":"started","partition":3,"epoch":7,"offset":0}
{"time":"2026-01-01T00:00:05Z","event":"committed","offsets":[{"partition":3,"epoch":7,"offset":9},{"partition":4,"epoch":8,"offset":1}]}
{"time":"2026-01-01T00:00:06Z","event":"comm`
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	z := frozenMember{verify.Zombie{FrozenMS: 1767225602000, ThawedMS: 1767225604000}, path}
	marks, err := z.successes()
	require.NoError(t, err)
	require.Equal(t, []verify.Mark{{Partition: 3, Offset: 9}}, marks, "epoch 8 began after the thaw")
}
