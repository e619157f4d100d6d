package sim

import (
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// This file is all of the poller that speaks with core.Ownership about positions and the assignment.

func newOwnership(w *world, epochs *core.Epochs) *core.Ownership {
	return core.NewOwnership(w.plan.start, epochs)
}

// step gives the ownership machine a message and carries out what it decides, in the shell's order.
func (p *poller) step(m messages.ToOwnership) {
	w, out := p.w, &p.effects
	out.Reset()
	p.ownership.Step(w.time(), m, out)
	if w.logs() {
		w.say("%s %s", p.name, show(m))
		w.sayEvents(p.name, out.Events)
	}
	w.oracle.ownershipStepped(p, m, out)
	if len(out.Disown) > 0 {
		w.oracle.replaced(p, out.Disown)
		p.committer.actor.tell(messages.Disown{Incarnations: append([]messages.Incarnation(nil), out.Disown...)})
	}
	for _, inc := range out.Stop {
		p.stopIncarnation(inc)
	}
	if len(out.Lookup) > 0 {
		p.lookUp(append([]messages.Incarnation(nil), out.Lookup...))
	}
	for _, own := range out.Own {
		p.committer.actor.tell(own)
	}
	for _, start := range out.Spawn {
		share := p.of.account.Open(start.Incarnation.Partition)
		p.shares[start.Incarnation] = share
		p.of.partitions.actor.tell(spawnPartition{start: start, share: share, poller: p})
	}
	for _, o := range out.Operator {
		if part := p.parts[o.To]; part != nil {
			part.actor.tell(o.Message)
		}
	}
	p.instruct(out)
	if !out.Wake.IsZero() {
		p.timer.reset(out.Wake.Sub(w.time()), p.tick)
	}
}

// instruct tells the client what to deliver.
func (p *poller) instruct(out *core.OwnershipEffects) {
	for _, s := range out.Start {
		if p.w.hits(StartFails, 0.2) {
			inc := s.Incarnation
			p.client.halt(s.Partition)
			p.w.after(p.of, lookupTimeout/10, func() { p.actor.tell(messages.PartitionFailed{Incarnation: inc, Err: errStart}) })
			continue
		}
		p.client.start(s.Partition, s.Offset) // what it refuses because a rebalance goes on is settled by that rebalance
	}
	if len(out.Pause) > 0 {
		p.client.setPaused(out.Pause, true)
	}
	if len(out.Resume) > 0 {
		p.client.setPaused(out.Resume, false)
	}
}

// positionOutside is the client's trouble with a partition whose next offset is not in the log.
func (p *poller) positionOutside(s stream.Partition, position int64, halted bool) {
	if inc, ok := p.ownership.Active(s); ok {
		p.actor.tell(messages.PositionOutside{Incarnation: inc, Position: position, Halted: halted})
	}
}

// stopsOutside says whether the client stands still at an offset outside the log.
func (p *poller) stopsOutside() bool { return p.w.plan.start.OutOfRange == core.ResetError }

// lookUp asks where incarnations begin, off the poller, and not before the committer has nothing of them on its way. The
// answers come by mail.
func (p *poller) lookUp(incs []messages.Incarnation) {
	deadline := p.w.now + int64(lookupTimeout)
	ps := partitionsOf(incs)
	begun := false
	begin := func(quiet bool) {
		if begun {
			return
		}
		begun = true
		if !quiet {
			for _, inc := range incs {
				p.actor.tell(messages.PositionFound{Incarnation: inc, Err: errTimedOut})
			}
			return
		}
		p.client.positions(ps, deadline, func(found []position) {
			for i, inc := range incs {
				p.w.store(&found[i])
				p.actor.tell(positionFound(inc, found[i]))
			}
		})
	}
	p.committer.actor.tell(quietRequest{partitions: ps, reply: func() { p.w.after(p.of, p.w.hop(), func() { begin(true) }) }})
	p.w.after(p.of, lookupTimeout, func() { begin(false) })
}

func positionFound(inc messages.Incarnation, f position) messages.PositionFound {
	return messages.PositionFound{Incarnation: inc, Err: f.err, Position: messages.Position{
		Committed: f.committed.offset, Metadata: f.committed.metadata, TopicID: f.topicID, LogStart: f.start, LogEnd: f.end,
		Stored: f.stored, HasStored: f.stored >= 0,
	}}
}

// lookAtTopics asks for the ids of the topics that are read, off the poller.
func (p *poller) lookAtTopics() {
	var topics []string
	for _, inc := range p.ownership.Incarnations() {
		if n := len(topics); n == 0 || topics[n-1] != inc.Topic {
			topics = append(topics, inc.Topic)
		}
	}
	if len(topics) == 0 || p.askingTopics {
		return
	}
	p.askingTopics = true
	p.client.topicIDs(topics, p.w.now+int64(lookupTimeout), func(ids map[string]string, err error) {
		p.askingTopics = false
		if err == nil {
			p.actor.tell(messages.TopicsSeen{IDs: ids})
		}
	})
}

func partitionsOf(incs []messages.Incarnation) []stream.Partition {
	ps := make([]stream.Partition, len(incs))
	for i, inc := range incs {
		ps[i] = inc.Partition
	}
	return ps
}

// Times of the poller's shell.
const (
	pollWaitMax     = 100 * time.Millisecond
	pollWaitMin     = 10 * time.Millisecond
	pollRecordsMax  = 2000
	recordSizeGuess = 1 << 10
	flowInterval    = 50 * time.Millisecond
	topicsInterval  = 10 * time.Second
	lookupTimeout   = 10 * time.Second
)
