package memory

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/troupe-go/troupe/stream"
)

// Errors that a client hears of. Each is wrapped with the topic, partition or member it is about.
var (
	ErrBrokerDown       = errors.New("the broker does not answer")
	ErrUnknownTopic     = errors.New("unknown topic or partition")
	ErrInvalidTopic     = errors.New("a topic's name is 1 to 249 letters, digits, dots, underscores and hyphens")
	ErrNotAuthorized    = errors.New("not authorised")
	ErrUnknownMember    = errors.New("unknown member: the group has given it up")
	ErrMaxPollExceeded  = errors.New("max.poll.interval.ms exceeded between two polls")
	ErrSessionTimeout   = errors.New("session timed out: no answer from the coordinator")
	ErrMetadataTooLarge = errors.New("offset metadata too large")
	ErrMessageTooLarge  = errors.New("message too large")
	ErrInvalidOffset    = errors.New("an offset is never negative")
)

// Options shapes a broker. The zero value is one that answers at once.
type Options struct {
	// Latency is the time from Produce to the write and its delivery report. Defaults to none: as soon as the producer's
	// goroutine lets go.
	Latency time.Duration
	// Manual: messages are written and reported only by Deliver, on the goroutine that calls it.
	Manual bool
	// MetadataLimit is offset.metadata.max.bytes. Defaults to 4096.
	MetadataLimit int
	// MessageLimit is message.max.bytes, for key, value and headers. Defaults to 1 MiB.
	MessageLimit int64
	// FetchRecords is how many records of one partition a poll gives before it turns to the next. Defaults to as many as
	// the poll may take.
	FetchRecords int
}

// Broker is a Kafka cluster in memory. Its methods may be called from any goroutine.
type Broker struct {
	options Options

	mu        sync.Mutex
	topics    map[string]*topic
	groups    map[string]*group
	consumers map[*consumer]struct{}
	producers map[*producer]struct{}
	made      int // topics and producers, for their ids and order
	joined    int // members, for their ids
	// changed is closed, and replaced, when something happened that a blocked call may wait for.
	changed chan struct{}
	faults  faults
}

// NewBroker makes an empty broker.
func NewBroker(options Options) *Broker {
	if options.MetadataLimit == 0 {
		options.MetadataLimit = 4096
	}
	if options.MessageLimit == 0 {
		options.MessageLimit = 1 << 20
	}
	return &Broker{
		options:   options,
		topics:    make(map[string]*topic),
		groups:    make(map[string]*group),
		consumers: make(map[*consumer]struct{}),
		producers: make(map[*producer]struct{}),
		changed:   make(chan struct{}),
	}
}

// CreateTopic makes a topic; where it exists it gains the partitions it lacks.
func (b *Broker) CreateTopic(name string, partitions int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.createTopic(name, partitions)
}

func (b *Broker) createTopic(name string, partitions int) {
	t := b.topics[name]
	if t == nil {
		b.made++
		id := sha256.Sum256(fmt.Appendf(nil, "%s %d", name, b.made))
		t = &topic{name: name, id: base64.RawStdEncoding.EncodeToString(id[:16])}
		b.topics[name] = t
	}
	for len(t.logs) < partitions {
		t.logs = append(t.logs, new(log))
	}
	b.topicsChanged()
}

// RecreateTopic deletes a topic and makes it anew, with another id, faster than the groups that read it can see. So their
// members keep their partitions, and their positions in logs that are gone.
func (b *Broker) RecreateTopic(name string, partitions int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.deleteTopic(name)
	b.createTopic(name, partitions)
}

// DeleteTopic deletes a topic with everything committed for it. A topic of that name made later has another id.
func (b *Broker) DeleteTopic(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.deleteTopic(name)
	b.topicsChanged()
}

func (b *Broker) deleteTopic(name string) {
	delete(b.topics, name)
	for _, g := range b.groups {
		maps.DeleteFunc(g.offsets, func(p stream.Partition, _ committed) bool { return p.Topic == name })
	}
}

// Produce appends a record and gives its offset. It panics when the partition does not exist: the test is wrong.
func (b *Broker) Produce(topic string, partition int32, key, value []byte, headers ...stream.Header) int64 {
	return b.Append(stream.Message{Topic: topic, Key: key, Value: value, Headers: headers}.OnPartition(partition))
}

// Append is Produce for a message with an explicit partition. Without a timestamp it gets the time of the call.
func (b *Broker) Append(m stream.Message) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.append(b.mustLog(stream.Partition{Topic: m.Topic, Number: m.PartitionNumber()}), &m, m.PartitionNumber())
}

// append writes a message to a log.
func (b *Broker) append(l *log, m *stream.Message, partition int32) int64 {
	at := m.Timestamp
	if at.IsZero() {
		at = time.Now()
	}
	offset := l.append(stream.Record{
		Topic: m.Topic, Partition: partition, Key: m.Key, Value: m.Value, Headers: m.Headers,
		Timestamp: at.Truncate(time.Millisecond),
	})
	b.wake()
	return offset
}

// Skip leaves a gap of n offsets at the log's end, as transaction markers do.
func (b *Broker) Skip(p stream.Partition, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mustLog(p).end += n
	b.wake()
}

// Compact deletes the records at these offsets.
func (b *Broker) Compact(p stream.Partition, offsets ...int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mustLog(p).compact(offsets)
}

// Trim deletes the records below offset, as retention does.
func (b *Broker) Trim(p stream.Partition, offset int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mustLog(p).trim(offset)
}

// Records gives what is in a topic, partition by partition and in offset order.
func (b *Broker) Records(topic string) []stream.Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	var records []stream.Record
	if t := b.topics[topic]; t != nil {
		for _, l := range t.logs {
			records = append(records, l.records...)
		}
	}
	return records
}

// TopicID gives the id of a topic, as clients do; empty where it does not exist.
func (b *Broker) TopicID(name string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.topics[name]; t != nil {
		return t.id
	}
	return ""
}

// Ends gives the start and the end of a partition's log.
func (b *Broker) Ends(p stream.Partition) (start, end int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.mustLog(p)
	return l.start, l.end
}

// Committed gives a group's committed offset, -1 where there is none.
func (b *Broker) Committed(group string, p stream.Partition) (offset int64, metadata string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.group(group).committed(p)
	return c.offset, c.metadata
}

// Members gives what each member of a group owns, by the consumer's id.
func (b *Broker) Members(group string) map[string][]stream.Partition {
	b.mu.Lock()
	defer b.mu.Unlock()
	owned := make(map[string][]stream.Partition)
	for _, m := range b.group(group).members {
		owned[m.consumer.id] = m.owns()
	}
	return owned
}

func (b *Broker) group(name string) *group {
	g := b.groups[name]
	if g == nil {
		g = &group{broker: b, name: name, offsets: make(map[stream.Partition]committed)}
		b.groups[name] = g
	}
	return g
}

// log gives a partition's log, nil where it does not exist.
func (b *Broker) log(p stream.Partition) *log {
	t := b.topics[p.Topic]
	if t == nil || p.Number < 0 || int(p.Number) >= len(t.logs) {
		return nil
	}
	return t.logs[p.Number]
}

func (b *Broker) mustLog(p stream.Partition) *log {
	l := b.log(p)
	if l == nil {
		panic(fmt.Sprintf("memory broker: there is no partition %s; create its topic first", p))
	}
	return l
}

// topicNames gives the names of all topics, sorted.
func (b *Broker) topicNames() []string { return slices.Sorted(maps.Keys(b.topics)) }

// topicsChanged lets every group look for partitions that came or went.
func (b *Broker) topicsChanged() {
	for _, name := range slices.Sorted(maps.Keys(b.groups)) {
		b.groups[name].topicsChanged()
	}
	b.wake()
}

// wake lets every consumer that waits in Poll look again.
func (b *Broker) wake() {
	for c := range b.consumers {
		c.wake()
	}
}

// broadcast wakes every call that is blocked in wait.
func (b *Broker) broadcast() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// wait lets go of the lock until something has changed, or one of the two is closed, or the time has come (the zero time
// never does).
func (b *Broker) wait(one, other <-chan struct{}, until time.Time) {
	changed := b.changed
	b.mu.Unlock()
	defer b.mu.Lock()
	var expired <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-changed:
	case <-one:
	case <-other:
	case <-expired:
	}
}
