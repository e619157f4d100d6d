package franz

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

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
	topics, topicsErr := c.lookup.describe(ctx, topicsOf(ps))
	var (
		asking       sync.WaitGroup
		committed    map[stream.Partition]kafka.Position
		committedErr error
	)
	asking.Go(func() { committed, committedErr = c.lookup.committed(ctx, c.group.id, ps) })
	positions := make([]kafka.Position, len(ps))
	for i, p := range ps {
		positions[i] = kafka.Position{Partition: p, Committed: -1, LeaderEpoch: -1}
	}
	c.lookup.logs(ctx, positions)
	asking.Wait()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("look up positions: %w", context.Cause(ctx))
	}
	for i := range positions {
		at := &positions[i]
		fillCommitted(at, committed, committedErr)
		fillTopic(at, topics, topicsErr)
	}
	return positions, nil
}

func topicsOf(ps []stream.Partition) []string {
	names := make([]string, 0, 1)
	for _, p := range ps {
		if !slices.Contains(names, p.Topic) {
			names = append(names, p.Topic)
		}
	}
	return names
}

func fillCommitted(at *kafka.Position, from map[stream.Partition]kafka.Position, err error) {
	answer, found := from[at.Partition]
	switch {
	case err != nil:
	case !found:
		err = fmt.Errorf("committed offset of %s: the broker left it out", at.Partition)
	default:
		err = answer.Err
	}
	if err != nil {
		at.Err = err // before what is wrong with the log: without it nothing else is of use
		return
	}
	at.Committed, at.LeaderEpoch, at.Metadata = answer.Committed, answer.LeaderEpoch, answer.Metadata
}

func fillTopic(at *kafka.Position, from map[string]topic, err error) {
	t, found := from[at.Partition.Topic]
	switch {
	case err != nil:
	case !found:
		err = fmt.Errorf("id of topic %s: the broker left it out", at.Partition.Topic)
	case t.err != nil:
		err = fmt.Errorf("id of topic %s: %w", at.Partition.Topic, t.err)
	}
	if err == nil {
		at.TopicID = t.id
	} else if at.Err == nil {
		at.Err = err
	}
}

// TopicIDs gives the ids of the topics that exist.
func (c *consumer) TopicIDs(ctx context.Context, topics []string) (map[string]string, error) {
	if !c.gate.enter() {
		return nil, kafka.ErrClosed
	}
	defer c.gate.leave()
	ids := make(map[string]string, len(topics))
	if len(topics) == 0 {
		return ids, nil
	}
	found, err := c.lookup.describe(ctx, topics)
	if err != nil {
		return nil, err
	}
	for name, t := range found {
		switch {
		case t.err == nil && t.id != "":
			ids[name] = t.id
		case t.err != nil && !missing(t.err):
			return nil, fmt.Errorf("id of topic %s: %w", name, t.err)
		}
	}
	return ids, nil
}
