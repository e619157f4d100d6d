package confluent

import (
	"context"
	"fmt"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// lookup asks brokers about topics and logs.
type lookup struct {
	client    *ck.AdminClient
	isolation ck.IsolationLevel
}

// describe gives the descriptions of topics by name.
func (l lookup) describe(ctx context.Context, names []string) (map[string]ck.TopicDescription, error) {
	found := make(map[string]ck.TopicDescription, len(names))
	if len(names) == 0 {
		return found, nil
	}
	result, err := l.client.DescribeTopics(ctx, ck.NewTopicCollectionOfTopicNames(names))
	if err != nil {
		return nil, fmt.Errorf("describe topics: %w", err)
	}
	for _, topic := range result.TopicDescriptions {
		found[topic.Name] = topic
	}
	return found, nil
}

// offsets gives the log's start or end, with an error of its own for each partition.
func (l lookup) offsets(ctx context.Context, ps []stream.Partition, which ck.OffsetSpec) map[stream.Partition]looked {
	found := make(map[stream.Partition]looked, len(ps))
	ask := make(map[ck.TopicPartition]ck.OffsetSpec, len(ps))
	for i := range ps {
		ask[ck.TopicPartition{Topic: &ps[i].Topic, Partition: ps[i].Number}] = which
	}
	result, err := l.client.ListOffsets(ctx, ask, ck.SetAdminIsolationLevel(l.isolation))
	if err != nil {
		for _, p := range ps {
			found[p] = looked{offset: -1, err: fmt.Errorf("offsets of %s: %w", p, err)}
		}
		return found
	}
	for at, info := range result.ResultInfos {
		answer := looked{offset: int64(info.Offset)}
		if info.Error.Code() != ck.ErrNoError {
			answer = looked{offset: -1, err: fmt.Errorf("offsets of %s: %w", fromPartition(at), info.Error)}
		}
		found[fromPartition(at)] = answer
	}
	return found
}

type looked struct {
	offset int64
	err    error
}

// logs fills in the start and the end of each log.
func (l lookup) logs(ctx context.Context, positions []kafka.Position) {
	ps := make([]stream.Partition, len(positions))
	for i := range positions {
		ps[i] = positions[i].Partition
	}
	ends := make(chan map[stream.Partition]looked, 1)
	go func() { ends <- l.offsets(ctx, ps, ck.LatestOffsetSpec) }()
	starts := l.offsets(ctx, ps, ck.EarliestOffsetSpec)
	end := <-ends
	for i := range positions {
		at := &positions[i]
		at.LogStart = take(at, starts)
		at.LogEnd = take(at, end)
	}
}

func take(at *kafka.Position, from map[stream.Partition]looked) int64 {
	answer, found := from[at.Partition]
	if !found {
		answer = looked{offset: -1, err: fmt.Errorf("offsets of %s: the broker left them out", at.Partition)}
	}
	if at.Err == nil {
		at.Err = answer.err
	}
	return answer.offset
}
