package verify

import (
	"slices"
	"sort"
)

// clockSlackMS is how far the clocks of a broker's appends and of the coordinator may differ: they are of one machine, and
// are read at different steps of a request.
const clockSlackMS = 10

// committedAt is the offset of a partition that was committed at a time; 0 before the first commit.
func (c *check) committedAt(partition int32, atMS int64) int64 {
	commits := c.commits[partition]
	n := sort.Search(len(commits), func(i int) bool { return commits[i].AtMS > atMS })
	if n == 0 {
		return 0
	}
	return commits[n-1].Offset
}

// checkCommits looks at every commit there was: none goes back, and none passes what is not out.
func (c *check) checkCommits() {
	for partition, commits := range c.commits {
		items := c.partitions[partition]
		doneMS, next, highest := int64(0), 0, int64(0)
		for _, commit := range commits {
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
