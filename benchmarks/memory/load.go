package memory

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// seed decides on the bytes of the values, which are the same in every run.
const seed = 20_260_301

// load creates a topic and writes its records.
func load(ctx context.Context, bootstrap string, topic Topic) error {
	if err := create(ctx, bootstrap, topic.Name, topic.Partitions); err != nil {
		return err
	}
	codec := kgo.NoCompression()
	if topic.Values == Repeated {
		codec = kgo.ZstdCompression()
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.DefaultProduceTopic(topic.Name), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codec), kgo.ProducerBatchMaxBytes(2<<20), kgo.MaxBufferedBytes(64<<20), kgo.MaxBufferedRecords(100_000))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer client.Close()
	var (
		once    sync.Once
		failure error
		bytes   = rand.NewChaCha8([32]byte{seed & 0xff})
	)
	for number := range topic.Records {
		partition := int32(number % int64(topic.Partitions))
		key := strconv.Itoa(int(number/int64(topic.Partitions)) % keys)
		client.Produce(ctx, &kgo.Record{Partition: partition, Key: []byte(key), Value: topic.value(bytes)}, func(_ *kgo.Record, err error) {
			if err != nil {
				once.Do(func() { failure = err })
			}
		})
	}
	if err := errors.Join(client.Flush(ctx), failure); err != nil {
		return fmt.Errorf("write topic %s: %w", topic.Name, err)
	}
	return nil
}

// value makes the next value.
func (t Topic) value(from *rand.ChaCha8) []byte {
	value := make([]byte, t.ValueBytes)
	own := len(value)
	if t.Values == Repeated {
		own = min(own, 1<<10)
	}
	_, _ = from.Read(value[:own]) // never fails
	for at := own; at < len(value); at += own {
		copy(value[at:], value[:own])
	}
	return value
}

// create creates a topic that takes large records.
func create(ctx context.Context, bootstrap, name string, partitions int32) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer client.Close()
	largest := "4194304"
	_, err = kadm.NewClient(client).CreateTopic(ctx, partitions, 1, map[string]*string{"max.message.bytes": &largest}, name)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("create topic %s: %w", name, err)
	}
	return nil
}
