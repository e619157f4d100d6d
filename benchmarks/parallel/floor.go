package parallel

import (
	"context"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-go/troupe/benchmarks/harness"
)

// drainFloor starts a goroutine for each record, as many as may run at once. It keeps no order, retries nothing and commits
// nothing: what is left to do less is not to handle the records.
func (t Task) drainFloor(ctx context.Context, topic Topic, group string) (harness.Cost, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	waits, err := newWaits(t.Latency)
	if err != nil {
		return harness.Cost{}, err
	}
	defer waits.close()
	client, err := kgo.NewClient(kgo.SeedBrokers(t.Bootstrap), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic.Name),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	if err != nil {
		return harness.Cost{}, fmt.Errorf("make the client: %w", err)
	}
	defer client.Close()
	tally := newTally(topic, Unordered, cancel)
	slots := make(chan struct{}, t.Contender.Concurrency)
	var running sync.WaitGroup
	for ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil && ctx.Err() == nil {
			_ = tally.broken(fmt.Errorf("read: %w", err)) // kept for its result
		}
		fetches.EachRecord(func(r *kgo.Record) {
			slots <- struct{}{}
			running.Go(func() {
				_ = tally.handle(r.Partition, r.Offset, r.Key, r.Value, waits) // kept for its result
				<-slots
			})
		})
	}
	running.Wait()
	return tally.result()
}
