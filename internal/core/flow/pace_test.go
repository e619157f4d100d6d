package flow_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/stream"
)

// paced is a pace that has looked once, at a share that holds 1,000 bytes of which 100 were given back since.
func paced(t *testing.T) (p *flow.Pace, a *flow.Account, s *flow.Share, now time.Time) {
	t.Helper()
	p, a, now = &flow.Pace{}, flow.NewAccount(10_000), time.Unix(1000, 0)
	s = a.Open(stream.Partition{Topic: "t"})
	s.Take(1100)
	_, held := p.Limit(now, a, false, 0, 1)
	require.False(t, held)
	s.Give(100)
	return p, a, s, now
}

func TestPaceFollowsWhatIsDone(t *testing.T) {
	t.Parallel()
	p, a, s, now := paced(t)
	bytes, held := p.Limit(now.Add(time.Millisecond), a, true, 500, 1)
	require.True(t, held)
	require.EqualValues(t, 125, bytes, "a quarter more than was given back")
	bytes, held = p.Limit(now.Add(2*time.Millisecond), a, true, 500, 1)
	require.True(t, held)
	require.Zero(t, bytes, "nothing was given back since")
	s.Give(80)
	bytes, _ = p.Limit(now.Add(3*time.Millisecond), a, true, 500, 2)
	require.EqualValues(t, 50, bytes, "two pollers share it")
}

func TestPaceHoldsNobodyBackWhileSlotsAreFree(t *testing.T) {
	t.Parallel()
	p, a, _, now := paced(t)
	_, held := p.Limit(now.Add(time.Millisecond), a, false, 500, 1)
	require.False(t, held)
}

func TestPaceHoldsNobodyBackBeforeThereIsEnough(t *testing.T) {
	t.Parallel()
	p, a, s, now := paced(t)
	_, held := p.Limit(now.Add(time.Millisecond), a, true, 1001, 1)
	require.False(t, held, "1,000 bytes are held")
	s.Take(1)
	_, held = p.Limit(now.Add(2*time.Millisecond), a, true, 1001, 1)
	require.True(t, held)
}

// Handlers that are fast need more than the least: what they do in a tenth of a second.
func TestPaceCountsByTheRateWhatIsEnough(t *testing.T) {
	t.Parallel()
	p, a, s, now := paced(t)
	now = now.Add(50 * time.Millisecond)
	_, held := p.Limit(now, a, true, 10, 1)
	require.True(t, held, "twice 100 bytes, and 1,000 are held")
	s.Give(600)
	now = now.Add(50 * time.Millisecond)
	_, held = p.Limit(now, a, true, 10, 1)
	require.False(t, held, "twice 600 bytes, and 400 are held")
	now = now.Add(100 * time.Millisecond)
	_, held = p.Limit(now, a, true, 10, 1)
	require.True(t, held, "the rate has fallen")
}

// Bytes that are lost with their partition were not done.
func TestPaceDoesNotCountWhatIsClosed(t *testing.T) {
	t.Parallel()
	p, a, _, now := paced(t)
	other := a.Open(stream.Partition{Topic: "t", Number: 1})
	other.Take(5000)
	other.Close()
	bytes, held := p.Limit(now.Add(time.Millisecond), a, true, 500, 1)
	require.True(t, held)
	require.EqualValues(t, 125, bytes)
}
