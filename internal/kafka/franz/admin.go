package franz

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

type admin struct {
	client *kgo.Client
	lookup lookup
	gate   gate
	once   sync.Once
}

func (a *admin) Topics(ctx context.Context, names ...string) ([]kafka.TopicInfo, error) {
	if !a.gate.enter() {
		return nil, kafka.ErrClosed
	}
	defer a.gate.leave()
	found, err := a.lookup.describe(ctx, names)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		for name := range found {
			names = append(names, name)
		}
		slices.Sort(names)
	}
	infos := make([]kafka.TopicInfo, 0, len(names))
	for _, name := range names {
		t, answered := found[name]
		info := kafka.TopicInfo{Name: name}
		switch {
		case !answered || missing(t.err):
		case t.err != nil:
			info.Err = fmt.Errorf("describe topic %s: %w", name, t.err)
		default:
			info.Exists, info.Partitions = true, t.partitions
		}
		infos = append(infos, info)
	}
	return infos, nil
}

// createTimeoutMillis is how long the broker may take to create a topic.
const createTimeoutMillis = 15_000

func (a *admin) CreateTopic(ctx context.Context, name string, count int, config map[string]string) error {
	if !a.gate.enter() {
		return kafka.ErrClosed
	}
	defer a.gate.leave()
	if count < 1 {
		return fmt.Errorf("create topic %s: %d partitions are too few", name, count)
	}
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis = createTimeoutMillis
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, int32(count), -1
	for key, value := range config {
		one := kmsg.NewCreateTopicsRequestTopicConfig()
		one.Name, one.Value = key, &value
		topic.Configs = append(topic.Configs, one)
	}
	request.Topics = append(request.Topics, topic)
	var response *kmsg.CreateTopicsResponse
	err := persist(ctx, func(ctx context.Context) (err error) {
		response, err = request.RequestWith(ctx, a.client)
		return err
	})
	if err != nil {
		return fmt.Errorf("create topic %s: %w", name, err)
	}
	for i := range response.Topics {
		err := kerr.ErrorForCode(response.Topics[i].ErrorCode)
		if err == nil || is(err, kerr.TopicAlreadyExists) {
			continue
		}
		if why := response.Topics[i].ErrorMessage; why != nil {
			return fmt.Errorf("create topic %s: %w: %s", name, err, *why)
		}
		return fmt.Errorf("create topic %s: %w", name, err)
	}
	return nil
}

func (a *admin) GroupOffsets(ctx context.Context, group string, topics ...string) ([]kafka.Position, error) {
	if !a.gate.enter() {
		return nil, kafka.ErrClosed
	}
	defer a.gate.leave()
	found, err := a.lookup.committed(ctx, group, nil)
	if err != nil {
		return nil, err
	}
	if len(topics) > 0 {
		if err := a.addPartitions(ctx, topics, found); err != nil {
			return nil, err
		}
	}
	positions := make([]kafka.Position, 0, len(found))
	for _, position := range found {
		positions = append(positions, position)
	}
	slices.SortFunc(positions, func(x, y kafka.Position) int {
		return cmp.Or(cmp.Compare(x.Partition.Topic, y.Partition.Topic), cmp.Compare(x.Partition.Number, y.Partition.Number))
	})
	if len(positions) > 0 {
		a.lookup.logs(ctx, positions)
	}
	return positions, nil
}

// addPartitions adds the partitions of topics that the group has committed nothing for.
func (a *admin) addPartitions(ctx context.Context, topics []string, found map[stream.Partition]kafka.Position) error {
	described, err := a.lookup.describe(ctx, topics)
	if err != nil {
		return err
	}
	for name, t := range described {
		if t.err != nil {
			return fmt.Errorf("describe topic %s: %w", name, t.err)
		}
		for number := range int32(t.partitions) {
			p := stream.Partition{Topic: name, Number: number}
			if _, committed := found[p]; !committed {
				found[p] = kafka.Position{Partition: p, Committed: -1, LeaderEpoch: -1}
			}
		}
	}
	return nil
}

func (a *admin) Close() {
	a.once.Do(func() {
		a.gate.wait()
		a.client.Close()
	})
}
