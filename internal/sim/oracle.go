package sim

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/troupe-go/troupe/internal/core"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// oracle watches everything that happens and knows the truth about every record. It shares no code with the machines, and
// is deliberately dumb.
type oracle struct {
	w        *world
	lives    map[lifeKey]*life
	spared   int        // records that were not handled, because the metadata said that they were done
	full     int        // seconds that partitions were seen with full metadata
	attempts []*attempt // those with outputs, by the number in the outputs' value
	endless  []func()   // ends attempts that would never end

	calmAt int64
	ending bool
	endBy  int64
}

type lifeKey struct {
	of    *process
	epoch uint64
}

// life is what the oracle knows of one incarnation.
type life struct {
	of     *process
	inc    messages.Incarnation
	poller *poller
	log    *partitionLog
	// foreign: records of another life of the topic came in, as they do until somebody notices that it was made again.
	foreign bool

	start   int64
	saw     int64 // committed when it began
	covered []span
	lived   []lived        // what it was given, by offset
	next    int            // the lowest that is not concluded
	lines   map[uint64]int // the last of each line that is kept in order, as an index of lived
	lanes   []openWork
	open    int                 // lanes with a Work
	held    map[uint64]*heldKey // keys whose records are to follow one to the dead letters
	refused int                 // dead letters that the broker did not take at the last try

	owned        bool // as the committer has been told
	disowned     bool
	lostAt       int64 // when its poller heard that it is lost; 0 when it has not
	issued       int64 // the last offset in a commit
	mark         int64 // the last watermark
	metadata     int   // characters of the metadata with it that say what is done
	full         bool  // they are so many that nothing new may be begun but close to the lowest offset
	metadataLeft int   // characters that they may still take
	fullAt       int64 // since when
	freshBy      int64 // by when its start must be in a commit; 0 when it need not
	tooLarge     bool  // the broker has refused its metadata
	clean        bool  // drained, with nothing in flight
	draining     bool
	drainBy      time.Time
	paused       bool
	halted       bool // by the rate of failures
	// calledBack: its lanes have heard that they are to begin nothing more of what they have.
	calledBack bool
	counts     tally // attempts that ended in the present step
	moved      int64 // when something last came of it
	untold     int64 // since when it has ended records without a report; 0 when it has not
}

// lived is one record in one incarnation.
type lived struct {
	record        *record
	before        int  // the one before it in its line, as an index of lived; -1 where there is none
	ordered       bool // it has a line
	line          uint64
	attempts      int32
	failures      int32 // that use up an attempt
	charges       int32 // refusals by a dependency that do so, too
	failedAt      int64 // the last time, or when it was enlisted
	retriable     bool  // the last failure
	exhausted     bool  // it had no attempt left
	refused       bool
	outputs       bool // the broker refused one
	stuck         bool
	dispatched    bool // it has been in a Work
	working       bool // it is in one
	waited        bool // it has been told to wait for another attempt
	circuit       bool // it waits for a dependency, or for the rate of failures
	rate          bool // for that
	probes        bool // it is to probe
	notBefore     int64
	dueBy         int64 // when it waits for its next attempt
	ripe          int64 // since when it is seen that it could be begun; 0 when it could not
	concluded     bool  // no handler has it again
	finished      bool
	letters       int  // sent to be written
	letterOut     bool // and not answered
	letterRefused bool // at the last try
}

// openWork is a Work that a lane has, as far as the machine knows.
type openWork struct {
	open    bool
	seq     uint64
	offsets []int64
	stuckAt int64 // since when the machine knows that it is stuck; 0 when it is not
}

func newOracle(w *world) *oracle { return &oracle{w: w, lives: make(map[lifeKey]*life)} }

// life gives the notes on an incarnation, nil where there are none.
func (o *oracle) life(of *process, inc messages.Incarnation) *life {
	return o.lives[lifeKey{of, inc.Epoch}]
}

func (l *life) String() string { return fmt.Sprintf("%s %s", l.of.name, l.inc) }

// at gives the notes on a record, or nil when the incarnation was not given it.
func (l *life) at(offset int64) *lived {
	i := l.index(offset)
	if i < len(l.lived) && l.lived[i].record.offset == offset {
		return &l.lived[i]
	}
	return nil
}

func (l *life) index(offset int64) int {
	return sort.Search(len(l.lived), func(i int) bool { return l.lived[i].record.offset >= offset })
}

// fed notes what a poll brought for an incarnation.
func (o *oracle) fed(part *partition, records []*record) {
	l := part.life
	if part.poller.told[part.inc.Partition] {
		o.w.violate("pause", "%s reads %s although an operator has paused it", part.poller.name, part.inc)
	}
	for _, r := range records {
		if r.log != l.log {
			l.foreign = true
		}
		if n := len(l.lived); n > 0 && r.offset <= l.lived[n-1].record.offset {
			continue // it was read before, and the client was sent back
		}
		v := lived{record: r, before: -1, concluded: inside(l.covered, r.offset)}
		if v.concluded {
			o.spared++
		}
		if v.line, v.ordered = o.w.line(r); v.ordered {
			if before, ok := l.lines[v.line]; ok {
				v.before = before
			}
			l.lines[v.line] = len(l.lived)
		}
		l.lived = append(l.lived, v)
	}
	l.moved = o.w.now
}

// committed holds a commit that the broker has stored to G1, G4 and G6. It says whether the commit was meant for a topic of
// that name that is gone.
func (o *oracle) committed(c *client, at *commitOffset, log *partitionLog, old committed) (foreign bool) {
	l := at.life
	if o.w.logs() {
		o.w.say("broker: %s commits %d %q of %s (was %d)", c.name, at.offset, at.metadata, l, old.offset)
	}
	d := c.assigned(at.partition)
	if d == nil {
		o.w.violate("G6", "%s is committed at %d by %s, which does not own it any more", at.partition, at.offset, c.name)
	}
	if l.foreign || l.log != log || (d != nil && d.id != "" && d.id != log.topic.id) {
		return true // a topic of that name was made again, and this member has not heard of it
	}
	o.behindPending("G1", "the group's committed offset", l, at.offset)
	o.checkMetadata("G1", l, at.offset, at.metadata)
	if at.offset < old.offset && !old.foreign && l.saw < old.offset && (!o.w.plan.faults.Has(Stored) || l.start >= old.offset) {
		o.w.violate("G4", "the committed offset of %s goes back from %d to %d, by %s, which began when it was %d",
			at.partition, old.offset, at.offset, l, l.saw)
	}
	return false
}

// behindPending says that an offset does not pass a record that is not done.
func (o *oracle) behindPending(rule, what string, l *life, offset int64) {
	if offset > l.log.end {
		o.w.violate(rule, "%s of %s is %d, beyond the log's end %d", what, l, offset, l.log.end)
	}
	if r := l.log.pending(); r != nil && offset > r.offset {
		o.w.violate(rule, "%s of %s is %d, but %s is not done", what, l, offset, r)
	}
}

// checkMetadata says that what the metadata names as done is done.
func (o *oracle) checkMetadata(rule string, l *life, offset int64, text string) {
	if text == "" {
		return
	}
	m, ok := readMetadata(text)
	if len(text) > metadataLimit {
		o.w.violate("metadata", "%s commits %d with %d characters of metadata", l, offset, len(text))
	}
	if !ok || (m.base != offset && len(m.spans) > 0) || m.topic != l.log.topic.id {
		o.w.violate("metadata", "%s commits %d with metadata %q: %+v", l, offset, text, m)
		return
	}
	for _, s := range m.spans {
		for i := l.log.from(s.first); i < len(l.log.records) && l.log.records[i].offset <= s.last; i++ {
			if r := l.log.records[i]; !r.done && r.offset >= l.log.start && r.offset >= l.log.floor {
				o.w.violate(rule, "%s says in metadata that %d..%d are done, but %s is not", l, s.first, s.last, r)
			}
		}
	}
}

// The limits of a commit's metadata, in characters: of all, and of one run.
const (
	metadataLimit  = 4000
	metadataRunMax = 32
)

// measure notes how much of a commit's metadata is taken. Held keys leave the rest of it to what is done, and when three
// quarters of that are taken nothing new is to be begun.
func (l *life) measure(now int64, text string) {
	done, held, _ := strings.Cut(text, " ")
	if strings.HasPrefix(done, "h1:") {
		done, held = "", done
	}
	l.metadata, l.metadataLeft = len(done), metadataLimit-len(held)-len(done)
	full := l.metadata >= (metadataLimit-len(held))*3/4
	if full && !l.full {
		l.fullAt = now
	}
	l.full = full
}

// committerStepped holds what a committer decides to G4.
func (o *oracle) committerStepped(p *poller, m messages.ToCommitter, out *core.CommitEffects) {
	switch m := m.(type) {
	case messages.Own:
		l := o.life(p.of, m.Incarnation)
		l.owned = true
		if l.freshBy != 0 {
			l.freshBy = o.w.now + int64(freshWithin)
		}
	case messages.Disown:
		o.disown(p, m.Incarnations)
	case messages.Release:
		p.releasing[m.ID] = m.Incarnations
	case messages.CommitReturned:
		o.answered(p, m)
	case messages.WatermarkReport, messages.CommitTick, messages.AwaitQuiet:
	}
	if out.Commit != nil {
		if len(p.committer.flying) > 0 {
			o.w.violate("G4", "%s begins a commit while another is on its way", p.name)
		}
		for i := range out.Commit.Offsets {
			o.issued(p, &out.Commit.Offsets[i])
		}
	}
	for _, r := range out.Released {
		o.disown(p, p.releasing[r.ID])
		delete(p.releasing, r.ID)
	}
}

func (o *oracle) disown(p *poller, incs []messages.Incarnation) {
	for _, inc := range incs {
		if l := o.life(p.of, inc); l != nil {
			l.disowned = true
		}
	}
}

func (o *oracle) issued(p *poller, w *messages.Watermark) {
	l := o.life(p.of, w.Incarnation)
	switch {
	case l == nil || !l.owned || l.disowned:
		o.w.violate("G4", "%s commits %d for %s, which it does not own", p.name, w.Offset, w.Incarnation)
		return
	case l.tooLarge && w.Metadata != "":
		o.w.violate("metadata", "%s commits %q for %s again, which is too large for the broker", p.name, w.Metadata, w.Incarnation)
	case w.Offset < l.issued:
		o.w.violate("G4", "%s commits %d for %s after %d", p.name, w.Offset, w.Incarnation, l.issued)
	}
	if l.lostAt != 0 && o.w.now > l.lostAt+int64(lostWithin) {
		o.w.violate("G4", "%s commits %d for %s, which was lost at %s", p.name, w.Offset, w.Incarnation, time.Duration(l.lostAt))
	}
	l.issued, l.freshBy = w.Offset, 0
	if !l.foreign {
		o.behindPending("G1", "a commit", l, w.Offset)
	}
}

// lost notes what a poller has heard to be lost. Its committer hears of it by mail.
func (o *oracle) lost(p *poller, incs []messages.Incarnation) {
	for _, inc := range incs {
		if l := o.life(p.of, inc); l != nil {
			l.lostAt = o.w.now
		}
	}
}

// lostWithin is how long the mail to the committer may take.
const lostWithin = 3 * time.Second

// answered notes whose metadata the broker has refused.
func (o *oracle) answered(p *poller, m messages.CommitReturned) {
	for _, a := range m.Results {
		for _, at := range p.committer.called {
			if at.partition == a.Partition && a.MetadataTooLarge {
				at.life.tooLarge = true
			}
		}
	}
}

// drained notes how an incarnation has ended.
func (o *oracle) drained(p *poller, reply drainReply) {
	if l := o.life(p.of, reply.inc); l != nil {
		l.clean = reply.InFlight == 0
	}
}

// released holds a revoke in good order to G2: all that its incarnations have done is committed, so that nobody does it
// again.
func (o *oracle) released(p *poller, incs []messages.Incarnation, failed []stream.Partition) {
	for _, inc := range incs {
		l := o.life(p.of, inc)
		if l == nil || !l.clean || l.foreign || slices.Contains(failed, inc.Partition) ||
			o.w.broker.log(inc.Partition) != l.log {
			continue
		}
		c := o.w.broker.committed(inc.Partition)
		if c.foreign {
			continue
		}
		o.keysCommitted(l, c)
		m, _ := readMetadata(c.metadata)
		for i := range l.lived {
			r := &l.lived[i]
			done := r.record.offset < c.offset || inside(m.spans, r.record.offset)
			if r.finished && !done && !o.w.plan.faults.Has(MetadataLimit) && len(c.metadata) < metadataLimit-metadataRunMax {
				o.w.violate("G2", "%s was given back in good order, but %s is done and not committed (%d %v)", l, r.record, c.offset, m.spans)
			}
		}
	}
}

// acknowledged holds the end of a revoke to G4: no commit that names the partitions may be on its way.
func (o *oracle) acknowledged(c *client, ps []stream.Partition) {
	for _, at := range c.poller.committer.flying {
		if slices.Contains(ps, at.partition) {
			o.w.violate("G4", "%s gives %s back while a commit of it is on its way", c.name, at.partition)
		}
	}
}
