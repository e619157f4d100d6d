package franz

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// lookup asks brokers about topics, logs and committed offsets.
type lookup struct {
	client    *kgo.Client
	isolation int8 // 1 is read_committed
}

// topic is what the brokers know of a topic.
type topic struct {
	id         string
	partitions int
	err        error
}

// describe asks about topics by name; no names: all. A topic that was asked for and does not exist is in the answer with
// that error.
func (l lookup) describe(ctx context.Context, names []string) (map[string]topic, error) {
	request := kmsg.NewPtrMetadataRequest()
	request.AllowAutoTopicCreation = false
	for _, name := range names {
		one := kmsg.NewMetadataRequestTopic()
		one.Topic = &name
		request.Topics = append(request.Topics, one)
	}
	var response *kmsg.MetadataResponse
	err := persist(ctx, func(ctx context.Context) (err error) {
		response, err = request.RequestWith(ctx, l.client)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("describe topics: %w", err)
	}
	found := make(map[string]topic, len(response.Topics))
	for i := range response.Topics {
		t := &response.Topics[i]
		if t.Topic == nil {
			continue
		}
		found[*t.Topic] = topic{
			id: topicID(t.TopicID), partitions: len(t.Partitions), err: kerr.ErrorForCode(t.ErrorCode),
		}
	}
	return found, nil
}

// topicID writes an id as other clients do; empty where the broker has none.
func topicID(id [16]byte) string {
	if id == [16]byte{} {
		return ""
	}
	return base64.RawStdEncoding.EncodeToString(id[:])
}

// The timestamps that stand for a log's ends.
const (
	latest   = -1
	earliest = -2
)

type looked struct {
	offset int64
	err    error
}

// offsets gives the log's start or end, with an error of its own for each partition.
func (l lookup) offsets(ctx context.Context, ps []stream.Partition, which int64) map[stream.Partition]looked {
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID, request.IsolationLevel = -1, l.isolation
	topics := make(map[string]int)
	for _, p := range ps {
		i, known := topics[p.Topic]
		if !known {
			i = len(request.Topics)
			topics[p.Topic] = i
			one := kmsg.NewListOffsetsRequestTopic()
			one.Topic = p.Topic
			request.Topics = append(request.Topics, one)
		}
		one := kmsg.NewListOffsetsRequestTopicPartition()
		one.Partition, one.Timestamp = p.Number, which
		request.Topics[i].Partitions = append(request.Topics[i].Partitions, one)
	}
	found := make(map[stream.Partition]looked, len(ps))
	for _, shard := range l.client.RequestSharded(ctx, request) {
		if shard.Err != nil {
			fail(shard.Req, shard.Err, found)
			continue
		}
		response, ok := shard.Resp.(*kmsg.ListOffsetsResponse)
		if !ok {
			continue
		}
		for _, t := range response.Topics {
			for _, answer := range t.Partitions {
				p := stream.Partition{Topic: t.Topic, Number: answer.Partition}
				found[p] = looked{offset: answer.Offset}
				if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
					found[p] = looked{offset: -1, err: fmt.Errorf("offsets of %s: %w", p, err)}
				}
			}
		}
	}
	return found
}

// fail notes the error of a request for each partition that it asked about.
func fail(request kmsg.Request, err error, found map[stream.Partition]looked) {
	failed, ok := request.(*kmsg.ListOffsetsRequest)
	if !ok {
		return
	}
	for _, t := range failed.Topics {
		for _, asked := range t.Partitions {
			p := stream.Partition{Topic: t.Topic, Number: asked.Partition}
			found[p] = looked{offset: -1, err: fmt.Errorf("offsets of %s: %w", p, err)}
		}
	}
}

// logs fills in the start and the end of each log.
func (l lookup) logs(ctx context.Context, positions []kafka.Position) {
	ps := make([]stream.Partition, len(positions))
	for i := range positions {
		ps[i] = positions[i].Partition
	}
	ends := make(chan map[stream.Partition]looked, 1)
	go func() { ends <- l.offsets(ctx, ps, latest) }()
	starts := l.offsets(ctx, ps, earliest)
	end := <-ends
	for i := range positions {
		at := &positions[i]
		at.LogStart = bound(at, starts)
		at.LogEnd = bound(at, end)
	}
}

func bound(at *kafka.Position, from map[stream.Partition]looked) int64 {
	answer, found := from[at.Partition]
	if !found {
		answer = looked{offset: -1, err: fmt.Errorf("offsets of %s: the broker left them out", at.Partition)}
	}
	if at.Err == nil {
		at.Err = answer.err
	}
	return answer.offset
}

// committed gives the group's committed offsets of partitions, or of all that it has when there are none named. It asks as
// no member, so it works for groups of both protocols, with members and without.
func (l lookup) committed(ctx context.Context, group string, ps []stream.Partition) (map[stream.Partition]kafka.Position, error) {
	request := kmsg.NewPtrOffsetFetchRequest()
	request.RequireStable = l.isolation == readCommitted
	one := kmsg.NewOffsetFetchRequestGroup()
	one.Group = group
	topics := make(map[string]int)
	for _, p := range ps {
		i, known := topics[p.Topic]
		if !known {
			i = len(one.Topics)
			topics[p.Topic] = i
			t := kmsg.NewOffsetFetchRequestGroupTopic()
			t.Topic = p.Topic
			one.Topics = append(one.Topics, t)
		}
		one.Topics[i].Partitions = append(one.Topics[i].Partitions, p.Number)
	}
	request.Groups = append(request.Groups, one)
	var response *kmsg.OffsetFetchResponse
	err := persist(ctx, func(ctx context.Context) (err error) {
		response, err = request.RequestWith(ctx, l.client)
		return err
	})
	found := make(map[stream.Partition]kafka.Position)
	if err == nil && len(response.Groups) == 1 {
		err = kerr.ErrorForCode(response.Groups[0].ErrorCode)
	}
	switch {
	case errors.Is(err, kerr.GroupIDNotFound):
		return found, nil
	case err != nil:
		return nil, fmt.Errorf("committed offsets of group %s: %w", group, err)
	case len(response.Groups) != 1:
		return nil, fmt.Errorf("committed offsets of group %s: the answer is about %d groups", group, len(response.Groups))
	}
	for _, t := range response.Groups[0].Topics {
		for i := range t.Partitions {
			position := committedAt(t.Topic, &t.Partitions[i])
			found[position.Partition] = position
		}
	}
	return found, nil
}

func committedAt(topic string, answer *kmsg.OffsetFetchResponseGroupTopicPartition) kafka.Position {
	p := stream.Partition{Topic: topic, Number: answer.Partition}
	position := kafka.Position{Partition: p, Committed: -1, LeaderEpoch: -1}
	if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
		position.Err = fmt.Errorf("committed offset of %s: %w", p, err)
		return position
	}
	if answer.Offset < 0 {
		return position
	}
	position.Committed, position.LeaderEpoch = answer.Offset, answer.LeaderEpoch
	if answer.Metadata != nil {
		position.Metadata = *answer.Metadata
	}
	return position
}
