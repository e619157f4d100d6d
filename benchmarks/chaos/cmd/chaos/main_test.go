package main

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/benchmarks/chaos"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func casesOf(t *testing.T, arguments ...string) []chaos.Case {
	t.Helper()
	o, err := parse(append([]string{"-seed", "7"}, arguments...), io.Discard)
	require.NoError(t, err)
	return o.cases(chaos.Scenarios(o.size))
}

func TestShortIsOfBothProtocolsAndOfKeyOrder(t *testing.T) {
	t.Parallel()
	require.Equal(t, []chaos.Case{
		{Scenario: "sigkill", Client: "franz", Protocol: chaos.Classic, Order: chaos.ByPartition, Seed: 7},
		{Scenario: "storm", Client: "franz", Protocol: chaos.Consumer, Order: chaos.ByPartition, Seed: 7},
		{Scenario: "outage", Client: "franz", Protocol: chaos.Classic, Order: chaos.ByPartition, Seed: 7},
		{Scenario: "sigkill", Client: "franz", Protocol: chaos.Consumer, Order: chaos.ByKey, Seed: 7},
	}, casesOf(t, "-short", "-clients", "franz"))
}

func TestFlagsSelectTheMatrix(t *testing.T) {
	t.Parallel()
	require.Equal(t, []chaos.Case{
		{Scenario: "zombie", Client: "confluent", Protocol: chaos.Consumer, Order: chaos.ByPartition, Seed: 7},
		{Scenario: "storm", Client: "confluent", Protocol: chaos.Consumer, Order: chaos.ByPartition, Seed: 7},
		{Scenario: "zombie", Client: "franz", Protocol: chaos.Consumer, Order: chaos.ByPartition, Seed: 7},
		{Scenario: "storm", Client: "franz", Protocol: chaos.Consumer, Order: chaos.ByPartition, Seed: 7},
	}, casesOf(t, "-scenarios", "zombie,storm", "-clients", "confluent,franz", "-protocols", "consumer"))
	all := len(chaos.Scenarios(chaos.Full())) - 1 // outage is two others
	require.Len(t, casesOf(t), 2*all)
	require.Equal(t, []chaos.Case{
		{Scenario: "storm", Client: "confluent", Protocol: chaos.Classic, Order: chaos.ByKey, Seed: 7},
		{Scenario: "storm", Client: "confluent", Protocol: chaos.Classic, Order: chaos.Unordered, Seed: 7},
	}, casesOf(t, "-scenarios", "storm", "-protocols", "classic", "-orders", "key,unordered"))
}

func TestWhatIsNoFlagIsRefused(t *testing.T) {
	t.Parallel()
	_, err := parse([]string{"storm"}, io.Discard)
	require.ErrorContains(t, err, `unexpected argument "storm"`)
}

func TestListNamesTheScenarios(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-list"}, &out, io.Discard))
	for _, s := range chaos.Scenarios(chaos.Full()) {
		require.Contains(t, out.String(), s.Name)
	}
}
