package actors

import (
	"context"
	"fmt"
	"testing"

	"github.com/troupe-go/troupe/internal/core/flow"
	"github.com/troupe-go/troupe/internal/meter"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// BenchmarkPoolSingleRecordWorks is what a record costs between the partition and its handler when each is a Work of its
// own, over several partitions.
func BenchmarkPoolSingleRecordWorks(b *testing.B) {
	for _, crews := range []int{1, 12} {
		for _, capacity := range []int{8, 100, 4096} {
			b.Run(fmt.Sprintf("partitions=%d/concurrency=%d", crews, capacity), func(b *testing.B) {
				benchmarkPool(b, crews, capacity, 512)
			})
		}
	}
}

func benchmarkPool(b *testing.B, crews, capacity, lanes int) {
	env := &Env{
		Meter: meter.New(meter.Build{}), Pool: NewPool(capacity), Orphans: NewOrphans(), Parking: flow.NewParking(0),
		Settings: Settings{NewHandler: func(stream.Partition) (stream.Handler, error) {
			return stream.HandlerFunc(func(context.Context, *stream.Record) error { return nil }), nil
		}},
	}
	type partition struct {
		crew    *crew
		ready   chan struct{}
		results []messages.Outcome
		works   []messages.Work
		open    int
	}
	partitions := make([]*partition, crews)
	for i := range partitions {
		p := &partition{ready: make(chan struct{}, 1)}
		p.crew = newCrew(b.Context(), env, stream.Partition{Number: int32(i)}, func() {
			select {
			case p.ready <- struct{}{}:
			default:
			}
		})
		defer p.crew.close()
		partitions[i] = p
	}
	record := make([]stream.Record, 1)
	b.ReportAllocs()
	b.ResetTimer()
	given, done := 0, 0
	for done < b.N {
		for _, p := range partitions {
			p.works = p.works[:0]
			for p.open < lanes && given < b.N {
				p.works = append(p.works, messages.Work{Lane: p.open, Seq: uint64(given), Records: record})
				p.open++
				given++
			}
			if len(p.works) > 0 {
				p.crew.give(p.works)
			}
		}
		for _, p := range partitions {
			if p.open == 0 {
				continue
			}
			<-p.ready
			p.results = p.crew.collect(p.results)
			p.open -= len(p.results)
			done += len(p.results)
		}
	}
}
