package embedded

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-go/troupe/stream"
)

// Reader reads topics from their start to their end, outside of any group. It is a client of another make than the
// processor's, so that what it finds is a second opinion. It works with every broker.
type Reader struct {
	brokers string
	client  *kgo.Client
	admin   *kadm.Client
}

// NewReader connects to nothing yet. The brokers are as in bootstrap.servers.
func NewReader(brokers string) (*Reader, error) {
	client, err := kgo.NewClient(seeds(brokers)...)
	if err != nil {
		return nil, fmt.Errorf("make a reader of %s: %w", brokers, err)
	}
	return &Reader{brokers: brokers, client: client, admin: kadm.NewClient(client)}, nil
}

// Close frees the client.
func (r *Reader) Close() { r.client.Close() }

// Ends gives the offset behind the last committed record of every partition of the topics.
func (r *Reader) Ends(ctx context.Context, topics ...string) (map[stream.Partition]int64, error) {
	listed, err := r.admin.ListCommittedOffsets(ctx, topics...)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("read the ends of %v: %w", topics, err)
	}
	return offsets(listed), nil
}

// Committed gives the committed offsets of a group, of either protocol.
func (r *Reader) Committed(ctx context.Context, group string) (map[stream.Partition]int64, error) {
	answer, err := r.admin.FetchOffsets(ctx, group)
	if err == nil {
		err = answer.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("read the offsets of group %s: %w", group, err)
	}
	committed := make(map[stream.Partition]int64)
	answer.Each(func(o kadm.OffsetResponse) {
		committed[stream.Partition{Topic: o.Topic, Number: o.Partition}] = o.At
	})
	return committed, nil
}

// Read gives every committed record of the topics that was there when it was called, in the order of the log.
func (r *Reader) Read(ctx context.Context, topics ...string) (map[stream.Partition][]stream.Record, error) {
	starts, err := r.admin.ListStartOffsets(ctx, topics...)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("read the starts of %v: %w", topics, err)
	}
	ends, err := r.Ends(ctx, topics...)
	if err != nil {
		return nil, err
	}
	from := make(map[string]map[int32]kgo.Offset)
	for p, start := range offsets(starts) {
		if start >= ends[p] {
			delete(ends, p)
			continue
		}
		if from[p.Topic] == nil {
			from[p.Topic] = make(map[int32]kgo.Offset)
		}
		from[p.Topic][p.Number] = kgo.NewOffset().At(start)
	}
	return r.read(ctx, from, ends)
}

// read polls until every partition of ends has been read as far.
func (r *Reader) read(ctx context.Context, from map[string]map[int32]kgo.Offset, ends map[stream.Partition]int64) (map[stream.Partition][]stream.Record, error) {
	found := make(map[stream.Partition][]stream.Record)
	if len(ends) == 0 {
		return found, nil
	}
	// Markers of transactions are kept, because one may be the last thing before the end.
	client, err := kgo.NewClient(append(seeds(r.brokers), kgo.ConsumePartitions(from), kgo.KeepControlRecords(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	if err != nil {
		return nil, fmt.Errorf("read topics: %w", err)
	}
	defer client.Close()
	for len(ends) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("read topics, %d partitions are left (%v): %w", len(ends), slices.Collect(maps.Keys(ends)), err)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			p := stream.Partition{Topic: record.Topic, Number: record.Partition}
			end, wanted := ends[p]
			if !wanted || record.Offset >= end {
				return
			}
			if !record.Attrs.IsControl() {
				found[p] = append(found[p], fromRecord(record))
			}
			if record.Offset+1 >= end {
				delete(ends, p)
			}
		})
	}
	return found, nil
}

func seeds(brokers string) []kgo.Opt {
	return []kgo.Opt{kgo.SeedBrokers(strings.Split(brokers, ",")...)}
}

func fromRecord(r *kgo.Record) stream.Record {
	out := stream.Record{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, LeaderEpoch: r.LeaderEpoch,
		Key: r.Key, Value: r.Value, Timestamp: r.Timestamp,
	}
	for _, h := range r.Headers {
		out.Headers = append(out.Headers, stream.Header(h))
	}
	return out
}

func offsets(listed kadm.ListedOffsets) map[stream.Partition]int64 {
	found := make(map[stream.Partition]int64)
	listed.Each(func(o kadm.ListedOffset) {
		found[stream.Partition{Topic: o.Topic, Number: o.Partition}] = o.Offset
	})
	return found
}
