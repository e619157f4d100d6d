package e2e

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// deadline bounds every wait. It is far beyond what a wait takes, for machines that are busy with something else.
const deadline = 40 * time.Second

// tick is how often a wait without a signal of its own looks again.
const tick = 25 * time.Millisecond

// pipelineFile is what every test runs; what a test is about it sets with --set.
const pipelineFile = `name: e2e
kafka:
  bootstrap.servers: ${BROKERS}
  group.id: ${GROUP}
  heartbeat.interval.ms: 200
input:
  topics: ["${IN}"]
  format: json
output:
  kafka: {topic: "${OUT}"}
dead_letter: {topic: "${DEAD}"}
retry: {jitter: 0}
admin: {listen: "127.0.0.1:0"}
log: {format: json}
`

// world is what one test has: brokers, with an input, an output and a dead-letter topic and a group of its own.
type world struct {
	t                    *testing.T
	brokers              string
	options              []kgo.Opt
	client               *kgo.Client
	admin                *kadm.Client
	in, out, dead, group string
	file                 string
}

// newWorld makes the topics, the input with that many partitions.
func newWorld(t *testing.T, partitions int32) *world {
	t.Helper()
	return newWorldOn(t, partitions, bootstrap(t))
}

func newWorldOn(t *testing.T, partitions int32, brokers string, options ...kgo.Opt) *world {
	t.Helper()
	options = append(options, kgo.SeedBrokers(brokers), kgo.MetadataMinAge(10*time.Millisecond))
	name := uniqueName(t)
	w := &world{
		t: t, brokers: brokers, options: options,
		in: name + ".in", out: name + ".out", dead: name + ".dead", group: name,
	}
	var err error
	w.client, err = kgo.NewClient(append(options, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchMaxBytes(8<<20))...)
	require.NoError(t, err)
	t.Cleanup(w.client.Close)
	w.admin = kadm.NewClient(w.client)
	w.createTopic(w.in, partitions)
	w.createTopic(w.out, 1)
	w.createTopic(w.dead, 1)
	w.file = filepath.Join(t.TempDir(), "pipeline.yaml")
	require.NoError(t, os.WriteFile(w.file, []byte(pipelineFile), 0o600))
	return w
}

// uniqueName is a name that no other run of a test has.
func uniqueName(t *testing.T) string {
	t.Helper()
	suffix := make([]byte, 4)
	_, err := rand.Read(suffix)
	require.NoError(t, err)
	return regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString(t.Name(), "-") + "-" + hex.EncodeToString(suffix)
}

func (w *world) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(w.t.Context(), deadline)
}

// createTopic creates a topic and waits until its partitions have leaders.
func (w *world) createTopic(topic string, partitions int32) {
	w.t.Helper()
	ctx, cancel := w.context()
	defer cancel()
	_, err := w.admin.CreateTopic(ctx, partitions, -1, nil, topic)
	require.NoError(w.t, err)
	eventually(w.t, "the new topic", func() bool {
		ends, err := w.admin.ListEndOffsets(ctx, topic)
		return err == nil && ends.Error() == nil && len(ends[topic]) == int(partitions)
	})
}

// eventually looks again and again until the condition is met. It is for what gives no signal.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	again := time.NewTicker(tick)
	defer again.Stop()
	tooLate := time.NewTimer(deadline)
	defer tooLate.Stop()
	for !condition() {
		select {
		case <-again.C:
		case <-tooLate.C:
			require.Fail(t, "waited in vain for "+what)
		}
	}
}

// produce appends records to the input.
func (w *world) produce(records ...*kgo.Record) {
	w.t.Helper()
	ctx, cancel := w.context()
	defer cancel()
	for _, r := range records {
		if r.Topic == "" {
			r.Topic = w.in
		}
	}
	require.NoError(w.t, w.client.ProduceSync(ctx, records...).FirstErr())
}

// orders are n records {"n": first}, {"n": first+1} ... of one partition.
func orders(partition int32, first, n int) []*kgo.Record {
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = &kgo.Record{
			Partition: partition, Key: fmt.Appendf(nil, "key-%d", first+i), Value: fmt.Appendf(nil, `{"n": %d}`, first+i),
		}
	}
	return records
}

// read gives all records of a topic, by partition and offset, once there are at least n.
func (w *world) read(topic string, n int) []*kgo.Record {
	w.t.Helper()
	ctx, cancel := w.context()
	defer cancel()
	client, err := kgo.NewClient(append(slices.Clone(w.options), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond))...)
	require.NoError(w.t, err)
	defer client.Close()
	ends, err := w.admin.ListEndOffsets(ctx, topic)
	require.NoError(w.t, err)
	require.NoError(w.t, ends.Error())
	want := n
	total := 0
	ends.Each(func(o kadm.ListedOffset) { total += int(o.Offset) })
	want = max(want, total)
	var records []*kgo.Record
	for len(records) < want {
		fetches := client.PollFetches(ctx)
		require.NoError(w.t, fetches.Err(), "%d of %d records of %s were there", len(records), want, topic)
		records = append(records, fetches.Records()...)
	}
	slices.SortFunc(records, func(a, b *kgo.Record) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return records
}

// values are the values of all records of a topic, once there are at least n.
func (w *world) values(topic string, n int) []string {
	w.t.Helper()
	records := w.read(topic, n)
	values := make([]string, len(records))
	for i, r := range records {
		values[i] = string(r.Value)
	}
	return values
}

// committed is the group's committed offset of a partition of the input, or -1.
func (w *world) committed(partition int32) int64 {
	w.t.Helper()
	ctx, cancel := w.context()
	defer cancel()
	offsets, err := fetchOffsets(ctx, w.admin, w.group)
	require.NoError(w.t, err)
	offset, ok := offsets.Lookup(w.in, partition)
	if !ok {
		return -1
	}
	return offset.At
}

// fetchOffsets gives a group's committed offsets, none for a group that nobody has joined yet. A broker that has just
// started has no coordinator; that is waited for as long as ctx allows.
func fetchOffsets(ctx context.Context, admin *kadm.Client, group string) (kadm.OffsetResponses, error) {
	for {
		answer, err := admin.FetchOffsets(ctx, group)
		if err == nil {
			err = answer.Error()
		}
		switch {
		case errors.Is(err, kerr.GroupIDNotFound):
			return answer, nil
		case !kerr.IsRetriable(err):
			return answer, err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return answer, ctx.Err()
		}
	}
}

// loginAs are the flags for logging in as a user whose password is the name.
func loginAs(user string) []string {
	var flags []string
	for name, value := range map[string]string{
		"security.protocol": "sasl_plaintext", "sasl.mechanisms": "PLAIN", "sasl.username": user, "sasl.password": user,
	} {
		flags = append(flags, "--set", "kafka."+name+"="+value)
	}
	return flags
}
