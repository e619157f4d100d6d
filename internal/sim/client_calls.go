package sim

import (
	"slices"
	"time"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// batch is what a poll brought of one partition.
type batch struct {
	partition stream.Partition
	records   []*record
}

// poll gathers at most limit records and serves callbacks; the poller hears of its end by its method polled.
func (c *client) poll(wait time.Duration, limit int) {
	c.polling, c.limit, c.pollEnd = true, limit, c.w.now+int64(wait)
	c.pollStep()
}

// wake lets a poll that waits look again.
func (c *client) wake() {
	if c.polling && !c.serving {
		c.lookAgain(c.w.hop())
	}
}

func (c *client) lookAgain(d time.Duration) {
	c.polled++
	number := c.polled
	c.w.after(c.of, d, func() {
		if c.polled == number {
			c.pollStep()
		}
	})
}

func (c *client) pollStep() {
	switch {
	case !c.polling || c.serving:
	case c.failure != nil:
		c.pollDone(nil)
	case len(c.pending) > 0:
		c.serve()
	default:
		batches := c.gather()
		if len(batches) > 0 || c.w.now >= c.pollEnd {
			c.pollDone(batches)
			return
		}
		c.lookAgain(durationUntil(c.w.now, c.pollEnd))
	}
}

func (c *client) pollDone(batches []batch) {
	c.polling = false
	c.polled++
	c.poller.pollReturned(batches, c.failure)
}

// noticed wakes a poll that waits for records of a partition.
func (c *client) noticed(p stream.Partition) {
	if !c.polling {
		return
	}
	if d := c.assigned(p); d != nil && d.started && !d.paused {
		c.wake()
	}
}

// gather takes records from the partitions in turn. How many of each at once is a matter of chance, as with real fetches.
func (c *client) gather() []batch {
	if !c.b.lives() || len(c.owned) == 0 {
		return nil
	}
	var out []batch
	c.turnAt++
	for i := range c.owned {
		d := c.owned[(c.turnAt+i)%len(c.owned)]
		if c.limit == 0 {
			break
		}
		if !d.started || d.paused {
			continue
		}
		if records := c.take(d); len(records) > 0 {
			out = append(out, batch{partition: d.Partition, records: records})
		}
	}
	return out
}

// take reads on. A position outside the log is told to the poller: then the client goes on at the log's start, or not at
// all, by the policy.
func (c *client) take(d *delivery) []*record {
	l := c.b.log(d.Partition)
	if l == nil || (d.id != "" && l.topic.id != d.id) {
		return nil
	}
	if d.position < l.start || d.position > l.end {
		position := d.position
		halted := c.poller.stopsOutside()
		if halted {
			d.started = false
		} else {
			d.position = l.start
		}
		c.poller.positionOutside(d.Partition, position, halted)
		return nil
	}
	from := l.from(d.position)
	if c.w.hits(BrokerAway, 0.03) { // it reads again what it has read already
		from = max(from-1-c.w.streams[BrokerAway].IntN(3), l.from(max(l.start, d.began)))
	}
	n := min(len(l.records)-from, c.limit)
	if n == 0 {
		return nil
	}
	if c.w.chance.Uint64()&3 == 0 {
		n = 1 + c.w.chance.IntN(n)
	}
	c.limit -= n
	d.position = l.records[from+n-1].offset + 1
	if l.thinned {
		return slices.DeleteFunc(slices.Clone(l.records[from:from+n]), func(r *record) bool { return r.gone })
	}
	return l.records[from : from+n]
}

// start begins to deliver a partition; false when it is not assigned.
func (c *client) start(p stream.Partition, offset int64) bool {
	d := c.assigned(p)
	if d == nil || c.servesRevokeOf(d) {
		return false
	}
	d.started, d.paused, d.position, d.began = true, false, offset, offset
	return true
}

// halt is what a start that failed leaves behind: nothing of the partition is delivered until it is started again.
func (c *client) halt(p stream.Partition) {
	if d := c.assigned(p); d != nil {
		d.started = false
	}
}

// servesRevokeOf says whether a partition is being given back: then it is not started again.
func (c *client) servesRevokeOf(d *delivery) bool {
	return c.serving && c.poller.gives(d.Partition)
}

func (c *client) setPaused(ps []stream.Partition, paused bool) {
	for _, p := range ps {
		if d := c.assigned(p); d != nil {
			d.paused = paused
		}
	}
	c.wake()
}

// commitCall is one commit on its way.
type commitCall struct {
	offsets []commitOffset
	done    func([]messages.CommitAnswer)
}

// commit sends a commit from a goroutine of its own. Partitions that are not owned are refused at once; later nobody asks.
// While the coordinator is away the commit is parked, and carries the membership of the moment at which it is sent.
func (c *client) commit(offsets []commitOffset, done func([]messages.CommitAnswer)) {
	var answers []messages.CommitAnswer
	owned := make([]commitOffset, 0, len(offsets))
	for _, o := range offsets {
		if c.closed || c.assigned(o.partition) == nil {
			answers = append(answers, messages.CommitAnswer{Partition: o.partition, Err: errNotOwned})
			continue
		}
		owned = append(owned, o)
	}
	if len(owned) == 0 {
		c.w.after(c.of, c.w.hop(), func() { done(answers) })
		return
	}
	call := &commitCall{offsets: owned, done: func(more []messages.CommitAnswer) { done(append(answers, more...)) }}
	c.calls++
	c.send(call, c.w.now+int64(c.w.plan.session))
}

const (
	errNotOwned    = simError("the partition is not assigned to this consumer")
	errTimedOut    = simError("timed out")
	errCoordinator = simError("waiting for the coordinator")
	errClosed      = simError("the client is closed")
	errLookup      = simError("the lookup failed")
	errNoTopic     = simError("unknown topic or partition")
	errStart       = simError("the client cannot start the partition")
)

func (c *client) send(call *commitCall, parkedUntil int64) {
	if c.b.coordinatorAway {
		if c.w.now >= parkedUntil {
			c.commitEnds(call, nil, errCoordinator)
			return
		}
		c.w.after(c.of, 50*time.Millisecond, func() { c.send(call, parkedUntil) })
		return
	}
	id, epoch := c.id, c.epoch
	fate := c.w.commitFate()
	c.sent++
	c.w.after(nil, c.w.network()+fate.slow, func() {
		c.sent--
		if c.b.coordinatorAway || fate.lost {
			c.answerAfter(fate.timeout, call, nil, errTimedOut)
			return
		}
		codes := c.b.apply(c, id, epoch, call.offsets)
		if fate.unanswered {
			c.answerAfter(fate.timeout, call, nil, errTimedOut)
			return
		}
		c.answerAfter(c.w.network(), call, codes, nil)
	})
}

func (c *client) answerAfter(d time.Duration, call *commitCall, codes []commitCode, err error) {
	c.w.after(c.of, d, func() { c.commitEnds(call, codes, err) })
}

func (c *client) commitEnds(call *commitCall, codes []commitCode, err error) {
	answers := make([]messages.CommitAnswer, len(call.offsets))
	for i, o := range call.offsets {
		a := messages.CommitAnswer{Partition: o.partition}
		switch {
		case err != nil:
			a.Err, a.Retriable = err, true
		case codes[i] != commitOK:
			a.Err, a.Retriable = commitErrors[codes[i]], codes[i].retriable()
			a.MetadataTooLarge = codes[i] == commitMetadataTooLarge
		}
		answers[i] = a
	}
	c.callEnds()
	call.done(answers)
}

func (c *client) callEnds() {
	c.calls--
	if c.calls == 0 && c.drained != nil {
		c.drained()
	}
}

// positions looks partitions up: the topic's id first, then what is committed, the log's start and its end, each at a moment
// of its own, because they are different requests. Were the id asked for later, an offset of a topic that is deleted and made
// again meanwhile would be taken for one of the new topic, and nobody would notice.
func (c *client) positions(ps []stream.Partition, deadline int64, done func([]position)) {
	found := make([]position, len(ps))
	for i, p := range ps {
		found[i] = position{partition: p, committed: committed{offset: -1}, stored: -1}
	}
	if c.closed {
		c.w.after(c.of, c.w.hop(), func() { done(failed(found, errClosed)) })
		return
	}
	c.calls++
	end := func() {
		c.w.after(c.of, c.w.network(), func() {
			c.callEnds()
			done(found)
		})
	}
	if c.w.lookupFails() {
		failed(found, errLookup)
		end()
		return
	}
	parts := []func(*position){
		func(f *position) { f.committed = c.b.committed(f.partition) },
		func(f *position) {
			if l := c.b.log(f.partition); l != nil {
				f.start = l.start
			}
		},
		func(f *position) {
			if l := c.b.log(f.partition); l != nil {
				f.end = l.end
			}
		},
	}
	left := len(parts)
	c.look(deadline, false, func(err error) {
		for at := range found {
			if l := c.b.log(found[at].partition); l != nil {
				found[at].topicID = l.topic.id
			} else {
				found[at].err = errNoTopic
			}
			if err != nil {
				found[at].err = err
			}
		}
		for i, part := range parts {
			c.look(deadline, i == 0, func(err error) {
				for at := range found {
					if part(&found[at]); err != nil {
						found[at].err = err
					}
				}
				if left--; left == 0 {
					end()
				}
			})
		}
	})
}

// look makes one request of a lookup, again and again until it is answered or the deadline has come.
func (c *client) look(deadline int64, coordinator bool, done func(error)) {
	c.w.after(c.of, c.w.network(), func() {
		away := !c.b.lives()
		if coordinator {
			away = c.b.coordinatorAway
		}
		switch {
		case !away:
			done(nil)
		case c.w.now >= deadline:
			done(errTimedOut)
		default:
			c.w.after(c.of, c.b.later(), func() { c.look(deadline, coordinator, done) })
		}
	})
}

func failed(found []position, err error) []position {
	for i := range found {
		found[i].err = err
	}
	return found
}

// topicIDs asks for the ids of topics; nothing comes when nobody answers in time.
func (c *client) topicIDs(topics []string, deadline int64, done func(map[string]string, error)) {
	c.calls++
	c.look(deadline, false, func(err error) {
		ids := make(map[string]string, len(topics))
		for _, name := range topics {
			if t := c.b.topic(name); t != nil {
				ids[name] = t.id
			}
		}
		c.w.after(c.of, c.w.network(), func() {
			c.callEnds()
			done(ids, err)
		})
	})
}

// close leaves the group when no call is on its way any more, or when time is up.
func (c *client) close(deadline int64, done func(error)) {
	c.closing = true
	c.pending = nil
	answered := false
	answer := func(err error) {
		if !answered {
			answered = true
			c.w.after(c.of, c.w.hop(), func() { done(err) })
		}
	}
	leave := func() {
		if c.closed {
			return
		}
		c.closed = true
		c.owned = nil
		id := c.id
		c.w.after(nil, c.w.network(), func() {
			if !c.b.coordinatorAway && id != 0 {
				c.b.group.leave(id)
			}
		})
		answer(nil)
	}
	if c.calls == 0 {
		leave()
		return
	}
	c.drained = leave
	c.w.after(c.of, durationUntil(c.w.now, deadline), func() { answer(errTimedOut) })
}
