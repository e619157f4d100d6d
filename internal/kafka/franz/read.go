package franz

import (
	"context"
	"errors"
	"fmt"
	"unsafe"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// recordSizeGuess is what a record may cost before one was seen.
const recordSizeGuess = 64 << 10

// gather asks the library for records until it has no more, or the fetch is full. The library counts records, not bytes; so
// it is asked for as many as there is room for by the largest of late.
func (c *consumer) gather(ctx context.Context, limit int, fetch *kafka.Fetch) int {
	c.largest -= c.largest / 16
	if c.last == nil {
		c.largest = max(c.largest, recordSizeGuess)
	}
	taken := 0
	for taken < limit && !fetch.Full() {
		ask := limit - taken
		if room, limited := fetch.Room(); limited {
			ask = min(ask, int(max(1, room/max(1, c.largest))))
		}
		fetches := c.reader.PollRecords(ctx, ask)
		ctx = nil // what comes now is there already
		got := fetches.NumRecords()
		taken += c.take(fetches, fetch)
		if got < ask {
			break
		}
	}
	c.prefetch.adjust(c.reader)
	return taken
}

// take adds records to the fetch and deals with partitions that could not be read.
func (c *consumer) take(fetches kgo.Fetches, fetch *kafka.Fetch) int {
	taken := 0
	for i := range fetches {
		for j := range fetches[i].Topics {
			topic := &fetches[i].Topics[j]
			for k := range topic.Partitions {
				p := &topic.Partitions[k]
				if p.Err != nil {
					c.unreadable(stream.Partition{Topic: topic.Topic, Number: p.Partition}, p.Err)
				}
				taken += c.deliver(topic.Topic, p, fetch)
			}
		}
	}
	return taken
}

func (c *consumer) deliver(topic string, p *kgo.FetchPartition, fetch *kafka.Fetch) int {
	d := c.last
	if d == nil || d.partition.Number != p.Partition || d.partition.Topic != topic {
		d = c.owned[stream.Partition{Topic: topic, Number: p.Partition}]
		c.last = d
	}
	if d == nil || !d.wanted() || d.moved {
		return 0
	}
	if p.HighWatermark >= 0 && p.Err == nil {
		d.end = p.HighWatermark
	}
	if d.paused && len(p.Records) > 0 { // by the listener, while it heard of another partition
		d.moved = true
		c.changes.note(d)
	}
	if d.paused || len(p.Records) == 0 {
		return 0
	}
	delivered := 0
	var batch *kafka.Batch // made for the first record: one without any is none
	for _, r := range p.Records {
		if r.Offset < d.next {
			continue
		}
		d.next = r.Offset + 1
		if r.Attrs.IsControl() { // the marker of a transaction: it is kept to know that the log was read up to here
			continue
		}
		if batch == nil {
			batch = fetch.Batch(d.partition.Topic, d.partition.Number)
		}
		delivered++
		own(r)
		batch.Append(stream.Record{
			Topic: d.partition.Topic, Partition: d.partition.Number, Offset: r.Offset, LeaderEpoch: r.LeaderEpoch,
			Key: r.Key, Value: r.Value, Headers: headers(r.Headers), Timestamp: r.Timestamp,
		})
	}
	if batch != nil {
		c.largest = max(c.largest, batch.Largest)
	}
	return delivered
}

// own gives a record memory of its own. The library's is that of the whole batch, decompressed: one record that waits for a
// retry would keep all the others.
func own(r *kgo.Record) {
	size := len(r.Key) + len(r.Value)
	for i := range r.Headers {
		size += len(r.Headers[i].Value)
	}
	memory := make([]byte, 0, size)
	move := func(from []byte) []byte {
		if from == nil {
			return nil
		}
		at := len(memory)
		memory = append(memory, from...)
		return memory[at:len(memory):len(memory)]
	}
	r.Key, r.Value = move(r.Key), move(r.Value)
	for i := range r.Headers { // the slice is the record's own
		r.Headers[i].Value = move(r.Headers[i].Value)
	}
}

// Both types of header have the same fields in the same order; this does not compile where they have not.
var _ = stream.Header(kgo.RecordHeader{})

// headers gives the library's freshly made slice another type instead of copying it.
func headers(from []kgo.RecordHeader) []stream.Header {
	return unsafe.Slice((*stream.Header)(unsafe.SliceData(from)), len(from))
}

// unreadable is about a partition that the reader could not read.
func (c *consumer) unreadable(p stream.Partition, err error) {
	if ended(err) {
		return
	}
	d := c.owned[p]
	if d == nil || !d.wanted() || d.moved {
		return // it is not read any more
	}
	var loss *kgo.ErrDataLoss
	switch {
	case errors.Is(err, kerr.OffsetOutOfRange):
		c.outOfRange(d)
	case errors.As(err, &loss):
		c.halt(d, fmt.Errorf("%s: the log went back from %d to %d, it has lost records: %w",
			p, d.next, loss.ResetTo, kafka.ErrOffsetOutOfRange))
	case errors.Is(err, kerr.UnknownTopicID):
		c.topicRemade(p.Topic)
	default:
		c.listener.Trouble(readError(p.Topic, p.Number, err))
		c.retryLater(d)
	}
}

// readError adds what to look at.
func readError(topic string, number int32, err error) error {
	at := topic
	if number >= 0 {
		at = stream.Partition{Topic: topic, Number: number}.String()
	}
	if missing(err) {
		return fmt.Errorf("read %s: unknown topic or partition: %w", at, err)
	}
	if errors.Is(err, kerr.TopicAuthorizationFailed) {
		return fmt.Errorf("read %s: %w; this user may not read a topic it is subscribed to: look at the ACLs", at, err)
	}
	return fmt.Errorf("read %s: %w", at, err)
}

// halt lets a partition stand still until it is started again.
func (c *consumer) halt(d *delivery, err error) {
	d.halted = true
	c.changes.note(d)
	c.listener.Trouble(&kafka.OutsideError{Partition: d.partition, Position: d.next, Err: err})
}

// topicRemade halts all partitions of a topic that was deleted, and perhaps made again: their positions are of a log that is
// gone. The library reads the old topic by its id until it is told to forget it.
func (c *consumer) topicRemade(topic string) {
	if c.changes.remade == nil {
		c.changes.remade = make(map[string]bool)
	}
	c.changes.remade[topic] = true
	for p, d := range c.owned {
		if p.Topic == topic && d.wanted() {
			c.halt(d, fmt.Errorf("%s: its topic was deleted or made anew: %w", p, kafka.ErrOffsetOutOfRange))
		}
	}
}
