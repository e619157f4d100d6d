package flow

// Turns decides who may run a handler next in a process that runs at most a number of them at once. The slots are shared
// fairly over groups; a group is one incarnation of a partition. It decides only: whoever owns it starts the handlers. It
// is not safe for concurrent use. Make it with [NewTurns].
//
// A run of a group goes through
//
//	Offer --> waiting --Next--> running --Done--> gone
//	          waiting --Withdraw or Leave--> gone
//	                            running --Lend--> lent --Reclaim--> gone; another takes its place meanwhile
//
// Offer, Done and Lend may make it somebody's turn: after them Next is to be asked until it says no.
//
// A free slot goes to the waiting group with the fewest running handlers. So it never makes a group have more than one
// above any other that waits at that moment, and as slots come free the running handlers settle at the max-min fair share
// (Bertsekas and Gallager, Data Networks, 6.5.2): a group that asks for less than an even part gets all it asks for, and
// the others share the rest evenly. Nothing is taken from a handler that runs, so who had many slots while nobody else
// wanted them gives them up only as its handlers return. Of groups with as many running, the one that has stood so for
// longest is first; thus short handlers go round robin, and everyone that waits has its turn.
//
// Lending is for an attempt that ignores its cancelled context. Nothing can end it, so it keeps its slot, and the pool
// goes on with one more; at most as many as the capacity may be lent, so that a process has never more than twice the
// capacity of attempts.
//
// Every call costs the same few instructions, however many groups and slots there are, and allocates nothing, but for
// Join.
type Turns struct {
	capacity int
	running  int // without the lent ones
	lent     int
	waiting  int
	// lines holds the waiting groups by how many they have running, each line in the order of entering it.
	lines []line
	taken counts // the lines that are not empty
}

// Group is a share in [Turns]. It is comparable; the zero value is no group.
type Group struct{ *group }

type group struct {
	running  int // without the lent ones
	waiting  int // above 0: the group stands in the line of its running
	left     bool
	previous *group
	next     *group
}

// line is a queue of groups.
type line struct{ first, last *group }

// NewTurns makes capacity slots, at least one.
func NewTurns(capacity int) *Turns {
	capacity = max(1, capacity)
	return &Turns{capacity: capacity, lines: make([]line, capacity+1), taken: newCounts(capacity + 1)}
}

// Join makes a new group.
func (t *Turns) Join() Group { return Group{&group{}} }

// Leave ends a group: its waiting runs are gone, and what it offers from now on is ignored. The slots it holds come back
// with Done, or are lent, as ever.
func (t *Turns) Leave(g Group) {
	t.Withdraw(g, g.waiting)
	g.left = true
}

// Offer says that n more runs of the group want a slot.
func (t *Turns) Offer(g Group, n int) {
	if n <= 0 || g.left {
		return
	}
	if g.waiting == 0 {
		t.enter(g.group)
	}
	g.waiting += n
	t.waiting += n
}

// Withdraw takes back up to n runs that have not been given a slot, and says how many it took.
func (t *Turns) Withdraw(g Group, n int) int {
	n = min(n, g.waiting)
	if n <= 0 {
		return 0
	}
	g.waiting -= n
	t.waiting -= n
	if g.waiting == 0 {
		t.exit(g.group)
	}
	return n
}

// Next gives a free slot to the group whose turn it is. It says false when no slot is free or nobody waits.
func (t *Turns) Next() (Group, bool) {
	if t.running == t.capacity || t.waiting == 0 {
		return Group{}, false
	}
	g := t.lines[t.taken.lowest()].first
	t.exit(g)
	g.waiting--
	t.waiting--
	g.running++
	t.running++
	if g.waiting > 0 {
		t.enter(g)
	}
	return Group{g}, true
}

// Done gives back a slot of the group. Without a running one it does nothing.
func (t *Turns) Done(g Group) {
	if g.running == 0 {
		return
	}
	if g.waiting > 0 {
		t.exit(g.group)
	}
	g.running--
	t.running--
	if g.waiting > 0 {
		t.enter(g.group)
	}
}

// Lend leaves a slot of the group to its stuck attempt, which counts no more as running: its place is free. It says false,
// and the attempt goes on to count, when as many as the capacity are lent already or the group has none running.
func (t *Turns) Lend(g Group) bool {
	if t.lent == t.capacity || g.running == 0 {
		return false
	}
	t.lent++
	t.Done(g)
	return true
}

// Reclaim ends the slot of a stuck attempt that has returned at last. Nobody gains by it: its place was given away when
// it was lent. Another stuck attempt may be lent its slot now.
func (t *Turns) Reclaim() { t.lent = max(0, t.lent-1) }

// Capacity is how many slots there are, without the lent ones.
func (t *Turns) Capacity() int { return t.capacity }

// Running is how many slots are taken, without the lent ones.
func (t *Turns) Running() int { return t.running }

// Lent is how many stuck attempts keep a slot of their own.
func (t *Turns) Lent() int { return t.lent }

// Waiting is how many runs of all groups wait.
func (t *Turns) Waiting() int { return t.waiting }

// enter puts the group at the end of its line.
func (t *Turns) enter(g *group) {
	l := &t.lines[g.running]
	g.previous = l.last
	if l.last == nil {
		l.first = g
		t.taken.add(g.running)
	} else {
		l.last.next = g
	}
	l.last = g
}

// exit takes the group out of its line.
func (t *Turns) exit(g *group) {
	l := &t.lines[g.running]
	if g.previous == nil {
		l.first = g.next
	} else {
		g.previous.next = g.next
	}
	if g.next == nil {
		l.last = g.previous
	} else {
		g.next.previous = g.previous
	}
	g.previous, g.next = nil, nil
	if l.first == nil {
		t.taken.remove(g.running)
	}
}
