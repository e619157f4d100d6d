package memory

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf16"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

var errNotSubscribed = errors.New("the group has members, and this consumer is none of them")

// Commit stores offsets for the group. As with librdkafka nothing cancels it: it waits for an absent broker until the
// session's time is over, whatever becomes of ctx.
func (c *consumer) Commit(_ context.Context, offsets []kafka.CommitOffset) ([]kafka.CommitResult, error) {
	b := c.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := c.reachCoordinator(); err != nil {
		return nil, err
	}
	b.expire()
	fault, fails := take(&b.faults.commits)
	if fails && fault.Partition.Topic == "" {
		if fault.Applied {
			_, _ = c.store(offsets, nil)
		}
		return nil, &kafka.CommitError{Err: fault.Err, Retriable: fault.Retriable}
	}
	if !fails {
		return c.store(offsets, nil)
	}
	return c.store(offsets, &fault)
}

// reachCoordinator waits while commits are held or the broker is away.
func (c *consumer) reachCoordinator() error {
	b := c.broker
	f := &b.faults
	f.waitingCommits++
	defer func() { f.waitingCommits-- }()
	giveUp := time.Time{}
	for {
		switch {
		case c.isClosed():
			return kafka.ErrClosed
		case f.commitHolds > 0:
			giveUp = time.Time{}
		case !f.down:
			return nil
		case giveUp.IsZero():
			giveUp = c.sessionEnd()
		case !time.Now().Before(giveUp):
			return &kafka.CommitError{Err: fmt.Errorf("coordinator of group %s: %w", c.group.name, ErrBrokerDown), Retriable: true}
		}
		b.wait(c.closed, nil, giveUp)
	}
}

// store checks the member, not the ownership, and stores what is right for itself.
func (c *consumer) store(offsets []kafka.CommitOffset, fault *CommitFault) ([]kafka.CommitResult, error) {
	if err := c.mayCommit(); err != nil {
		return nil, &kafka.CommitError{Err: err}
	}
	results := make([]kafka.CommitResult, len(offsets))
	for i, o := range offsets {
		results[i].Partition = o.Partition
		if fault != nil && fault.Partition == o.Partition {
			results[i].Err = &kafka.CommitError{Err: fault.Err, Retriable: fault.Retriable}
			if !fault.Applied {
				continue
			}
		}
		if refused := c.storeOne(o); refused != nil {
			results[i].Err = refused
		}
	}
	return results, nil
}

func (c *consumer) mayCommit() error {
	switch m := c.member; {
	case m == nil && len(c.group.members) > 0:
		return fmt.Errorf("commit for group %s: %w", c.group.name, errNotSubscribed)
	case m != nil && m.gone != nil:
		return fmt.Errorf("commit for group %s: %w (%w)", c.group.name, ErrUnknownMember, m.gone)
	default:
		return nil
	}
}

func (c *consumer) storeOne(o kafka.CommitOffset) *kafka.CommitError {
	switch {
	case c.broker.log(o.Partition) == nil:
		return &kafka.CommitError{Err: fmt.Errorf("commit %s at %d: %w", o.Partition, o.Offset, ErrUnknownTopic)}
	case c.broker.topics[o.Partition.Topic].denied:
		return &kafka.CommitError{Err: fmt.Errorf("commit %s at %d: %w", o.Partition, o.Offset, ErrNotAuthorized)}
	case o.Offset < 0:
		return &kafka.CommitError{Err: fmt.Errorf("commit %s at %d: %w", o.Partition, o.Offset, ErrOffsetOutOfRange)}
	case len(utf16.Encode([]rune(o.Metadata))) > c.broker.options.MetadataLimit:
		return &kafka.CommitError{
			Err:              fmt.Errorf("commit %s at %d: %w: more than %d characters", o.Partition, o.Offset, ErrMetadataTooLarge, c.broker.options.MetadataLimit),
			MetadataTooLarge: true,
		}
	}
	c.group.offsets[o.Partition] = committed{offset: o.Offset, leaderEpoch: o.LeaderEpoch, metadata: o.Metadata}
	return nil
}

// Positions looks up where the group stands.
func (c *consumer) Positions(ctx context.Context, partitions []stream.Partition) ([]kafka.Position, error) {
	b := c.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.faults.down || b.faults.positionHolds > 0 {
		if c.isClosed() {
			return nil, kafka.ErrClosed
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("positions of %v: %w", partitions, err)
		}
		b.wait(ctx.Done(), c.closed, time.Time{})
	}
	if c.isClosed() {
		return nil, kafka.ErrClosed
	}
	fault, fails := take(&b.faults.positions)
	positions := make([]kafka.Position, len(partitions))
	for i, p := range partitions {
		positions[i] = b.position(c.group, p)
		if fails {
			positions[i].Err = fmt.Errorf("position of %s: %w", p, fault)
		}
	}
	return positions, nil
}

// position describes one partition for a group.
func (b *Broker) position(g *group, p stream.Partition) kafka.Position {
	at := g.committed(p)
	position := kafka.Position{
		Partition: p, Committed: at.offset, LeaderEpoch: at.leaderEpoch, Metadata: at.metadata, LogStart: -1, LogEnd: -1,
	}
	switch l := b.log(p); {
	case l == nil:
		position.Err = fmt.Errorf("position of %s: %w", p, ErrUnknownTopic)
	case b.topics[p.Topic].denied:
		position.Err = fmt.Errorf("position of %s: %w", p, ErrNotAuthorized)
	default:
		position.LogStart, position.LogEnd = l.start, l.end
		position.TopicID = b.topics[p.Topic].id
	}
	return position
}
