package kafka

import "github.com/troupe-go/troupe/stream"

// batchRecordsMax is the most records of one Batch. Small enough that a batch is made in its full size at once where many
// records are expected, because growing copies them; large enough that passing it on costs next to nothing per record.
const batchRecordsMax = 512

// Batch is what one poll brought of one partition, or, where that is much, a part of it; in offset order.
type Batch struct {
	Partition stream.Partition
	Records   []stream.Record
	Bytes     int64 // the sum of the records' Size

	full     []Batch // those of the same poll that came before
	expected int     // how many records the poll before brought, at most batchRecordsMax
}

// Append adds a record and counts its bytes.
func (b *Batch) Append(r stream.Record) {
	switch len(b.Records) {
	case 0:
		b.Records = make([]stream.Record, 0, max(b.expected, 8))
	case batchRecordsMax:
		b.full = append(b.full, Batch{Partition: b.Partition, Records: b.Records, Bytes: b.Bytes})
		b.Records, b.Bytes = make([]stream.Record, 0, batchRecordsMax), 0
	}
	b.Bytes += r.Size()
	b.Records = append(b.Records, r)
}

// Fetch gathers the records of one poll by partition. It is reused from poll to poll; the batches' records are not: who
// takes them owns them.
type Fetch struct {
	batches map[stream.Partition]*Batch
	touched []*Batch
	last    *Batch
}

// Batch gives the batch of a partition in this poll. The usual case, the same partition as before, costs two compares.
func (f *Fetch) Batch(topic string, number int32) *Batch {
	if f.last != nil && f.last.Partition.Number == number && f.last.Partition.Topic == topic {
		return f.last
	}
	key := stream.Partition{Topic: topic, Number: number}
	b := f.batches[key]
	if b == nil {
		if f.batches == nil {
			f.batches = make(map[stream.Partition]*Batch)
		}
		b = &Batch{Partition: stream.Partition{Topic: string([]byte(topic)), Number: number}}
		f.batches[b.Partition] = b
	}
	if b.Records == nil {
		f.touched = append(f.touched, b)
	}
	f.last = b
	return b
}

// Take hands over every batch of this poll and makes the fetch ready for the next one. The records belong to the callee.
func (f *Fetch) Take(each func(Batch)) {
	for _, b := range f.touched {
		if len(b.Records) == 0 {
			continue
		}
		taken := *b
		*b = Batch{Partition: b.Partition, expected: len(taken.Records)}
		if len(taken.full) > 0 {
			b.expected = batchRecordsMax
		}
		for _, full := range taken.full {
			each(full)
		}
		taken.full = nil
		each(taken)
	}
	f.touched = f.touched[:0]
	f.last = nil
}

// Drop forgets what was gathered of a partition in this poll, because it was revoked meanwhile.
func (f *Fetch) Drop(p stream.Partition) {
	if b := f.batches[p]; b != nil {
		*b = Batch{Partition: b.Partition}
	}
}
