package franz

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// Commit makes the request itself rather than have the library make it: that one repeats a refused commit for whatever the
// member owns by then, and takes metadata by a detour only.
func (c *consumer) Commit(ctx context.Context, offsets []kafka.CommitOffset) ([]kafka.CommitResult, error) {
	if !c.gate.enter() {
		return nil, kafka.ErrClosed
	}
	defer c.gate.leave()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	results := make([]kafka.CommitResult, len(offsets))
	m, mine := c.commitAs(offsets, results)
	if len(mine) == 0 {
		return results, nil
	}
	c.commit(m, offsets, mine, results)
	var large []int
	for _, i := range mine {
		if errors.Is(results[i].Err, kerr.OffsetMetadataTooLarge) {
			large = append(large, i)
		}
	}
	if len(large) > 1 { // a broker may refuse all for one of them
		for _, i := range large {
			c.commit(m, offsets, []int{i}, results)
		}
	}
	return results, nil
}

// commitAs gives the member that commits and which of the offsets it may commit. The others are refused.
func (c *consumer) commitAs(offsets []kafka.CommitOffset, results []kafka.CommitResult) (m *member, mine []int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for i := range offsets {
		p := offsets[i].Partition
		results[i].Partition = p
		if c.member == nil || c.owned[p] == nil {
			results[i].Err = &kafka.CommitError{Err: fmt.Errorf("commit %s: %w", p, kafka.ErrNotOwned)}
			continue
		}
		mine = append(mine, i)
	}
	return c.member, mine
}

// commit makes one request for some of the offsets.
func (c *consumer) commit(m *member, offsets []kafka.CommitOffset, which []int, results []kafka.CommitResult) {
	request := kmsg.NewPtrOffsetCommitRequest()
	request.Group, request.InstanceID = c.group.id, instance(c.group.instance)
	request.MemberID, request.Generation = m.client.GroupMetadata()
	asked := make(map[stream.Partition]int, len(which))
	for _, i := range which {
		asked[offsets[i].Partition] = i
		results[i].Err = nil
		addCommit(request, &offsets[i])
	}
	response, err := request.RequestWith(c.ctx, c.reader) // the caller's context ends its wait only: a commit cannot be stopped
	if err != nil {
		for p, i := range asked {
			results[i].Err = commitError(fmt.Errorf("commit %s: %w", p, err))
		}
		return
	}
	for i := range response.Topics {
		c.commitAnswers(&response.Topics[i], asked, results)
	}
	for p, i := range asked {
		results[i].Err = commitError(fmt.Errorf("commit %s: the broker left it out of its answer", p))
	}
}

func addCommit(request *kmsg.OffsetCommitRequest, o *kafka.CommitOffset) {
	last := len(request.Topics) - 1
	if last < 0 || request.Topics[last].Topic != o.Partition.Topic {
		topic := kmsg.NewOffsetCommitRequestTopic()
		topic.Topic = o.Partition.Topic
		request.Topics = append(request.Topics, topic)
		last++
	}
	partition := kmsg.NewOffsetCommitRequestTopicPartition()
	partition.Partition, partition.Offset, partition.LeaderEpoch = o.Partition.Number, o.Offset, o.LeaderEpoch
	if o.Metadata != "" {
		partition.Metadata = &o.Metadata
	}
	request.Topics[last].Partitions = append(request.Topics[last].Partitions, partition)
}

// commitAnswers takes what the broker says of one topic's partitions, and strikes them off those asked about.
func (c *consumer) commitAnswers(
	topic *kmsg.OffsetCommitResponseTopic, asked map[stream.Partition]int, results []kafka.CommitResult,
) {
	for j := range topic.Partitions {
		p := stream.Partition{Topic: topic.Topic, Number: topic.Partitions[j].Partition}
		i, found := asked[p]
		if !found {
			continue
		}
		delete(asked, p)
		err := kerr.ErrorForCode(topic.Partitions[j].ErrorCode)
		if err == nil {
			continue
		}
		if errors.Is(err, kerr.IllegalGeneration) && !c.owns(p) {
			results[i].Err = &kafka.CommitError{Err: fmt.Errorf("commit %s: %w: %w", p, kafka.ErrNotOwned, err)}
			continue
		}
		results[i].Err = commitError(fmt.Errorf("commit %s: %w", p, err))
	}
}

func (c *consumer) owns(p stream.Partition) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.member != nil && c.owned[p] != nil
}
