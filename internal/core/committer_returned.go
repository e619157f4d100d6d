package core

import (
	"time"

	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// releaseTries bounds how often the last commit of a revoked partition is tried again.
const releaseTries = 3

// returned takes the answers of a commit. What failed and may be tried again is dirty again, merged with what is newer.
func (c *Committer) returned(now time.Time, m messages.CommitReturned, out *CommitEffects) {
	if c.inFlight == nil || m.Seq != c.seq {
		out.Stale++
		return
	}
	sent := c.inFlight
	c.inFlight = nil
	done := stream.Committed{Records: c.flying, DurationMS: m.DurationMS}
	var failed failedCommits
	for _, a := range m.Results {
		w, ok := sent[a.Partition]
		if !ok {
			continue
		}
		o := c.owned[a.Partition]
		if o != nil && o.epoch != w.Epoch {
			o = nil
		}
		if a.Err == nil {
			done.Offsets = append(done.Offsets, stream.CommittedOffset{Partition: a.Partition, Epoch: w.Epoch, Offset: w.Offset})
			if o != nil {
				o.committed = w.Offset
			}
			continue
		}
		retried := o != nil && c.again(now, o, a)
		failed.add(a, retried)
	}
	if len(done.Offsets) > 0 {
		out.Events = append(out.Events, done)
	}
	c.noteFailures(now, failed, out)
}

// again says whether a failed offset will be sent again, and makes it dirty if so.
func (c *Committer) again(now time.Time, o *ownedPartition, a messages.CommitAnswer) bool {
	if a.MetadataTooLarge && !o.noMeta {
		o.noMeta = true
		a.Retriable = true
	}
	if !a.Retriable || (o.releasing && c.spent(o.latest.Incarnation)) {
		c.failRelease(o.latest.Incarnation, a)
		return false
	}
	o.dirty, o.urgent = true, o.releasing
	c.markDirty(now)
	return true
}

// spent says whether the release of an incarnation has used up its tries.
func (c *Committer) spent(inc messages.Incarnation) bool {
	for i := range c.releases {
		for _, w := range c.releases[i].Finals {
			if w.Incarnation == inc {
				c.releases[i].tries++
				return c.releases[i].tries > releaseTries*len(c.releases[i].Finals)
			}
		}
	}
	return false
}

func (c *Committer) failRelease(inc messages.Incarnation, a messages.CommitAnswer) {
	for i := range c.releases {
		for _, w := range c.releases[i].Finals {
			if w.Incarnation == inc {
				c.releases[i].failed = append(c.releases[i].failed, inc.Partition)
				c.releases[i].err = a.Err
			}
		}
	}
}

// failedCommits gathers what failed in one commit.
type failedCommits struct {
	partitions []stream.Partition
	err        error
	retried    bool
}

func (f *failedCommits) add(a messages.CommitAnswer, retried bool) {
	f.partitions = append(f.partitions, a.Partition)
	f.err = a.Err
	f.retried = f.retried || retried
}

// noteFailures sets the backoff of the next commit and says what failed.
func (c *Committer) noteFailures(now time.Time, f failedCommits, out *CommitEffects) {
	if f.err == nil {
		c.failures, c.failing, c.retryAt = 0, nil, time.Time{}
		return
	}
	c.failures++
	c.failing = f.err
	c.retryAt = now.Add(commitRetry.Delay(c.failures, retry.Entropy(c.seq, int64(c.failures), c.failures)))
	out.Events = append(out.Events, stream.CommitFailed{Partitions: f.partitions, Error: f.err.Error(), Retried: f.retried})
}
