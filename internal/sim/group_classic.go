package sim

import "slices"

// prepare begins a round, unless one has begun already.
func (g *group) prepare() {
	if len(g.members) == 0 {
		g.preparing = false
		return
	}
	if !g.preparing {
		g.preparing = true
		g.round++
		round := g.round
		g.w.say("group: round %d begins", round)
		g.w.after(nil, g.w.plan.maxPoll, func() { g.roundTimedOut(round) })
	}
	g.tryComplete()
}

// roundTimedOut gives up those who have not joined again.
func (g *group) roundTimedOut(round int) {
	if !g.preparing || g.round != round {
		return
	}
	if g.b.coordinatorAway {
		g.w.after(nil, g.w.plan.maxPoll, func() { g.roundTimedOut(round) })
		return
	}
	for _, m := range slices.Clone(g.members) {
		if !m.joined {
			g.remove(m, "it has not joined again")
		}
	}
}

// join is a member's wish to be in the next generation; id is zero for a new one.
func (g *group) join(c *client, id int, claims []share, reply func(joinAnswer)) {
	m := g.member(id)
	switch {
	case id == 0:
		m = g.add(c)
	case m == nil:
		reply(joinAnswer{unknown: true})
		return
	}
	m.joined, m.claims, m.reply = true, claims, reply
	g.touch(m)
	g.prepare()
}

// interrupted forgets who waits for the end of a round, because the coordinator goes away.
func (g *group) interrupted() {
	for _, m := range g.members {
		m.joined, m.reply = false, nil
	}
}

func (g *group) tryComplete() {
	if !g.preparing || slices.ContainsFunc(g.members, func(m *member) bool { return !m.joined }) {
		return
	}
	g.preparing = false
	g.generation++
	g.subscribed = g.all()
	owners := make(map[share]*member)
	for _, m := range g.members {
		for _, s := range m.claims {
			owners[s] = m
		}
	}
	target := g.assign(g.subscribed, func(s share) *member { return owners[s] })
	g.w.say("group: generation %d of %d members", g.generation, len(g.members))
	for _, m := range g.members {
		answer := joinAnswer{id: m.id, generation: g.generation}
		for _, s := range g.subscribed {
			if owner := owners[s]; target[s] == m && (owner == nil || owner == m) {
				answer.assigned = append(answer.assigned, s)
			}
		}
		reply := m.reply
		m.joined, m.reply = false, nil
		g.touch(m)
		reply(answer)
	}
}

// heartbeat of a classic member.
func (g *group) heartbeat(id, generation int) beat {
	m := g.member(id)
	if m == nil || generation != g.generation {
		return beat{unknown: true}
	}
	g.touch(m)
	return beat{rebalancing: g.preparing && !m.joined}
}
