package sim

import (
	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// committer is the shell that commits for one consumer: one call at a time, off the actor.
type committer struct {
	w        *world
	poller   *poller
	actor    *actor
	machine  *core.Committer
	effects  core.CommitEffects
	replies  map[uint64]func(messages.Released)
	quiet    map[uint64]func()
	awaits   uint64
	flying   []commitOffset // of the call that has not returned
	called   []commitOffset // of the last call
	returned int64          // when the last one did
	timer    timer
	tick     func()
}

// releaseRequest is a Release with the place to answer at.
type releaseRequest struct {
	messages.Release
	reply func(messages.Released)
}

// quietRequest is an AwaitQuiet with the place to answer at.
type quietRequest struct {
	partitions []stream.Partition
	reply      func()
}

func newCommitter(p *poller) *committer {
	c := &committer{
		w: p.w, poller: p, machine: core.NewCommitter(p.w.plan.committer), replies: make(map[uint64]func(messages.Released)),
		quiet: make(map[uint64]func()), timer: timer{w: p.w, of: p.of},
	}
	c.tick = func() { c.actor.tell(messages.CommitTick{}) }
	c.actor = newActor(p.of, c.receive, c.timer.stop)
	return c
}

func (c *committer) receive(m any) {
	switch m := m.(type) {
	case releaseRequest:
		c.replies[m.ID] = m.reply
		c.step(m.Release)
	case quietRequest:
		c.awaits++
		c.quiet[c.awaits] = m.reply
		c.step(messages.AwaitQuiet{ID: c.awaits, Partitions: m.partitions})
	case messages.ToCommitter:
		c.step(m)
	}
}

func (c *committer) step(m messages.ToCommitter) {
	w, out := c.w, &c.effects
	out.Reset()
	c.machine.Step(w.time(), m, out)
	if w.logs() {
		w.say("%s committer %s", c.poller.name, show(m))
		w.sayEvents(c.poller.name, out.Events)
	}
	w.oracle.committerStepped(c.poller, m, out)
	if out.Commit != nil {
		c.call(*out.Commit)
	}
	for _, r := range out.Released {
		if reply := c.replies[r.ID]; reply != nil {
			reply(r)
			delete(c.replies, r.ID)
		}
	}
	for _, id := range out.Quiet {
		c.quiet[id]()
		delete(c.quiet, id)
	}
	if !out.Wake.IsZero() {
		c.timer.reset(out.Wake.Sub(w.time()), c.tick)
	}
}

// call commits off the actor; the answer comes to its mailbox.
func (c *committer) call(commit messages.Commit) {
	offsets := make([]commitOffset, len(commit.Offsets))
	for i, w := range commit.Offsets {
		offsets[i] = commitOffset{
			partition: w.Partition, offset: w.Offset, epoch: w.LeaderEpoch, metadata: w.Metadata,
			life: c.w.oracle.life(c.poller.of, w.Incarnation),
		}
	}
	if c.w.logs() {
		c.w.say("%s %s", c.poller.name, show(commit))
	}
	began := c.w.now
	c.flying, c.called = offsets, offsets
	c.w.after(c.poller.of, c.w.hop(), func() {
		c.poller.client.commit(offsets, func(answers []messages.CommitAnswer) {
			c.flying, c.returned = nil, c.w.now
			c.actor.tell(messages.CommitReturned{
				Seq: commit.Seq, Results: answers, DurationMS: float64(c.w.now-began) / 1e6,
			})
		})
	})
}
