package core

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// BenchmarkPartition measures what the machine alone costs for one record: its poll, its work and its outcome. Polls bring
// 512 records, and outcomes come several in a message, of whole works.
func BenchmarkPartition(b *testing.B) {
	for _, c := range []struct {
		order string
		Order
		keys int
	}{{"partition", ByPartition, 1}, {"key", ByKey, 100_000}, {"key", ByKey, 1000}, {"key", ByKey, 1}, {"unordered", Unordered, 100_000}} {
		for _, together := range []int{1, 16, 256} {
			b.Run(fmt.Sprintf("order=%s/keys=%d/outcomes=%d", c.order, c.keys, together), func(b *testing.B) {
				benchmarkPartition(b, PartitionConfig{Order: c.Order, Lanes: 256, KeyHash: binary.LittleEndian.Uint64}, c.keys, together)
			})
		}
	}
}

func benchmarkPartition(b *testing.B, config PartitionConfig, keys, together int) {
	const poll = 512
	const ahead = 4 * poll // records that are there at once
	p := NewPartition(epoch, config, PartitionStart{})
	key := make([][]byte, keys)
	for i := range key {
		key[i] = binary.LittleEndian.AppendUint64(nil, uint64(i)*0x9e3779b97f4a7c15)
	}
	var polls [2 * ahead / poll][]stream.Record
	for i := range polls {
		polls[i] = make([]stream.Record, poll)
	}
	value := make([]byte, 100)
	out, now, next := &PartitionEffects{}, epoch, 0
	var open []messages.Work
	answered := 0 // of them
	outcomes := make([]messages.Outcome, 0, together)
	step := func(m messages.ToPartition) {
		out.Reset()
		p.Step(now, m, out)
		open = append(open, out.Work...)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; {
		for next-done <= ahead-poll {
			records := polls[next/poll%len(polls)]
			for i := range records {
				records[i] = stream.Record{
					Topic: "orders", Partition: 3, Offset: int64(next), Key: key[next*31%keys], Value: value, Timestamp: now,
				}
				next++
			}
			step(messages.Records{Records: records})
		}
		now = now.Add(100 * time.Microsecond)
		n := min(together, len(open)-answered)
		outcomes = outcomes[:0]
		for i := range open[answered : answered+n] {
			w := &open[answered+i]
			outcomes = append(outcomes, messages.Outcome{Lane: w.Lane, Seq: w.Seq, Attempted: len(w.Records)})
			done += len(w.Records)
		}
		if answered += n; answered > 16*config.Lanes { // seldom: moving them is not what is measured
			open, answered = append(open[:0], open[answered:]...), 0
		}
		step(messages.Outcomes{Outcomes: outcomes})
	}
	b.StopTimer()
	if err := p.Check(); err != nil {
		b.Fatal(err)
	}
}
