package sim

import (
	"slices"
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// revocation is a revoke, or a loss, that goes on. The poller is blocked in it.
type revocation struct {
	lost       bool
	partitions []stream.Partition
	incs       []messages.Incarnation
	waiting    []messages.Incarnation
	finals     []messages.Watermark
	drainBy    int64
	commitBy   int64
	releasing  bool
	over       bool
	done       func(error)
}

const (
	errStillFlying       = simError("a commit is still on its way, so the partitions cannot be given back in order")
	errBroken            = simError("this poller has failed")
	abortedCommitTimeout = time.Second
)

func (p *poller) assigned(ps []stream.Partition) {
	if p.broken {
		return
	}
	p.step(messages.PartitionsAssigned{Partitions: ps})
	p.of.letters.actor.tell(prepareLetters{})
}

// lost lets go at once, and is over when no commit of these partitions is on its way.
func (p *poller) lost(ps []stream.Partition, done func(error)) {
	if p.broken {
		done(errBroken)
		return
	}
	p.forget(ps)
	p.w.oracle.lost(p, p.ownership.Incarnations(ps...))
	p.step(messages.PartitionsLost{Partitions: ps})
	r := &revocation{partitions: ps, done: done, releasing: true, lost: true}
	r.commitBy = p.w.now + int64(max(p.w.plan.maxPoll/2, p.w.plan.drain+time.Second))
	if p.closing != nil {
		_, r.commitBy = stopDeadlines(p.w.now, p.closing.deadline)
	}
	p.revoking = r
	p.committer.actor.tell(quietRequest{partitions: ps, reply: func() {
		p.w.after(p.of, p.w.hop(), func() {
			if !r.over {
				p.revokeEnds(r, nil)
			}
		})
	}})
	p.releaseUntil(r)
}

func (p *poller) forget(ps []stream.Partition) {
	for _, s := range ps {
		delete(p.topicIDs, s)
	}
}

// gives says whether a partition is being given back.
func (p *poller) gives(s stream.Partition) bool {
	return p.revoking != nil && slices.Contains(p.revoking.partitions, s)
}

// revoked drains, commits, and only then lets go: see the shell's own account of it.
func (p *poller) revoked(ps []stream.Partition, done func(error)) {
	if p.broken {
		done(errBroken)
		return
	}
	w := p.w
	r := &revocation{partitions: ps, done: done}
	r.drainBy = w.now + int64(w.plan.drain)
	r.commitBy = w.now + int64(max(w.plan.maxPoll/2, w.plan.drain+time.Second))
	if p.closing != nil {
		r.drainBy, r.commitBy = stopDeadlines(w.now, p.closing.deadline)
	}
	if len(ps) > 0 {
		r.incs = p.ownership.Incarnations(ps...)
	}
	if len(r.incs) == 0 {
		done(nil) // none of them was read, or they were given back already
		return
	}
	for _, inc := range r.incs {
		if share := p.shares[inc]; share != nil {
			share.SetIntake(flow.IntakeClosed)
		}
	}
	w.say("%s revoked %v", p.name, ps)
	p.revoking = r
	p.drain(r)
}

// drain asks the partitions' actors for their end and waits for it, until a little after the deadline.
func (p *poller) drain(r *revocation) {
	for _, inc := range r.incs {
		if p.parts[inc] != nil {
			r.waiting = append(r.waiting, inc)
			p.askToDrain(r, inc, r.drainBy)
		}
	}
	p.drainUntil(r, r.drainBy)
	if p.of.aborted {
		p.abortDrain(r)
	}
	if len(r.waiting) == 0 {
		p.release(r)
	}
}

// drainUntil gives a drain up a little after its deadline.
func (p *poller) drainUntil(r *revocation, by int64) {
	p.w.after(p.of, p.w.left(by)+time.Second, func() {
		if r.releasing || r.over {
			return
		}
		for _, inc := range r.waiting {
			p.note("%s: its actor did not answer", inc.Partition)
			p.committer.actor.tell(messages.Disown{Incarnations: []messages.Incarnation{inc}})
		}
		r.waiting = nil
		p.release(r)
	})
}

func (p *poller) askToDrain(r *revocation, inc messages.Incarnation, by int64) {
	p.parts[inc].actor.tell(drainRequest{
		Drain: messages.Drain{Deadline: epoch.Add(time.Duration(by))},
		reply: func(reply drainReply) { p.w.after(p.of, p.w.hop(), func() { p.drained(r, reply) }) },
	})
}

func (p *poller) drained(r *revocation, reply drainReply) {
	at := slices.Index(r.waiting, reply.inc)
	if at < 0 || r.releasing || r.over {
		return
	}
	r.waiting = slices.Delete(r.waiting, at, at+1)
	if reply.ok {
		r.finals = append(r.finals, reply.Watermark)
		p.w.oracle.drained(p, reply)
	} else {
		p.committer.actor.tell(messages.Disown{Incarnations: []messages.Incarnation{reply.inc}})
	}
	if reply.InFlight > 0 && p.closing != nil {
		p.note("%s: %d records in flight", reply.inc.Partition, reply.InFlight)
	}
	if len(r.waiting) == 0 {
		p.release(r)
	}
}

// abort hastens a revoke that goes on.
func (p *poller) abort() {
	if r := p.revoking; r != nil && !r.over {
		if r.releasing {
			p.abortRelease(r)
		} else {
			p.abortDrain(r)
		}
	}
}

func (p *poller) abortDrain(r *revocation) { p.hurry(r, p.w.now+int64(core.CancelGrace)) }

// hurry brings the deadline of a drain forward.
func (p *poller) hurry(r *revocation, by int64) {
	for _, inc := range r.waiting {
		p.askToDrain(r, inc, by)
	}
}

// stopBegan hastens a revoke that goes on when the process is told to stop: the request to close comes after it.
func (p *poller) stopBegan(deadline int64) {
	r := p.revoking
	if r == nil || r.over || p.closing != nil {
		return
	}
	drainBy, commitBy := stopDeadlines(p.w.now, deadline)
	if !r.releasing && drainBy < r.drainBy {
		p.hurry(r, drainBy)
		p.drainUntil(r, drainBy)
	}
	if commitBy < r.commitBy {
		r.commitBy = commitBy
		if r.releasing {
			p.w.after(p.of, p.w.left(commitBy), func() { p.releaseTooLate(r) })
		}
	}
}

// stopDeadlines divides the time that is left to a stop.
func stopDeadlines(now, deadline int64) (drainBy, commitBy int64) {
	left := deadline - now
	return now + left*6/10, now + left*8/10
}

func (p *poller) abortRelease(r *revocation) {
	p.w.after(p.of, min(p.w.left(r.commitBy), abortedCommitTimeout), func() { p.releaseTooLate(r) })
}

// release commits the last watermarks and waits until nothing of these partitions is on its way.
func (p *poller) release(r *revocation) {
	r.releasing = true
	p.releases++
	p.committer.actor.tell(releaseRequest{
		Release: messages.Release{ID: p.releases, Incarnations: r.incs, Finals: r.finals},
		reply: func(released messages.Released) {
			p.w.after(p.of, p.w.hop(), func() {
				if r.over {
					return
				}
				if released.Err != nil {
					p.note("commit of %v: %v", released.Failed, released.Err)
				}
				p.w.oracle.released(p, r.incs, released.Failed)
				p.revokeEnds(r, nil)
			})
		},
	})
	p.releaseUntil(r)
}

// releaseUntil gives the wait for commits up at its deadline.
func (p *poller) releaseUntil(r *revocation) {
	p.w.after(p.of, p.w.left(r.commitBy), func() { p.releaseTooLate(r) })
	if p.of.aborted {
		p.abortRelease(r)
	}
}

func (p *poller) releaseTooLate(r *revocation) {
	if !r.over {
		p.note("a commit did not return in time")
		p.revokeEnds(r, errStillFlying)
	}
}

func (p *poller) revokeEnds(r *revocation, err error) {
	r.over = true
	p.revoking = nil
	if r.lost {
		r.done(err)
		return
	}
	for _, inc := range r.incs {
		p.stopIncarnation(inc)
	}
	p.forget(r.partitions)
	p.step(messages.PartitionsRevoked{Partitions: r.partitions})
	r.done(err)
}
