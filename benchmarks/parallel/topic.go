package parallel

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

const (
	valueBytes = 100
	keyBytes   = 4
	// seed decides on the keys, which are the same in every run.
	seed = 20_260_301
	// poisonKey is the key that fails in the scenario of that name.
	poisonKey = 7
)

// Topic is what a contender reads. A key's records are all in one partition, and their offsets are in the order in which
// they were drawn.
type Topic struct {
	Name       string `json:"name"`
	Partitions int32  `json:"partitions"`
	Keys       int    `json:"keys"`
	Records    int64  `json:"records"`
	// Distinct gives every record a key of its own, instead of one by lot.
	Distinct bool `json:"distinct,omitempty"`
	// PoisonEvery is which share of the records has the poison key, once the first ones are over: one of so many; 0 is none
	// but by lot.
	PoisonEvery int64 `json:"poison_every,omitempty"`
}

// newTopic names a topic after what it holds, so that scenarios share those that are alike.
func newTopic(partitions int32, keys int, records int64) Topic {
	return Topic{
		Name:       fmt.Sprintf("parallel-%dp-%dk-%dr", partitions, keys, records),
		Partitions: partitions, Keys: keys, Records: records,
	}
}

// draw calls yield with the number and the key of each record, in order.
func (t Topic) draw(yield func(number int64, key int)) {
	lot := rand.New(rand.NewPCG(seed, 1))
	for number := range t.Records {
		switch {
		case t.Distinct:
			yield(number, int(number)%t.Keys)
		case t.PoisonEvery > 0 && number%t.PoisonEvery == 0 && number >= t.Records/skipped:
			yield(number, poisonKey)
		default:
			yield(number, lot.IntN(t.Keys))
		}
	}
}

// partition is where a key's records are.
func (t Topic) partition(key int) int32 { return int32(key % int(t.Partitions)) }

// ends are the numbers of records by partition.
func (t Topic) ends() []int64 {
	ends := make([]int64, t.Partitions)
	t.draw(func(_ int64, key int) { ends[t.partition(key)]++ })
	return ends
}

func encodeKey(key int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(key)) }

// A stamp is how a value begins: when its record was due, and its number.
const stampBytes = 16

func stamp(value []byte, due, number int64) {
	binary.BigEndian.PutUint64(value, uint64(due))
	binary.BigEndian.PutUint64(value[8:], uint64(number))
}

func readStamp(value []byte) (due, number int64) {
	return int64(binary.BigEndian.Uint64(value)), int64(binary.BigEndian.Uint64(value[8:]))
}
