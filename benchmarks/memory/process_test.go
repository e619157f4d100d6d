package memory

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/benchmarks/harness"
	"github.com/troupe-go/troupe/internal/embedded"
)

// setup gives a measurement on an embedded broker. The trials are processes, as in earnest.
func setup(t *testing.T) *measurement {
	t.Helper()
	broker, err := embedded.Start(embedded.Options{NoRegistry: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	return &measurement{
		Config:    Config{Clients: []string{"franz"}, Short: true, Progress: &bytes.Buffer{}},
		bootstrap: broker.Bootstrap(), loaded: make(map[string]bool),
	}
}

func TestTrialsLeadThroughTheirFaultsToTheEnd(t *testing.T) {
	t.Parallel()
	m := setup(t)
	for _, s := range []Scenario{
		{Name: "stuck", Order: "partition", Fault: Stuck, Faulty: 2, Cause: "memory-full"},
		{Name: "parked", Order: "key", Fault: Failing, Faulty: 1, Cause: "retry-backoff"},
		{Name: "letters", Order: "key", Fault: NoDeadLetters, Faulty: 1, Cause: "dead-letter-unavailable"},
	} {
		s.Memory, s.Topic = 1<<20, newTopic(2, 10_000, 100, Repeated)
		s.Base = 1 << 30 // the race detector takes several times as much
		section, err := m.scenario(t.Context(), s)
		require.NoError(t, err)
		require.Empty(t, section.failures(), s.Name)
		o := section.Outcomes[0]
		require.Positive(t, o.Peaks.Used)
		require.Positive(t, o.MaxRSS)
		require.Less(t, o.Received, s.Topic.Records, "the budget bounds what comes in")
		require.Equal(t, s.healthy(), o.Healthy)
	}
}

func TestTrialThatCannotRunFails(t *testing.T) {
	t.Parallel()
	m := setup(t)
	m.Clients = []string{"nobody"}
	s := Scenario{Name: "impossible", Order: "key", Fault: Stuck, Faulty: 1, Memory: 1 << 20, Topic: newTopic(1, 1, 1, Random)}
	section, err := m.scenario(t.Context(), s)
	require.NoError(t, err)
	require.Len(t, section.failures(), 1)
	require.ErrorContains(t, section.failures()[0], "nobody")
}

func TestTaskAnswersWithItsError(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	arguments, err := Task{Role: Load, Bootstrap: "127.0.0.1:1", Scenario: Scenario{Topic: newTopic(1, 1, 1, Random)}}.arguments()
	require.NoError(t, err)
	require.Error(t, harness.Run(ctx, new(Outcome), arguments...))
}
