package confluent

import (
	"context"
	"fmt"

	ck "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

func (c *consumer) Commit(ctx context.Context, offsets []kafka.CommitOffset) ([]kafka.CommitResult, error) {
	if !c.gate.enter() {
		return nil, kafka.ErrClosed
	}
	defer c.gate.leave()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	results := make([]kafka.CommitResult, len(offsets))
	at := make(map[stream.Partition]int, len(offsets))
	list := make([]ck.TopicPartition, 0, len(offsets))
	for i := range offsets {
		o := &offsets[i]
		results[i].Partition = o.Partition
		if !c.owns(o.Partition) {
			results[i].Err = &kafka.CommitError{Err: fmt.Errorf("commit %s: %w", o.Partition, kafka.ErrNotOwned)}
			continue
		}
		at[o.Partition] = i
		list = append(list, commitEntry(o))
	}
	if len(list) == 0 {
		return results, nil
	}
	answers, err := c.client.CommitOffsets(list)
	if err != nil && len(list) > 1 && refusesOne(err) {
		c.commitEach(list, at, results)
		return results, nil
	}
	if err != nil {
		for p, i := range at {
			results[i].Err = commitError(fmt.Errorf("commit %s: %w", p, err))
		}
		return results, nil
	}
	for _, answer := range answers {
		p := fromPartition(answer)
		if i, asked := at[p]; asked && answer.Error != nil {
			results[i].Err = commitError(fmt.Errorf("commit %s at offset %d: %w", p, answer.Offset, answer.Error))
		}
	}
	return results, nil
}

// commitEach finds out which partition a refusal was about: the binding drops the answers of the partitions when the
// request as a whole counts as failed. Offsets that were accepted are committed a second time, which changes nothing.
func (c *consumer) commitEach(list []ck.TopicPartition, at map[stream.Partition]int, results []kafka.CommitResult) {
	for i := range list {
		p := fromPartition(list[i])
		answers, err := c.client.CommitOffsets(list[i : i+1])
		if err == nil && len(answers) == 1 {
			err = answers[0].Error
		}
		if err != nil {
			results[at[p]].Err = commitError(fmt.Errorf("commit %s at offset %d: %w", p, list[i].Offset, err))
		}
	}
}

// refusesOne says whether an error can be about one partition of a request only.
func refusesOne(err error) bool {
	switch code(err) {
	case ck.ErrOffsetMetadataTooLarge, ck.ErrUnknownTopicOrPart, ck.ErrUnknownTopicID, ck.ErrTopicAuthorizationFailed,
		ck.ErrInvalidCommitOffsetSize:
		return true
	default:
		return false
	}
}

func commitEntry(o *kafka.CommitOffset) ck.TopicPartition {
	entry := ck.TopicPartition{Topic: &o.Partition.Topic, Partition: o.Partition.Number, Offset: ck.Offset(o.Offset)}
	if o.Metadata != "" {
		entry.Metadata = &o.Metadata
	}
	if o.LeaderEpoch >= 0 {
		entry.LeaderEpoch = &o.LeaderEpoch
	}
	return entry
}
