package sim

import "slices"

// retarget computes where every partition shall be.
func (g *group) retarget() {
	g.generation++
	g.subscribed = g.all()
	g.target = g.assign(g.subscribed, func(s share) *member {
		if m := g.target[s]; m != nil && slices.Contains(g.members, m) {
			return m
		}
		return nil
	})
	g.w.say("group: epoch %d of %d members", g.generation, len(g.members))
}

// consumerBeat is the heartbeat of KIP-848: the member may say what it has, and is told what it shall have.
func (g *group) consumerBeat(c *client, id, epoch int, says bool, owned []share) (int, beat) {
	m := g.member(id)
	switch {
	case epoch == 0:
		if m != nil {
			g.remove(m, "it joins anew")
		}
		m = g.add(c)
		g.retarget()
	case m == nil || (epoch != m.epoch && epoch != m.before):
		return id, beat{unknown: true}
	}
	g.touch(m)
	g.reconcile(m, says, owned)
	if g.w.logs() && (says || len(m.revoking) > 0) {
		g.w.say("group: %s (member %d) says %v %v, epoch %d, has %v, gives back %v", c.name, m.id, says, names(owned), m.epoch, names(m.assigned), names(m.revoking))
	}
	return m.id, beat{epoch: m.epoch, assigned: slices.Clone(m.assigned)}
}

// reconcile brings a member one step nearer to its target.
func (g *group) reconcile(m *member, says bool, owned []share) {
	if len(m.revoking) > 0 {
		if !says || slices.ContainsFunc(m.revoking, func(s share) bool { return slices.Contains(owned, s) }) {
			return
		}
		m.revoking = nil
		m.revokeBy++
	}
	for i := len(m.assigned) - 1; i >= 0; i-- {
		if s := m.assigned[i]; g.target[s] != m {
			m.revoking = append(m.revoking, s)
			m.assigned = slices.Delete(m.assigned, i, i+1)
		}
	}
	if len(m.revoking) > 0 {
		m.revokeBy++
		number := m.revokeBy
		g.w.after(nil, g.w.plan.maxPoll, func() { g.revocationTimedOut(m, number) })
		return
	}
	for _, s := range g.subscribed {
		if g.target[s] == m && !slices.Contains(m.assigned, s) && g.free(s) {
			m.assigned = append(m.assigned, s)
		}
	}
	if m.epoch != g.generation {
		m.before, m.epoch = m.epoch, g.generation
	}
}

func (g *group) revocationTimedOut(m *member, number int) {
	switch {
	case m.revokeBy != number || len(m.revoking) == 0 || !slices.Contains(g.members, m):
	case g.b.coordinatorAway:
		g.w.after(nil, g.w.plan.maxPoll, func() { g.revocationTimedOut(m, number) })
	default:
		g.remove(m, "it has not given back what it must")
	}
}

// free says whether no member holds a partition any more.
func (g *group) free(s share) bool {
	return !slices.ContainsFunc(g.members, func(m *member) bool {
		return slices.Contains(m.assigned, s) || slices.Contains(m.revoking, s)
	})
}
