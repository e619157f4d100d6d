package parallel

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/benchmarks/harness"
	"github.com/troupe-go/troupe/internal/embedded"
)

// setup gives a measurement on an embedded broker. The contenders are processes, as in earnest.
func setup(t *testing.T) *measurement {
	t.Helper()
	broker, err := embedded.Start(embedded.Options{NoRegistry: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	return &measurement{
		Config: Config{Rounds: 2, Client: "franz", Progress: &bytes.Buffer{}}, bootstrap: broker.Bootstrap(), loaded: make(map[string]bool),
	}
}

func TestContendersDrainEveryRecordOfTheirTopics(t *testing.T) {
	t.Parallel()
	m := setup(t)
	section, err := m.scenario(t.Context(), Scenario{
		Name: "slow", Kind: Drain, Partitions: 3, Keys: 100, Latency: time.Millisecond, WarmUp: 100, Baseline: string(Floor),
		Contenders: []Contender{
			{Program: Floor, Order: Unordered, Concurrency: 10, Records: 2000},
			{Program: Troupe, Order: ByPartition, Concurrency: 10, Records: 500},
			{Program: Troupe, Order: ByKey, Concurrency: 10, Records: 2000},
			{Program: Troupe, Order: Unordered, Concurrency: 10, Records: 2000},
		},
	})
	require.NoError(t, err)
	require.Empty(t, section.failures())
	for _, row := range section.Rows {
		require.Len(t, row.Runs, 2)
		for _, run := range row.Runs {
			require.Equal(t, row.Contender.Records, run.Records)
			require.Positive(t, run.CPU)
			require.Positive(t, run.MaxRSS)
			require.GreaterOrEqual(t, run.Elapsed.Seconds(), float64(run.Records)/section.Scenario.Ideal(row.Contender), row.Contender.Name())
		}
		ratio, is := section.Ratio(row)
		require.True(t, is)
		require.Positive(t, ratio)
	}
}

func TestContenderThatCannotRunHasAnErrorAndNoFigure(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.Peer = t.TempDir()
	section, err := m.scenario(t.Context(), Scenario{
		Name: "impossible", Kind: Drain, Partitions: 1, Keys: 10, Contenders: []Contender{
			{Program: Troupe, Order: "backwards", Concurrency: 1, Records: 10}, {Program: ParallelConsumer, Order: ByKey, Concurrency: 1, Records: 10},
		},
	})
	require.NoError(t, err)
	failures := section.failures()
	require.Len(t, failures, 2)
	require.ErrorContains(t, failures[0], "Order")
	require.ErrorContains(t, failures[1], "no jars of Parallel Consumer")
}

func TestPoisonKeyHoldsBackItselfAloneAndIsHandledByTheNextProcess(t *testing.T) {
	t.Parallel()
	m := setup(t)
	section, err := m.scenario(t.Context(), Scenario{
		Name: "poison", Kind: Poison, Partitions: 3, Keys: 100, Latency: time.Millisecond, Rate: 500, Contenders: []Contender{
			{Program: Troupe, Order: ByKey, Concurrency: 20, Records: 1500},
			{Program: Troupe, Order: ByKey, Concurrency: 20, Records: 1500, Poisoned: true},
		},
	})
	require.NoError(t, err)
	require.Empty(t, section.failures())
	for _, run := range section.Rows[0].Runs {
		require.Positive(t, run.Poisoned.P50)
		require.GreaterOrEqual(t, run.Poisoned.P99, run.Poisoned.P50)
		require.Zero(t, run.Poisoned.Attempts)
		require.Zero(t, run.Poisoned.Held)
	}
	for _, run := range section.Rows[1].Runs {
		require.Positive(t, run.Poisoned.Attempts)
		require.Positive(t, run.Poisoned.Held)
		require.Zero(t, run.Poisoned.Behind)
		require.Less(t, run.Poisoned.Committed, run.Poisoned.End)
		require.Positive(t, run.Poisoned.Metadata)
		require.Zero(t, run.Poisoned.Repeated)
	}
}

func TestParkedRecordsWaitWithoutAGoroutineEach(t *testing.T) {
	t.Parallel()
	m := setup(t)
	section, err := m.scenario(t.Context(), Scenario{
		Name: "parked", Kind: Parked, Partitions: 3, Keys: 2000, Contenders: []Contender{
			{Program: Troupe, Order: ByKey, Concurrency: 20, Records: 2000}, {Program: Troupe, Order: Unordered, Concurrency: 20, Records: 2000},
		},
	})
	require.NoError(t, err)
	require.Empty(t, section.failures())
	for _, row := range section.Rows {
		for _, run := range row.Runs {
			require.Positive(t, run.Waiting.Before.Goroutines)
			require.Less(t, run.Waiting.After.Goroutines, run.Waiting.Before.Goroutines+200)
			require.Greater(t, run.Waiting.Budget, int64(2000*valueBytes))
		}
	}
}

func TestLoadRefusesATopicOfAnotherRun(t *testing.T) {
	t.Parallel()
	m := setup(t)
	topic := newTopic(3, 10, 100)
	require.NoError(t, load(t.Context(), m.bootstrap, topic))
	require.ErrorContains(t, load(t.Context(), m.bootstrap, topic), "holds records of another run")
}

func TestTaskAnswersWithItsError(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	arguments, err := Task{Role: Load, Bootstrap: "127.0.0.1:1", Topic: newTopic(1, 1, 1)}.arguments()
	require.NoError(t, err)
	require.Error(t, harness.Run(ctx, new(Run), arguments...))
	var output bytes.Buffer
	require.NoError(t, Task{Role: Contend, Contender: Contender{Program: "nobody"}}.Do(t.Context(), &output))
	require.Contains(t, output.String(), `{"error":"no process of this program is nobody"}`)
}
