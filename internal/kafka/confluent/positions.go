package confluent

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// committedTimeout bounds a lookup of committed offsets whose context has no deadline.
const committedTimeout = time.Minute

func (c *consumer) Positions(ctx context.Context, ps []stream.Partition) ([]kafka.Position, error) {
	if !c.gate.enter() {
		return nil, kafka.ErrClosed
	}
	defer c.gate.leave()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("look up positions: %w", err)
	}
	if len(ps) == 0 {
		return nil, nil
	}
	// The ids first: should a topic be made again meanwhile, an old id comes with new offsets, which is noticed, and not a new
	// id with old ones, which is not.
	described := <-c.topics(ctx, ps)
	committed := c.committed(ctx, ps)
	positions := make([]kafka.Position, len(ps))
	for i, p := range ps {
		positions[i] = kafka.Position{Partition: p, Committed: -1, LeaderEpoch: -1}
	}
	c.lookup.logs(ctx, positions)
	select {
	case answer := <-committed:
		for i := range positions {
			answer.fill(&positions[i])
			described.fill(&positions[i])
		}
		return positions, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("look up committed offsets: %w", context.Cause(ctx))
	}
}

// TopicIDs gives the ids of the topics that exist.
func (c *consumer) TopicIDs(ctx context.Context, topics []string) (map[string]string, error) {
	if !c.gate.enter() {
		return nil, kafka.ErrClosed
	}
	defer c.gate.leave()
	found, err := c.lookup.describe(ctx, topics)
	if err != nil {
		return nil, err
	}
	ids := make(map[string]string, len(found))
	for name, topic := range found {
		switch topic.Error.Code() {
		case ck.ErrNoError:
			ids[name] = topic.TopicID.String()
		case ck.ErrUnknownTopicOrPart, ck.ErrUnknownTopic:
		default:
			return nil, fmt.Errorf("id of topic %s: %w", name, topic.Error)
		}
	}
	return ids, nil
}

// committedAnswer is the group's committed offsets, or why there are none.
type committedAnswer struct {
	found map[stream.Partition]ck.TopicPartition
	err   error
}

// committed asks for the committed offsets on a goroutine of its own, since the library's call ends by its time-out only.
func (c *consumer) committed(ctx context.Context, ps []stream.Partition) <-chan committedAnswer {
	timeout := committedTimeout
	if deadline, bounded := ctx.Deadline(); bounded {
		timeout = time.Until(deadline)
	}
	answer := make(chan committedAnswer, 1)
	if !c.gate.enter() {
		answer <- committedAnswer{err: kafka.ErrClosed}
		return answer
	}
	go func() {
		defer c.gate.leave()
		list, err := c.client.Committed(partitions(slices.Clone(ps)...), milliseconds(timeout))
		found := make(map[stream.Partition]ck.TopicPartition, len(list))
		for _, at := range list {
			found[fromPartition(at)] = at
		}
		answer <- committedAnswer{found: found, err: err}
	}()
	return answer
}

func (a committedAnswer) fill(position *kafka.Position) {
	at := a.found[position.Partition]
	if err := cmp.Or(a.err, at.Error); err != nil {
		position.Err = fmt.Errorf("committed offset of %s: %w", position.Partition, err)
		return
	}
	if at.Offset < 0 {
		return
	}
	position.Committed = int64(at.Offset)
	if at.LeaderEpoch != nil {
		position.LeaderEpoch = *at.LeaderEpoch
	}
	if at.Metadata != nil {
		position.Metadata = *at.Metadata
	}
}

// topicsAnswer is the description of topics, or why there is none.
type topicsAnswer struct {
	found map[string]ck.TopicDescription
	err   error
}

func (c *consumer) topics(ctx context.Context, ps []stream.Partition) <-chan topicsAnswer {
	names := make([]string, 0, 1)
	for _, p := range ps {
		if !slices.Contains(names, p.Topic) {
			names = append(names, p.Topic)
		}
	}
	answer := make(chan topicsAnswer, 1)
	go func() {
		found, err := c.lookup.describe(ctx, names)
		answer <- topicsAnswer{found: found, err: err}
	}()
	return answer
}

func (a topicsAnswer) fill(position *kafka.Position) {
	topic := a.found[position.Partition.Topic]
	err := a.err
	if err == nil && topic.Error.Code() != ck.ErrNoError {
		err = topic.Error
	}
	if err != nil {
		if position.Err == nil {
			position.Err = fmt.Errorf("id of topic %s: %w", position.Partition.Topic, err)
		}
		return
	}
	position.TopicID = topic.TopicID.String()
}
