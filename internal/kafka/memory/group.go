package memory

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/troupe-go/troupe/stream"
)

// group is a consumer group. The broker's lock guards it.
type group struct {
	broker     *Broker
	name       string
	generation int
	members    []*member
	offsets    map[stream.Partition]committed
	// partitions is what the members subscribed to, at the last generation.
	partitions []stream.Partition
	preparing  bool
	since      time.Time // the beginning of preparing
}

// committed is one committed offset.
type committed struct {
	offset      int64
	leaderEpoch int32
	metadata    string
}

// member is a consumer's life in a group, from joining to leaving or being given up; then it joins as another member.
type member struct {
	group    *group
	consumer *consumer
	number   int // in the order of joining, over all groups
	owned    map[stream.Partition]struct{}
	events   []rebalanceEvent // callbacks that the consumer has not served yet
	rejoin   bool             // when they are served, because partitions were given back
	gone     error            // why it was given up
	// uncertain: it joined while the broker was down, so there is no session yet that could time out.
	uncertain bool
}

// rebalanceEvent is a callback of the listener: partitions to give back, or partitions given.
type rebalanceEvent struct {
	revoke     bool
	partitions []stream.Partition
}

func (g *group) committed(p stream.Partition) committed {
	if c, ok := g.offsets[p]; ok {
		return c
	}
	return committed{offset: -1, leaderEpoch: -1}
}

// join makes a member of the consumer.
func (g *group) join(c *consumer) *member {
	g.broker.joined++
	m := &member{
		group:     g,
		consumer:  c,
		number:    g.broker.joined,
		owned:     make(map[stream.Partition]struct{}),
		uncertain: g.broker.faults.down,
	}
	g.members = append(g.members, m)
	g.rebalance()
	return m
}

// leave takes a member out; what it owned is free.
func (g *group) leave(m *member) {
	before := len(g.members)
	g.members = slices.DeleteFunc(g.members, func(other *member) bool { return other == m })
	if len(g.members) < before {
		g.rebalance()
	}
}

// evict gives a member up. What it owned goes to others at once, whatever it still thinks.
func (g *group) evict(m *member, why error) {
	m.gone = why
	m.events = nil
	m.consumer.wake()
	g.leave(m)
}

// sorted gives the members in the order of joining, for loops that change them.
func (g *group) sorted() []*member {
	return slices.SortedFunc(slices.Values(g.members), func(a, b *member) int { return cmp.Compare(a.number, b.number) })
}

// eager: one member that wants it so is enough.
func (g *group) eager() bool {
	return slices.ContainsFunc(g.members, func(m *member) bool { return m.consumer.settings.eager })
}

func (g *group) topicsChanged() {
	if len(g.members) > 0 && !slices.Equal(g.partitions, g.subscribed()) {
		g.rebalance()
	}
}

// subscribed gives every partition that some member wants, sorted.
func (g *group) subscribed() []stream.Partition {
	var all []stream.Partition
	for _, name := range g.broker.topicNames() {
		if !slices.ContainsFunc(g.members, func(m *member) bool { return m.consumer.wants(name) }) {
			continue
		}
		for i := range g.broker.topics[name].logs {
			all = append(all, stream.Partition{Topic: name, Number: int32(i)})
		}
	}
	return all
}

// rebalance begins a new round; one that is being prepared already covers what is new.
func (g *group) rebalance() {
	if !g.preparing {
		g.preparing, g.since = true, time.Now()
	}
	g.tryComplete()
}

// tryComplete ends the round when every member has rejoined. A member rejoins by itself unless it has callbacks to
// serve first.
func (g *group) tryComplete() {
	if !g.preparing || g.broker.faults.down {
		return
	}
	ready := true
	eager := g.eager()
	for _, m := range g.members {
		if !m.busy() && eager && len(m.owned) > 0 {
			m.events = []rebalanceEvent{{revoke: true, partitions: m.owns()}}
			m.consumer.wake()
		}
		ready = ready && !m.busy()
	}
	if ready {
		g.complete(eager)
	}
}

// complete begins the next generation and tells every member what is its own.
func (g *group) complete(eager bool) {
	g.preparing = false
	g.generation++
	g.partitions = g.subscribed()
	owners := make(map[stream.Partition]*member)
	for _, m := range g.members {
		for p := range m.owned {
			owners[p] = m
		}
	}
	target := assign(g.sorted(), g.partitions, owners)
	for _, m := range g.members {
		var revoked, added []stream.Partition
		for _, p := range m.owns() {
			if target[p] != m {
				revoked = append(revoked, p)
			}
		}
		for _, p := range g.partitions {
			if target[p] == m && owners[p] == nil {
				added = append(added, p)
			}
		}
		if len(revoked) > 0 {
			m.events = append(m.events, rebalanceEvent{revoke: true, partitions: revoked})
			m.rejoin = !eager
		}
		m.events = append(m.events, rebalanceEvent{partitions: added})
		m.consumer.wake()
	}
}

// served goes on after a member has served a callback.
func (g *group) served(m *member) {
	switch {
	case m.gone != nil || len(m.events) > 0:
	case m.rejoin:
		m.rejoin = false
		g.rebalance()
	default:
		g.tryComplete()
	}
}

// owns gives the member's partitions, sorted.
func (m *member) owns() []stream.Partition {
	return slices.SortedFunc(maps.Keys(m.owned), stream.ComparePartitions)
}

// busy: it cannot rejoin yet, or, once its listener has refused to give back, not at all.
func (m *member) busy() bool {
	return len(m.events) > 0 || m.consumer.serving || m.consumer.failure != nil
}

// deadline is when the group gives the member up if it does not poll, zero where it does poll.
func (m *member) deadline() time.Time {
	c := m.consumer
	if c.idleSince.IsZero() {
		return time.Time{}
	}
	at := c.idleSince.Add(c.settings.maxPoll)
	if m.group.preparing && m.busy() {
		if round := m.group.since.Add(c.settings.maxPoll); round.Before(at) {
			return round
		}
	}
	return at
}

// sessionEnd is when the member's session times out because the broker is down, zero where it does not.
func (m *member) sessionEnd() time.Time {
	f := &m.group.broker.faults
	if !f.down || m.uncertain {
		return time.Time{}
	}
	return f.downSince.Add(m.consumer.settings.session)
}

// expire gives up every member whose time is over. It is called before anything is asked or decided.
func (b *Broker) expire() {
	now := time.Now()
	for _, name := range slices.Sorted(maps.Keys(b.groups)) {
		g := b.groups[name]
		for _, m := range g.sorted() {
			if at := m.deadline(); !at.IsZero() && !now.Before(at) {
				g.evict(m, ErrMaxPollExceeded)
			} else if at := m.sessionEnd(); !at.IsZero() && !now.Before(at) {
				g.evict(m, ErrSessionTimeout)
			}
		}
	}
}

// nextExpiry is when expire has something to do next, as far as is known; the zero time where it has nothing.
func (g *group) nextExpiry() time.Time {
	var next time.Time
	for _, m := range g.members {
		next = earliest(next, earliest(m.deadline(), m.sessionEnd()))
	}
	return next
}

// earliest gives the earlier of two times, of which the zero time is never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
