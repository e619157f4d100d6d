package interop

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-go/troupe/codec"
	"github.com/troupe-go/troupe/codec/registry"
	"github.com/troupe-go/troupe/internal/embedded"
	"github.com/troupe-go/troupe/stream"
)

// deadline bounds every wait, far beyond what one takes.
const deadline = 2 * time.Minute

// world is what one test has: the brokers, a registry, and names of its own.
type world struct {
	t        *testing.T
	name     string
	url      string // of the registry
	brokers  string
	client   *kgo.Client
	admin    *kadm.Client
	resolver *registry.Resolver
	schemas  *codec.Schemas
}

// newWorld is one with the real registry.
func newWorld(t *testing.T) *world {
	t.Helper()
	needsPeer(t)
	return newWorldWith(t, os.Getenv("TROUPE_REGISTRY"))
}

// embeddedWorld has the registry that `troupe broker` has. It knows GUIDs, and enforces no compatibility.
func embeddedWorld(t *testing.T) *world {
	t.Helper()
	needsPeer(t)
	b, err := embedded.Start(embedded.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return newWorldWith(t, b.RegistryURL())
}

// on is the same world, for a subtest.
func (w *world) on(t *testing.T) *world {
	t.Helper()
	sub := *w
	sub.t = t
	return &sub
}

func newWorldWith(t *testing.T, url string) *world {
	t.Helper()
	suffix := make([]byte, 4)
	_, err := rand.Read(suffix)
	require.NoError(t, err)
	w := &world{
		t: t, url: url, brokers: os.Getenv("TROUPE_KAFKA"),
		name: notInTopics.ReplaceAllString(t.Name(), "-") + "-" + hex.EncodeToString(suffix),
	}
	w.client, err = kgo.NewClient(kgo.SeedBrokers(w.brokers), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	t.Cleanup(w.client.Close)
	w.admin = kadm.NewClient(w.client)
	w.resolver, err = registry.New(registry.Config{URLs: []string{url}, Timeout: deadline, LookupTimeout: deadline})
	require.NoError(t, err)
	t.Cleanup(w.resolver.Close)
	w.schemas = codec.NewSchemas(w.resolver)
	return w
}

var notInTopics = regexp.MustCompile(`[^A-Za-z0-9]+`)

func (w *world) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(w.t.Context(), deadline)
}

// topics creates topics of one partition each.
func (w *world) topics(names ...string) {
	w.t.Helper()
	ctx, cancel := w.context()
	defer cancel()
	made, err := w.admin.CreateTopics(ctx, 1, -1, nil, names...)
	require.NoError(w.t, err)
	require.NoError(w.t, made.Error())
}

// produce appends a record to a topic.
func (w *world) produce(topic string, side string, e codec.Encoded) {
	w.t.Helper()
	r := &kgo.Record{Topic: topic, Value: e.Data}
	if side == sideKey {
		r.Key, r.Value = e.Data, nil
	}
	if e.Header.Key != "" {
		r.Headers = []kgo.RecordHeader{{Key: e.Header.Key, Value: e.Header.Value}}
	}
	ctx, cancel := w.context()
	defer cancel()
	require.NoError(w.t, w.client.ProduceSync(ctx, r).FirstErr())
}

// read gives the first n records of each topic.
func (w *world) read(counts map[string]int) map[string][]*stream.Record {
	w.t.Helper()
	from := make(map[string]map[int32]kgo.Offset, len(counts))
	missing := 0
	for topic, n := range counts {
		from[topic] = map[int32]kgo.Offset{0: kgo.NewOffset().At(0)}
		missing += n
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(w.brokers), kgo.ConsumePartitions(from), kgo.FetchMaxWait(100*time.Millisecond))
	require.NoError(w.t, err)
	defer client.Close()
	ctx, cancel := w.context()
	defer cancel()
	records := make(map[string][]*stream.Record, len(counts))
	for missing > 0 {
		fetches := client.PollFetches(ctx)
		require.NoError(w.t, fetches.Err(), "%d records did not come", missing)
		fetches.EachRecord(func(r *kgo.Record) {
			at := stream.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: r.Key, Value: r.Value}
			for _, h := range r.Headers {
				at.Headers = append(at.Headers, stream.Header{Key: h.Key, Value: h.Value})
			}
			records[r.Topic] = append(records[r.Topic], &at)
			missing--
		})
	}
	return records
}

// reference is a schema that another one refers to.
type reference struct {
	name, text string
	references []reference
}

// register puts references into the registry, each under a subject of its own, and gives what refers to them.
func (w *world) register(kind registry.Type, references []reference) []registry.Reference {
	w.t.Helper()
	ctx, cancel := w.context()
	defer cancel()
	var out []registry.Reference
	for _, r := range references {
		subject := w.name + "/" + r.name
		draft := registry.Schema{Type: kind, Text: r.text, References: w.register(kind, r.references)}
		_, err := w.resolver.Register(ctx, subject, draft)
		require.NoError(w.t, err)
		out = append(out, registry.Reference{Name: r.name, Subject: subject, Version: 1})
	}
	return out
}
