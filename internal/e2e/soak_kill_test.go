package e2e

import (
	"maps"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// crash is what was there after a process had been killed.
type crash struct {
	commits map[int32]int64 // of the input
	ends    map[int32]int64 // of the output
}

// killAt kills the process once there are more outputs than at, and looks when nothing moves any more: the brokers may
// still have requests before them that the process had sent.
func (s *soak) killAt(p *process, at int64) crash {
	s.t.Helper()
	s.untilOutputs(at)
	p.signal(syscall.SIGKILL)
	require.Equal(s.t, -1, p.exit())
	c := crash{commits: s.commits(), ends: s.ends(s.out)}
	calm := 0
	s.until("the brokers to be done with what the killed process had sent", func() bool {
		now := crash{commits: s.commits(), ends: s.ends(s.out)}
		if calm++; !maps.Equal(now.commits, c.commits) || !maps.Equal(now.ends, c.ends) {
			calm = 0
		}
		c = now
		return calm == 10
	})
	return c
}

// TestSoakKillLosesNothingAndRepeatsOnlyTheUncommitted kills the program again and again. What may appear twice because of
// one kill are the records whose outputs were there and whose offsets were not committed: each of them once more.
func TestSoakKillLosesNothingAndRepeatsOnlyTheUncommitted(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"classic", "consumer"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			s := newSoak(t, protocol, 5)
			crashes := make([]crash, 0, soakKills)
			for i := range soakKills {
				done := sum(s.ends(s.out))
				// Leave something for the kills to come.
				room := (soakRecords*9/10 - done) / int64(soakKills-i)
				crashes = append(crashes, s.killAt(s.launch(), done+s.random.Int64N(max(room, 1))))
			}
			require.Less(t, sum(crashes[soakKills-1].commits), int64(soakRecords), "the kills came in the middle")
			p := s.launch()
			s.untilAllCommitted()
			p.stop()
			s.requireBounded(crashes)
		})
	}
}

// requireBounded checks what is left behind by a run with crashes.
func (s *soak) requireBounded(crashes []crash) {
	s.t.Helper()
	outputs := s.outputs()
	copies := make(map[int]int, len(s.records))
	uncommitted := make([]int64, len(crashes))
	for _, o := range outputs {
		// Outputs of the process after crash i begin at its ends; what it had read was not committed at that time.
		for i, c := range crashes {
			behind := o.record.Offset >= c.ends[o.record.Partition]
			next := i+1 == len(crashes) || o.record.Offset < crashes[i+1].ends[o.record.Partition]
			if behind && next {
				require.GreaterOrEqual(s.t, o.Offset, c.commits[o.Partition], "partition %d: repeated although committed", o.Partition)
			}
		}
		copies[o.N]++
	}
	for i, c := range crashes {
		seen := make(map[int]bool)
		for _, o := range outputs {
			if o.record.Offset < c.ends[o.record.Partition] && o.Offset >= c.commits[o.Partition] {
				seen[o.N] = true
			}
		}
		uncommitted[i] = int64(len(seen))
	}
	dead := s.requireRestorable()
	lost := 0
	for n, r := range s.records {
		if copies[n] == 0 && r.Value[len(r.Value)-1] == '}' {
			lost++
		}
	}
	repeated, bound := int64(len(outputs)-len(copies)), int64(0)
	for _, n := range uncommitted {
		bound += n
	}
	s.t.Logf("%d outputs, %d dead letters, %d lost, %d repeated; uncommitted at the kills: %v, together %d",
		len(outputs), dead, lost, repeated, uncommitted, bound)
	require.Zero(s.t, lost)
	require.LessOrEqual(s.t, repeated, bound)
	s.requireOrder(outputs)
}
