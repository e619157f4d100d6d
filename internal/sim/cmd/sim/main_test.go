package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/internal/sim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSeedsAreRunAndCounted(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run([]string{"-seeds", "5:14"}, &out))
	require.Regexp(t, `^10 seeds, \d+ steps in .*: \d+ steps/s\n$`, out.String())
}

func TestSeedIsReplayedWithItsEventLog(t *testing.T) {
	t.Parallel()
	var silent, first, second bytes.Buffer
	require.NoError(t, run([]string{"-seed", "9", "-without", "crash,freeze", "-records", "20"}, &silent))
	require.NoError(t, run([]string{"-seed", "9", "-without", "crash,freeze", "-records", "20", "-v"}, &first))
	require.NoError(t, run([]string{"-seed", "9", "-without", "crash,freeze", "-records", "20", "-v"}, &second))
	require.Equal(t, first.String(), second.String())
	require.Contains(t, first.String(), "faults stop")
	require.Contains(t, first.String(), silent.String())
	require.Regexp(t, `^seed 9: \d+ steps, \d+ records, .* of virtual time; faults: `, silent.String())
}

func TestEndOfTheEventLogIsPrinted(t *testing.T) {
	t.Parallel()
	var whole, tail bytes.Buffer
	sim.Run(sim.Config{Seed: 2, Log: &whole})
	printTail(sim.Config{Seed: 2}, 3, &tail)
	require.Equal(t, 3, bytes.Count(tail.Bytes(), []byte("\n")))
	require.True(t, bytes.HasSuffix(whole.Bytes(), tail.Bytes()))
}

func TestArgumentsThatAreWrongAreRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-seeds", "many"}, {"-seeds", "1:x"}, {"-seeds", "9:3"}, {"-without", "floods"}, {"orders"}, {"-unknown"},
	} {
		var out bytes.Buffer
		require.Error(t, run(args, &out), "%v", args)
	}
}
