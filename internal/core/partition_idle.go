package core

import "fmt"

// Idle says what a machine without records holds nevertheless; that is a bug. It is for tests, of a machine that may begin
// records: one that is paused keeps turns that mean nothing any more.
func (p *Partition) Idle() error {
	left := map[string]int{
		"records":      int(p.ledger.Unfinished()),
		"entries":      len(p.entries) - p.head,
		"pending":      p.tracker.Pending(),
		"troubles":     len(p.troubles),
		"alarms":       len(p.alarms),
		"lines":        len(p.lines.byKey),
		"turns":        p.lines.turns.count,
		"late turns":   len(p.lines.late.heap),
		"due turns":    p.lines.due.count,
		"probe turns":  p.lines.probes.count,
		"enlisted":     p.enlisted,
		"open lanes":   p.open,
		"stuck lanes":  p.stuck,
		"busy lanes":   len(p.lanes) - len(p.free),
		"refused":      p.refusedLetters,
		"resting":      p.restingLetters,
		"closed lines": len(p.lines.lines) - len(p.lines.spare),
	}
	for what, n := range left {
		if n == 0 {
			delete(left, what)
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("%s has no records, but %v", p.inc, left)
	}
	return nil
}
