package core

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// Epochs gives every incarnation of a process its number. It may be shared by several machines.
type Epochs struct{ last atomic.Uint64 }

// Next gives a number that no incarnation has had.
func (e *Epochs) Next() uint64 { return e.last.Add(1) }

// lookupRetry spaces the lookups of a start offset.
var lookupRetry = retry.Policy{Initial: 250 * time.Millisecond, Multiplier: 2, Max: 15 * time.Second, Jitter: 0.2}

// Ownership is the machine that knows what one member of the group owns.
//
//	assigned ──► looking up ──► spawning ──► active ──► (revoked, lost)
//	                 ▲   │           │          │
//	                 │   ▼           └──────────┴─► failed: the next incarnation of the partition looks up again
//	                 waiting, when the lookup failed
//
// Records of a partition go nowhere unless it is active. A lookup of an incarnation that follows another may begin only
// when no commit of the partition is on its way any more, or it would find an offset that is behind that commit.
type Ownership struct {
	config OwnershipConfig
	epochs *Epochs
	owned  map[stream.Partition]*assignment
	paused map[stream.Partition]bool // by an operator; outlives an assignment
	member bool                      // an assignment came, and was not lost since
}

// OwnershipConfig says where partitions begin that have no valid position.
type OwnershipConfig struct {
	Reset      Reset // where there is no offset
	OutOfRange Reset // where the offset is outside the log, or of a topic that is gone
}

type phase uint8

const (
	lookingUp phase = iota
	waitingToLookUp
	spawning
	active
)

type assignment struct {
	messages.Incarnation
	phase    phase
	tries    int32
	retryAt  time.Time
	err      error
	outside  bool // the error is about a position outside the log
	start    start
	topicID  string // of the topic that is read, as far as it is known
	was      string // the topic id of the incarnation before
	check    *check // of a position that is said to be outside the log
	halted   error  // why nothing more is read, when the policy is to stop
	haltedAt time.Time
	full     bool // paused because the budget is full
	fullAt   time.Time
	told     bool      // that it is full
	toldAt   time.Time // the last time that anything was told about that
	fetching bool      // started, and not paused in the client
	since    time.Time
	stepAt   time.Time // when the phase's next step was due, or began
}

// OwnershipEffects is what to do after a step.
type OwnershipEffects struct {
	Lookup []messages.Incarnation
	Spawn  []PartitionStart
	Own    []messages.Own
	// Start tells the client to deliver from an offset.
	Start  []StartFetch
	Pause  []stream.Partition // in the client
	Resume []stream.Partition
	// Operator tells partitions whether an operator has paused them.
	Operator []Addressed[messages.OperatorPause]
	Stop     []messages.Incarnation // incarnations that have ended
	Disown   []messages.Incarnation
	Events   []stream.Event
	Stale    int
	Wake     time.Time
}

// StartFetch is where the client begins to deliver a partition.
type StartFetch struct {
	messages.Incarnation
	Offset int64
}

// Reset empties the effects for the next step.
func (e *OwnershipEffects) Reset() {
	*e = OwnershipEffects{
		Lookup: e.Lookup[:0], Spawn: e.Spawn[:0], Own: e.Own[:0], Start: e.Start[:0], Pause: e.Pause[:0],
		Resume: e.Resume[:0], Operator: e.Operator[:0], Stop: e.Stop[:0], Disown: e.Disown[:0], Events: e.Events[:0],
	}
}

// NewOwnership makes a machine that owns nothing.
func NewOwnership(config OwnershipConfig, epochs *Epochs) *Ownership {
	return &Ownership{
		config: config, epochs: epochs, owned: make(map[stream.Partition]*assignment), paused: make(map[stream.Partition]bool),
	}
}

// Step carries one message into the machine.
func (o *Ownership) Step(now time.Time, m messages.ToOwnership, out *OwnershipEffects) {
	switch m := m.(type) {
	case messages.PartitionsAssigned:
		o.member = true
		for _, p := range m.Partitions {
			o.incarnate(now, p, "", out)
		}
		out.Events = append(out.Events, stream.Assigned{Partitions: m.Partitions})
	case messages.PartitionsRevoked:
		o.end(m.Partitions, nil)
	case messages.PartitionsLost:
		o.member = false
		o.end(m.Partitions, func(inc messages.Incarnation) {
			out.Disown = append(out.Disown, inc)
			out.Stop = append(out.Stop, inc)
		})
	case messages.PositionFound:
		o.positionFound(now, m, out)
	case messages.PartitionReady:
		o.ready(now, m.Incarnation, out)
	case messages.PartitionFailed:
		o.failed(now, m, out)
	case messages.PositionOutside:
		o.positionOutside(now, m, out)
	case messages.TopicsSeen:
		o.topicsSeen(now, m, out)
	case messages.OperatorPaused:
		o.operatorPaused(m, out)
	case messages.FlowDecided:
		o.flowDecided(now, m, out)
	case messages.OwnershipTick:
	}
	o.retryLookups(now, out)
}

// incarnate begins the next incarnation of a partition. One that is there already ends. was is the id of the topic that was
// read until now, when the partition was owned all the time.
func (o *Ownership) incarnate(now time.Time, p stream.Partition, was string, out *OwnershipEffects) {
	if old := o.owned[p]; old != nil {
		out.Disown = append(out.Disown, old.Incarnation)
		out.Stop = append(out.Stop, old.Incarnation)
	}
	a := &assignment{
		Incarnation: messages.Incarnation{Partition: p, Epoch: o.epochs.Next()}, phase: lookingUp, since: now, was: was,
		stepAt: now,
	}
	o.owned[p] = a
	out.Lookup = append(out.Lookup, a.Incarnation)
}

func (o *Ownership) end(partitions []stream.Partition, each func(messages.Incarnation)) {
	for _, p := range partitions {
		a := o.owned[p]
		if a == nil {
			continue
		}
		delete(o.owned, p)
		if each != nil {
			each(a.Incarnation)
		}
	}
}

// current gives the assignment of an incarnation, if it still is the one that counts.
func (o *Ownership) current(inc messages.Incarnation, want phase, out *OwnershipEffects) *assignment {
	a := o.owned[inc.Partition]
	if a == nil || a.Epoch != inc.Epoch || a.phase != want {
		out.Stale++
		return nil
	}
	return a
}

func (o *Ownership) positionFound(now time.Time, m messages.PositionFound, out *OwnershipEffects) {
	if o.checked(now, m, out) {
		return
	}
	a := o.current(m.Incarnation, lookingUp, out)
	if a == nil {
		return
	}
	err := m.Err
	if err == nil {
		a.start, err = chooseStart(m.Position, o.config, recreated(a.was, m.Position.TopicID))
	}
	if err != nil {
		o.lookUpLater(now, a, m, err, out)
		return
	}
	a.phase, a.err, a.outside, a.stepAt = spawning, nil, false, now
	a.topicID = cmp.Or(m.Position.TopicID, a.was)
	if a.start.outOfRange {
		out.Events = append(out.Events, outOfRange(a, m.Position, a.start.offset))
	}
	if a.start.ignored != nil {
		out.Events = append(out.Events, stream.MetadataIgnored{
			Partition: a.Partition, Epoch: a.Epoch, Error: a.start.ignored.Error(),
		})
	}
	own := messages.Own{Incarnation: a.Incarnation, Committed: m.Position.Committed, Start: -1}
	if a.start.fresh {
		own.Start, own.Metadata = a.start.offset, a.start.heldText
	}
	if a.start.origin != "committed" && a.start.offset < own.Committed {
		own.Committed = a.start.offset
	}
	out.Own = append(out.Own, own)
	spawn := PartitionStart{
		Incarnation: a.Incarnation, Offset: a.start.offset, TopicID: m.Position.TopicID, Done: a.start.done, Held: a.start.held,
	}
	if a.start.fresh || a.start.origin != "committed" {
		spawn.Metadata = a.start.heldText
	}
	out.Spawn = append(out.Spawn, spawn)
}

// lookUpLater waits before the next lookup. That there is no start is news once, and again when the reason becomes that the
// position is outside the log.
func (o *Ownership) lookUpLater(now time.Time, a *assignment, m messages.PositionFound, err error, out *OwnershipEffects) {
	outside := m.Err == nil && a.start.outOfRange
	if a.tries == 0 {
		out.Events = append(out.Events, stream.StartUnavailable{Partition: a.Partition, Epoch: a.Epoch, Error: err.Error()})
	}
	if outside && !a.outside {
		out.Events = append(out.Events, outOfRange(a, m.Position, -1))
	}
	a.tries++
	a.phase, a.err, a.outside = waitingToLookUp, err, outside
	a.retryAt = now.Add(lookupRetry.Delay(a.tries, retry.Entropy(a.Epoch, 0, a.tries)))
	a.stepAt = a.retryAt
}

func outOfRange(a *assignment, p messages.Position, chosen int64) stream.OutOfRange {
	return stream.OutOfRange{
		Partition: a.Partition, Epoch: a.Epoch, Position: a.start.wanted, LogStart: p.LogStart, LogEnd: p.LogEnd, Chosen: chosen,
	}
}

func (o *Ownership) ready(now time.Time, inc messages.Incarnation, out *OwnershipEffects) {
	a := o.current(inc, spawning, out)
	if a == nil {
		return
	}
	a.phase = active
	a.fetching = true
	out.Start = append(out.Start, StartFetch{Incarnation: inc, Offset: a.start.offset})
	skipped := int64(0)
	for _, r := range a.start.done {
		skipped += r.Last - r.First + 1
	}
	out.Events = append(out.Events, stream.Started{
		Partition: a.Partition, Epoch: a.Epoch, Offset: a.start.offset, Origin: a.start.origin, Skipped: skipped,
		DurationMS: now.Sub(a.since).Milliseconds(),
	})
	if o.paused[a.Partition] {
		out.Operator = append(out.Operator, Addressed[messages.OperatorPause]{To: inc, Message: messages.OperatorPause{Paused: true}})
		a.fetching = false
		out.Pause = append(out.Pause, a.Partition)
	}
}

// failed ends an incarnation whose actor has failed, and begins the next: it reads again from the committed offset.
func (o *Ownership) failed(now time.Time, m messages.PartitionFailed, out *OwnershipEffects) {
	a := o.owned[m.Partition]
	if a == nil || a.Epoch != m.Epoch {
		out.Stale++
		return
	}
	o.follow(now, a, out)
}

// follow ends an incarnation and begins the next of the same assignment.
func (o *Ownership) follow(now time.Time, a *assignment, out *OwnershipEffects) {
	if a.fetching {
		out.Pause = append(out.Pause, a.Partition)
	}
	o.incarnate(now, a.Partition, cmp.Or(a.topicID, a.was), out)
}

// retryLookups begins the lookups that are due again and says when the next one is.
func (o *Ownership) retryLookups(now time.Time, out *OwnershipEffects) {
	for _, a := range o.owned {
		waits := a.phase == waitingToLookUp || (a.check != nil && !a.check.asked)
		switch {
		case !waits:
		case a.retryAt.After(now):
			if out.Wake.IsZero() || a.retryAt.Before(out.Wake) {
				out.Wake = a.retryAt
			}
		default:
			if a.phase == waitingToLookUp {
				a.phase, a.stepAt = lookingUp, now
			} else {
				a.check.asked = true
			}
			out.Lookup = append(out.Lookup, a.Incarnation)
		}
	}
	slices.SortFunc(out.Lookup, func(a, b messages.Incarnation) int {
		return stream.ComparePartitions(a.Partition, b.Partition)
	})
}
