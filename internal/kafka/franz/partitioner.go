package franz

import (
	"hash/crc32"
	"hash/fnv"

	"github.com/twmb/franz-go/pkg/kgo"
)

// partitioner puts messages where librdkafka's partitioner of that name would: an explicit partition first, then by key.
type partitioner struct {
	hash func(key []byte, partitions int) int // nil where keys do not matter
	// keyless says which messages have no key to go by, and are spread.
	keyless func(key []byte) bool
}

var _ kgo.Partitioner = partitioner{}

func newPartitioner(name string) (partitioner, bool) {
	absent := func(key []byte) bool { return key == nil }
	empty := func(key []byte) bool { return len(key) == 0 }
	never := func([]byte) bool { return false }
	all := func([]byte) bool { return true }
	p, known := map[string]partitioner{
		"random":            {nil, all},
		"consistent":        {hashCRC32, never},
		"consistent_random": {hashCRC32, empty},
		"murmur2":           {hashMurmur2, never},
		"murmur2_random":    {hashMurmur2, absent},
		"fnv1a":             {hashFNV1a, never},
		"fnv1a_random":      {hashFNV1a, absent},
	}[name]
	return p, known
}

func (p partitioner) ForTopic(topic string) kgo.TopicPartitioner {
	spread := kgo.StickyPartitioner().ForTopic(topic)
	newBatch, _ := spread.(kgo.TopicPartitionerOnNewBatch)
	return &topicPartitioner{partitioner: p, spread: spread, newBatch: newBatch}
}

type topicPartitioner struct {
	partitioner
	spread   kgo.TopicPartitioner
	newBatch kgo.TopicPartitionerOnNewBatch
}

// RequiresConsistency: only messages that may go anywhere avoid partitions that cannot be written to now.
func (t *topicPartitioner) RequiresConsistency(r *kgo.Record) bool {
	return r.Partition >= 0 || !t.keyless(r.Key)
}

func (t *topicPartitioner) Partition(r *kgo.Record, n int) int {
	switch {
	case r.Partition >= 0:
		return int(r.Partition)
	case t.keyless(r.Key):
		return t.spread.Partition(r, n)
	default:
		return t.hash(r.Key, n)
	}
}

// OnNewBatch moves messages without a key to another partition when a batch is full.
func (t *topicPartitioner) OnNewBatch() { t.newBatch.OnNewBatch() }

// hashMurmur2 is what Java clients do. The library has the hash for keys that are not nil only.
func hashMurmur2(key []byte, n int) int {
	if key == nil {
		key = []byte{}
	}
	return kgo.StickyKeyPartitioner(nil).ForTopic("").Partition(&kgo.Record{Key: key}, n)
}

func hashCRC32(key []byte, n int) int {
	return int(crc32.ChecksumIEEE(key) % uint32(n))
}

// hashFNV1a takes the absolute value of the hash as a signed number, which is what makes it agree with older clients.
func hashFNV1a(key []byte, n int) int {
	h := fnv.New32a()
	_, _ = h.Write(key)
	signed := int32(h.Sum32())
	if signed < 0 {
		signed = -signed
	}
	return int(uint32(signed) % uint32(n))
}
