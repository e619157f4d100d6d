package flow

import "time"

// Pace holds a consumer back while handlers have more to do than they can: a backlog that is taken in as fast as it comes
// takes the processors from them. Intake then follows what is being done, and is a little faster, so that what is held still
// grows towards the budget and partitions that were not read yet have their turn. The zero value is ready for use; it is not
// safe for concurrent use.
type Pace struct {
	given  int64     // what the account had been given back at the last poll
	began  time.Time // of the present span
	before int64     // what it had been given back by then
	span   int64     // what was given back in the span before
}

const (
	paceSpan    = 50 * time.Millisecond
	paceAhead   = 2   // so many spans' worth is held before intake is held back
	pacePercent = 125 // of what was given back since the last poll
)

// Limit says how many bytes the next poll may bring, or false where the budget alone decides. Busy means that every slot of
// the handlers is taken and Works wait for one, least is what is held in any case before intake is held back, and pollers
// share the intake. A Limit may be zero: where nothing was done, nothing has to come.
func (p *Pace) Limit(now time.Time, a *Account, busy bool, least int64, pollers int) (bytes int64, paced bool) {
	given := a.given.Load()
	done := given - p.given
	p.given = given
	if passed := now.Sub(p.began); passed >= paceSpan {
		p.span = int64(float64(given-p.before) * float64(paceSpan) / float64(passed))
		p.began, p.before = now, given
	}
	if !busy || a.Used() < max(least, paceAhead*p.span) {
		return 0, false
	}
	return percent(done, pacePercent) / int64(max(pollers, 1)), true
}
