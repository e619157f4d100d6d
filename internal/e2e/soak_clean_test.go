package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// requireExactlyOnce checks that every record became one output.
func (s *soak) requireExactlyOnce() {
	s.t.Helper()
	outputs := s.outputs()
	copies := make(map[int]int, len(outputs))
	for _, o := range outputs {
		copies[o.N]++
	}
	require.Len(s.t, copies, len(s.records), "records that are not lost")
	require.Len(s.t, outputs, len(s.records), "outputs, with duplicates")
	s.requireOrder(outputs)
	require.Empty(s.t, s.read(s.dead, 0))
}

func TestSoakCleanRunLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	s := newSoak(t, "classic", 0)
	p := s.launch()
	s.untilAllCommitted()
	p.stop()
	s.requireExactlyOnce()
	require.Equal(t, s.ends(s.in), s.commits())
}

func TestSoakStopInTheMiddleLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"classic", "consumer"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			s := newSoak(t, protocol, 0)
			for range 2 {
				at := sum(s.ends(s.out)) + s.random.Int64N(soakRecords/4)
				p := s.launch()
				s.untilOutputs(at)
				p.stop()
				require.Equal(t, sum(s.ends(s.out)), sum(s.commits()), "what is done is committed, and nothing else")
				require.Equal(t, soakRecords-sum(s.commits()), s.lag())
			}
			require.Less(t, sum(s.commits()), int64(soakRecords), "the stops came in the middle")
			p := s.launch()
			s.untilAllCommitted()
			require.Zero(t, s.lag())
			p.stop()
			s.requireExactlyOnce()
		})
	}
}
