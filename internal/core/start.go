package core

import (
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/internal/core/hold"
	"github.com/troupe-go/troupe/internal/core/offset"
	"github.com/troupe-go/troupe/messages"
)

// Reset is where to begin without an offset, or where to go on when the offset is outside the log.
type Reset uint8

// The reset policies, as auto.offset.reset names them.
const (
	ResetEarliest Reset = iota
	ResetLatest
	ResetError
)

func outsideError(position int64, p messages.Position) error {
	return fmt.Errorf("position %d is outside the log (%d to %d) and the policy for offsets out of range is stop",
		position, p.LogStart, p.LogEnd)
}

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
	held       []hold.ID
	heldText   string // held, as the commit's metadata has it
	// ignored is why the commit's metadata was of no use.
	ignored error
}

// chooseStart decides where to begin: at what the offset store says, else at the committed offset, else where the policy
// for a missing offset says. An offset outside the log is replaced by that of the policy for it; so is one of a topic that
// was deleted and made again. Keys are held wherever it begins, because only an operator releases them. An error means that
// there is nowhere to begin.
func chooseStart(p messages.Position, config OwnershipConfig, recreated bool) (start, error) {
	s := start{offset: p.Committed, origin: "committed", wanted: p.Committed}
	if p.HasStored {
		s.offset, s.origin, s.wanted = p.Stored, "store", p.Stored
	}
	doneText, heldText := hold.Split(p.Metadata)
	s.takeHeld(heldText, p.TopicID)
	reset := config.OutOfRange
	switch {
	case recreated:
		s.outOfRange, s.ignored = true, nil // what was written for the topic that is gone is no news
	case s.offset < 0:
		s.wanted, reset = -1, config.Reset
	case s.offset < p.LogStart || s.offset > p.LogEnd:
		s.outOfRange = true
	default:
		if s.origin == "committed" && p.Metadata != "" {
			done, err := offset.Decode(doneText, p.Committed, p.TopicID)
			s.ignored = errors.Join(err, s.ignored)
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
		switch {
		case recreated:
			return s, errors.New("the topic was deleted and made again, and the policy for offsets out of range is stop")
		case s.outOfRange:
			return s, outsideError(s.wanted, p)
		}
		return s, fmt.Errorf("there is no committed offset and auto.offset.reset is error")
	}
	return s, nil
}

// takeHeld reads which keys are held.
func (s *start) takeHeld(text, topicID string) {
	if s.held, s.ignored = hold.Decode(text, topicID); s.ignored == nil {
		s.heldText = text
	}
}
