package memory

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// troubleInterval is the time between two complaints about an absent broker.
const troubleInterval = time.Second

// consumer is a kafka.Consumer. The broker's lock guards it, also from its own goroutine, which lets go of the lock to
// sleep and to call the listener.
type consumer struct {
	broker   *Broker
	id       string
	group    *group
	settings settings
	outside  kafka.OutOfRange
	signal   chan struct{} // of one place: there may be something to do
	closed   chan struct{}

	topics   []string
	pattern  *regexp.Regexp
	listener kafka.Listener
	member   *member // nil before Subscribe
	serving  bool    // a callback of the group's is running
	failure  error   // what Poll answers from now on
	// idleSince is when Poll was left, or a callback was called; zero while it waits in Poll.
	idleSince time.Time

	deliveries map[stream.Partition]*delivery
	ring       []*delivery // sorted by partition
	turn       int         // where in ring the next poll begins

	told     map[string]error // the trouble told of each topic
	toldDown time.Time
}

// delivery is where a consumer stands in an assigned partition.
type delivery struct {
	partition stream.Partition
	started   bool
	paused    bool
	position  int64
	end       int64 // the log's, when it was last looked at; -1 before
}

func newConsumer(b *Broker, id, groupName string, s settings, outside kafka.OutOfRange) *consumer {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := &consumer{
		broker: b, id: id, group: b.group(groupName), settings: s, outside: outside,
		signal: make(chan struct{}, 1), closed: make(chan struct{}),
		idleSince:  time.Now(),
		deliveries: make(map[stream.Partition]*delivery),
		told:       make(map[string]error),
	}
	b.consumers[c] = struct{}{}
	return c
}

func (c *consumer) wake() {
	select {
	case c.signal <- struct{}{}:
	default:
	}
}

func (c *consumer) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

// wants says whether the subscription covers a topic.
func (c *consumer) wants(topic string) bool {
	if c.pattern != nil {
		return c.pattern.MatchString(topic)
	}
	return slices.Contains(c.topics, topic)
}

// Subscribe joins the group.
func (c *consumer) Subscribe(topics []string, listener kafka.Listener) error {
	c.broker.mu.Lock()
	defer c.broker.mu.Unlock()
	switch {
	case c.isClosed():
		return kafka.ErrClosed
	case c.member != nil:
		return errors.New("subscribe: this consumer has subscribed already")
	case len(topics) == 0:
		return errors.New("subscribe: no topics")
	}
	if strings.HasPrefix(topics[0], "^") {
		if len(topics) > 1 {
			return errors.New("subscribe: a regular expression stands alone")
		}
		pattern, err := regexp.Compile(topics[0])
		if err != nil {
			return fmt.Errorf("subscribe: %w", err)
		}
		c.pattern = pattern
	}
	c.topics, c.listener = slices.Clone(topics), listener
	c.broker.expire()
	c.idleSince = time.Now()
	c.member = c.group.join(c)
	return nil
}

// Poll serves what the group has for this member and gathers records. It returns early after a callback, so that what
// was assigned can be started.
func (c *consumer) Poll(wait time.Duration, limit int, fetch *kafka.Fetch) error {
	b := c.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.isClosed() {
		return kafka.ErrClosed
	}
	b.expire()
	c.idleSince = time.Time{}
	defer func() { c.idleSince = time.Now() }()
	until := time.Now().Add(wait)
	for {
		served, err := c.serve(fetch)
		if err != nil {
			return err
		}
		if served || c.gather(max(0, limit), fetch) > 0 {
			return nil
		}
		now := time.Now()
		if !now.Before(until) {
			return nil
		}
		c.sleep(earliest(until, c.nextTime()))
		b.expire()
	}
}

// sleep lets go of the lock until somebody wakes this consumer or the time has come.
func (c *consumer) sleep(until time.Time) {
	c.broker.mu.Unlock()
	defer c.broker.mu.Lock()
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-c.signal:
	case <-timer.C:
	}
}

// nextTime is when there may be something to do though nobody wakes this consumer; the zero time for never.
func (c *consumer) nextTime() time.Time {
	var next time.Time
	if c.broker.faults.down && !c.toldDown.IsZero() {
		next = c.toldDown.Add(troubleInterval)
	}
	if c.member != nil {
		next = earliest(next, c.group.nextExpiry())
	}
	return next
}

// serve calls the listener for everything that has happened, and says whether it has called it about the assignment.
func (c *consumer) serve(fetch *kafka.Fetch) (served bool, err error) {
	if c.member == nil {
		return false, nil
	}
	for {
		if c.failure != nil {
			return served, c.failure
		}
		c.complain()
		m := c.member
		switch {
		case m.gone != nil:
			if c.lose(m, fetch); c.failure == nil {
				c.member = c.group.join(c)
			}
		case len(m.events) > 0:
			c.serveEvent(m, fetch)
		default:
			return served, nil
		}
		served = true
	}
}

// call calls the listener without the lock. The time it takes counts against max.poll.interval.ms, as with librdkafka.
func (c *consumer) call(f func(kafka.Listener)) {
	polling := c.idleSince.IsZero()
	c.idleSince = time.Now()
	c.broker.mu.Unlock()
	defer func() {
		c.broker.mu.Lock()
		c.broker.expire()
		if polling {
			c.idleSince = time.Time{}
		}
	}()
	f(c.listener)
}

// lose tells the listener that the member was given up, with all it owned.
func (c *consumer) lose(m *member, fetch *kafka.Fetch) {
	why, owned := m.gone, m.owns()
	c.forget(m, owned, fetch)
	c.call(func(l kafka.Listener) {
		l.Trouble(fmt.Errorf("group %s, consumer %s: %w", c.group.name, c.id, why))
		if len(owned) == 0 {
			return
		}
		if err := l.Lost(owned); err != nil {
			c.failure = fmt.Errorf("loss of %v not acknowledged: %w", owned, err)
		}
	})
}

// serveEvent serves the next callback of the group's.
func (c *consumer) serveEvent(m *member, fetch *kafka.Fetch) {
	event := m.events[0]
	m.events = m.events[1:]
	c.serving = true
	defer func() {
		c.serving = false
		if c.failure == nil {
			c.group.served(m)
		}
	}()
	if !event.revoke {
		for _, p := range event.partitions {
			m.owned[p] = struct{}{}
			c.deliveries[p] = &delivery{partition: p, end: -1}
		}
		c.arrange()
		c.call(func(l kafka.Listener) { l.Assigned(event.partitions) })
		return
	}
	for _, p := range event.partitions {
		c.deliveries[p].started = false
	}
	var refused error
	c.call(func(l kafka.Listener) { refused = l.Revoked(event.partitions) })
	if refused != nil {
		c.failure = fmt.Errorf("revoke of %v not acknowledged: %w", event.partitions, refused)
		return
	}
	c.forget(m, event.partitions, fetch)
}

// forget takes partitions out of what is owned and delivered.
func (c *consumer) forget(m *member, partitions []stream.Partition, fetch *kafka.Fetch) {
	for _, p := range partitions {
		delete(m.owned, p)
		delete(c.deliveries, p)
		if fetch != nil {
			fetch.Drop(p)
		}
	}
	c.arrange()
}

// arrange renews the order in which partitions take their turn.
func (c *consumer) arrange() {
	c.ring = c.ring[:0]
	for _, d := range c.deliveries {
		c.ring = append(c.ring, d)
	}
	slices.SortFunc(c.ring, func(a, b *delivery) int { return stream.ComparePartitions(a.partition, b.partition) })
}

// complain tells of an absent broker, once per interval, and of topics that are missing or forbidden, once each.
func (c *consumer) complain() {
	now := time.Now()
	switch {
	case !c.broker.faults.down:
		c.toldDown = time.Time{}
	case c.toldDown.IsZero() || now.Sub(c.toldDown) >= troubleInterval:
		c.toldDown = now
		c.call(func(l kafka.Listener) { l.Trouble(ErrBrokerDown) })
		return
	default:
		return
	}
	if c.pattern != nil {
		return
	}
	for _, name := range c.topics {
		var trouble error
		switch t := c.broker.topics[name]; {
		case t == nil:
			trouble = ErrUnknownTopic
		case t.denied:
			trouble = ErrNotAuthorized
		}
		if trouble != nil && !errors.Is(c.told[name], trouble) {
			c.call(func(l kafka.Listener) { l.Trouble(fmt.Errorf("topic %s: %w", name, trouble)) })
		}
		c.told[name] = trouble
	}
}

// Close gives back what is owned, leaves the group, and wakes whoever is blocked in a call of this consumer.
func (c *consumer) Close(context.Context) error {
	b := c.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.isClosed() {
		return nil
	}
	b.expire()
	if m := c.member; m != nil {
		m.events = nil
		owned := m.owns()
		if c.failure != nil && m.gone == nil {
			m.gone = c.failure // the listener has refused to give back; it is not asked again
		}
		switch {
		case len(owned) == 0:
		case m.gone != nil:
			c.lose(m, nil)
		default:
			c.serving = true
			c.call(func(l kafka.Listener) { _ = l.Revoked(owned) }) // it leaves in any case
			c.serving = false
			c.forget(m, owned, nil)
		}
		c.group.leave(m)
	}
	close(c.closed)
	delete(b.consumers, c)
	return nil
}
