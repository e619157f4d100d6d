package core

import (
	"fmt"

	"github.com/troupe-go/troupe/internal/core/offset"
	"github.com/troupe-go/troupe/messages"
)

// Reset is what to do where there is no valid offset.
type Reset uint8

// The reset policies, as auto.offset.reset names them.
const (
	ResetEarliest Reset = iota
	ResetLatest
	ResetError
)

// start is where an incarnation begins, and why there.
type start struct {
	offset int64
	origin string // committed, store, earliest, latest
	// fresh: the offset came from the reset policy, so it is committed at once.
	fresh bool
	// outOfRange: the position wanted is outside the log.
	outOfRange bool
	wanted     int64
	done       []offset.Run
	// ignored is why the commit's metadata was of no use.
	ignored error
}

// chooseStart decides where to begin: at what the offset store says, else at the committed offset, else as the reset policy
// says. An offset outside the log is replaced by the policy's. An error means that there is nowhere to begin.
func chooseStart(p messages.Position, reset Reset) (start, error) {
	s := start{offset: p.Committed, origin: "committed", wanted: p.Committed}
	if p.HasStored {
		s.offset, s.origin, s.wanted = p.Stored, "store", p.Stored
	}
	switch {
	case s.offset < 0:
		s.wanted = -1
	case s.offset < p.LogStart || s.offset > p.LogEnd:
		s.outOfRange = true
	default:
		if s.origin == "committed" && p.Metadata != "" {
			var done []offset.Run
			done, s.ignored = offset.Decode(p.Metadata, p.Committed, p.TopicID)
			// The log may have been cut since, and what is written there now was never handled.
			set := offset.NewDoneSet(done)
			set.Clamp(p.LogEnd)
			s.done = set.Runs()
		}
		return s, nil
	}
	switch reset {
	case ResetEarliest:
		s.offset, s.origin, s.fresh = p.LogStart, "earliest", true
	case ResetLatest:
		s.offset, s.origin, s.fresh = p.LogEnd, "latest", true
	case ResetError:
		if s.outOfRange {
			return s, fmt.Errorf("position %d is outside the log (%d to %d) and auto.offset.reset is error", s.wanted, p.LogStart, p.LogEnd)
		}
		return s, fmt.Errorf("there is no committed offset and auto.offset.reset is error")
	}
	return s, nil
}
