package parallel

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// step is how often records that are written at a rate become due.
const step = 5 * time.Millisecond

// load creates a topic, writes its records, and reads them back.
func load(ctx context.Context, bootstrap string, topic Topic) error {
	if err := create(ctx, bootstrap, topic); err != nil {
		return err
	}
	if err := produce(ctx, bootstrap, topic, 0); err != nil {
		return err
	}
	return readBack(ctx, bootstrap, topic)
}

// create creates an empty topic and waits until its partitions can be read.
func create(ctx context.Context, bootstrap string, topic Topic) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	if _, err := admin.CreateTopic(ctx, topic.Partitions, 1, nil, topic.Name); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("create topic %s: %w", topic.Name, err)
	}
	for {
		ends, err := admin.ListEndOffsets(ctx, topic.Name)
		if err == nil && ends.Error() == nil && len(ends[topic.Name]) == int(topic.Partitions) {
			for _, end := range ends[topic.Name] {
				if end.Offset != 0 {
					return fmt.Errorf("topic %s holds records of another run; start with an empty broker", topic.Name)
				}
			}
			return nil
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("leaders of topic %s: %w", topic.Name, err)
		}
	}
}

// produce writes a topic's records, lz4-compressed. At a rate, each is stamped with the time when it was due, not with that
// when it was written, so that a wait before the write counts too.
func produce(ctx context.Context, bootstrap string, topic Topic, rate int) error {
	linger := 20 * time.Millisecond
	if rate > 0 {
		linger = 0
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.DefaultProduceTopic(topic.Name), kgo.ProducerLinger(linger),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.Lz4Compression()), kgo.MaxBufferedRecords(100_000))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer client.Close()
	var (
		once    sync.Once
		failure error
		digits  = rand.New(rand.NewPCG(seed, 2))
		began   = time.Now()
	)
	acknowledged := func(_ *kgo.Record, err error) {
		if err != nil {
			once.Do(func() { failure = err })
		}
	}
	topic.draw(func(number int64, key int) {
		due := time.Now()
		if rate > 0 {
			due = began.Add(time.Duration(number) * time.Second / time.Duration(rate))
			if time.Until(due) > step && pause(ctx, time.Until(due)) != nil {
				return // the context's end is an error of Produce
			}
		}
		value := make([]byte, valueBytes)
		stamp(value, due.UnixNano(), number)
		for i := stampBytes; i < valueBytes; i++ {
			value[i] = "0123456789abcdef"[digits.IntN(16)]
		}
		client.Produce(ctx, &kgo.Record{Partition: topic.partition(key), Key: encodeKey(key), Value: value}, acknowledged)
	})
	if err := client.Flush(ctx); err != nil {
		return fmt.Errorf("write topic %s: %w", topic.Name, err)
	}
	if failure != nil {
		return fmt.Errorf("write topic %s: %w", topic.Name, failure)
	}
	return nil
}

// readBack reads a whole topic, so that it is in the page cache, and checks that it holds what was to be written.
func readBack(ctx context.Context, bootstrap string, topic Topic) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ConsumeTopics(topic.Name), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer client.Close()
	ends := make([]int64, topic.Partitions)
	for read := int64(0); read < topic.Records; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("read topic %s back: %w", topic.Name, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			ends[r.Partition] = r.Offset + 1
			read++
		})
	}
	if want := topic.ends(); !slices.Equal(ends, want) {
		return fmt.Errorf("topic %s ends at %v instead of %v", topic.Name, ends, want)
	}
	return nil
}

// pause waits, and fails when the context ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
