package core

import (
	"slices"
	"time"

	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// check is the lookup of a partition that is being read, because its next offset is said to be outside the log.
type check struct {
	position int64
	halted   bool // the client delivers nothing until it is told where
	asked    bool // the lookup is on its way
	tries    int32
}

// positionOutside looks up how the log has changed under a partition. Its incarnation goes on meanwhile: the records that
// it has were read in time.
func (o *Ownership) positionOutside(now time.Time, m messages.PositionOutside, out *OwnershipEffects) {
	a := o.current(m.Incarnation, active, out)
	if a == nil {
		return
	}
	if a.check == nil {
		a.check = &check{position: m.Position}
		a.retryAt = now
	}
	a.check.position = min(a.check.position, m.Position)
	a.check.halted = a.check.halted || m.Halted
}

// checked takes the answer of such a lookup, and says whether it was one.
func (o *Ownership) checked(now time.Time, m messages.PositionFound, out *OwnershipEffects) bool {
	a := o.owned[m.Partition]
	if a == nil || a.Epoch != m.Epoch || a.check == nil || !a.check.asked {
		return false
	}
	c := a.check
	if m.Err != nil {
		c.asked = false
		c.tries++
		a.retryAt = now.Add(lookupRetry.Delay(c.tries, retry.Entropy(a.Epoch, 0, c.tries)))
		return true
	}
	a.check = nil
	switch p := m.Position; {
	case recreated(a.topicID, p.TopicID):
		o.topicRecreated(a, p.TopicID, out)
		o.follow(now, a, out)
	case c.position > p.LogEnd: // the log went back
		o.follow(now, a, out)
	case c.position < p.LogStart:
		o.overtaken(now, a, c, p, out)
	case c.halted:
		out.Start = append(out.Start, StartFetch{Incarnation: a.Incarnation, Offset: c.position})
		o.repause(a, out)
	}
	return true
}

// overtaken does with records that were deleted before they could be read what the policy says.
func (o *Ownership) overtaken(now time.Time, a *assignment, c *check, p messages.Position, out *OwnershipEffects) {
	event := stream.OutOfRange{
		Partition: a.Partition, Epoch: a.Epoch, Position: c.position, LogStart: p.LogStart, LogEnd: p.LogEnd, Chosen: p.LogStart,
	}
	switch o.config.OutOfRange {
	case ResetEarliest:
	case ResetLatest:
		event.Chosen = p.LogEnd
	case ResetError:
		event.Chosen = -1
		a.halted, a.haltedAt = outsideError(c.position, p), now
	}
	out.Events = append(out.Events, event)
	if event.Chosen >= 0 && (c.halted || event.Chosen != p.LogStart) {
		out.Start = append(out.Start, StartFetch{Incarnation: a.Incarnation, Offset: event.Chosen})
		o.repause(a, out)
	}
}

// repause undoes the resumption that starting a partition brings, when it was paused.
func (o *Ownership) repause(a *assignment, out *OwnershipEffects) {
	if !a.fetching {
		out.Pause = append(out.Pause, a.Partition)
	}
}

// topicsSeen begins anew with the partitions of topics that were deleted and made again: their positions are of a log that
// is gone. With the classic protocol nobody else says so, and the client would skip what the new topic holds below them.
func (o *Ownership) topicsSeen(now time.Time, m messages.TopicsSeen, out *OwnershipEffects) {
	for _, inc := range o.Incarnations() {
		a := o.owned[inc.Partition]
		if id := m.IDs[inc.Topic]; a.phase == active && recreated(a.topicID, id) {
			o.topicRecreated(a, id, out)
			o.follow(now, a, out)
		}
	}
}

func (o *Ownership) topicRecreated(a *assignment, id string, out *OwnershipEffects) {
	event := stream.TopicRecreated{Topic: a.Topic, OldID: a.topicID, NewID: id}
	if !slices.Contains(out.Events, stream.Event(event)) {
		out.Events = append(out.Events, event)
	}
}

// recreated compares ids of a topic, as far as they are known.
func recreated(was, is string) bool { return was != "" && is != "" && was != is }
