package confluent

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// metadataStep bounds one request for all topics, whose wait cannot be cut short.
const metadataStep = 5 * time.Second

type admin struct {
	client *ck.AdminClient
	lookup lookup
	logs   *logs
	gate   *gate
	once   sync.Once
}

func (a *admin) Topics(ctx context.Context, names ...string) ([]kafka.TopicInfo, error) {
	if !a.gate.enter() {
		return nil, kafka.ErrClosed
	}
	defer a.gate.leave()
	if len(names) == 0 {
		return a.all(ctx)
	}
	found, err := a.lookup.describe(ctx, names)
	if err != nil {
		return nil, err
	}
	infos := make([]kafka.TopicInfo, 0, len(names))
	for _, name := range names {
		topic, answered := found[name]
		info := kafka.TopicInfo{Name: name}
		switch failed := topic.Error.Code(); {
		case !answered || failed == ck.ErrUnknownTopicOrPart || failed == ck.ErrUnknownTopic:
		case failed != ck.ErrNoError:
			info.Err = fmt.Errorf("describe topic %s: %w", name, topic.Error)
		default:
			info.Exists, info.Partitions = true, len(topic.Partitions)
		}
		infos = append(infos, info)
	}
	return infos, nil
}

func (a *admin) all(ctx context.Context) ([]kafka.TopicInfo, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("list topics: %w", err)
		}
		step := metadataStep
		if deadline, bounded := ctx.Deadline(); bounded {
			step = min(step, time.Until(deadline))
		}
		metadata, err := a.client.GetMetadata(nil, true, max(milliseconds(step), 1))
		if code(err) == ck.ErrTimedOut || code(err) == ck.ErrTransport {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list topics: %w", err)
		}
		infos := make([]kafka.TopicInfo, 0, len(metadata.Topics))
		for name, topic := range metadata.Topics {
			info := kafka.TopicInfo{Name: name, Exists: true, Partitions: len(topic.Partitions)}
			if topic.Error.Code() != ck.ErrNoError {
				info.Err = topic.Error
			}
			infos = append(infos, info)
		}
		slices.SortFunc(infos, func(x, y kafka.TopicInfo) int { return cmp.Compare(x.Name, y.Name) })
		return infos, nil
	}
}

func (a *admin) CreateTopic(ctx context.Context, name string, count int, config map[string]string) error {
	if !a.gate.enter() {
		return kafka.ErrClosed
	}
	defer a.gate.leave()
	topic := ck.TopicSpecification{Topic: name, NumPartitions: count, Config: config}
	results, err := a.client.CreateTopics(ctx, []ck.TopicSpecification{topic})
	if err != nil {
		return fmt.Errorf("create topic %s: %w", name, err)
	}
	for _, result := range results {
		if failed := result.Error.Code(); failed != ck.ErrNoError && failed != ck.ErrTopicAlreadyExists {
			return fmt.Errorf("create topic %s: %w", name, result.Error)
		}
	}
	return nil
}

func (a *admin) GroupOffsets(ctx context.Context, group string, topics ...string) ([]kafka.Position, error) {
	if !a.gate.enter() {
		return nil, kafka.ErrClosed
	}
	defer a.gate.leave()
	found, err := a.committed(ctx, group)
	if err != nil {
		return nil, err
	}
	described, err := a.lookup.describe(ctx, topics)
	if err != nil {
		return nil, err
	}
	for name, topic := range described {
		if topic.Error.Code() != ck.ErrNoError {
			return nil, fmt.Errorf("describe topic %s: %w", name, topic.Error)
		}
		for _, partition := range topic.Partitions {
			p := stream.Partition{Topic: name, Number: int32(partition.Partition)}
			if _, committed := found[p]; !committed {
				found[p] = kafka.Position{Partition: p, Committed: -1, LeaderEpoch: -1}
			}
		}
	}
	positions := make([]kafka.Position, 0, len(found))
	for _, position := range found {
		positions = append(positions, position)
	}
	slices.SortFunc(positions, func(x, y kafka.Position) int { return stream.ComparePartitions(x.Partition, y.Partition) })
	if len(positions) > 0 {
		a.lookup.logs(ctx, positions)
	}
	return positions, nil
}

// committed gives the group's offsets. It asks for no member, so it works for groups of both protocols.
func (a *admin) committed(ctx context.Context, group string) (map[stream.Partition]kafka.Position, error) {
	ask := []ck.ConsumerGroupTopicPartitions{{Group: group}}
	result, err := a.client.ListConsumerGroupOffsets(ctx, ask)
	if code(err) == ck.ErrGroupIDNotFound {
		return map[stream.Partition]kafka.Position{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list offsets of group %s: %w", group, err)
	}
	found := make(map[stream.Partition]kafka.Position)
	for _, answer := range result.ConsumerGroupsTopicPartitions {
		for _, at := range answer.Partitions {
			position := kafka.Position{Partition: fromPartition(at), Committed: -1, LeaderEpoch: -1}
			one := committedAnswer{found: map[stream.Partition]ck.TopicPartition{position.Partition: at}}
			one.fill(&position)
			found[position.Partition] = position
		}
	}
	return found, nil
}

func (a *admin) Close() {
	a.once.Do(func() {
		a.gate.close()
		a.gate.wait()
		a.client.Close()
		a.logs.stop()
	})
}
