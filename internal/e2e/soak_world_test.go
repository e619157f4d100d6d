package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-go/troupe/internal/deadletter"
	"github.com/troupe-go/troupe/stream"
)

const (
	soakPartitions = 12
	// soakDeadline bounds the work on all records, for slow machines and the race detector.
	soakDeadline = 3 * time.Minute
	soakTick     = 20 * time.Millisecond
)

// soakPipeline works on each record for a while, and says in the output where the record came from.
const soakPipeline = `name: soak
kafka:
  bootstrap.servers: ${BROKERS}
  group.id: ${GROUP}
  group.protocol: %s
%s
input:
  topics: ["${IN}"]
  format: json
steps:
  - filter: '[range(%d)] | add >= 0'
  - map: '{n, partition: $partition, offset: $offset}'
output:
  kafka: {topic: "${OUT}"}
dead_letter: {topic: "${DEAD}"}
commit: {records: 500, interval: 5s}
admin: {listen: "127.0.0.1:0"}
log: {format: json}
`

// soak is a world with many partitions and many records.
type soak struct {
	*world
	random  *rand.Rand
	records []*kgo.Record // by the number in their value or key
}

// newSoak makes the topics and fills the input. Of a thousand records, broken are no JSON.
func newSoak(t *testing.T, protocol string, brokenPerMille int) *soak {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	w := newWorldOn(t, soakPartitions, soakBrokers(t))
	s := &soak{world: w, random: rand.New(rand.NewPCG(seed, 0))}
	w.out += "12"
	w.createTopic(w.out, soakPartitions)
	s.shortenSession()
	session := ""
	if protocol == "classic" {
		session = fmt.Sprintf("  session.timeout.ms: %d\n  heartbeat.interval.ms: 200\n", soakSessionMS)
	}
	w.file = filepath.Join(t.TempDir(), "soak.yaml")
	require.NoError(t, os.WriteFile(w.file, fmt.Appendf(nil, soakPipeline, protocol, session, soakWork), 0o600))
	s.fill(brokenPerMille)
	return s
}

func (s *soak) fill(brokenPerMille int) {
	s.t.Helper()
	s.records = make([]*kgo.Record, soakRecords)
	for n := range s.records {
		r := &kgo.Record{
			Topic: s.in, Partition: int32(n % soakPartitions), Key: fmt.Appendf(nil, "key-%d", s.random.IntN(10_000)),
			Value:   fmt.Appendf(nil, `{"n": %d, "text": "a record of the soak test"}`, n),
			Headers: []kgo.RecordHeader{{Key: "n", Value: fmt.Append(nil, n)}},
		}
		if s.random.IntN(1000) < brokenPerMille {
			r.Value = append(r.Value[:len(r.Value)-1-s.random.IntN(10)], 0xff)
		}
		s.records[n] = r
	}
	s.produce(s.records...)
}

// launch starts the program.
func (s *soak) launch() *process {
	s.t.Helper()
	return s.start("run", s.file)
}

// ends are the log's ends of a topic.
func (s *soak) ends(topic string) map[int32]int64 {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	listed, err := s.admin.ListEndOffsets(ctx, topic)
	require.NoError(s.t, err)
	require.NoError(s.t, listed.Error())
	ends := make(map[int32]int64)
	listed.Each(func(o kadm.ListedOffset) { ends[o.Partition] = o.Offset })
	return ends
}

func sum(offsets map[int32]int64) int64 {
	total := int64(0)
	for _, n := range offsets {
		total += n
	}
	return total
}

// commits are the group's offsets of the input; a partition without one is left out.
func (s *soak) commits() map[int32]int64 {
	s.t.Helper()
	ctx, cancel := s.context()
	defer cancel()
	answer, err := fetchOffsets(ctx, s.admin, s.group)
	require.NoError(s.t, err)
	commits := make(map[int32]int64)
	answer.Each(func(o kadm.OffsetResponse) {
		if o.Topic == s.in {
			commits[o.Partition] = o.At
		}
	})
	return commits
}

// until waits for a condition, which it calls on the test's own goroutine, so that the condition may fail the test.
func (s *soak) until(what string, condition func() bool) {
	s.t.Helper()
	tooLate := time.NewTimer(soakDeadline)
	defer tooLate.Stop()
	look := time.NewTicker(soakTick)
	defer look.Stop()
	for !condition() {
		select {
		case <-look.C:
		case <-tooLate.C:
			require.Fail(s.t, "waited in vain for "+what)
		}
	}
}

// untilOutputs waits until the output topic has more than n records.
func (s *soak) untilOutputs(n int64) {
	s.t.Helper()
	s.until(fmt.Sprintf("more than %d outputs", n), func() bool { return sum(s.ends(s.out)) > n })
}

// untilAllCommitted waits until the committed offsets are the ends of the input.
func (s *soak) untilAllCommitted() {
	s.t.Helper()
	ends := s.ends(s.in)
	s.until("everything being committed", func() bool {
		commits := s.commits()
		for p, end := range ends {
			if commits[p] < end {
				return false
			}
		}
		return true
	})
	require.Equal(s.t, ends, s.commits(), "nothing beyond the ends is committed")
}

// lag is the group's total lag, as the program's own command sees it.
func (s *soak) lag() int64 {
	s.t.Helper()
	command := exec.Command(binary, "lag", s.file, "--output", "json")
	command.Env = s.environment()
	out, err := command.Output()
	require.NoError(s.t, err)
	var report struct {
		Total      int64 `json:"total_lag"`
		Partitions []struct{}
	}
	require.NoError(s.t, json.Unmarshal(out, &report), "%s", out)
	require.Len(s.t, report.Partitions, soakPartitions)
	return report.Total
}

// output is one record of the output topic: which input it was made from.
type output struct {
	N         int
	Partition int32
	Offset    int64
	record    *kgo.Record
}

// outputs gives all outputs, by partition and offset of the output topic.
func (s *soak) outputs() []output {
	s.t.Helper()
	records := s.read(s.out, 0)
	outputs := make([]output, len(records))
	for i, r := range records {
		outputs[i].record = r
		require.NoError(s.t, json.Unmarshal(r.Value, &outputs[i]), "%s", r.Value)
		in := s.records[outputs[i].N]
		require.Equal(s.t, string(in.Key), string(r.Key), "the key of record %d", outputs[i].N)
		require.Equal(s.t, in.Partition, outputs[i].Partition)
		require.Equal(s.t, in.Offset, outputs[i].Offset)
	}
	return outputs
}

// requireOrder checks that records which came from one partition lie in their order wherever they went, by the first time
// that each is there.
func (s *soak) requireOrder(outputs []output) {
	s.t.Helper()
	type lane struct{ from, to int32 }
	last := make(map[lane]int64)
	seen := make(map[int]bool, len(s.records))
	for _, o := range outputs {
		if seen[o.N] {
			continue
		}
		seen[o.N] = true
		way := lane{o.Partition, o.record.Partition}
		before, any := last[way]
		require.True(s.t, !any || o.Offset > before, "offset %d of partition %d first came after %d", o.Offset, o.Partition, before)
		last[way] = o.Offset
	}
}

// requireRestorable checks that every broken record is a dead letter from which it can be had back byte for byte, and that
// no other record is one. It gives the number of dead letters.
func (s *soak) requireRestorable() int {
	s.t.Helper()
	dead := make(map[place]int)
	letters := s.read(s.dead, 0)
	for _, r := range letters {
		headers := make([]stream.Header, len(r.Headers))
		for i, h := range r.Headers {
			headers[i] = stream.Header(h)
		}
		letter, err := deadletter.Restore(r.Key, r.Value, headers)
		require.NoError(s.t, err)
		original := letter.Record
		number, any := original.Header("n")
		require.True(s.t, any, "the headers are kept")
		var n int
		_, err = fmt.Sscan(string(number), &n)
		require.NoError(s.t, err)
		in := s.records[n]
		require.Equal(s.t, place{in.Partition, in.Offset}, place{original.Partition, original.Offset})
		require.Equal(s.t, in.Key, original.Key)
		require.Equal(s.t, in.Value, original.Value)
		dead[place{in.Partition, in.Offset}]++
	}
	for n, r := range s.records {
		require.Equal(s.t, json.Valid(r.Value), dead[place{r.Partition, r.Offset}] == 0, "record %d: %s", n, r.Value)
	}
	return len(letters)
}

// place is where a record lies in the input.
type place struct {
	partition int32
	offset    int64
}
