package kafka

import "github.com/troupe-go/troupe/stream"

// batchRecordsMax is the most records of one Batch. Small enough that a batch is made in its full size at once where many
// records are expected, because growing copies them; large enough that passing it on costs next to nothing per record.
const batchRecordsMax = 512

// batchBytesMax is when a batch is full whatever the number of its records: one that a handler is at keeps all of them.
const batchBytesMax = 256 << 10

// Batch is what one poll brought of one partition, or, where that is much, a part of it; in offset order.
type Batch struct {
	Partition stream.Partition
	Records   []stream.Record
	Bytes     int64 // the sum of the records' Size
	Largest   int64 // the greatest of those

	full     []Batch // those of the same poll that came before
	expected int     // how many records the poll before brought, at most batchRecordsMax
	in       *Fetch  // that it belongs to
}

// Append adds a record and counts its bytes.
func (b *Batch) Append(r stream.Record) {
	switch {
	case len(b.Records) == 0:
		b.Records = make([]stream.Record, 0, max(b.expected, 8))
	case len(b.Records) == batchRecordsMax || b.Bytes >= batchBytesMax:
		b.full = append(b.full, Batch{Partition: b.Partition, Records: b.Records, Bytes: b.Bytes, Largest: b.Largest})
		b.Records, b.Bytes, b.Largest = make([]stream.Record, 0, len(b.Records)), 0, 0
	}
	size := r.Size()
	b.Bytes += size
	b.Largest = max(b.Largest, size)
	if b.in != nil {
		b.in.bytes += size
	}
	b.Records = append(b.Records, r)
}

// Fetch gathers the records of one poll by partition. It is reused from poll to poll; the batches' records are not: who
// takes them owns them.
type Fetch struct {
	batches map[stream.Partition]*Batch
	touched []*Batch
	last    *Batch
	room    int64 // of this poll, in bytes; zero or less is no limit
	bytes   int64 // gathered in this poll
}

// Limit says how many bytes the next poll may gather, by the records' Size; zero or less is no limit. The first record may
// be larger.
func (f *Fetch) Limit(bytes int64) { f.room = bytes }

// Room is how many bytes may still be gathered, and whether there is a limit.
func (f *Fetch) Room() (bytes int64, limited bool) { return f.room - f.bytes, f.room > 0 }

// Full says that this poll is to gather no more.
func (f *Fetch) Full() bool { return f.room > 0 && f.bytes >= f.room }

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
		b = &Batch{Partition: stream.Partition{Topic: string([]byte(topic)), Number: number}, in: f}
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
		*b = Batch{Partition: b.Partition, expected: len(taken.Records), in: f}
		if len(taken.full) > 0 {
			b.expected = len(taken.full[0].Records)
		}
		for _, full := range taken.full {
			each(full)
		}
		taken.full, taken.in = nil, nil
		each(taken)
	}
	f.touched = f.touched[:0]
	f.last = nil
	f.bytes = 0
}

// Drop forgets what was gathered of a partition in this poll, because it was revoked meanwhile.
func (f *Fetch) Drop(p stream.Partition) {
	if b := f.batches[p]; b != nil {
		for i := range b.full {
			f.bytes -= b.full[i].Bytes
		}
		f.bytes -= b.Bytes
		*b = Batch{Partition: b.Partition, in: f}
	}
}
