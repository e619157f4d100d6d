package actors

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/internal/deadletter"
	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// errBroken is the answer to a revoke when the poller has failed: its consumer is only closed.
var errBroken = errors.New("this poller has failed")

// Assigned is called by the client, inside a poll.
func (p *poller) Assigned(partitions []stream.Partition) {
	if p.broken {
		return
	}
	partitions = p.wanted(partitions)
	p.step(messages.PartitionsAssigned{Partitions: partitions})
	if !p.env.Settings.DeadLetter.Off {
		topics := make(map[string]int)
		for _, s := range partitions {
			topics[s.Topic] = max(topics[s.Topic], int(s.Number)+1)
		}
		for topic := range topics {
			p.actorCtx.Send(p.env.DeadLetter, prepareDeadLetters{source: topic})
		}
	}
}

// wanted leaves out the topics that a pattern brought in but must not: outputs and dead letters of this very pipeline. They
// stay assigned, held, and unread.
func (p *poller) wanted(partitions []stream.Partition) []stream.Partition {
	s := &p.env.Settings
	if len(s.Topics) != 1 || !strings.HasPrefix(s.Topics[0], "^") {
		return partitions
	}
	pattern := regexp.MustCompile(s.Topics[0]) // checked with the configuration
	return slices.DeleteFunc(slices.Clone(partitions), func(a stream.Partition) bool {
		return slices.Contains(s.Exclude, a.Topic) || s.DeadLetter.own(a.Topic, pattern)
	})
}

// own says whether a topic that the pattern matches takes dead letters of this pipeline. A pattern for the dead-letter
// topics of others finds them.
func (s DeadLetterSettings) own(topic string, pattern *regexp.Regexp) bool {
	if base, parked := strings.CutSuffix(topic, deadletter.ParkedSuffix); parked {
		return s.IsDeadLetter(base) && pattern.MatchString(base)
	}
	if s.Topic != "" {
		return topic == s.Topic
	}
	base, ok := strings.CutSuffix(topic, deadletter.Suffix)
	return ok && pattern.MatchString(base)
}

// Revoked is called by the client, inside a poll or its close. It drains, commits, and only then lets go:
//
//	Drain ──► every partition: nothing new is begun, work in flight ends or is cancelled at the deadline
//	◄── the last watermark of each
//	Release ──► committer: commits them; a commit already on its way is waited for
//	◄── Released: nothing that names these partitions is on its way any more
//	stop the actors, acknowledge
//
// When the commit outlasts half of max.poll.interval.ms there is no telling what it may still do, so nothing is
// acknowledged and this consumer ends.
func (p *poller) Revoked(partitions []stream.Partition) error {
	if p.broken {
		return errBroken
	}
	began := time.Now()
	drainBy, commitBy, over := p.standStill(began)
	defer over()
	var incs []messages.Incarnation
	if len(partitions) > 0 {
		incs = p.ownership.Incarnations(partitions...)
	}
	if len(incs) == 0 {
		return nil // none of them was read, or they were given back already
	}
	for _, inc := range incs {
		if share := p.shares[inc]; share != nil {
			share.SetIntake(flow.IntakeClosed) // the others need not wait for this poller
		}
	}
	finals, abandoned := p.drain(incs, drainBy)
	err := p.release(incs, finals, commitBy)
	for _, inc := range incs {
		p.stopIncarnation(inc)
	}
	p.step(messages.PartitionsRevoked{Partitions: partitions})
	p.env.Emit(stream.Revoked{Partitions: partitions, Abandoned: abandoned, DurationMS: time.Since(began).Milliseconds()})
	return err
}

// standStill says until when the poller may wait for its partitions, and for the commits that name them.
func (p *poller) standStill(began time.Time) (drainBy, commitBy time.Time, over func()) {
	if p.closing != nil {
		drainBy, commitBy = stopDeadlines(began, p.closing.Deadline)
		return drainBy, commitBy, func() {}
	}
	drainBy = began.Add(p.env.Settings.DrainTimeout)
	commitBy = began.Add(max(p.env.Client.MaxPollInterval()/2, p.env.Settings.DrainTimeout+time.Second))
	p.standsUntil.Store(commitBy.Add(core.ProgressLook).UnixNano())
	return drainBy, commitBy, func() { p.standsUntil.Store(0) }
}

// drain asks the partitions' actors for their end and waits for it, until a little after the deadline.
func (p *poller) drain(incs []messages.Incarnation, by time.Time) (finals []messages.Watermark, abandoned int64) {
	replies := make(chan drainReply, 3*len(incs)) // one more each if a stop comes, or is aborted
	waiting := make(map[messages.Incarnation]bool)
	for _, inc := range incs {
		if pid := p.pids[inc]; pid != nil {
			waiting[inc] = true
			p.actorCtx.Send(pid, drainRequest{Drain: messages.Drain{Deadline: by}, reply: replies})
		}
	}
	tooLate := time.NewTimer(time.Until(by) + time.Second)
	defer tooLate.Stop()
	abort, stop := p.env.Base.Done(), p.stopBegun()
	for len(waiting) > 0 {
		select {
		case r := <-replies:
			delete(waiting, r.inc)
			abandoned += r.Abandoned
			if r.ok {
				finals = append(finals, r.Watermark)
			} else {
				p.actorCtx.Send(p.committer, messages.Disown{Incarnations: []messages.Incarnation{r.inc}})
			}
			if r.InFlight > 0 && p.closing != nil {
				p.unfinished("%s: %d records in flight", r.inc.Partition, r.InFlight)
			}
		case <-abort:
			abort = nil
			soon := time.Now().Add(core.CancelGrace) // for handlers that heed their context
			p.hurry(waiting, soon, replies)
		case <-stop:
			stop = nil
			if soon, _ := p.env.Stop.Deadlines(time.Now()); soon.Before(by) {
				p.hurry(waiting, soon, replies)
				tooLate.Reset(time.Until(soon) + time.Second)
			}
		case <-tooLate.C:
			for inc := range waiting {
				p.unfinished("%s: its actor did not answer", inc.Partition)
				p.actorCtx.Send(p.committer, messages.Disown{Incarnations: []messages.Incarnation{inc}})
			}
			return finals, abandoned
		}
	}
	return finals, abandoned
}

// hurry brings the deadline of a drain forward.
func (p *poller) hurry(waiting map[messages.Incarnation]bool, by time.Time, replies chan<- drainReply) {
	for inc := range waiting {
		p.actorCtx.Send(p.pids[inc], drainRequest{Drain: messages.Drain{Deadline: by}, reply: replies})
	}
}

// stopBegun is closed when a stop begins that this poller does not know of yet, because it gives partitions back.
func (p *poller) stopBegun() <-chan struct{} {
	if p.closing != nil {
		return nil
	}
	return p.env.Stop.Begun()
}

// release commits the last watermarks and waits until nothing of these partitions is on its way. An incarnation that is
// still being started has no watermark, but its start may be on its way.
func (p *poller) release(incs []messages.Incarnation, finals []messages.Watermark, by time.Time) error {
	p.releases++
	reply := make(chan messages.Released, 1)
	p.actorCtx.Send(p.committer, releaseRequest{Release: messages.Release{ID: p.releases, Incarnations: incs, Finals: finals}, reply: reply})
	r, err := awaitCommits(p, reply, by)
	if err == nil && r.Err != nil {
		p.unfinished("commit of %v: %v", r.Failed, r.Err)
	}
	return err
}

// awaitCommits waits for the committer to say that nothing of some partitions is on its way any more.
func awaitCommits[T any](p *poller, reply <-chan T, by time.Time) (answer T, err error) {
	tooLate := time.NewTimer(time.Until(by))
	defer tooLate.Stop()
	abort, stop := p.env.Base.Done(), p.stopBegun()
	for {
		select {
		case answer = <-reply:
			return answer, nil
		case <-abort:
			abort = nil
			tooLate.Reset(min(time.Until(by), abortedCommitTimeout))
		case <-stop:
			stop = nil
			if _, soon := p.env.Stop.Deadlines(time.Now()); soon.Before(by) {
				by = soon
				tooLate.Reset(time.Until(by))
			}
		case <-tooLate.C:
			p.unfinished("a commit did not return in time")
			return answer, errors.New("a commit is still on its way, so the partitions cannot be given back in order")
		}
	}
}

// Lost is called by the client, inside a poll or its close. It returns when no commit that names the partitions is on its way:
// a client that waits for the coordinator may send one later, as the member that it has become by then, and overwrite what the
// new owner has committed.
func (p *poller) Lost(partitions []stream.Partition) error {
	if p.broken {
		return errBroken
	}
	began := time.Now()
	abandoned := int64(0)
	for _, inc := range p.ownership.Incarnations(partitions...) {
		if a := p.env.Board.partition(inc); a != nil {
			s := a.status(time.Now())
			abandoned += s.Ledger.Unfinished()
		}
	}
	p.step(messages.PartitionsLost{Partitions: partitions})
	p.env.Emit(stream.Lost{Partitions: partitions, Abandoned: abandoned})
	_, by, over := p.standStill(began)
	defer over()
	quiet := make(chan struct{}, 1)
	p.actorCtx.Send(p.committer, quietRequest{partitions: partitions, reply: quiet})
	_, err := awaitCommits(p, quiet, by)
	return err
}

// Trouble is called by the client, inside a poll.
func (p *poller) Trouble(err error) {
	var outside *kafka.OutsideError
	var overtaken *kafka.OvertakenError
	switch {
	case errors.As(err, &outside):
		p.positionOutside(outside.Partition, outside.Position, true)
	case errors.As(err, &overtaken):
		p.positionOutside(overtaken.Partition, overtaken.Position, false)
	}
	p.troubled = true
	if event, report := p.troubles.note(time.Now(), err); report {
		p.env.Emit(event)
	}
}

// close gives everything back in good order, and only then closes the consumer: a client that is closing need not take the
// commits that are due meanwhile.
func (p *poller) close(m ClosePoller) {
	p.closing = &m
	p.report = CloseReport{Number: p.number}
	ctx, cancel := context.WithDeadline(context.Background(), m.Deadline)
	defer cancel()
	defer context.AfterFunc(p.env.Base, func() { time.AfterFunc(abortedCloseTimeout, cancel) })()
	p.lastPoll.Store(time.Now().UnixNano())
	p.standsUntil.Store(m.Deadline.Add(core.ProgressLook).UnixNano())
	if owned := partitionsOf(p.ownership.Incarnations()); len(owned) > 0 {
		_ = p.Revoked(owned) // what could not be committed is in the report; there is nothing to withhold from the client
	}
	if err := p.consumer.Close(ctx); err != nil {
		p.unfinished("closing the consumer: %v", err)
	}
	m.Reply <- p.report
}

func (p *poller) unfinished(format string, args ...any) {
	p.report.Unfinished = append(p.report.Unfinished, fmt.Sprintf(p.name()+": "+format, args...))
}

// status shows what this member owns; it may be called from any goroutine.
func (p *poller) status(now time.Time) (partitions []stream.PartitionStatus, joined bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, inc := range p.ownership.Incarnations() {
		s := stream.PartitionStatus{
			Partition: inc.Partition, Epoch: inc.Epoch, Start: -1, Watermark: -1, Since: now,
		}
		if a := p.env.Board.partition(inc); a != nil {
			s = a.status(now)
		}
		s.Committed = -1
		var failing error
		var failingAt time.Time
		if p.shell != nil {
			s.Committed, failingAt, failing = p.shell.status(now, inc)
		}
		s.End = p.end(inc.Partition)
		calm := s.Cause == stream.Idle || s.Cause == stream.Flowing || s.Cause == stream.HandlerSlow
		if cause, since, detail, ok := p.ownership.Status(inc.Partition); ok && calm {
			s.Cause, s.Since, s.Detail = cause, since, detail
		} else if failing != nil && calm {
			s.Cause, s.Since, s.Detail = stream.CommitFailing, failingAt, failing.Error()
		} else if p.unreachable != nil && s.Cause == stream.Idle {
			s.Cause, s.Since, s.Detail = stream.KafkaUnreachable, p.unreachedAt, p.unreachable.Error()
		}
		partitions = append(partitions, s)
	}
	return partitions, p.ownership.Member()
}
