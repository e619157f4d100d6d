package core

import (
	"time"
)

// alarms are the times at which records are to be looked at again, the earliest first: a binary heap. An alarm is not taken
// back; who set it looks whether it still means something.
type alarms []alarm

type alarm struct {
	at     int64 // Unix nanoseconds
	offset int64
}

// set adds an alarm.
func (a *alarms) set(at time.Time, off int64) { a.add(alarm{at: at.UnixNano(), offset: off}) }

func (a *alarms) add(one alarm) {
	h := append(*a, one)
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h[i].before(h[parent]) {
			break
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
	*a = h
}

// due takes the earliest alarm whose time has come.
func (a *alarms) due(now time.Time) (off int64, ok bool) {
	h := *a
	if len(h) == 0 || h[0].at > now.UnixNano() {
		return 0, false
	}
	return a.pop().offset, true
}

// pop takes the earliest out.
func (a *alarms) pop() alarm {
	h := *a
	first := h[0]
	last := len(h) - 1
	h[0] = h[last]
	h = h[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h[child].before(h[least]) {
				least = child
			}
		}
		if least == i {
			break
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
	*a = h
	return first
}

// next is the time of the earliest alarm, and whether there is one.
func (a alarms) next() (time.Time, bool) {
	if len(a) == 0 {
		return time.Time{}, false
	}
	return time.Unix(0, a[0].at), true
}

// before orders by time, and then by offset, so that steps are deterministic.
func (a alarm) before(b alarm) bool {
	return a.at < b.at || (a.at == b.at && a.offset < b.offset)
}
