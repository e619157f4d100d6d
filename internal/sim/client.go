package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/troupe-go/troupe/stream"
)

// client is the Kafka client of one poller: a member of the group, and the fetcher. Its heartbeats go on in the background
// whatever the poller does; callbacks are served inside the poller's polls only.
type client struct {
	w      *world
	b      *broker
	of     *process
	poller *poller
	name   string

	// membership, as the client knows it
	id        int
	epoch     int // the generation, classic
	joining   bool
	wantsJoin bool
	attempt   int // of joining, so that answers to earlier ones are known
	owned     []*delivery
	pending   []callback
	serving   bool
	// KIP-848
	wanted       []share // what the coordinator said last
	told         bool    // it did say something since the last callbacks
	settled      []share // what it said when the last callbacks were served
	acknowledges bool    // it is to hear what is owned
	beating      bool    // a heartbeat is under way
	beatLost     int64   // unless there is no answer by then

	closing bool
	closed  bool
	failure error // the next poll gives it

	polling bool
	limit   int
	pollEnd int64
	polled  uint64
	turnAt  int // of the next partition to fetch from

	calls   int    // commits and lookups on their way
	sent    int    // commits that have not arrived
	drained func() // when there are none left
}

// delivery is a partition that the client has been assigned.
type delivery struct {
	share
	started  bool
	paused   bool
	position int64
	began    int64 // where it was started
}

type callbackKind uint8

const (
	callAssigned callbackKind = iota
	callRevoked
	callLost
)

// callback is one that waits for the next poll.
type callback struct {
	kind   callbackKind
	shares []share
}

func newClient(p *poller, name string) *client {
	return &client{w: p.of.w, b: p.of.w.broker, of: p.of, poller: p, name: name}
}

// subscribe begins to join the group.
func (c *client) subscribe() {
	c.wantsJoin = true
	c.beat()
	c.tryJoin()
}

// beat is the client's background thread.
func (c *client) beat() {
	if c.closed {
		return
	}
	c.w.after(c.of, c.w.plan.heartbeat+c.w.hop(), c.beat)
	c.heartbeat()
}

func (c *client) heartbeat() {
	if c.w.plan.protocol == consumerProtocol {
		c.consumerHeartbeat()
		return
	}
	c.tryJoin()
	if c.id == 0 || c.joining {
		return
	}
	id, epoch := c.id, c.epoch
	c.ask(func() func() {
		answer := c.b.group.heartbeat(id, epoch)
		return func() {
			if c.id != id || c.epoch != epoch || c.joining {
				return
			}
			switch {
			case answer.unknown:
				c.fenced()
			case answer.rebalancing:
				c.rejoin()
			}
		}
	})
}

// ask sends a request to the coordinator, and lets what it gives happen when the answer arrives. While the coordinator is
// away, requests and answers are lost.
func (c *client) ask(request func() (answer func())) {
	c.w.after(nil, c.w.network(), func() {
		if c.b.coordinatorAway {
			return
		}
		answer := request()
		c.w.after(nil, c.w.network(), func() {
			if !c.b.coordinatorAway && !c.of.dead {
				c.w.after(c.of, 0, answer)
			}
		})
	})
}

// rejoin follows the news of a round.
func (c *client) rejoin() {
	if c.wantsJoin {
		return
	}
	c.wantsJoin = true
	if c.w.plan.protocol == eager && len(c.owned) > 0 {
		c.call(callback{kind: callRevoked, shares: c.shares()})
	}
	c.tryJoin()
}

// tryJoin joins when nothing has to be served before.
func (c *client) tryJoin() {
	if c.w.plan.protocol == consumerProtocol || !c.wantsJoin || c.joining || c.serving || len(c.pending) > 0 || c.closing ||
		c.failure != nil {
		return
	}
	c.joining = true
	c.attempt++
	attempt, id := c.attempt, c.id
	var claims []share
	if c.w.plan.protocol == cooperative {
		claims = c.shares()
	}
	c.behindCommits(func() {
		if c.attempt != attempt {
			return // the connection is gone
		}
		if c.b.coordinatorAway {
			c.w.after(c.of, 500*time.Millisecond, func() { c.joinFailed(attempt) })
			return
		}
		c.b.group.join(c, id, claims, func(answer joinAnswer) {
			c.w.after(nil, c.w.network(), func() {
				if !c.of.dead {
					c.w.after(c.of, 0, func() { c.joinAnswered(attempt, answer) })
				}
			})
		})
	})
}

// behindCommits lets a request arrive, but not before the commits that were sent before it: they go over one connection, or
// wait for one another in the client.
func (c *client) behindCommits(arrive func()) {
	c.w.after(nil, c.w.network(), func() {
		if c.sent > 0 {
			c.behindCommits(arrive)
			return
		}
		arrive()
	})
}

func (c *client) joinFailed(attempt int) {
	if c.joining && c.attempt == attempt {
		c.joining = false
	}
}

// interrupted hears that the coordinator has gone, and with it the answer to a join.
func (c *client) interrupted() {
	c.joining = false
	c.attempt++
}

func (c *client) joinAnswered(attempt int, answer joinAnswer) {
	if !c.joining || c.attempt != attempt {
		return
	}
	c.joining = false
	if answer.unknown {
		c.fenced()
		return
	}
	c.id, c.epoch, c.wantsJoin = answer.id, answer.generation, false
	c.apply(answer.assigned)
}

// apply brings what is owned to what was assigned: first what goes, then what comes.
func (c *client) apply(assigned []share) {
	var gone, come []share
	for _, d := range c.owned {
		if !slices.Contains(assigned, d.share) {
			gone = append(gone, d.share)
		}
	}
	for _, s := range assigned {
		if c.delivery(s) == nil {
			come = append(come, s)
		}
	}
	if len(gone) > 0 {
		c.call(callback{kind: callRevoked, shares: gone})
		c.wantsJoin = c.w.plan.protocol == cooperative
	}
	if len(come) > 0 || len(gone) == 0 {
		c.call(callback{kind: callAssigned, shares: come})
	}
}

// fenced follows the news that this member is none any more.
func (c *client) fenced() {
	c.w.say("%s is fenced", c.name)
	c.id, c.epoch, c.joining, c.wantsJoin, c.told, c.beating, c.settled = 0, 0, false, true, false, false, nil
	c.attempt++
	c.pending = nil
	if len(c.owned) > 0 {
		c.call(callback{kind: callLost})
	}
	c.tryJoin()
}

func (c *client) call(cb callback) {
	c.pending = append(c.pending, cb)
	c.wake()
}

func (c *client) shares() []share {
	out := make([]share, len(c.owned))
	for i, d := range c.owned {
		out[i] = d.share
	}
	return out
}

func (c *client) delivery(s share) *delivery {
	for _, d := range c.owned {
		if d.share == s {
			return d
		}
	}
	return nil
}

// of what is owned, by its name.
func (c *client) assigned(p stream.Partition) *delivery {
	for _, d := range c.owned {
		if d.Partition == p {
			return d
		}
	}
	return nil
}

// serve calls the poller back. One that has been fenced meanwhile loses what it was to give back.
func (c *client) serve() {
	cb := c.pending[0]
	c.pending = c.pending[1:]
	c.serving = true
	switch cb.kind {
	case callAssigned:
		for _, s := range cb.shares {
			c.owned = append(c.owned, &delivery{share: s})
		}
		c.poller.assigned(names(cb.shares))
		c.served()
	case callLost:
		all := c.shares()
		c.owned = nil
		if len(all) > 0 {
			c.poller.lost(names(all), func(err error) { c.givenUp(all, err) })
			return
		}
		c.served()
	case callRevoked:
		for _, s := range cb.shares {
			if d := c.delivery(s); d != nil {
				d.started = false
			}
		}
		c.poller.revoked(names(cb.shares), func(err error) { c.givenBack(cb.shares, err) })
	}
}

// givenBack is the end of a revoke: only now does the group hear of it, unless the listener refused.
func (c *client) givenBack(shares []share, err error) {
	if err != nil {
		c.failure = fmt.Errorf("partitions %v are not given back: %w", names(shares), err)
		c.serving = false
		c.wake()
		return
	}
	c.w.oracle.acknowledged(c, names(shares))
	c.owned = slices.DeleteFunc(c.owned, func(d *delivery) bool { return slices.Contains(shares, d.share) })
	c.served()
}

// givenUp is the end of a loss: only now may the member join again, unless the listener refused.
func (c *client) givenUp(shares []share, err error) {
	if err != nil {
		c.failure = fmt.Errorf("partitions %v are lost: %w", names(shares), err)
		c.serving = false
		c.wake()
		return
	}
	c.served()
}

func (c *client) served() {
	c.serving = false
	if len(c.pending) == 0 {
		if c.w.plan.protocol == consumerProtocol {
			c.settled, c.acknowledges = c.wanted, true
			c.tryApply()
			if !c.serving && len(c.pending) == 0 {
				c.consumerHeartbeat()
			}
		} else {
			c.tryJoin()
		}
	}
	c.wake()
}

func names(shares []share) []stream.Partition {
	out := make([]stream.Partition, len(shares))
	for i, s := range shares {
		out[i] = s.Partition
	}
	slices.SortFunc(out, stream.ComparePartitions)
	return out
}

func durationUntil(now, at int64) time.Duration { return time.Duration(at - now) }
