package core

import "time"

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
