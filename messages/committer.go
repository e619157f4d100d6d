package messages

import "github.com/troupe-go/troupe/stream"

// ToCommitter is what a committer's machine understands.
//
//sumtype:decl
type ToCommitter interface{ toCommitter() }

// Own: the incarnation is owned from now on; its watermarks may be committed.
type Own struct {
	Incarnation
	Committed int64 // what the group has committed, -1 for nothing
	// Start is committed at once when it is not -1: it came from the reset policy, and a crash before the first record
	// must not lose what arrives meanwhile.
	Start int64
	// Metadata goes with Start: the keys that are held.
	Metadata string
}

// WatermarkReport is a partition's progress.
type WatermarkReport struct {
	Watermark Watermark
}

// Release ends ownership of the incarnations in good order: take their last watermarks, commit what is not committed, then
// answer Released with the same ID, when no commit that names one of their partitions is on its way any more. One that was
// still being started has no last watermark.
type Release struct {
	ID           uint64
	Incarnations []Incarnation
	Finals       []Watermark
}

// Disown ends ownership at once: nothing of these is committed any more.
type Disown struct {
	Incarnations []Incarnation
}

// AwaitQuiet asks to be told when no commit that names one of the partitions is on its way.
type AwaitQuiet struct {
	ID         uint64
	Partitions []stream.Partition
}

// CommitReturned: the call of that sequence number has returned. A partition without an answer counts as failed.
type CommitReturned struct {
	Seq        uint64
	Results    []CommitAnswer
	DurationMS float64
}

// CommitAnswer is the answer for one partition of a commit.
type CommitAnswer struct {
	Partition        stream.Partition
	Err              error
	Retriable        bool
	MetadataTooLarge bool
}

// CommitTick lets time pass.
type CommitTick struct{}

func (Own) toCommitter()             {}
func (WatermarkReport) toCommitter() {}
func (Release) toCommitter()         {}
func (Disown) toCommitter()          {}
func (AwaitQuiet) toCommitter()      {}
func (CommitReturned) toCommitter()  {}
func (CommitTick) toCommitter()      {}

// Commit is a call to make: one at a time.
type Commit struct {
	Seq     uint64
	Offsets []Watermark
}

// Released answers Release. Failed names partitions whose last watermark could not be committed.
type Released struct {
	ID     uint64
	Failed []stream.Partition
	Err    error
}
