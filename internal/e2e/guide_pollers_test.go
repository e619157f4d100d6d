package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// member is one of a group, as the coordinator sees it.
type member struct{ clientID, instanceID string }

// members describes the group.
func (w *world) members() (members []member, assigned int) {
	w.t.Helper()
	ctx, cancel := w.context()
	defer cancel()
	groups, err := w.admin.DescribeGroups(ctx, w.group)
	require.NoError(w.t, err)
	for _, m := range groups[w.group].Members {
		one := member{clientID: m.ClientID}
		if m.InstanceID != nil {
			one.instanceID = *m.InstanceID
		}
		members = append(members, one)
		if consumer, ok := m.Assigned.AsConsumer(); ok {
			for _, topic := range consumer.Topics {
				assigned += len(topic.Partitions)
			}
		}
	}
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.clientID, b.clientID) })
	return members, assigned
}

func TestSeveralPollersAreSeveralMembersInOneProcess(t *testing.T) {
	t.Parallel()
	const partitions, each = 6, 20
	w := newWorld(t, partitions)
	more := func(batch int) {
		for partition := range int32(partitions) {
			w.produce(orders(partition, batch*1000+int(partition)*each, each)...)
		}
	}
	more(0)
	first := w.run("--set", "pollers=3")
	first.untilReady()
	require.Len(t, w.values(w.out, partitions*each), partitions*each)
	eventually(t, "three members with all partitions", func() bool {
		members, assigned := w.members()
		return len(members) == 3 && assigned == partitions
	})
	members, _ := w.members()
	require.Equal(t, []member{{"troupe-e2e-0", ""}, {"troupe-e2e-1", ""}, {"troupe-e2e-2", ""}}, members)
	eventually(t, "all partitions in one status", func() bool { return int(first.statusNumber("partitions")) == partitions })
	status, _ := first.get("/healthz")
	require.Equal(t, http.StatusOK, status)
	_, metrics := first.get("/metrics")
	require.Contains(t, metrics, "\ntroupe_consumer_assigned_partitions 6\n")
	require.Contains(t, metrics, "\ntroupe_faults 0\n")

	// Partitions move between members of two processes, and back.
	second := w.run("--set", "pollers=2")
	second.untilReady()
	eventually(t, "five members with a share each", func() bool {
		members, assigned := w.members()
		return len(members) == 5 && assigned == partitions &&
			int(first.statusNumber("partitions"))+int(second.statusNumber("partitions")) == partitions &&
			second.statusNumber("partitions") > 0
	})
	more(1)
	require.Len(t, w.values(w.out, 2*partitions*each), 2*partitions*each)
	second.stop()
	more(2)
	values := w.values(w.out, 3*partitions*each)
	first.stop()
	slices.Sort(values)
	require.Len(t, slices.Compact(values), 3*partitions*each, "no record was handled twice")
	for partition := range int32(partitions) {
		require.EqualValues(t, 3*each, w.committed(partition))
	}
}

func TestPollersOfAStaticMemberAreStaticMembersAndComeBackToTheirPartitions(t *testing.T) {
	t.Parallel()
	const partitions, each = 4, 20
	w := newWorld(t, partitions)
	static := []string{"--set", "pollers=2", "--set", "kafka.group.instance.id=a"}
	want := []member{{"troupe-e2e-0", "a-e2e-0"}, {"troupe-e2e-1", "a-e2e-1"}}
	for round := range 2 {
		for partition := range int32(partitions) {
			w.produce(orders(partition, round*1000+int(partition)*each, each)...)
		}
		p := w.run(static...)
		p.untilReady()
		values := w.values(w.out, (round+1)*partitions*each)
		slices.Sort(values)
		require.Len(t, slices.Compact(values), (round+1)*partitions*each)
		eventually(t, "two static members with all partitions", func() bool {
			members, assigned := w.members()
			return slices.Equal(members, want) && assigned == partitions
		})
		p.stop()
	}
	for partition := range int32(partitions) {
		require.EqualValues(t, 2*each, w.committed(partition))
	}
}
