package core

import (
	"errors"
	"slices"
	"time"

	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// CommitterConfig says when to commit.
type CommitterConfig struct {
	Records  int64         // done since the last commit
	Interval time.Duration // since the first record done after the last commit
}

// commitSpacing is the least time between two commits that their number of records asks for, so that a fast handler does
// not turn every few records into a request.
const commitSpacing = 50 * time.Millisecond

// unansweredAfter is how long a commit may be on its way before it is named as the cause.
const unansweredAfter = 5 * time.Second

var errUnanswered = errors.New("the coordinator has not answered the commit that is on its way")

// commitRetry spaces the attempts of a commit that failed.
var commitRetry = retry.Policy{Initial: 250 * time.Millisecond, Multiplier: 2, Max: 10 * time.Second, Jitter: 0.2}

// Committer is the machine that turns watermarks into commits, for one member of the group.
//
// It is authoritative about ownership: watermarks of an incarnation it does not own are dropped. At most one commit is on
// its way; while it is, newer watermarks gather. A commit on its way cannot be called back, so Release is answered only
// when none that names a released partition is left.
type Committer struct {
	config   CommitterConfig
	owned    map[stream.Partition]*ownedPartition
	records  int64     // done and not in any commit that was acknowledged or is on its way
	dirtyAt  time.Time // since when there is something to commit; zero when there is nothing
	lastAt   time.Time // when the last commit began
	seq      uint64
	inFlight []messages.Watermark // the commit on its way, empty when there is none
	flying   int64                // records of the commit on its way
	releases []release
	awaits   []messages.AwaitQuiet
}

type ownedPartition struct {
	epoch     uint64
	latest    messages.Watermark
	committed int64
	dirty     bool
	urgent    bool // commit at once
	noMeta    bool // the broker refuses the metadata's length
	releasing bool
	tries     int   // failed commits while releasing
	failures  int32 // one after another
	failing   error // the last of them
	failingAt time.Time
	retryAt   time.Time
}

type release struct {
	messages.Release
	failed []stream.Partition
	err    error
}

// CommitEffects is what to do after a step.
type CommitEffects struct {
	Commit   *messages.Commit
	Released []messages.Released
	Quiet    []uint64 // answers to AwaitQuiet
	Events   []stream.Event
	Stale    int
	Wake     time.Time
}

// Reset empties the effects for the next step.
func (e *CommitEffects) Reset() {
	*e = CommitEffects{Released: e.Released[:0], Quiet: e.Quiet[:0], Events: e.Events[:0]}
}

// NewCommitter makes a machine that owns nothing.
func NewCommitter(config CommitterConfig) *Committer {
	return &Committer{config: config, owned: make(map[stream.Partition]*ownedPartition)}
}

// Step carries one message into the machine.
func (c *Committer) Step(now time.Time, m messages.ToCommitter, out *CommitEffects) {
	switch m := m.(type) {
	case messages.Own:
		c.own(now, m)
	case messages.WatermarkReport:
		c.watermark(now, m.Watermark, out)
	case messages.Release:
		c.release(now, m, out)
	case messages.Disown:
		for _, inc := range m.Incarnations {
			if c.incarnation(inc) != nil {
				delete(c.owned, inc.Partition)
			}
		}
	case messages.AwaitQuiet:
		c.awaits = append(c.awaits, m)
	case messages.CommitReturned:
		c.returned(now, m, out)
	case messages.CommitTick:
	}
	c.serveReleases(out)
	c.serveAwaits(out)
	c.commit(now, out)
	out.Wake = c.wake(now)
}

func (c *Committer) own(now time.Time, m messages.Own) {
	o := &ownedPartition{epoch: m.Epoch, committed: m.Committed}
	o.latest = messages.Watermark{Incarnation: m.Incarnation, Offset: m.Committed, LeaderEpoch: -1}
	if m.Start >= 0 {
		o.latest.Offset, o.latest.Metadata = m.Start, m.Metadata
		o.dirty, o.urgent = true, true
		c.markDirty(now)
	}
	c.owned[m.Partition] = o
}

// incarnation gives what is known of an incarnation, or nil when it is not owned.
func (c *Committer) incarnation(inc messages.Incarnation) *ownedPartition {
	if o := c.owned[inc.Partition]; o != nil && o.epoch == inc.Epoch {
		return o
	}
	return nil
}

// watermark takes a partition's progress. Going back, or another incarnation, is refused here and nowhere else.
func (c *Committer) watermark(now time.Time, w messages.Watermark, out *CommitEffects) {
	o := c.incarnation(w.Incarnation)
	if o == nil || w.Offset < o.latest.Offset {
		out.Stale++
		return
	}
	c.records += w.Records
	if w.Offset != o.latest.Offset || w.Metadata != o.latest.Metadata {
		o.dirty = true
		c.markDirty(now)
	}
	o.latest = w
}

func (c *Committer) markDirty(now time.Time) {
	if c.dirtyAt.IsZero() {
		c.dirtyAt = now
	}
}

// release begins the end of incarnations. Its first commit does not wait for the backoff of those that failed before.
func (c *Committer) release(now time.Time, m messages.Release, out *CommitEffects) {
	for _, w := range m.Finals {
		c.watermark(now, w, out)
	}
	for _, inc := range m.Incarnations {
		if o := c.incarnation(inc); o != nil {
			o.releasing, o.urgent = true, o.dirty
			o.failures, o.retryAt = 0, time.Time{}
		}
	}
	c.releases = append(c.releases, release{Release: m})
}

// serveReleases answers those whose incarnations are not dirty, and whose partitions are not on their way: those of an
// incarnation that is not owned any more count too, because it is the broker's offset of the partition that they change.
func (c *Committer) serveReleases(out *CommitEffects) {
	c.releases = slices.DeleteFunc(c.releases, func(r release) bool {
		for _, inc := range r.Incarnations {
			if o := c.incarnation(inc); c.flies(inc.Partition) || (o != nil && o.dirty) {
				return false
			}
		}
		for _, inc := range r.Incarnations {
			if c.incarnation(inc) != nil {
				delete(c.owned, inc.Partition)
			}
		}
		out.Released = append(out.Released, messages.Released{ID: r.ID, Failed: r.failed, Err: r.err})
		return true
	})
}

// serveAwaits answers those whose partitions are not on their way. It is done before the next commit begins, or a fast
// handler could have one always on its way.
func (c *Committer) serveAwaits(out *CommitEffects) {
	c.awaits = slices.DeleteFunc(c.awaits, func(a messages.AwaitQuiet) bool {
		if slices.ContainsFunc(a.Partitions, c.flies) {
			return false
		}
		out.Quiet = append(out.Quiet, a.ID)
		return true
	})
}

// flies says whether the commit on its way names the partition.
func (c *Committer) flies(p stream.Partition) bool {
	return slices.ContainsFunc(c.inFlight, func(w messages.Watermark) bool { return w.Partition == p })
}

// due is when the next commit may begin; zero when there is nothing to commit.
func (c *Committer) due() time.Time {
	if c.dirtyAt.IsZero() {
		return time.Time{}
	}
	regular := c.dirtyAt.Add(c.config.Interval)
	if c.records >= c.config.Records {
		regular = c.lastAt.Add(commitSpacing)
	}
	due := time.Time{}
	for _, o := range c.owned {
		if !o.dirty {
			continue
		}
		at := regular
		if o.urgent {
			at = c.dirtyAt
		}
		if at = later(at, o.retryAt); due.IsZero() || at.Before(due) {
			due = at
		}
	}
	if due.IsZero() {
		return c.dirtyAt // what was dirty is not owned any more
	}
	return due
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// commit begins a commit of everything dirty, when one is due and none is on its way. What failed waits for its own backoff,
// so that a partition whose commits are refused does not hold up the others.
func (c *Committer) commit(now time.Time, out *CommitEffects) {
	if len(c.inFlight) > 0 || c.dirtyAt.IsZero() || c.due().After(now) {
		return
	}
	offsets := make([]messages.Watermark, 0, len(c.owned))
	waiting := false
	for _, o := range c.owned {
		if waits := o.retryAt.After(now); !o.dirty || waits {
			waiting = waiting || o.dirty
			continue
		}
		w := o.latest
		if o.noMeta {
			w.Metadata = ""
		}
		o.dirty, o.urgent = false, false
		offsets = append(offsets, w)
	}
	c.dirtyAt = time.Time{}
	if waiting {
		c.dirtyAt = now
	}
	if len(offsets) == 0 {
		c.records = 0 // they were done by incarnations that are not owned any more
		return
	}
	slices.SortFunc(offsets, func(a, b messages.Watermark) int {
		return stream.ComparePartitions(a.Partition, b.Partition)
	})
	c.seq++
	c.inFlight = slices.Clone(offsets)
	c.flying, c.records = c.records, 0
	c.lastAt = now
	out.Commit = &messages.Commit{Seq: c.seq, Offsets: offsets}
}

// wake is when a commit becomes due without a message.
func (c *Committer) wake(now time.Time) time.Time {
	if len(c.inFlight) > 0 || c.dirtyAt.IsZero() {
		return time.Time{}
	}
	return later(c.due(), now)
}

// Status gives what is committed of a partition, or -1, and why its commits fail at present, and since when. A commit that
// has no answer for long counts as failing, for what it names and for what waits behind it.
func (c *Committer) Status(now time.Time, inc messages.Incarnation) (committed int64, since time.Time, failing error) {
	o := c.incarnation(inc)
	switch {
	case o == nil:
		return -1, time.Time{}, nil
	case o.failing != nil:
		return o.committed, o.failingAt, o.failing
	case len(c.inFlight) > 0 && (o.dirty || c.flies(inc.Partition)) && now.Sub(c.lastAt) >= unansweredAfter:
		return o.committed, c.lastAt, errUnanswered
	}
	return o.committed, time.Time{}, nil
}
