package sim

import (
	"slices"

	"github.com/troupe-go/troupe/stream"
)

// group is the coordinator of the one consumer group.
//
// Classic protocols: a member that joins, leaves or falls silent, or a change of the topics, begins a round. Every member
// hears of it by its next heartbeat and joins again, or is given up after the rebalance time-out; then everybody gets a new
// generation and an assignment. Eager members give everything back before they join. Cooperative ones keep what they have:
// a partition that is to move is in nobody's assignment at first, and its owner joins once more when it has given it back.
//
// KIP-848: the coordinator has a target, and brings each member to it with the answers to its heartbeats: first what it must
// give back, then, when it says that it has, what it gets and nobody else holds any more.
type group struct {
	w       *world
	b       *broker
	members []*member // in the order of joining
	numbers int

	generation int // KIP-848: the group's epoch
	preparing  bool
	round      int
	subscribed []share // at the last generation
	target     map[share]*member
}

// share is one partition to share out. With KIP-848 it is of one life of its topic.
type share struct {
	stream.Partition
	id string
}

// member is one member as the coordinator sees it.
type member struct {
	id         int
	client     *client
	sessionEnd int64
	watched    bool // an event that looks at the session is on its way

	// classic
	joined bool
	claims []share
	reply  func(joinAnswer)

	// KIP-848
	epoch    int
	before   int // the epoch before
	assigned []share
	revoking []share
	revokeBy int // the number of the revocation, for its time-out
}

// joinAnswer is what a member is told at the end of a round.
type joinAnswer struct {
	unknown    bool
	id         int
	generation int
	assigned   []share
}

// beat is the answer to a heartbeat.
type beat struct {
	unknown     bool
	rebalancing bool
	epoch       int
	assigned    []share
}

func newGroup(w *world, b *broker) *group { return &group{w: w, b: b} }

func (g *group) member(id int) *member {
	for _, m := range g.members {
		if m.id == id {
			return m
		}
	}
	return nil
}

// all gives every partition there is to share out, sorted by topic and number.
func (g *group) all() []share {
	var all []share
	for _, t := range g.b.topics {
		if t.gone {
			continue
		}
		for _, l := range t.logs {
			s := share{Partition: l.partition}
			if g.w.plan.protocol == consumerProtocol {
				s.id = t.id
			}
			all = append(all, s)
		}
	}
	return all
}

func (g *group) add(c *client) *member {
	g.numbers++
	m := &member{id: g.numbers, client: c}
	g.members = append(g.members, m)
	return m
}

// remove takes a member out; what it held is free.
func (g *group) remove(m *member, why string) {
	g.members = slices.DeleteFunc(g.members, func(other *member) bool { return other == m })
	if g.w.logs() {
		g.w.say("group: %s (member %d) is out: %s", m.client.name, m.id, why)
	}
	g.changed()
}

// changed begins a round, or sets a new target.
func (g *group) changed() {
	if g.w.plan.protocol == consumerProtocol {
		g.retarget()
		return
	}
	g.prepare()
}

// topicsChanged begins a rebalance when there are partitions that were not there at the last one, or the other way round.
func (g *group) topicsChanged() {
	if len(g.members) > 0 && !slices.Equal(g.all(), g.subscribed) {
		g.changed()
	}
}

// touch prolongs a member's session.
func (g *group) touch(m *member) {
	m.sessionEnd = g.w.now + int64(g.w.plan.session)
	if !m.watched {
		m.watched = true
		g.watch(m)
	}
}

func (g *group) watch(m *member) {
	g.w.after(nil, durationUntil(g.w.now, m.sessionEnd), func() {
		switch {
		case !slices.Contains(g.members, m):
		case g.b.coordinatorAway || m.joined: // a new coordinator begins all sessions anew; who waits for others does not time out
			m.sessionEnd = g.w.now + int64(g.w.plan.session)
			g.watch(m)
		case g.w.now < m.sessionEnd:
			g.watch(m)
		default:
			g.remove(m, "its session has run out")
		}
	})
}

// leave is the request of a member that goes.
func (g *group) leave(id int) {
	if m := g.member(id); m != nil {
		g.remove(m, "it has left")
	}
}

// checkCommit fences members, never partitions.
func (g *group) checkCommit(m *member, epoch int, p stream.Partition) commitCode {
	switch {
	case m == nil:
		return commitUnknownMember
	case g.w.plan.protocol != consumerProtocol:
		if epoch != g.generation {
			return commitIllegalGeneration
		}
	case epoch == m.epoch:
	case epoch == m.before && slices.ContainsFunc(m.assigned, func(s share) bool { return s.Partition == p }):
	default:
		return commitStaleEpoch
	}
	return commitOK
}

// assign shares partitions out evenly; who has one keeps it where that is even enough. owner gives who has it now.
func (g *group) assign(all []share, owner func(share) *member) map[share]*member {
	target := make(map[share]*member, len(all))
	if len(g.members) == 0 {
		return target
	}
	members := slices.Clone(g.members)
	most := (len(all) + len(members) - 1) / len(members)
	extra := len(all) - (most-1)*len(members) // so many members may have most
	counts := make(map[*member]int, len(members))
	full := func(m *member) bool {
		return counts[m] >= most || (counts[m] == most-1 && extra <= 0)
	}
	give := func(s share, m *member) {
		target[s] = m
		counts[m]++
		if counts[m] == most {
			extra--
		}
	}
	var free []share
	for _, s := range all {
		if m := owner(s); m != nil && slices.Contains(members, m) && !full(m) {
			give(s, m)
		} else {
			free = append(free, s)
		}
	}
	for _, s := range free {
		least := members[0]
		for _, m := range members {
			if counts[m] < counts[least] {
				least = m
			}
		}
		give(s, least)
	}
	return target
}
