package memory

import (
	"context"
	"fmt"
	"time"
	"unicode/utf16"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// Commit stores offsets for the group. It refuses partitions that are not owned when it is called; later nobody asks for
// the ownership any more, as with real brokers, so that a commit that was parked can overwrite the next owner's. As with
// librdkafka nothing cancels it once it has begun: it waits for an absent broker until the session's time is over,
// whatever becomes of ctx.
func (c *consumer) Commit(ctx context.Context, offsets []kafka.CommitOffset) ([]kafka.CommitResult, error) {
	b := c.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.isClosed() {
		return nil, kafka.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("commit for group %s: %w", c.group.name, err)
	}
	results := make([]kafka.CommitResult, len(offsets))
	owned := false
	for i, o := range offsets {
		results[i].Partition = o.Partition
		if c.deliveries[o.Partition] == nil {
			err := fmt.Errorf("commit %s at %d: %w", o.Partition, o.Offset, kafka.ErrNotOwned)
			results[i].Err = &kafka.CommitError{Err: err}
		} else {
			owned = true
		}
	}
	if !owned {
		return results, nil
	}
	if err := c.reachCoordinator(); err != nil {
		return nil, err
	}
	b.expire()
	fault, fails := take(&b.faults.commits)
	if fails && fault.Partition.Topic == "" {
		if fault.Applied {
			_ = c.store(offsets, results, nil)
		}
		return nil, &kafka.CommitError{Err: fault.Err, Retriable: fault.Retriable}
	}
	var one *CommitFault
	if fails {
		one = &fault
	}
	if err := c.store(offsets, results, one); err != nil {
		return nil, err
	}
	return results, nil
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

// store checks the member, not the ownership, and stores what was not refused before and is right for itself.
func (c *consumer) store(offsets []kafka.CommitOffset, results []kafka.CommitResult, fault *CommitFault) error {
	if m := c.member; m.gone != nil {
		return &kafka.CommitError{Err: fmt.Errorf("commit for group %s: %w (%w)", c.group.name, ErrUnknownMember, m.gone)}
	}
	for i, o := range offsets {
		if results[i].Err != nil {
			continue
		}
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
	return nil
}

func (c *consumer) storeOne(o kafka.CommitOffset) *kafka.CommitError {
	switch {
	case c.broker.log(o.Partition) == nil:
		return &kafka.CommitError{Err: fmt.Errorf("commit %s at %d: %w", o.Partition, o.Offset, ErrUnknownTopic)}
	case c.broker.topics[o.Partition.Topic].denied:
		return &kafka.CommitError{Err: fmt.Errorf("commit %s at %d: %w", o.Partition, o.Offset, ErrNotAuthorized)}
	case o.Offset < 0:
		return &kafka.CommitError{Err: fmt.Errorf("commit %s at %d: %w", o.Partition, o.Offset, ErrInvalidOffset)}
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
	for {
		if c.isClosed() {
			return nil, kafka.ErrClosed
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("positions of %v: %w", partitions, err)
		}
		if !b.faults.down && b.faults.positionHolds == 0 {
			break
		}
		b.wait(ctx.Done(), c.closed, time.Time{})
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

// TopicIDs gives the ids of the topics that exist.
func (c *consumer) TopicIDs(ctx context.Context, topics []string) (map[string]string, error) {
	b := c.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.faults.down {
		if c.isClosed() {
			return nil, kafka.ErrClosed
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("ids of topics %v: %w", topics, err)
		}
		b.wait(ctx.Done(), c.closed, time.Time{})
	}
	if c.isClosed() {
		return nil, kafka.ErrClosed
	}
	ids := make(map[string]string, len(topics))
	for _, name := range topics {
		if t := b.topics[name]; t != nil {
			ids[name] = t.id
		}
	}
	return ids, nil
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
