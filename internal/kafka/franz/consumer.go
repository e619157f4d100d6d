package franz

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// consumer is one member of a group. All fields but those under mu, inbox and gate belong to the goroutine that owns the
// consumer.
type consumer struct {
	reader   *kgo.Client     // reads, and asks what is to be asked
	ctx      context.Context //nolint:containedctx // the reader's, which lives as long as the consumer
	cancel   context.CancelFunc
	lookup   lookup
	group    group
	sasl     bool
	outside  kafka.OutOfRange
	backoff  time.Duration // of a partition that cannot be read
	prefetch *prefetch
	logger   *slog.Logger

	listener kafka.Listener
	topics   []string
	inbox    inbox
	fetch    *kafka.Fetch // of the Poll that is running
	last     *delivery    // of the last batch; saves a map lookup
	changes  changes
	largest  int64 // record of late, by its Size
	failed   error // why this consumer can only be closed
	closed   bool
	watch    watch
	gate     gate

	background sync.WaitGroup // lookups and the like, which end with ctx
	leaving    sync.WaitGroup // of the group, by a member that did not poll

	mu       sync.RWMutex // written by the owner and the watch, read by whoever commits
	member   *member      // nil before Subscribe, and after the group was left for not polling
	expelled bool         // the group was left for not polling, and the owner has not heard of it
	owned    map[stream.Partition]*delivery
}

// delivery is the state of an assigned partition.
type delivery struct {
	partition stream.Partition
	next      int64 // the lowest offset to deliver
	end       int64 // of the log, as the last fetch saw it
	started   bool
	paused    bool
	halted    bool      // it stands still until it is started again, or until it is known where to go on
	retryAt   time.Time // it could not be read, and is tried again then

	// What the reader knows, which follows with the next Poll.
	reading   bool
	again     bool // the reader had it, and is to have it again
	moved     bool // it reads on from another offset than next
	suspended bool
	changed   bool // any of this is to be looked at
}

// wanted says whether the reader is to have the partition.
func (d *delivery) wanted() bool { return d.started && !d.halted }

// held says whether the reader is to fetch nothing of a partition that it has.
func (d *delivery) held() bool { return d.wanted() && (d.paused || !d.retryAt.IsZero()) }

// connections tells the listener of brokers that cannot be reached.
func (c *consumer) connections() connections {
	return connections{trouble: c.inbox.trouble, sasl: c.sasl}
}

func (c *consumer) Subscribe(topics []string, listener kafka.Listener) error {
	if c.closed {
		return kafka.ErrClosed
	}
	c.topics, c.listener = topics, listener
	c.watch.start(c)
	return c.join()
}

// join makes this consumer a member of the group, for the first time or again.
func (c *consumer) join() error {
	m, err := newMember(c)
	if err != nil {
		return fmt.Errorf("subscribe to %v: %w", c.topics, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.member = m
	return nil
}

func (c *consumer) Poll(wait time.Duration, limit int, fetch *kafka.Fetch) error {
	if c.closed {
		return kafka.ErrClosed
	}
	if c.failed != nil {
		return c.failed
	}
	c.watch.enter()
	defer c.watch.leave()
	c.fetch = fetch
	defer func() { c.fetch = nil }()
	if c.expulsion() {
		return c.failed
	}
	served := c.serve()
	if c.failed != nil || limit <= 0 {
		return c.failed
	}
	if c.gather(nil, limit, fetch) > 0 || served || wait <= 0 { //nolint:staticcheck // nil: without waiting
		return c.failed
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.untilRetry(wait))
	defer cancel()
	if c.inbox.await(cancel) {
		c.gather(ctx, limit, fetch)
	}
	c.serve()
	return c.failed
}

// serve runs what others have left for the owner, and carries out what was changed. It says whether there was anything.
func (c *consumer) serve() bool {
	served := false
	for c.failed == nil {
		posts, troubles := c.inbox.take()
		if len(posts)+len(troubles) == 0 {
			break
		}
		served = true
		for _, err := range troubles {
			c.listener.Trouble(err)
		}
		for _, post := range posts {
			post()
		}
	}
	c.retry()
	c.apply()
	return served
}

func (c *consumer) Start(p stream.Partition, offset int64) error {
	d, err := c.delivery(p)
	if err != nil {
		return err
	}
	if offset < 0 {
		return fmt.Errorf("start %s: %d is no offset", p, offset)
	}
	if c.fetch != nil {
		c.fetch.Drop(p)
	}
	d.next, d.started, d.moved, d.paused, d.halted, d.retryAt = offset, true, true, false, false, time.Time{}
	c.changes.note(d)
	return nil
}

func (c *consumer) Pause(ps []stream.Partition) error { return c.switchPause(ps, true) }

// Resume lets the reader go on after the last record that was delivered, which it knows itself.
func (c *consumer) Resume(ps []stream.Partition) error { return c.switchPause(ps, false) }

func (c *consumer) switchPause(ps []stream.Partition, pause bool) error {
	for _, p := range ps {
		d, err := c.delivery(p)
		if err != nil {
			return err
		}
		if d.started && d.paused != pause {
			d.paused = pause
			c.changes.note(d)
		}
	}
	return nil
}

func (c *consumer) delivery(p stream.Partition) (*delivery, error) {
	if c.closed {
		return nil, kafka.ErrClosed
	}
	d := c.owned[p]
	if d == nil {
		return nil, fmt.Errorf("%s: %w", p, kafka.ErrNotOwned)
	}
	return d, nil
}

func (c *consumer) Ends(ps []stream.Partition) []int64 {
	ends := make([]int64, len(ps))
	for i, p := range ps {
		ends[i] = -1
		if d := c.owned[p]; d != nil && !c.closed {
			ends[i] = d.end
		}
	}
	return ends
}
