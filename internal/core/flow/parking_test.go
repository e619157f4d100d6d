package flow_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core/flow"
)

func TestAPartitionMayParkWhatIsLeftOverAndItsShareInAnyCase(t *testing.T) {
	t.Parallel()
	p := flow.NewParking(10)
	p.Join()
	require.EqualValues(t, 10, p.Allows(0), "it is alone")
	require.False(t, p.Change(8))
	require.EqualValues(t, 10, p.Allows(8))
	p.Join()
	require.EqualValues(t, 5, p.Allows(0), "two are left over, and its share is five")
	require.False(t, p.Change(5))
	require.EqualValues(t, 5, p.Allows(8), "the first has more than that")
	require.True(t, p.Change(-4), "there is room again")
	require.EqualValues(t, 5, p.Allows(4))
	require.False(t, p.Change(-1), "there was room before")
	require.True(t, p.Leave(5))
	require.EqualValues(t, 10, p.Allows(3))
}

func TestEachPartitionMayParkOneRecordHoweverManyThereAre(t *testing.T) {
	t.Parallel()
	p := flow.NewParking(2)
	for range 5 {
		p.Join()
	}
	p.Change(4)
	require.EqualValues(t, 1, p.Allows(0))
}

func TestParkingWithoutALimitAllowsAll(t *testing.T) {
	t.Parallel()
	p := flow.NewParking(-1)
	p.Join()
	p.Change(1000)
	require.Zero(t, p.Allows(1000))
	require.False(t, p.Change(-1000))
	require.False(t, p.Leave(0))
}
