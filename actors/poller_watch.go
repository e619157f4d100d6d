package actors

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// lookAtEnds notes the logs' ends as the client last saw them, and asks the brokers for those that the client cannot see:
// of partitions that are paused, and now and then of those of which nothing comes. A client that has stopped to fetch a
// partition does not see it grow.
func (p *poller) lookAtEnds(now time.Time) {
	owned := p.ownership.Incarnations()
	partitions := partitionsOf(owned)
	ends := p.consumer.Ends(partitions)
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, s := range partitions {
		if i < len(ends) && ends[i] >= 0 {
			p.clientEnds[s] = ends[i]
		}
	}
	quiet := p.quiet(now, owned)
	paused := p.ownership.Unfetched()
	if len(paused)+len(quiet) > 0 && !p.askingEnds.Swap(true) {
		if len(quiet) > 0 {
			p.troubled, p.quietAt = false, now.Add(quietInterval)
		}
		go p.askEnds(paused, quiet)
	}
}

// quiet gives the partitions to ask the brokers about: they are being read, and nothing comes of them. When the client is in
// trouble they are asked about at once.
func (p *poller) quiet(now time.Time, owned []messages.Incarnation) []stream.Partition {
	after := quietAfter
	if p.troubled {
		after = quietTroubled
	} else if now.Before(p.quietAt) {
		return nil
	}
	var quiet []stream.Partition
	for _, inc := range owned {
		if at, started := p.fedAt[inc]; started && now.Sub(at) >= after && p.ownership.Fetching(inc.Partition) {
			quiet = append(quiet, inc.Partition)
		}
	}
	return quiet
}

// askEnds asks the brokers for the ends of partitions. That they do not answer for a quiet one is the cause that it names.
func (p *poller) askEnds(paused, quiet []stream.Partition) {
	defer p.askingEnds.Store(false)
	ctx, cancel := context.WithTimeout(p.ctx, lookupTimeout)
	defer cancel()
	positions, err := p.consumer.Positions(ctx, append(paused, quiet...))
	p.mu.Lock()
	defer p.mu.Unlock()
	answered := false
	for _, s := range positions {
		switch {
		case err != nil:
		case s.Err != nil:
			err = s.Err
		default:
			answered = true
			p.brokerEnds[s.Partition] = s.LogEnd
		}
	}
	if len(quiet) == 0 || p.ctx.Err() != nil {
		return
	}
	switch {
	case answered:
		p.unreachable = nil
	case p.unreachable == nil:
		p.unreachable, p.unreachedAt = err, time.Now()
	default:
		p.unreachable = err
	}
}

// end is the log's end as far as it is known, else -1. p.mu is held.
func (p *poller) end(s stream.Partition) int64 {
	end := int64(-1)
	if seen, ok := p.clientEnds[s]; ok {
		end = seen
	}
	if said, ok := p.brokerEnds[s]; ok {
		end = max(end, said)
	}
	return end
}

// forget drops what is known of partitions that are not owned any more.
func (p *poller) forget(partitions []stream.Partition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range partitions {
		delete(p.clientEnds, s)
		delete(p.brokerEnds, s)
	}
}

func (p *poller) setShell(c *committer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shell = c
}

// standstill names a poll loop that does not turn, which no trouble of Kafka's explains.
func (p *poller) standstill(now time.Time) string {
	stood := now.Sub(time.Unix(0, p.lastPoll.Load()))
	if stood < p.standsLimit(now) || p.failed.Load() {
		return ""
	}
	return fmt.Sprintf("%s has not polled for %s", p.name(), stood.Round(time.Second))
}

// standsLimit is how long the poll loop may stand still. While partitions are given back it may for longer, but not so long
// that the group gives this member up.
func (p *poller) standsLimit(now time.Time) time.Duration {
	limit := p.env.Client.MaxPollInterval()
	if until := p.standsUntil.Load(); until != 0 && now.Before(time.Unix(0, until)) {
		return limit
	}
	return min(limit, core.ProgressLimit)
}

// loop shows the poll loop to the watchdog: it turns for as long as there is a poller.
func (p *poller) loop(now time.Time) core.Loop {
	l := p.vitals.loop()
	l.Handled, l.Busy, l.Limit = p.lastPoll.Load(), true, p.standsLimit(now)
	l.Excused = p.failed.Load() || l.Limit > core.ProgressLimit
	return l
}

// standings shows the partitions of this member to the watchdog. It leaves out whatever is in the middle of a step.
func (p *poller) standings(now time.Time, open map[string]bool) []core.Standing {
	if !p.mu.TryLock() {
		return nil
	}
	defer p.mu.Unlock()
	var all []core.Standing
	for _, inc := range p.ownership.Incarnations() {
		s, next := core.Standing{Incarnation: inc, Watermark: -1, Offset: -1, Cause: stream.Idle}, int64(-1)
		if part := p.env.Board.partition(inc); part != nil {
			var ok bool
			if s, next, ok = part.standing(now, open); !ok {
				continue
			}
		}
		s.StartDue = p.ownership.StartDue(inc.Partition)
		end, asked := p.brokerEnds[inc.Partition]
		s.Behind = asked && p.unreachable == nil && next >= 0 && p.ownership.Fetching(inc.Partition) &&
			end > max(next, p.clientEnds[inc.Partition])
		if s.Watermark >= 0 && p.shell != nil && !p.shell.standing(now, &s) {
			continue
		}
		all = append(all, s)
	}
	return all
}
