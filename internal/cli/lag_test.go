package cli

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/stream"
)

// commit commits an offset of orders for a group that has no members.
func (c *cluster) commit(group string, partition int32, offset int64) {
	c.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.broker.Bootstrap()))
	require.NoError(c.t, err)
	defer client.Close()
	offsets := kadm.Offsets{}
	offsets.AddOffset("orders", partition, offset, -1)
	require.NoError(c.t, kadm.NewClient(client).CommitAllOffsets(c.t.Context(), group, offsets))
}

func TestLagShowsEveryPartition(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	require.Zero(t, c.troupe(strings.Repeat("{}\n", 10), "produce", "orders", "--partition", "0").code)
	require.Zero(t, c.troupe(strings.Repeat("{}\n", 4), "produce", "orders", "--partition", "1").code)
	c.commit("g", 0, 7)

	r := c.troupe("", "lag", "--group", "g", "--topics", "orders")
	require.Equal(t, result{0, `TOPIC   PARTITION  COMMITTED  END  LAG
orders  0          7          10   3
orders  1          -          4    4
orders  2          -          0    0
total                              7
`, ""}, r)

	r = c.troupe("", "lag", "--group", "g", "--topics", "^ord", "--output", "json")
	require.Zero(t, r.code, r.stderr)
	var report lagReport
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &report))
	require.Equal(t, int64(7), report.Total)
	require.Len(t, report.Partitions, 3)
	require.Nil(t, report.Partitions[1].Committed)
}

func TestLagTakesGroupAndTopicsFromAPipeline(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	require.Zero(t, c.troupe(strings.Repeat("{}\n", 10), "produce", "orders", "--partition", "0").code)
	c.commit("from-file", 0, 4)
	file := filepath.Join(t.TempDir(), "p.yaml")
	require.NoError(t, os.WriteFile(file, []byte("kafka: {bootstrap.servers: \""+c.broker.Bootstrap()+
		"\", group.id: from-file}\ninput: {topics: [orders], format: json}\n"), 0o600))

	r := call(t, "", "lag", file)

	require.Zero(t, r.code, r.stderr)
	require.Contains(t, r.stdout, "orders  0          4          10   6\n")
	require.Contains(t, r.stdout, "total                              6\n")
}

// TestLagOfAPatternLeavesOutWhatThePipelineWrites: run reads none of these topics, so they would lag for ever.
func TestLagOfAPatternLeavesOutWhatThePipelineWrites(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	for _, topic := range []string{"orders", "orders.out", "orders.dead-letter", "orders.dead-letter.parked", "orders.mine", "others"} {
		require.Zero(t, c.troupe("{}\n", "produce", topic, "--create", "1").code)
	}
	source := "kafka: {bootstrap.servers: \"" + c.broker.Bootstrap() + "\", group.id: g}\n" +
		"input: {topics: ['^orders.*'], format: json}\noutput: {kafka: {topic: orders.out}}\n"
	for name, w := range map[string]struct {
		more  string
		shown []string
	}{
		"default dead letters": {"", []string{"orders", "orders.mine"}},
		// Dead letters of others are read, and what fails of them is parked.
		"own dead letters": {"dead_letter: {topic: orders.mine}\n", []string{"orders", "orders.dead-letter"}},
		"no dead letters": {
			"dead_letter: off\non_error: drop\n",
			[]string{"orders", "orders.mine"}, // as run does: what looks like dead letters of a topic it reads, it does not read
		},
	} {
		r := call(t, source+w.more, "lag", "-", "--output", "json")
		require.Zero(t, r.code, r.stderr)
		var report lagReport
		require.NoError(t, json.Unmarshal([]byte(r.stdout), &report))
		shown := map[string]bool{}
		for _, p := range report.Partitions {
			shown[p.Topic] = true
		}
		require.Equal(t, w.shown, slices.Sorted(maps.Keys(shown)), name)
	}
}

func TestLagOfAGroupThatCommittedNothingSaysSo(t *testing.T) {
	t.Parallel()
	r := newCluster(t).troupe("", "lag", "--group", "nobody")
	require.Zero(t, r.code)
	require.Contains(t, r.stderr, "group nobody has committed nothing")
	require.Contains(t, r.stderr, "--topics")
}

func TestLagRefusesWhatItCannotKnow(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"nothing":    {"lag"},
		"no group":   {"lag", "--brokers", "127.0.0.1:1"},
		"no brokers": {"lag", "--group", "g"},
		"both":       {"lag", "p.yaml", "--group", "g"},
		"no file":    {"lag", "/nowhere.yaml"},
	} {
		r := call(t, "", args...)
		require.Equal(t, 2, r.code, "%s: %s", name, r.stderr)
		require.NotEmpty(t, r.stderr, name)
	}
	r := call(t, "", "lag", "--brokers", "127.0.0.1:1", "--group", "g", "--timeout", "300ms")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "no answer from 127.0.0.1:1 within 300ms")
}

func TestLagBeginsWhereTheGroupWouldBegin(t *testing.T) {
	t.Parallel()
	p := stream.Partition{Topic: "t"}
	for _, c := range []struct {
		at    kafka.Position
		reset kafka.Reset
		lag   int64
	}{
		{kafka.Position{Partition: p, Committed: 5, LogStart: 0, LogEnd: 9}, kafka.ResetEarliest, 4},
		{kafka.Position{Partition: p, Committed: -1, LogStart: 2, LogEnd: 9}, kafka.ResetEarliest, 7},
		{kafka.Position{Partition: p, Committed: -1, LogStart: 2, LogEnd: 9}, kafka.ResetLatest, 0},
		{kafka.Position{Partition: p, Committed: 1, LogStart: 6, LogEnd: 9}, kafka.ResetEarliest, 3},
		{kafka.Position{Partition: p, Committed: 12, LogStart: 6, LogEnd: 9}, kafka.ResetEarliest, 0},
		{kafka.Position{Partition: p, Committed: 1, LogEnd: -1, Err: context.DeadlineExceeded}, kafka.ResetEarliest, 0},
	} {
		require.Equal(t, c.lag, lagOf(&c.at, c.reset).Lag, "%+v", c.at)
	}
}
