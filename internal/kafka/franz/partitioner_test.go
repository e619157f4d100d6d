package franz

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

func partition(t *testing.T, name string, explicit int32, key []byte, n int) int {
	t.Helper()
	p, known := newPartitioner(name)
	require.True(t, known, name)
	return p.ForTopic("t").Partition(&kgo.Record{Partition: explicit, Key: key}, n)
}

func TestExplicitPartitionGoesFirst(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"random", "consistent", "consistent_random", "murmur2", "murmur2_random", "fnv1a", "fnv1a_random"} {
		require.Equal(t, 3, partition(t, name, 3, []byte("k"), 7), name)
		require.Equal(t, 9, partition(t, name, 9, nil, 7), "%s: a partition that is not there is refused, not replaced", name)
	}
}

// Which keys count as keys: none at all, and an empty one.
func TestMessagesWithoutAKeyAreSpreadOrNot(t *testing.T) {
	t.Parallel()
	for name, spread := range map[string][2]bool{ // nil, empty
		"random": {true, true}, "consistent": {false, false}, "consistent_random": {true, true},
		"murmur2": {false, false}, "murmur2_random": {true, false}, "fnv1a": {false, false}, "fnv1a_random": {true, false},
	} {
		p, _ := newPartitioner(name)
		for i, key := range [][]byte{nil, {}} {
			require.Equal(t, spread[i], p.keyless(key), "%s, key %d", name, i)
			topic := p.ForTopic("t")
			require.Equal(t, !spread[i], topic.RequiresConsistency(&kgo.Record{Partition: -1, Key: key}))
			seen := make(map[int]bool)
			for range 200 {
				seen[topic.Partition(&kgo.Record{Partition: -1, Key: key}, 7)] = true
				if moving, ok := topic.(kgo.TopicPartitionerOnNewBatch); ok {
					moving.OnNewBatch()
				}
			}
			require.Equal(t, spread[i], len(seen) > 1, "%s, key %d: %v", name, i, seen)
		}
	}
}
