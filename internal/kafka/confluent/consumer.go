package confluent

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unsafe"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// errStuck is about a partition that the client has given up.
var errStuck = fmt.Errorf("%w, and librdkafka takes it up again only with a new consumer", kafka.ErrOffsetOutOfRange)

// startRetry bounds the wait of a Poll while a Start could not be carried out yet.
const startRetry = 10 * time.Millisecond

// consumer is one member of a group. All fields but owned, gate and what closing needs belong to the goroutine that owns
// the consumer.
type consumer struct {
	client   *ck.Consumer
	lookup   lookup
	logs     *logs
	eager    bool
	stops    bool // a partition outside its log stands still, instead of going on at the log's start
	silent   bool // the group's protocol does not tell of empty assignments
	static   bool // the member keeps its partitions when it is closed
	listener kafka.Listener

	fetch       *kafka.Fetch // of the Poll that is running
	last        *delivery    // of the last record; saves a map lookup
	waiting     int          // deliveries whose seek is to be tried again
	served      bool         // a rebalance was served in this Poll
	outside     outside      // the search for positions outside the log
	stuck       []*delivery  // those that the client gave up and nobody was told of yet
	nudge       nudge
	failed      error // why this consumer can only be closed
	fatal       bool  // because the library says so
	closed      bool
	joined      bool // Assigned was called
	joinChecked time.Time

	mu    sync.RWMutex // owned is written by the owner and read by whoever commits
	owned map[stream.Partition]*delivery

	gate      *gate
	callbacks chan callback
	abandoned chan struct{} // closed when Close has given up waiting
}

// delivery is the state of an assigned partition.
type delivery struct {
	partition stream.Partition
	next      int64 // the lowest offset to deliver
	started   bool
	delivered bool // a record since Start
	begun     bool // the client has taken it up, since it was assigned
	jump      jump // the last gap that retention may have made
	reset     bool // the client has given up a position, resetAt, that nobody was told of yet
	resetAt   int64
	stuck     bool // the client gave the partition up: its position was outside the log
	waiting   bool // Start was called and could not be carried out yet
	paused    bool
}

func newConsumer(client *ck.Consumer, admin *ck.AdminClient, given map[string]string, logs *logs) *consumer {
	strategy := given["partition.assignment.strategy"]
	return &consumer{
		client: client, lookup: lookup{client: admin, isolation: isolation(given)}, logs: logs,
		stops:     given["auto.offset.reset"] == "error",
		silent:    strings.EqualFold(given["group.protocol"], "consumer"),
		static:    given["group.instance.id"] != "",
		eager:     strategy != "" && !strings.Contains(strategy, "cooperative"),
		owned:     make(map[stream.Partition]*delivery),
		gate:      newGate(),
		callbacks: make(chan callback), abandoned: make(chan struct{}),
	}
}

func (c *consumer) Subscribe(topics []string, listener kafka.Listener) error {
	if c.closed {
		return kafka.ErrClosed
	}
	c.listener = listener
	if err := c.client.SubscribeTopics(topics, c.rebalance); err != nil {
		return fmt.Errorf("subscribe to %s: %w", strings.Join(topics, ", "), err)
	}
	return nil
}

func (c *consumer) Poll(wait time.Duration, limit int, fetch *kafka.Fetch) error {
	if c.closed {
		return kafka.ErrClosed
	}
	if c.failed != nil {
		return c.failed
	}
	if c.waiting > 0 {
		if err := c.retryStarts(); err != nil {
			return err
		}
	}
	c.takeResets()
	c.searchOutside()
	c.judgeOutside(false)
	if c.waiting > 0 || c.outside.searching {
		wait = min(wait, startRetry)
	}
	c.nudgeResumed()
	c.fetch, c.served = fetch, false
	defer func() { c.fetch = nil }()
	timeout := milliseconds(wait)
	for taken := 0; taken < limit && !fetch.Full(); timeout = 0 {
		switch event := c.client.Poll(timeout).(type) {
		case nil: // nothing came, or a rebalance was served
			if !c.served {
				c.judgeOutside(true)
			}
			if !c.joined && c.silent {
				c.watchJoin()
			}
			return c.failed
		case *ck.Message:
			if c.take(event, fetch) {
				taken++
			}
		case ck.Error:
			if event.IsFatal() {
				c.failed, c.fatal = fmt.Errorf("the Kafka consumer is unusable: %w", event), true
				return c.failed
			}
			if event.Code() == ck.ErrAutoOffsetReset {
				c.givenUp()
				continue
			}
			c.listener.Trouble(trouble(event))
		case ck.OAuthBearerTokenRefresh:
			c.listener.Trouble(errors.New("the broker wants an OAuth token: set sasl.oauthbearer.method to oidc"))
		default: // statistics and the like
		}
	}
	return c.failed
}

// milliseconds rounds up, so that a short wait does not become a busy loop.
func milliseconds(d time.Duration) int {
	return int((max(d, 0) + time.Millisecond - 1) / time.Millisecond)
}

// take adds a record to the fetch, unless its partition is not to be delivered.
func (c *consumer) take(m *ck.Message, fetch *kafka.Fetch) bool {
	at := &m.TopicPartition
	if at.Error != nil {
		c.listener.Trouble(fmt.Errorf("read %s: %w", at, at.Error))
		return false
	}
	d := c.last
	if d == nil || d.partition.Number != at.Partition || d.partition.Topic != *at.Topic {
		d = c.owned[stream.Partition{Topic: *at.Topic, Number: at.Partition}]
		c.last = d
	}
	offset := int64(at.Offset)
	if d == nil || !d.started || d.paused {
		return false
	}
	if offset < d.next {
		c.wentBack(d, offset)
		return false
	}
	if offset > d.next && !c.stops {
		c.jumped(d, offset)
	}
	d.next, d.delivered = offset+1, true
	epoch := int32(-1)
	if at.LeaderEpoch != nil {
		epoch = *at.LeaderEpoch
	}
	fetch.Batch(d.partition.Topic, d.partition.Number).Append(stream.Record{
		Topic: d.partition.Topic, Partition: d.partition.Number, Offset: offset, LeaderEpoch: epoch,
		Key: m.Key, Value: m.Value, Headers: headers(m.Headers), Timestamp: m.Timestamp,
	})
	return true
}

// wentBack is about a record below the position. Before the first record it is one that the client fetches on its way to
// where it was told to start; later it means that the log was cut off or made anew. What comes of it now is not what was
// there before, so nothing is delivered until the partition is started again.
func (c *consumer) wentBack(d *delivery, offset int64) {
	if !d.delivered {
		return
	}
	c.standStill(d)
	c.listener.Trouble(&kafka.OutsideError{Partition: d.partition, Position: d.next, Err: fmt.Errorf(
		"%s: the log went back from %d to %d, its topic was made anew or has lost records: %w",
		d.partition, d.next, offset, kafka.ErrOffsetOutOfRange)})
}

// Both types of header have the same fields in the same order; this does not compile where they have not.
var _ = stream.Header(ck.Header{})

// headers gives the binding's freshly made slice another type instead of copying it.
func headers(from []ck.Header) []stream.Header {
	return unsafe.Slice((*stream.Header)(unsafe.SliceData(from)), len(from))
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
	if d.stuck {
		return fmt.Errorf("start %s: %w", p, errStuck)
	}
	d.next, d.started, d.delivered, d.paused = offset, false, false, false
	d.reset, d.jump = false, jump{}
	return c.begin(d)
}

// begin seeks and resumes, or leaves it to the next Poll while the client has not taken the partition up.
func (c *consumer) begin(d *delivery) error {
	err := c.seek(d)
	if c.stops && d.begun && code(err) == ck.ErrState {
		d.stuck = true
		c.setWaiting(d, false)
		return fmt.Errorf("start %s: %w", d.partition, errStuck)
	}
	if tooEarly(err) {
		c.setWaiting(d, true)
		return nil
	}
	if err != nil {
		return fmt.Errorf("start %s at offset %d: %w", d.partition, d.next, err)
	}
	c.setWaiting(d, false)
	d.begun = true
	at := partitions(d.partition)
	do := c.client.Resume
	if d.paused { // while it waited
		do = c.client.Pause
	}
	if err := do(at); err != nil {
		return fmt.Errorf("start %s at offset %d: %w", d.partition, d.next, err)
	}
	d.started = true
	if !d.paused {
		c.nudge.add(d.partition)
	}
	return nil
}

func (c *consumer) setWaiting(d *delivery, waiting bool) {
	if d.waiting == waiting {
		return
	}
	d.waiting = waiting
	if waiting {
		c.waiting++
	} else {
		c.waiting--
	}
}

func (c *consumer) retryStarts() error {
	for _, d := range c.owned {
		if !d.waiting {
			continue
		}
		err := c.begin(d)
		if errors.Is(err, errStuck) {
			c.stuck, c.outside.wanted = append(c.stuck, d), true
			continue
		}
		if err != nil {
			c.failed = err
			return err
		}
	}
	return nil
}

func (c *consumer) Pause(ps []stream.Partition) error {
	return c.switchPause(ps, true, c.client.Pause)
}

func (c *consumer) Resume(ps []stream.Partition) error {
	return c.switchPause(ps, false, c.client.Resume)
}

// switchPause leaves partitions alone that are held until Start, or are already as wanted: a pause is expensive.
func (c *consumer) switchPause(ps []stream.Partition, pause bool, do func([]ck.TopicPartition) error) error {
	var changed []*delivery
	for _, p := range ps {
		d, err := c.delivery(p)
		if err != nil {
			return err
		}
		switch {
		case d.waiting:
			d.paused = pause // heeded when the start is carried out
		case d.started && d.paused != pause:
			changed = append(changed, d)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	list := make([]stream.Partition, len(changed))
	for i, d := range changed {
		list[i] = d.partition
	}
	if err := do(partitions(list...)); err != nil {
		return fmt.Errorf("pause or resume %v: %w", list, err)
	}
	for _, d := range changed {
		d.paused = pause
		if !pause {
			c.nudge.add(d.partition)
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
		if c.closed {
			continue
		}
		if _, high, err := c.client.GetWatermarkOffsets(p.Topic, p.Number); err == nil && high >= 0 {
			ends[i] = high
		}
	}
	return ends
}

func partitions(ps ...stream.Partition) []ck.TopicPartition {
	list := make([]ck.TopicPartition, len(ps))
	for i := range ps {
		list[i] = ck.TopicPartition{Topic: &ps[i].Topic, Partition: ps[i].Number, Offset: ck.OffsetInvalid}
	}
	return list
}

func fromPartition(p ck.TopicPartition) stream.Partition {
	return stream.Partition{Topic: *p.Topic, Number: p.Partition}
}
