package core

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

const (
	// ProgressLimit is how long something may have work, make no progress, and not say why.
	ProgressLimit = time.Minute
	// ProgressLook is the time between two looks.
	ProgressLook = 5 * time.Second
)

// Aspect is what of a processor makes progress or does not.
type Aspect uint8

// The aspects.
const (
	Handling   Aspect = iota // records that were received come to an end
	Fetching                 // what the log has more is received
	Starting                 // an assigned partition begins to be read
	Committing               // what is done is committed
	Waking                   // a machine that wants to be woken is
	Turning                  // an actor comes to the end of a message
)

func (a Aspect) String() string {
	return [...]string{"handling", "fetching", "starting", "committing", "waking", "turning"}[a]
}

// Standing is what one look at an incarnation shows.
type Standing struct {
	messages.Incarnation
	// Cause is why its records stand where they stand, as far as its machine knows now.
	Cause      stream.Cause
	Ends       uint64 // of records, attempts and waits for an acknowledgement, so far
	Unfinished int64
	Received   int64
	Offset     int64     // of the lowest record that is not done, or the next
	Due        time.Time // when the machine wants to be woken; zero for never
	Lane       Lane
	// CircuitOpen says whether the dependency that the next record waits for is known to be down.
	CircuitOpen bool
	// StartDue is when the next step of its start was due, or began; zero once it is being read.
	StartDue time.Time
	// Behind: it is meant to be read, and the log goes beyond all that the client has seen.
	Behind        bool
	Position      int64 // what is committed, or where it began
	Watermark     int64
	CommitFailing bool
}

// Loop is what one look at an actor shows.
type Loop struct {
	Kind, Name string
	Handled    int64 // messages, so far
	Queued     int64
	Busy       bool // in the middle of a message
	// Excused: it stands still on purpose, and for a time that is bounded.
	Excused bool
	Limit   time.Duration // in place of ProgressLimit, where it is shorter
}

// Look is what is seen of a processor at one moment.
type Look struct {
	Partitions []Standing
	Loops      []Loop
	Handlers   int  // user code that runs now
	MemoryFull bool // the budget throttles every intake
}

// Fault is something that has work and makes no progress, and no cause explains it.
type Fault struct {
	Aspect Aspect
	Kind   string // partition, poller, committer ...
	Actor  string
	// Partition is the one concerned; its epoch is 0 when the fault is of no partition.
	Partition messages.Incarnation
	Offset    int64
	Since     time.Time
	Stood     time.Duration // as far as it was looked at
	Reason    string
}

// Error says it in one line.
func (f Fault) Error() string {
	return fmt.Sprintf("%s has made no progress for %s: %s", f.Actor, f.Stood.Round(time.Second), f.Reason)
}

// Progress is the machine of the watchdog. It is given a look at the whole processor now and then, and says which of its
// parts have work and come to no end of anything, without a cause that would explain it.
//
//	moves, or explains itself ──► stands ──(ProgressLimit)──► faulty ──► moves, or explains itself
//
// A cause counts as an explanation only as far as there is evidence for it: a slow handler must be seen in the handler, a
// dependency must have an open circuit, and who waits for a time must be woken at that time. What Kafka does not answer
// explains itself; that the brokers have records which the client does not fetch does not.
//
// Time is counted by looks, each for twice ProgressLook at most, so that a process that was frozen, or a machine that slept,
// is not accused of it.
type Progress struct {
	interval time.Duration // of commits
	watched  map[subject]*watch
	last     time.Time
}

// subject is one aspect of one part.
type subject struct {
	aspect Aspect
	actor  string
}

// watch is what is known of a subject that stands.
type watch struct {
	mark   int64
	since  time.Time
	stood  time.Duration
	faulty bool
	fault  Fault
	seen   bool // in the present look
}

// NewProgress makes the machine; commitInterval is how long what is done may wait to be committed.
func NewProgress(commitInterval time.Duration) *Progress {
	return &Progress{interval: commitInterval, watched: make(map[subject]*watch)}
}

// Look takes a look and gives the faults that it finds new, and those that are over.
func (p *Progress) Look(now time.Time, look Look) (began, ended []Fault) {
	passed := time.Duration(0)
	if !p.last.IsZero() {
		passed = min(now.Sub(p.last), 2*ProgressLook)
	}
	p.last = now
	for _, w := range p.watched {
		w.seen = false
	}
	for i := range look.Partitions {
		began = p.partition(now, passed, &look.Partitions[i], &look, began)
	}
	for i := range look.Loops {
		began = p.loop(now, passed, &look.Loops[i], began)
	}
	for s, w := range p.watched {
		if w.seen {
			continue
		}
		delete(p.watched, s)
		if w.faulty {
			ended = append(ended, w.fault)
		}
	}
	sortFaults(began)
	sortFaults(ended)
	return began, ended
}

// Faults are those that the last look has found or confirmed.
func (p *Progress) Faults() []Fault {
	var faults []Fault
	for _, w := range p.watched {
		if w.faulty {
			faults = append(faults, w.fault)
		}
	}
	sortFaults(faults)
	return faults
}

func sortFaults(faults []Fault) {
	slices.SortFunc(faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Actor, b.Actor), cmp.Compare(a.Aspect, b.Aspect))
	})
}

// stands notes that a subject has work, and the mark that its progress changes. A subject that is not noted in a look moves,
// or explains itself. It gives the fault when it begins now.
func (p *Progress) stands(now time.Time, passed, limit time.Duration, mark int64, fault Fault) (Fault, bool) {
	s := subject{aspect: fault.Aspect, actor: fault.Actor}
	w := p.watched[s]
	if w == nil || (w.mark != mark && !w.faulty) {
		p.watched[s] = &watch{mark: mark, since: now, seen: true}
		return Fault{}, false
	}
	if w.mark != mark {
		return Fault{}, false // it moves again: not seen, so its fault ends with this look
	}
	w.seen = true
	w.stood += passed
	fault.Since, fault.Stood = w.since, w.stood
	w.fault = fault
	if w.faulty || w.stood < limit {
		return Fault{}, false
	}
	w.faulty = true
	return fault, true
}

func (p *Progress) partition(now time.Time, passed time.Duration, s *Standing, look *Look, began []Fault) []Fault {
	note := func(aspect Aspect, limit time.Duration, mark int64, format string, args ...any) {
		f := Fault{
			Aspect: aspect, Kind: "partition", Actor: s.String(), Partition: s.Incarnation, Offset: s.Offset,
			Reason: fmt.Sprintf(format, args...),
		}
		if fault, begins := p.stands(now, passed, limit, mark, f); begins {
			began = append(began, fault)
		}
	}
	if s.Unfinished > 0 && !s.explained(look.Handlers) {
		note(Handling, ProgressLimit, int64(s.Ends), "%d records are not done, and nothing comes to an end (cause %s, lane %s)",
			s.Unfinished, s.Cause, s.Lane.Phase)
	}
	if s.Behind && !look.MemoryFull {
		note(Fetching, ProgressLimit, s.Received, "the brokers have more records, and the client does not fetch them")
	}
	if !s.StartDue.IsZero() && now.After(s.StartDue) {
		note(Starting, ProgressLimit, s.StartDue.UnixNano(), "it is assigned, and its start does not go on")
	}
	if s.Watermark > s.Position && s.Position >= 0 && !s.CommitFailing {
		note(Committing, p.interval+ProgressLimit, s.Position, "done up to %d, committed up to %d, and no commit has failed",
			s.Watermark, s.Position)
	}
	if !s.Due.IsZero() && now.After(s.Due) {
		note(Waking, ProgressLimit, s.Due.UnixNano(), "what was due at %s has not happened (cause %s)",
			s.Due.UTC().Format(time.RFC3339), s.Cause)
	}
	return began
}

// explained says whether the cause tells why the records of a partition come to no end.
func (s *Standing) explained(handlers int) bool {
	switch s.Cause {
	case stream.Idle, stream.Flowing:
		return false
	case stream.HandlerSlow, stream.HandlerStuck:
		_, _, _, at := s.Lane.Explain()
		return at && (s.Lane.Phase != LaneAwaitsSlot || handlers > 0)
	case stream.DependencyDown, stream.RegistryUnavailable:
		return s.CircuitOpen
	case stream.RetryBackoff, stream.OutputUnavailable, stream.DeadLetterUnavailable, stream.DeadLetterTooLarge,
		stream.StartOffsetUnavailable, stream.ClaimWaiting, stream.MemoryFull, stream.MetadataFull, stream.CommitFailing,
		stream.Draining, stream.PausedByOperator, stream.OffsetOutOfRange, stream.KafkaUnreachable:
	}
	return true
}

func (p *Progress) loop(now time.Time, passed time.Duration, l *Loop, began []Fault) []Fault {
	if l.Excused || (!l.Busy && l.Queued == 0) {
		return began
	}
	limit := ProgressLimit
	if l.Limit > 0 {
		limit = min(limit, l.Limit)
	}
	f := Fault{
		Aspect: Turning, Kind: l.Kind, Actor: l.Name,
		Reason: fmt.Sprintf("it comes to no end of a message, and %d wait", l.Queued),
	}
	if fault, begins := p.stands(now, passed, limit, l.Handled, f); begins {
		began = append(began, fault)
	}
	return began
}
