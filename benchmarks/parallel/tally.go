package parallel

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/troupe-go/troupe/benchmarks/harness"
)

// tally checks and counts what the handlers of a contender are handed, and says when that was all. It costs a few atomic
// operations on memory that handlers of other partitions and keys do not write.
type tally struct {
	topic Topic
	order Order
	// again allows records that were done before, and counts them.
	again bool
	// over is called once, when all records are done or a promise is broken.
	over func()

	partitions []partitionTally
	keys       []lane
	open       atomic.Int32 // partitions with records that are not done
	repeated   atomic.Int64
	first      sync.Once
	ended      sync.Once
	start      harness.Point
	cost       harness.Cost

	mu  sync.Mutex
	err error
}

// partitionTally is about one partition.
type partitionTally struct {
	end  int64
	left atomic.Int64
	lane lane
	done []atomic.Uint64 // a bit for each offset
	_    [64]byte        // a cache line of its own
}

func newTally(topic Topic, order Order, over func()) *tally {
	t := &tally{topic: topic, order: order, over: over, partitions: make([]partitionTally, topic.Partitions)}
	if order == ByKey {
		t.keys = make([]lane, topic.Keys)
	}
	for number, end := range topic.ends() {
		p := &t.partitions[number]
		p.end = end
		p.left.Store(end)
		p.done = make([]atomic.Uint64, end/64+1)
		if end > 0 {
			t.open.Add(1)
		}
	}
	return t
}

// handle is a whole handler: it checks, waits and counts.
func (t *tally) handle(partition int32, offset int64, key, value []byte, waits *waits) error {
	number, err := t.begin(partition, offset, key, value)
	if err != nil {
		return t.broken(err)
	}
	waits.wait()
	if err := t.finish(partition, offset, number); err != nil {
		return t.broken(err)
	}
	return nil
}

// begin checks a record that a handler begins with, and gives the number of its key.
func (t *tally) begin(partition int32, offset int64, key, value []byte) (number int, err error) {
	t.first.Do(t.begun)
	switch {
	case partition < 0 || partition >= t.topic.Partitions, offset < 0, offset >= t.partitions[partition].end:
		return 0, fmt.Errorf("%s-%d has no offset %d", t.topic.Name, partition, offset)
	case len(key) != keyBytes, len(value) != valueBytes:
		return 0, fmt.Errorf("%s-%d at offset %d has a key of %d and a value of %d bytes", t.topic.Name, partition, offset, len(key), len(value))
	}
	number = int(binary.BigEndian.Uint32(key))
	if number >= t.topic.Keys || t.topic.partition(number) != partition {
		return 0, fmt.Errorf("%s-%d at offset %d has the foreign key %d", t.topic.Name, partition, offset, number)
	}
	lane := t.lane(partition, number)
	if lane == nil {
		return number, nil
	}
	if err := lane.begin(offset); err != nil {
		return 0, fmt.Errorf("%s-%d, key %d: %w", t.topic.Name, partition, number, err)
	}
	return number, nil
}

// finish counts a record that is done.
func (t *tally) finish(partition int32, offset int64, key int) error {
	if lane := t.lane(partition, key); lane != nil {
		lane.finish(offset)
	}
	p := &t.partitions[partition]
	bit := uint64(1) << (offset % 64)
	if p.done[offset/64].Or(bit)&bit != 0 {
		if t.again {
			t.repeated.Add(1)
			return nil
		}
		return fmt.Errorf("%s-%d at offset %d was handled twice", t.topic.Name, partition, offset)
	}
	if p.left.Add(-1) == 0 && t.open.Add(-1) == 0 {
		t.complete()
	}
	return nil
}

// fail notes that an attempt at a record has failed; the same record may begin again.
func (t *tally) fail(partition int32, offset int64, key int) {
	if lane := t.lane(partition, key); lane != nil {
		lane.fail(offset)
	}
}

// lane is what the records of the key or partition share that are in order; nil when nothing is.
func (t *tally) lane(partition int32, key int) *lane {
	switch t.order {
	case ByKey:
		return &t.keys[key]
	case ByPartition:
		return &t.partitions[partition].lane
	case Unordered:
	}
	return nil
}

func (t *tally) begun() {
	var err error
	if t.start, err = harness.Read(); err != nil {
		_ = t.broken(err) // kept for result
	}
}

func (t *tally) complete() {
	point, err := harness.Read()
	if err != nil {
		_ = t.broken(err) // kept for result
		return
	}
	t.cost = point.Since(t.start, t.topic.Records, t.topic.Records*valueBytes)
	t.ended.Do(t.over)
}

// broken ends the run with an error.
func (t *tally) broken(err error) error {
	t.mu.Lock()
	if t.err == nil {
		t.err = err
	}
	t.mu.Unlock()
	t.ended.Do(t.over)
	return err
}

// left is the number of records that are not done.
func (t *tally) left() int64 {
	left := int64(0)
	for i := range t.partitions {
		left += t.partitions[i].left.Load()
	}
	return left
}

// result is what the records cost; only for whoever has waited until no handler runs any more.
func (t *tally) result() (harness.Cost, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch left := t.left(); {
	case t.err != nil:
		return harness.Cost{}, t.err
	case left > 0:
		return harness.Cost{}, fmt.Errorf("%s: it stopped while %d of %d records were not done", t.topic.Name, left, t.topic.Records)
	}
	return t.cost, nil
}

// lane checks that records which are in order come one at a time and in it. It holds twice the number of the next offset,
// and one more while a record is being handled.
type lane struct{ state atomic.Int64 }

func (l *lane) begin(offset int64) error {
	before := l.state.Swap(2*(offset+1) + 1)
	if before%2 == 1 {
		return fmt.Errorf("offsets %d and %d were handled at once", before/2-1, offset)
	}
	if before/2 > offset {
		return fmt.Errorf("offset %d was handled after %d", offset, before/2-1)
	}
	return nil
}

func (l *lane) finish(offset int64) { l.state.Store(2 * (offset + 1)) }
func (l *lane) fail(offset int64)   { l.state.Store(2 * offset) }
