package messages

import "github.com/troupe-go/troupe/stream"

// ToOwnership is what the ownership machine of a poller understands.
//
//sumtype:decl
type ToOwnership interface{ toOwnership() }

// PartitionsAssigned: the group gave these to this member.
type PartitionsAssigned struct{ Partitions []stream.Partition }

// PartitionsRevoked: they were drained and committed, and are given back.
type PartitionsRevoked struct{ Partitions []stream.Partition }

// PartitionsLost: they are gone.
type PartitionsLost struct{ Partitions []stream.Partition }

// PositionFound answers a lookup of where to begin.
type PositionFound struct {
	Incarnation
	Position Position
	Err      error
}

// Position is where a partition stands on the broker and in the offset store.
type Position struct {
	Committed int64 // -1: nothing committed
	Metadata  string
	TopicID   string
	LogStart  int64
	LogEnd    int64
	Stored    int64 // what the offset store says
	HasStored bool
}

// PartitionReady: the incarnation's actor has been spawned.
type PartitionReady struct{ Incarnation }

// PartitionFailed: the incarnation's actor failed by a bug, or the client cannot go on with it; a new incarnation follows.
type PartitionFailed struct {
	Incarnation
	Err error
}

// PositionOutside: the next offset of a partition that is being read is not in its log. What was read of it before goes on.
type PositionOutside struct {
	Incarnation
	Position int64
	// Halted: the client delivers nothing of the partition until it is started again. Otherwise it goes on at the log's
	// start.
	Halted bool
}

// TopicsSeen gives the ids of topics as the brokers know them now.
type TopicsSeen struct{ IDs map[string]string }

// OperatorPaused: an operator pauses or resumes the partitions, whether this member owns them now or may own them later.
type OperatorPaused struct {
	Partitions []stream.Partition
	Paused     bool
}

// FlowDecided: the budget's decision.
type FlowDecided struct {
	Pause  []stream.Partition
	Resume []stream.Partition
	Used   int64
}

// OwnershipTick lets time pass.
type OwnershipTick struct{}

func (PartitionsAssigned) toOwnership() {}
func (PartitionsRevoked) toOwnership()  {}
func (PartitionsLost) toOwnership()     {}
func (PositionFound) toOwnership()      {}
func (PartitionReady) toOwnership()     {}
func (PartitionFailed) toOwnership()    {}
func (PositionOutside) toOwnership()    {}
func (TopicsSeen) toOwnership()         {}
func (OperatorPaused) toOwnership()     {}
func (FlowDecided) toOwnership()        {}
func (OwnershipTick) toOwnership()      {}
