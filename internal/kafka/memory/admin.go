package memory

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// admin is a kafka.Admin.
type admin struct {
	broker *Broker
	once   sync.Once
	closed chan struct{}
}

// reach waits while the broker is away. The broker's lock is held.
func (a *admin) reach(ctx context.Context) error {
	for {
		select {
		case <-a.closed:
			return kafka.ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
		if !a.broker.faults.down {
			return nil
		}
		a.broker.wait(ctx.Done(), a.closed, time.Time{})
	}
}

// Topics describes topics.
func (a *admin) Topics(ctx context.Context, names ...string) ([]kafka.TopicInfo, error) {
	b := a.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := a.reach(ctx); err != nil {
		return nil, fmt.Errorf("describe topics %v: %w", names, err)
	}
	if len(names) == 0 {
		names = b.topicNames()
	}
	infos := make([]kafka.TopicInfo, len(names))
	for i, name := range names {
		infos[i].Name = name
		switch t := b.topics[name]; {
		case t == nil:
		case t.denied:
			infos[i].Err = fmt.Errorf("topic %s: %w", name, ErrNotAuthorized)
		default:
			infos[i].Exists, infos[i].Partitions = true, len(t.logs)
		}
	}
	return infos, nil
}

// legalTopic is what Kafka takes for a name.
var legalTopic = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)

// CreateTopic creates a topic; one that exists stays as it is. Of the configuration it heeds max.message.bytes.
func (a *admin) CreateTopic(ctx context.Context, name string, partitions int, config map[string]string) error {
	b := a.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := a.reach(ctx); err != nil {
		return fmt.Errorf("create topic %s: %w", name, err)
	}
	var limit int64
	if text, ok := config["max.message.bytes"]; ok {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return fmt.Errorf("create topic %s: max.message.bytes: %q is no number of bytes", name, text)
		}
		limit = n
	}
	switch t := b.topics[name]; {
	case !legalTopic.MatchString(name):
		return fmt.Errorf("create topic %q: %w", name, ErrInvalidTopic)
	case partitions < 1:
		return fmt.Errorf("create topic %s with %d partitions: it needs one at least", name, partitions)
	case t != nil && t.denied:
		return fmt.Errorf("create topic %s: %w", name, ErrNotAuthorized)
	case t == nil:
		b.createTopic(name, partitions)
		b.topics[name].messageLimit = limit
	}
	return nil
}

// GroupOffsets gives the positions of a group.
func (a *admin) GroupOffsets(ctx context.Context, group string, topics ...string) ([]kafka.Position, error) {
	b := a.broker
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := a.reach(ctx); err != nil {
		return nil, fmt.Errorf("offsets of group %s: %w", group, err)
	}
	g := b.group(group)
	wanted := make(map[stream.Partition]struct{})
	for p := range g.offsets {
		wanted[p] = struct{}{}
	}
	for _, name := range topics {
		t := b.topics[name]
		if t == nil {
			return nil, fmt.Errorf("offsets of group %s: topic %s: %w", group, name, ErrUnknownTopic)
		}
		for i := range t.logs {
			wanted[stream.Partition{Topic: name, Number: int32(i)}] = struct{}{}
		}
	}
	var positions []kafka.Position
	for _, p := range slices.SortedFunc(maps.Keys(wanted), stream.ComparePartitions) {
		position := b.position(g, p)
		position.TopicID = "" // it is asked by name
		positions = append(positions, position)
	}
	return positions, nil
}

// Close ends blocked calls.
func (a *admin) Close() { a.once.Do(func() { close(a.closed) }) }
