package core

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/stream"
)

// LanePhase is what the worker of a lane is at.
type LanePhase uint8

// The phases of a worker, in the order in which it goes through them.
const (
	LaneIdle         LanePhase = iota // has no work
	LaneAwaitsOrphan                  // an attempt of an earlier incarnation of the partition still runs
	LaneAwaitsSlot                    // every slot of the process is taken
	LaneOpens                         // in NewHandler
	LaneHandles                       // in the handler
	LaneCloses                        // in the handler's Close, after a panic
	LanePhaseCount   = int(LaneCloses) + 1
)

func (p LanePhase) String() string {
	return [LanePhaseCount]string{"idle", "awaits an orphan", "awaits a slot", "opens a handler", "handles", "closes a handler"}[p]
}

// Lane is where a worker stands. It is read from the worker itself: that a partition has given work away does not show that
// anybody works on it.
type Lane struct {
	Phase LanePhase
	Since time.Time // of the phase; of the attempt while one runs
	Slots int       // of the process
}

// Explain says why work that the lane has takes long: the cause, since when, and what it is about. It is false when the lane
// is at nothing that would explain it.
func (l Lane) Explain() (cause stream.Cause, since time.Time, detail string, ok bool) {
	switch l.Phase {
	case LaneIdle:
		return stream.Flowing, time.Time{}, "", false
	case LaneAwaitsOrphan:
		return stream.HandlerStuck, l.Since, "an attempt of an earlier incarnation ignores its cancelled context", true
	case LaneAwaitsSlot:
		return stream.HandlerSlow, l.Since, fmt.Sprintf("waits for one of the %d slots of concurrency", l.Slots), true
	case LaneOpens:
		return stream.HandlerSlow, l.Since, "NewHandler has not returned", true
	case LaneCloses:
		return stream.HandlerSlow, l.Since, "the handler's Close has not returned", true
	case LaneHandles:
	}
	return stream.HandlerSlow, l.Since, "", true
}
