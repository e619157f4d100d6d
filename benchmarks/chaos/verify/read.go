package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// offsetsTopic is where Kafka keeps commits and groups.
const offsetsTopic = "__consumer_offsets"

// reader reads logs from a first offset to the end that they have when it begins.
type reader struct {
	brokers []string
	admin   *kadm.Client
}

// ReadHistory reads everything back, as a reader with read_committed sees it.
func ReadHistory(ctx context.Context, s *Script) (*History, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers...))
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	defer client.Close()
	r := &reader{s.Brokers, kadm.NewClient(client)}
	h := &History{Committed: make(map[int32]int64)}
	if h.Ends, err = r.ends(ctx, s.Input); err != nil {
		return nil, err
	}
	if err := r.inputs(ctx, s, h); err != nil {
		return nil, err
	}
	for _, topic := range []string{s.Output, s.DeadLetters} {
		err := r.read(ctx, topic, nil, func(record *kgo.Record) error {
			h.Copies = append(h.Copies, readCopy(record, s.Run, topic == s.DeadLetters))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if err := r.offsets(ctx, s, h); err != nil {
		return nil, err
	}
	fetched, err := r.admin.FetchOffsets(ctx, s.Group)
	if err != nil {
		return nil, fmt.Errorf("committed offsets of group %s: %w", s.Group, err)
	}
	fetched.Each(func(o kadm.OffsetResponse) {
		if o.Topic == s.Input && o.At >= 0 {
			h.Committed[o.Partition] = o.At
		}
	})
	return h, nil
}

func (r *reader) ends(ctx context.Context, topic string) (map[int32]int64, error) {
	listed, err := r.admin.ListCommittedOffsets(ctx, topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("ends of topic %s: %w", topic, err)
	}
	ends := make(map[int32]int64)
	listed.Each(func(o kadm.ListedOffset) { ends[o.Partition] = o.Offset })
	return ends, nil
}

func (r *reader) inputs(ctx context.Context, s *Script, h *History) error {
	return r.read(ctx, s.Input, nil, func(record *kgo.Record) error {
		stamp, err := ParseStamp(record.Value)
		if err != nil {
			return fmt.Errorf("input %d-%d: %w", record.Partition, record.Offset, err)
		}
		h.Inputs = append(h.Inputs, Input{
			ID: stamp.ID, Partition: record.Partition, Offset: record.Offset, AtMS: record.Timestamp.UnixMilli(), Sum: Sum(record),
			Poison: stamp.Poison,
		})
		return nil
	})
}

func readCopy(r *kgo.Record, run string, dead bool) Copy {
	c := Copy{
		Dead: dead, Partition: r.Partition, Offset: r.Offset, AtMS: r.Timestamp.UnixMilli(), Producer: r.ProducerID, Sum: Sum(r),
	}
	stamp, err := ParseStamp(r.Value)
	if err != nil {
		c.Broken = err.Error()
		return c
	}
	c.ID, c.Foreign = stamp.ID, stamp.Run != run
	return c
}

// idle is how long a read may take between two answers.
const idle = 30 * time.Second

// read calls take for each record of a topic, from the given offsets or the beginning, partition after partition.
func (r *reader) read(ctx context.Context, topic string, from map[int32]int64, take func(*kgo.Record) error) error {
	ends, err := r.ends(ctx, topic)
	if err != nil {
		return err
	}
	for partition := range int32(len(ends)) {
		if from[partition] >= ends[partition] {
			continue
		}
		if err := r.readPartition(ctx, topic, partition, from[partition], ends[partition], take); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) readPartition(
	ctx context.Context, topic string, partition int32, from, end int64, take func(*kgo.Record) error,
) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(r.brokers...), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: kgo.NewOffset().At(from)}}))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer client.Close()
	for next := from; next < end; {
		bounded, cancel := context.WithTimeout(ctx, idle)
		fetches := client.PollFetches(bounded)
		cancel()
		for _, e := range fetches.Errors() {
			if errors.Is(e.Err, context.DeadlineExceeded) || ctx.Err() != nil {
				return fmt.Errorf("read %s-%d at %d of %d: %w", topic, partition, next, end, e.Err)
			}
		}
		for _, record := range fetches.Records() {
			next = record.Offset + 1
			if record.Attrs.IsControl() || record.Offset >= end {
				continue
			}
			if err := take(record); err != nil {
				return err
			}
		}
	}
	return nil
}
