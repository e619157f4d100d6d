package sim

import (
	"slices"
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/messages"
)

// ownershipStepped holds what a member decides about its partitions to the policies.
func (o *oracle) ownershipStepped(p *poller, m messages.ToOwnership, out *core.OwnershipEffects) {
	if found, ok := m.(messages.PositionFound); ok {
		o.positionFound(p, found, out)
	}
	if paused, ok := m.(messages.OperatorPaused); ok {
		for _, s := range paused.Partitions {
			p.told[s] = paused.Paused
		}
	}
}

// positionFound checks where an incarnation begins.
func (o *oracle) positionFound(p *poller, m messages.PositionFound, out *core.OwnershipEffects) {
	for i := range out.Spawn {
		s := &out.Spawn[i]
		if s.Incarnation != m.Incarnation {
			o.w.violate("start", "the answer for %s starts %s", m.Incarnation, s.Incarnation)
			continue
		}
		o.begun(p, m, s)
	}
	for _, s := range out.Start {
		o.sentElsewhere(p, m, s)
	}
}

// sentElsewhere checks where the client is sent when its next offset was outside the log.
func (o *oracle) sentElsewhere(p *poller, m messages.PositionFound, s core.StartFetch) {
	pos, l := m.Position, o.life(p.of, s.Incarnation)
	if l == nil || s.Incarnation != m.Incarnation {
		o.w.violate("start", "the answer for %s sends the client to %d of %s", m.Incarnation, s.Offset, s.Incarnation)
		return
	}
	switch policy := o.w.plan.start.OutOfRange; {
	case policy == core.ResetLatest && s.Offset == pos.LogEnd:
		l.log.floor = max(l.log.floor, s.Offset)
	case policy == core.ResetEarliest && s.Offset == pos.LogStart:
	case s.Offset >= pos.LogStart && s.Offset <= pos.LogEnd && (len(l.lived) == 0 || s.Offset <= l.lived[len(l.lived)-1].record.offset+1):
	default:
		o.w.violate("start", "%s goes on at %d: %+v", l, s.Offset, pos)
	}
}

func (o *oracle) begun(p *poller, m messages.PositionFound, s *core.PartitionStart) {
	pos := m.Position
	topic := o.w.broker.every[pos.TopicID]
	if topic == nil || int(m.Number) >= len(topic.logs) {
		o.w.violate("start", "%s begins without a topic", m.Incarnation)
		return
	}
	l := &life{
		of: p.of, inc: m.Incarnation, poller: p, log: topic.logs[m.Number], start: s.Offset, saw: pos.Committed, issued: -1,
		mark: s.Offset, moved: o.w.now, lines: make(map[uint64]int), held: make(map[uint64]*heldKey),
	}
	if o.lives[lifeKey{p.of, m.Epoch}] != nil {
		o.w.violate("epoch", "%s begins twice", m.Incarnation)
	}
	o.lives[lifeKey{p.of, m.Epoch}] = l
	was := p.topicIDs[m.Partition]
	p.topicIDs[m.Partition] = pos.TopicID
	policy, fresh := core.Reset(0), true
	wanted := pos.Committed
	if pos.HasStored {
		wanted = pos.Stored
	}
	switch {
	case was != "" && was != pos.TopicID:
		policy = o.w.plan.start.OutOfRange
	case wanted < 0:
		policy = o.w.plan.start.Reset
	case wanted < pos.LogStart || wanted > pos.LogEnd:
		policy = o.w.plan.start.OutOfRange
	default:
		fresh = false
	}
	want := wanted
	if fresh {
		switch policy {
		case core.ResetEarliest:
			want = pos.LogStart
		case core.ResetLatest:
			want = pos.LogEnd
			l.log.floor = max(l.log.floor, want)
		case core.ResetError:
			o.w.violate("start", "%s begins at %d although the policy says not to", l, s.Offset)
		}
		l.freshBy = o.w.now + int64(freshWithin)
	} else if !pos.HasStored {
		l.covered = o.covers(l.log, pos)
		if slices.Contains(l.log.strange, pos.Committed) {
			o.w.say("%s begins at an offset of a topic that is gone", l)
			l.log.floor = max(l.log.floor, want)
		}
	}
	if s.Offset != want {
		o.w.violate("start", "%s begins at %d, not at %d: %+v", l, s.Offset, want, pos)
	}
	o.sameRuns(l, s)
	o.sameHeld(l, s, pos)
}

// freshWithin is how soon a start that a policy chose must be on its way to the broker.
const freshWithin = 3 * time.Second

// covers is what the metadata of a committed offset says is done beyond it.
func (o *oracle) covers(log *partitionLog, pos messages.Position) []span {
	m, ok := readMetadata(pos.Metadata)
	if !ok || (m.base != pos.Committed && len(m.spans) > 0) || m.topic != log.topic.id {
		return nil
	}
	var spans []span
	for _, s := range m.spans {
		if s.last = min(s.last, pos.LogEnd-1); s.first <= s.last {
			spans = append(spans, s)
		}
	}
	return spans
}

func (o *oracle) sameRuns(l *life, s *core.PartitionStart) {
	same := len(s.Done) == len(l.covered)
	for i := 0; same && i < len(s.Done); i++ {
		same = s.Done[i].First == l.covered[i].first && s.Done[i].Last == l.covered[i].last
	}
	if !same {
		o.w.violate("metadata", "%s takes %v as done, the metadata says %v", l, s.Done, l.covered)
	}
}
