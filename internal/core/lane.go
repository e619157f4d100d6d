package core

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/stream"
)

// LanePhase is what a lane's work is at.
type LanePhase uint8

// The phases of a work, in the order in which it goes through them.
const (
	LaneIdle         LanePhase = iota // there is no work
	LaneAwaitsOrphan                  // an attempt of an earlier incarnation of the partition still runs
	LaneAwaitsSlot                    // every slot of the process is taken
	LaneOpens                         // in NewHandler
	LaneHandles                       // in the handler
	LaneAwaitsLimit                   // in a middleware that has stopped the attempt's clock
	LaneCloses                        // in the handler's Close, after a panic
	LanePhaseCount   = int(LaneCloses) + 1
)

func (p LanePhase) String() string {
	return [LanePhaseCount]string{
		"idle", "awaits an orphan", "awaits a slot", "opens a handler", "handles", "awaits the rate limit", "closes a handler",
	}[p]
}

// Lane is where the lanes of a partition stand: the one of them that explains the most, which is the attempt that has run the
// longest; without one, the work that waits. It is read from those who work: that a partition has given work away does not
// show that anybody works on it.
type Lane struct {
	Phase LanePhase
	Since time.Time // of the phase; of the attempt while one runs
	Slots int       // of the process
}

// Explain says why work that the lanes have takes long: the cause, since when, and what it is about. It is false when they are
// at nothing that would explain it.
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
	case LaneAwaitsLimit:
		return stream.HandlerSlow, l.Since, "awaits the rate limit", true
	case LaneCloses:
		return stream.HandlerSlow, l.Since, "the handler's Close has not returned", true
	case LaneHandles:
	}
	return stream.HandlerSlow, l.Since, "", true
}
