package core

import (
	"time"
	"unsafe"
)

// Crowd says whether the outputs of the process that wait for their brokers fill up the memory. Then nothing is begun: its
// outputs would come on top, and what ends the wait is the brokers' answer alone.
func (p *Partition) Crowd(now time.Time, crowded bool) {
	switch {
	case !crowded:
		p.crowdedSince = time.Time{}
	case p.crowdedSince.IsZero():
		p.crowdedSince = now
	}
}

// notesBytes is what the notes on a record that did not simply succeed cost: themselves, their place among the others, the
// alarm, and the text of an error.
const notesBytes = int64(unsafe.Sizeof(trouble{})) + 3*int64(unsafe.Sizeof(alarm{})) + 64

// NotesBytes is what the machine holds beside the records themselves, for the byte budget.
func (p *Partition) NotesBytes() int64 {
	if p.ended {
		return 0
	}
	return int64(len(p.troubles)) * notesBytes
}
