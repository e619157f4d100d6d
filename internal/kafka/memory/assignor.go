package memory

import "github.com/troupe-go/troupe/stream"

// assign gives every partition a member that wants its topic: the owner it has, where that keeps the counts within one
// of each other, else the member with the fewest, the oldest among equals. Members come in the order of joining and
// partitions sorted, so the result is determined.
func assign(members []*member, partitions []stream.Partition, owners map[stream.Partition]*member) map[stream.Partition]*member {
	target := make(map[stream.Partition]*member, len(partitions))
	count := make(map[*member]int, len(members))
	for _, p := range partitions {
		if owner := owners[p]; owner != nil && owner.consumer.wants(p.Topic) {
			target[p] = owner
			count[owner]++
		}
	}
	for _, p := range partitions {
		if target[p] == nil {
			if m := fewest(members, count, p.Topic); m != nil {
				target[p] = m
				count[m]++
			}
		}
	}
	// Every move takes from a member with at least two more than the other, so the sum of squares falls and it ends.
	for moved := true; moved; {
		moved = false
		for i := len(partitions) - 1; i >= 0; i-- {
			p := partitions[i]
			from, to := target[p], fewest(members, count, p.Topic)
			if from != nil && to != nil && count[from] > count[to]+1 {
				target[p] = to
				count[from]--
				count[to]++
				moved = true
			}
		}
	}
	return target
}

// fewest is the member with the fewest partitions of those that want the topic; nil where nobody does.
func fewest(members []*member, count map[*member]int, topic string) *member {
	var best *member
	for _, m := range members {
		if m.consumer.wants(topic) && (best == nil || count[m] < count[best]) {
			best = m
		}
	}
	return best
}
