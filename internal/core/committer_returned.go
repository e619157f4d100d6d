package core

import (
	"errors"
	"time"

	"github.com/troupe-go/troupe/internal/core/retry"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/stream"
)

// releaseTries bounds how often the last commit of a revoked partition is tried again.
const releaseTries = 3

// errNoAnswer stands for the answer that a commit did not give for one of its partitions.
var errNoAnswer = errors.New("the commit gave no answer for this partition")

// returned takes the answers of a commit. What failed is dirty again, merged with what is newer.
func (c *Committer) returned(now time.Time, m messages.CommitReturned, out *CommitEffects) {
	if len(c.inFlight) == 0 || m.Seq != c.seq {
		out.Stale++
		return
	}
	sent := c.inFlight
	c.inFlight = nil
	answers := make(map[stream.Partition]messages.CommitAnswer, len(m.Results))
	for _, a := range m.Results {
		answers[a.Partition] = a
	}
	done := stream.Committed{Records: c.flying, DurationMS: m.DurationMS}
	var failed failedCommits
	for _, w := range sent {
		a, answered := answers[w.Partition]
		if !answered {
			a = messages.CommitAnswer{Partition: w.Partition, Err: errNoAnswer, Retriable: true}
		}
		o := c.incarnation(w.Incarnation)
		switch {
		case a.Err != nil:
			failed.add(a, o != nil, o != nil && c.again(now, o, a))
		default:
			done.Offsets = append(done.Offsets, stream.CommittedOffset{Partition: w.Partition, Epoch: w.Epoch, Offset: w.Offset})
			if o != nil {
				o.committed = w.Offset
				o.failures, o.failing, o.retryAt = 0, nil, time.Time{}
			}
		}
	}
	if len(done.Offsets) > 0 {
		out.Events = append(out.Events, done)
	} else if failed.owned {
		c.records += c.flying
	}
	if failed.err != nil {
		out.Events = append(out.Events, stream.CommitFailed{
			Partitions: failed.partitions, Error: failed.err.Error(), Retried: failed.retried,
		})
	}
}

// again makes a failed offset dirty, and says whether it is sent again on its own account. One that it is of no use to
// send again goes with the next regular commit: by then an operator may have mended what was wrong, and if this member does
// not own the partition any more, it will hear of that.
func (c *Committer) again(now time.Time, o *ownedPartition, a messages.CommitAnswer) bool {
	if a.MetadataTooLarge && !o.noMeta {
		o.noMeta = true
		a.Retriable = true
	}
	if o.releasing {
		o.tries++
		if !a.Retriable || o.tries > releaseTries {
			o.dirty = false
			c.failRelease(o.latest.Incarnation, a)
			return false
		}
	}
	if o.failing == nil {
		o.failingAt = now
	}
	o.failures++
	o.failing = a.Err
	o.retryAt = now.Add(commitRetry.Delay(o.failures, retry.Entropy(c.seq, 0, o.failures)))
	o.dirty, o.urgent = true, a.Retriable
	c.markDirty(now)
	return a.Retriable
}

func (c *Committer) failRelease(inc messages.Incarnation, a messages.CommitAnswer) {
	for i := range c.releases {
		for _, released := range c.releases[i].Incarnations {
			if released == inc {
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
	owned      bool // one of them at least still is
	retried    bool
}

func (f *failedCommits) add(a messages.CommitAnswer, owned, retried bool) {
	f.partitions = append(f.partitions, a.Partition)
	f.err = a.Err
	f.owned = f.owned || owned
	f.retried = f.retried || retried
}
