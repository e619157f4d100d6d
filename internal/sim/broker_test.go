package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/core/offset"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// quietWorld has no faults, one topic of four partitions and no processes.
func quietWorld(p protocol) *world {
	w := &world{config: Config{Seed: 1}, chance: newChance(1, 0), keys: newChance(1, 1<<33)}
	w.plan = drawPlan(Config{Seed: 1, Without: AllFaults})
	w.plan.protocol, w.plan.topics = p, []int{4}
	w.plan.heartbeat, w.plan.session, w.plan.maxPoll = 500*time.Millisecond, 5*time.Second, 20*time.Second
	for i := range w.streams {
		w.streams[i] = newChance(1, uint64(i))
	}
	w.oracle = newOracle(w)
	w.broker = newBroker(w)
	return w
}

// pass lets virtual time go on.
func (w *world) pass(t *testing.T, d time.Duration) {
	t.Helper()
	w.over = false
	w.after(nil, d, func() { w.over = true })
	w.turn()
	require.Nil(t, w.violation)
}

func (p *process) owned() (all []stream.Partition) {
	for _, each := range p.pollers {
		all = append(all, names(each.client.shares())...)
	}
	return all
}

func TestGroupSharesOutEveryPartitionOnce(t *testing.T) {
	t.Parallel()
	for _, protocol := range []protocol{eager, cooperative, consumerProtocol} {
		t.Run(protocol.String(), func(t *testing.T) {
			t.Parallel()
			w := quietWorld(protocol)
			one := w.spawn(false)
			w.pass(t, 10*time.Second)
			require.Len(t, one.owned(), 4)
			two := w.spawn(false)
			for range 100 { // never twice, not even for a moment
				w.pass(t, 100*time.Millisecond)
				require.Subset(t, partitionsOfAll(w), append(one.owned(), two.owned()...))
				require.LessOrEqual(t, len(one.owned())+len(two.owned()), 4)
			}
			require.Len(t, one.owned(), 2)
			require.Len(t, two.owned(), 2)
			two.kill()
			w.pass(t, 2*time.Second)
			require.Len(t, one.owned(), 2, "the dead member's session has not run out")
			w.pass(t, 10*time.Second)
			require.Len(t, one.owned(), 4)
		})
	}
}

func partitionsOfAll(w *world) (all []stream.Partition) {
	for _, s := range w.broker.group.all() {
		all = append(all, s.Partition)
	}
	return all
}

func TestPartitionGoesToItsNewOwnerWhenTheOldOneHasGivenItBack(t *testing.T) {
	t.Parallel()
	for _, protocol := range []protocol{cooperative, consumerProtocol} {
		t.Run(protocol.String(), func(t *testing.T) {
			t.Parallel()
			w := quietWorld(protocol)
			one := w.spawn(false)
			w.pass(t, 5*time.Second)
			one.frozen = true // it hears nothing, and its session goes on
			two := w.spawn(false)
			w.pass(t, 3*time.Second)
			require.Empty(t, two.owned())
			one.thaw()
			w.pass(t, 5*time.Second)
			require.Len(t, one.owned(), 2)
			require.Len(t, two.owned(), 2)
		})
	}
}

func TestFrozenMemberLosesWhatItHasAndHearsOfIt(t *testing.T) {
	t.Parallel()
	for _, protocol := range []protocol{eager, cooperative, consumerProtocol} {
		t.Run(protocol.String(), func(t *testing.T) {
			t.Parallel()
			w := quietWorld(protocol)
			one := w.spawn(false)
			w.pass(t, 5*time.Second)
			two := w.spawn(false)
			w.pass(t, 5*time.Second)
			one.frozen = true
			w.pass(t, 12*time.Second)
			require.Len(t, two.owned(), 4)
			require.Len(t, one.owned(), 2, "a zombie")
			c := one.pollers[0].client
			require.Equal(t, []commitCode{commitUnknownMember}, w.broker.apply(c, c.id, c.epoch, []commitOffset{{partition: c.owned[0].Partition}}))
			one.thaw()
			w.pass(t, 10*time.Second)
			require.Len(t, one.owned(), 2)
			require.Len(t, two.owned(), 2)
		})
	}
}

func TestBrokerFencesMembersAndNeverPartitions(t *testing.T) {
	t.Parallel()
	for _, protocol := range []protocol{cooperative, consumerProtocol} {
		t.Run(protocol.String(), func(t *testing.T) {
			t.Parallel()
			w := quietWorld(protocol)
			one := w.spawn(false)
			w.pass(t, 5*time.Second)
			c := one.pollers[0].client
			before := c.epoch
			w.spawn(false)
			w.pass(t, 10*time.Second)
			kept := c.owned[0].Partition
			lost := partitionsOfAll(w)
			for _, p := range names(c.shares()) {
				for i := range lost {
					if lost[i] == p {
						lost = append(lost[:i], lost[i+1:]...)
						break
					}
				}
			}
			require.Equal(t, commitOK, w.broker.group.checkCommit(w.broker.group.member(c.id), c.epoch, lost[0]), "a former owner")
			require.Equal(t, commitOK, w.broker.group.checkCommit(w.broker.group.member(c.id), c.epoch, kept))
			stale := w.broker.group.checkCommit(w.broker.group.member(c.id), before, lost[0])
			require.Contains(t, []commitCode{commitIllegalGeneration, commitStaleEpoch}, stale)
			require.Equal(t, commitUnknownMember, w.broker.group.checkCommit(nil, c.epoch, kept))
			if m := w.broker.group.member(c.id); protocol == consumerProtocol {
				require.Equal(t, commitOK, w.broker.group.checkCommit(m, m.before, kept), "one epoch back, of what it has")
			}
		})
	}
}

func TestDeletedTopicTakesItsOffsetsAlong(t *testing.T) {
	t.Parallel()
	w := quietWorld(eager)
	old := w.broker.topic("orders.a")
	p := old.logs[0].partition
	w.broker.offsets[p] = committed{offset: 7}
	w.broker.remove(old)
	require.Nil(t, w.broker.log(p))
	require.Equal(t, int64(-1), w.broker.committed(p).offset)
	again := w.broker.create("orders.a", 4)
	require.NotEqual(t, old.id, again.id)
	require.Same(t, again.logs[0], w.broker.log(p))
	require.Same(t, old, w.broker.every[old.id])
}

func TestOraclesReaderAgreesWithTheWriterOfMetadata(t *testing.T) {
	t.Parallel()
	r := newChance(7, 7)
	for range 2000 {
		base, at := r.Int64N(1000), int64(0)
		var runs []offset.Run
		var want []span
		at = base
		for range 1 + r.IntN(6) {
			first := at + 1 + r.Int64N(5)
			last := first + r.Int64N(5)
			runs, want = append(runs, offset.Run{First: first, Last: last}), append(want, span{first, last})
			at = last + 1
		}
		text, complete := offset.Encode(base, "id-1", runs, 0)
		require.True(t, complete)
		m, ok := readMetadata(text)
		require.True(t, ok)
		require.Equal(t, metadata{base: base, topic: "id-1", spans: want}, m)
	}
	for _, text := range []string{"", "t1:", "t1:AAAA", "somebody's", "t1:KARpZC0xAAEAAAAAAAMCBgIAAQECAgAABQTuwNEI"[:20]} {
		_, ok := readMetadata(text)
		require.False(t, ok, "%q", text)
	}
}

func TestMessagesAreShownWithAllTheirFields(t *testing.T) {
	t.Parallel()
	inc := messages.Incarnation{Partition: stream.Partition{Topic: "orders", Number: 3}, Epoch: 17}
	require.Equal(t, "Own{orders-3 #17 Committed:5 Start:-1 Metadata:}", show(messages.Own{Incarnation: inc, Committed: 5, Start: -1}))
	require.Contains(t, show(messages.Commit{Seq: 1, Offsets: []messages.Watermark{{Incarnation: inc, Offset: 9}}}), "{orders-3 #17 Offset:9")
	require.Contains(t, show(stream.Started{Partition: inc.Partition, Offset: 4}), "Offset:4")
}
