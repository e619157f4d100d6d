package stream

import (
	"strconv"
	"time"
)

// Partition names one partition of one topic. It is comparable and so serves as a map key.
type Partition struct {
	Topic  string `json:"topic"`
	Number int32  `json:"partition"`
}

// String gives the form used in logs and events: "orders-3".
func (p Partition) String() string {
	return p.Topic + "-" + strconv.FormatInt(int64(p.Number), 10)
}

// ComparePartitions orders by topic, then by number; it fits slices.SortFunc.
func ComparePartitions(a, b Partition) int {
	switch {
	case a.Topic < b.Topic:
		return -1
	case a.Topic > b.Topic:
		return 1
	default:
		return int(a.Number) - int(b.Number)
	}
}

// Header is one header of a record. Keys may repeat; the order is Kafka's.
type Header struct {
	Key   string
	Value []byte
}

// RecordOverhead is what the byte budget charges for each record beyond its key, value and headers: the structs that
// hold it on its way through the processor, and what the allocator adds. About half of it is for the notes on one that waits
// for a retry, because any record may come to do so when the budget is full.
const RecordOverhead = 752

// Record is one record as Kafka delivered it.
//
// The handler owns the Record struct it is given and may keep it. The bytes behind Key, Value and Headers are shared
// with the processor (a dead letter restores them), so a handler must not change them in place.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	// LeaderEpoch is the epoch of the partition's leader that wrote the record, -1 where unknown (KIP-320).
	LeaderEpoch int32
	// Attempt counts from 1.
	Attempt int32
	Key     []byte
	Value   []byte // nil is a tombstone, empty is a value of no bytes
	Headers []Header
	// Timestamp is the record's own (create or log-append time).
	Timestamp time.Time

	outputs []Message
}

// Source is the partition the record was read from.
func (r *Record) Source() Partition { return Partition{Topic: r.Topic, Number: r.Partition} }

// Size is what the record costs in the byte budget.
func (r *Record) Size() int64 {
	size := RecordOverhead + len(r.Key) + len(r.Value)
	for i := range r.Headers {
		size += len(r.Headers[i].Key) + len(r.Headers[i].Value)
	}
	return int64(size)
}

// Header gives the value of the last header of that key, and whether there is one.
func (r *Record) Header(key string) ([]byte, bool) {
	for i := len(r.Headers) - 1; i >= 0; i-- {
		if r.Headers[i].Key == key {
			return r.Headers[i].Value, true
		}
	}
	return nil, false
}

// Emit queues an output of this attempt. Outputs are published, in order, only when the handler returns nil; those of a
// failed attempt are dropped. Only the goroutine that runs the handler may call it.
func (r *Record) Emit(m Message) { r.outputs = append(r.outputs, m) }

// Outputs are the messages emitted so far in this attempt.
func (r *Record) Outputs() []Message { return r.outputs }

// AnyPartition lets the partitioner choose (by the key's hash, as Java clients do).
const AnyPartition int32 = -1

// Message is a record to be written.
type Message struct {
	Topic string
	Key   []byte
	Value []byte // nil writes a tombstone
	// Headers are written in this order.
	Headers []Header
	// Timestamp defaults to the time of the produce.
	Timestamp time.Time
	// ToPartition is the partition plus one; zero lets the partitioner choose. Use OnPartition to set it.
	ToPartition int32
}

// OnPartition gives the message an explicit partition.
func (m Message) OnPartition(number int32) Message {
	m.ToPartition = number + 1
	return m
}

// PartitionNumber is the explicit partition, or AnyPartition.
func (m *Message) PartitionNumber() int32 { return m.ToPartition - 1 }

// Size is the number of key, value and header bytes.
func (m *Message) Size() int64 {
	size := len(m.Key) + len(m.Value)
	for i := range m.Headers {
		size += len(m.Headers[i].Key) + len(m.Headers[i].Value)
	}
	return int64(size)
}
