package core

import "time"

// openWork takes a lane for a Work whose lowest record is e. Lanes that were used last come first, so that there are no more
// than are useful.
func (p *Partition) openWork(now time.Time, e *entry) (*work, int) {
	lane := len(p.lanes)
	if n := len(p.free); n > 0 {
		lane, p.free = p.free[n-1], p.free[:n-1]
	} else {
		p.lanes = append(p.lanes, work{})
	}
	p.seq++
	p.open++
	w := &p.lanes[lane]
	*w = work{open: true, seq: p.seq, lowest: e.offset, since: now, offsets: w.offsets}
	return w, lane
}

// closeWork frees a lane.
func (p *Partition) closeWork(lane int) {
	w := &p.lanes[lane]
	if w.stuck {
		p.stuck--
	}
	*w = work{offsets: w.offsets}
	p.free = append(p.free, lane)
	p.open--
}

// lanesMost is how many Works may be open at once.
func (p *Partition) lanesMost() int {
	if p.laneLimit > 0 {
		return max(1, min(p.config.Lanes, p.laneLimit))
	}
	return max(1, p.config.Lanes)
}

// LimitLanes says how many Works may be open at once as far as those are concerned who handle them, beside the partition's own
// limit; 0 is no limit. Works that wait in vain have taken their records out of the order of the others.
func (p *Partition) LimitLanes(works int) { p.laneLimit = works }

// LanesLimited says whether it may be for that limit that no other Work was opened.
func (p *Partition) LanesLimited() bool {
	return p.laneLimit > 0 && p.laneLimit < p.config.Lanes && p.open >= p.lanesMost()
}
