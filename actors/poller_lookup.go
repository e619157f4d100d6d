package actors

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

func (p *poller) positionOutside(s stream.Partition, position int64, halted bool) {
	if inc, ok := p.ownership.Active(s); ok {
		p.actorCtx.Send(p.actorCtx.Self(), messages.PositionOutside{Incarnation: inc, Position: position, Halted: halted})
	}
}

// lookUp asks where incarnations begin, off the poller, and not before the committer has nothing of them on its way. The
// answers come by mail.
func (p *poller) lookUp(incs []messages.Incarnation) {
	root, self := p.actorCtx.ActorSystem().Root, p.actorCtx.Self()
	quiet := make(chan struct{}, 1)
	p.actorCtx.Send(p.committer, quietRequest{partitions: partitionsOf(incs), reply: quiet})
	go func() {
		ctx, cancel := context.WithTimeout(p.ctx, lookupTimeout)
		defer cancel()
		var found []messages.PositionFound
		select {
		case <-quiet:
			found = p.positions(ctx, incs)
		case <-ctx.Done():
			for _, inc := range incs {
				found = append(found, messages.PositionFound{Incarnation: inc, Err: errors.New("a commit is still on its way")})
			}
		}
		for _, f := range found {
			root.Send(self, f)
		}
	}()
}

// lookAtTopics asks for the ids of the topics that are read, off the poller.
func (p *poller) lookAtTopics() {
	var topics []string
	for _, inc := range p.ownership.Incarnations() {
		if !slices.Contains(topics, inc.Topic) {
			topics = append(topics, inc.Topic)
		}
	}
	if len(topics) == 0 || p.askingTopics.Swap(true) {
		return
	}
	root, self := p.actorCtx.ActorSystem().Root, p.actorCtx.Self()
	go func() {
		defer p.askingTopics.Store(false)
		ctx, cancel := context.WithTimeout(p.ctx, lookupTimeout)
		defer cancel()
		if ids, err := p.consumer.TopicIDs(ctx, topics); err == nil { // the next look is due soon
			root.Send(self, messages.TopicsSeen{IDs: ids})
		}
	}()
}

func partitionsOf(incs []messages.Incarnation) []stream.Partition {
	partitions := make([]stream.Partition, len(incs))
	for i, inc := range incs {
		partitions[i] = inc.Partition
	}
	return partitions
}

// positions asks the broker and the offset store.
func (p *poller) positions(ctx context.Context, incs []messages.Incarnation) []messages.PositionFound {
	partitions := partitionsOf(incs)
	var stored map[stream.Partition]stream.Offset
	positions, err := p.consumer.Positions(ctx, partitions)
	if err == nil && p.env.Settings.OffsetStore != nil {
		if stored, err = p.env.Loads.load(ctx, p.env.Settings.OffsetStore, partitions); err != nil {
			err = fmt.Errorf("offset store: %w", err)
		}
	}
	found := make([]messages.PositionFound, len(incs))
	for i, inc := range incs {
		found[i] = messages.PositionFound{Incarnation: inc, Err: err}
		if err == nil {
			found[i].Err = fmt.Errorf("%s: the client gave no position", inc.Partition)
		}
	}
	for _, s := range positions {
		for i := range found {
			if err != nil || found[i].Partition != s.Partition {
				continue
			}
			found[i].Err = s.Err
			offset, has := stored[s.Partition]
			found[i].Position = messages.Position{
				Committed: s.Committed, Metadata: s.Metadata, TopicID: s.TopicID, LogStart: s.LogStart, LogEnd: s.LogEnd,
				Stored: offset, HasStored: has,
			}
		}
	}
	return found
}
