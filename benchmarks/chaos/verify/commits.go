package verify

import (
	"slices"
	"sort"
)

// clockSlackMS is how far the clocks of a broker's appends and of the coordinator may differ: they are of one machine, and
// are read at different steps of a request.
const clockSlackMS = 10

// committedAt is the commit of a partition that counted at a time, one of nothing before the first.
func (c *check) committedAt(partition int32, atMS int64) *Commit {
	commits := c.commits[partition]
	n := sort.Search(len(commits), func(i int) bool { return commits[i].AtMS > atMS })
	if n == 0 {
		return &Commit{Partition: partition}
	}
	return &commits[n-1]
}

// checkCommits looks at every commit there was: none goes back, and none passes or names what is not out.
func (c *check) checkCommits() {
	for partition, commits := range c.commits {
		items := c.partitions[partition]
		doneMS, next, highest := int64(0), 0, int64(0)
		for i := range commits {
			commit := &commits[i]
			c.checkNamed(items, commit)
			if commit.Offset < highest {
				c.BackwardCommit++
				c.example("backward", "partition %d from %d to %d", partition, highest, commit.Offset)
				continue
			}
			highest = commit.Offset
			for ; next < len(items) && items[next].Offset < commit.Offset; next++ {
				if first := items[next].firstMS(); first != never { // those that never came out are counted as lost
					doneMS = max(doneMS, first)
				}
			}
			if doneMS > commit.AtMS+clockSlackMS {
				c.EarlyCommits++
				c.example("early", "partition %d up to %d, %d ms before what lies below was out", partition, commit.Offset,
					doneMS-commit.AtMS)
			}
		}
	}
}

// checkNamed looks at what a commit's metadata names as done.
func (c *check) checkNamed(items []*item, commit *Commit) {
	if len(commit.Done) > 0 {
		c.CommitsBeyond++
	}
	for _, run := range commit.Done {
		at := sort.Search(len(items), func(i int) bool { return items[i].Offset >= run.First })
		for ; at < len(items) && items[at].Offset <= run.Last; at++ {
			// Those that never came out are counted as lost, and without an acknowledgement they may.
			if first := items[at].firstMS(); first != never && first > commit.AtMS+clockSlackMS {
				c.EarlyCommits++
				c.example("early", "partition %d at %d names %d as done, %d ms before it was out", commit.Partition, commit.Offset,
					items[at].Offset, first-commit.AtMS)
			}
		}
	}
}

// checkZombies looks for commits that a frozen member reports as accepted, and that the group had not taken before it
// changed without that member.
func (c *check) checkZombies() {
	for _, z := range c.script.Zombies {
		changedMS := int64(never)
		for _, g := range c.history.Generations {
			if g.AtMS > z.FrozenMS {
				changedMS = g.AtMS
				break
			}
		}
		for _, m := range z.Successes {
			taken := slices.ContainsFunc(c.commits[m.Partition], func(commit Commit) bool {
				return commit.Offset == m.Offset && commit.AtMS <= changedMS
			})
			if !taken {
				c.ZombieCommits++
				c.example("zombie", "%s committed partition %d up to %d after it had been expelled", z.Name, m.Partition, m.Offset)
			}
		}
	}
}
