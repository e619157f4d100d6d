package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/troupe-go/troupe/internal/embedded"
	"github.com/troupe-go/troupe/stream"
)

// cluster is a broker of a test's own, with the topic orders and a registry.
type cluster struct {
	t      *testing.T
	broker *embedded.Broker
	reader *embedded.Reader
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	broker, err := embedded.Start(embedded.Options{Topics: map[string]int32{"orders": 3}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	reader, err := embedded.NewReader(broker.Bootstrap())
	require.NoError(t, err)
	t.Cleanup(reader.Close)
	return &cluster{t, broker, reader}
}

// troupe runs a command on the cluster.
func (c *cluster) troupe(stdin string, args ...string) result {
	c.t.Helper()
	return call(c.t, stdin, append(args, "--brokers", c.broker.Bootstrap())...)
}

func (c *cluster) records() []stream.Record {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	found, err := c.reader.Read(ctx, "orders")
	require.NoError(c.t, err)
	var all []stream.Record
	each(found, func(r *stream.Record) { all = append(all, *r) })
	return all
}

func TestProduceWritesEveryLine(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var lines strings.Builder
	for i := range 5_000 {
		fmt.Fprintf(&lines, `{"id": %d}`+"\n", i)
	}
	file := filepath.Join(t.TempDir(), "orders.jsonl")
	require.NoError(t, os.WriteFile(file, []byte(lines.String()), 0o600))

	r := c.troupe("", "produce", "orders", file)

	require.Equal(t, result{0, "5000 records acknowledged\n", ""}, r)
	require.Len(t, c.records(), 5_000)
}

func TestProduceCreatesAMissingTopicWhenAskedTo(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	r := c.troupe("{}\n", "produce", "fresh")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "topic fresh does not exist; --create")

	r = c.troupe("{}\n", "produce", "fresh", "--create", "5")
	require.Equal(t, result{0, "1 record acknowledged\n", ""}, r)
	ends, err := c.reader.Ends(t.Context(), "fresh")
	require.NoError(t, err)
	require.Len(t, ends, 5)

	require.Zero(t, c.troupe("{}\n", "produce", "fresh", "--create", "5").code, "it is no fault that it exists")
	require.Equal(t, 2, c.troupe("{}\n", "produce", "fresh", "--create", "-1").code)
}

func TestProduceTakesKeyHeadersAndPartition(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	line := `{"id": 12345678901234567890, "who": {"name": "ada"}}`

	r := c.troupe(line+"\r\n\n", "produce", "orders", "-",
		"--key", ".who.name", "--header", "a=1", "--header", "a=x=y", "--partition", "2")

	require.Equal(t, result{0, "1 record acknowledged\n", ""}, r)
	records := c.records()
	require.Len(t, records, 1)
	require.Equal(t, "ada", string(records[0].Key))
	require.Equal(t, int32(2), records[0].Partition)
	require.Equal(t, line, string(records[0].Value))
	require.Equal(t, []stream.Header{{Key: "a", Value: []byte("1")}, {Key: "a", Value: []byte("x=y")}}, records[0].Headers)
}

func TestProduceTakesTheKeyFromAField(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	r := c.troupe(`{"order id": 12345678901234567890}`, "produce", "orders", "--key-field", "order id")
	require.Zero(t, r.code, r.stderr)
	require.Equal(t, "12345678901234567890", string(c.records()[0].Key))
}

func TestProduceNamesWrongLinesAndWritesTheOthers(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	large := `{"x": "` + strings.Repeat("x", 2<<20) + `"}`

	r := c.troupe(`{"k": 1}`+"\n{broken\n"+large+"\n"+`{"k": [1, 2]}`, "produce", "orders", "--key", ".k | error")

	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "line 1: key:")
	require.Contains(t, r.stderr, "line 2: decode json:")
	r = c.troupe(`{"k": 1}`+"\n{broken\n"+large+"\n"+`{"k": [1, 2]}`, "produce", "orders", "--key", ".k",
		"--property", "message.max.bytes=100000")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "line 2: decode json:")
	require.Contains(t, r.stderr, "line 3: produce to orders:")
	require.Contains(t, r.stderr, "2 lines not written")
	require.Equal(t, "2 records acknowledged\n", r.stdout)
	require.Len(t, c.records(), 2)
}

func TestProduceRawKeepsBytes(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	r := c.troupe("\xff\x00\r\n\nlast", "produce", "orders", "--format", "raw", "--partition", "0")
	require.Equal(t, result{0, "3 records acknowledged\n", ""}, r)
	var values []string
	for _, record := range c.records() {
		values = append(values, string(record.Value))
	}
	require.Equal(t, []string{"\xff\x00\r", "", "last"}, values)
}

func TestProduceFailsWhereNothingCanBeWritten(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	for name, x := range map[string]struct {
		args []string
		code int
		says string
	}{
		"missing topic":      {[]string{"produce", "nowhere"}, 1, "topic nowhere does not exist"},
		"missing partition":  {[]string{"produce", "orders", "--partition", "3"}, 1, "partitions 0 to 2"},
		"missing file":       {[]string{"produce", "orders", "/nowhere.jsonl"}, 2, "no such file"},
		"unknown format":     {[]string{"produce", "orders", "--format", "xml"}, 2, "json, string, raw, avro, protobuf or jsonschema"},
		"key of text":        {[]string{"produce", "orders", "--format", "string", "--key", "."}, 2, "--format is string"},
		"two keys":           {[]string{"produce", "orders", "--key", ".", "--key-field", "a"}, 2, "exclude one another"},
		"no jq":              {[]string{"produce", "orders", "--key", ".["}, 2, "no valid jq"},
		"no header":          {[]string{"produce", "orders", "--header", "a"}, 2, "name=value"},
		"misspelt property":  {[]string{"produce", "orders", "--property", "akcs=1"}, 2, "akcs"},
		"negative partition": {[]string{"produce", "orders", "--partition", "-2"}, 2, "must not be negative"},
		"no topic":           {[]string{"produce"}, 2, "arg"},
	} {
		r := c.troupe("{}", x.args...)
		require.Equal(t, x.code, r.code, "%s: %s", name, r.stderr)
		require.Contains(t, r.stderr, x.says, name)
	}
	require.Empty(t, c.records())
	r := call(t, "{}", "produce", "orders")
	require.Equal(t, 2, r.code)
	require.Contains(t, r.stderr, "--brokers is missing")
	r = call(t, "{}", "produce", "orders", "--brokers", "127.0.0.1:1", "--timeout", "300ms")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "no answer from 127.0.0.1:1 within 300ms")
}

func TestProduceGivesUpWhenNothingIsAcknowledged(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
	r := c.troupe("{}\n{}\n", "produce", "orders", "--timeout", "2s")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stderr, "2 messages were not acknowledged: the brokers acknowledged nothing for 2s")
	require.Equal(t, "0 records acknowledged\n", r.stdout)
}
