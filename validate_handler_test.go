package troupe

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/stream"
)

// recordLogger is middleware of a kind that knows records only.
type recordLogger struct{ Handler }

func batchConfig(adjust func(*Config)) Config {
	c := Config{
		Kafka: Properties{"bootstrap.servers": "localhost:9092", "group.id": "g"}, Topics: []string{"orders"},
		BatchHandler: BatchHandlerFunc(func(context.Context, []*Record) error { return nil }),
	}
	adjust(&c)
	return c.withDefaults()
}

func faultFields(c Config) []string {
	var fields []string
	for _, f := range c.validate() {
		fields = append(fields, f.Field)
	}
	return fields
}

func TestBatchPolicyHasDefaultsWhereThereAreBatches(t *testing.T) {
	t.Parallel()
	c := batchConfig(func(*Config) {})
	require.Empty(t, c.validate())
	require.Equal(t, BatchPolicy{Records: 500, Wait: 50 * time.Millisecond}, c.Batch)
	p := c.settings().Partition
	require.Equal(t, 500, p.BatchRecords)
	require.Equal(t, 50*time.Millisecond, p.BatchWait)
	c = batchConfig(func(c *Config) { c.Batch = BatchPolicy{Records: 7, Wait: -1} })
	require.Empty(t, c.validate())
	require.Zero(t, c.settings().Partition.BatchWait)
	one := batchConfig(func(c *Config) {
		c.BatchHandler, c.Handler = nil, HandlerFunc(func(context.Context, *Record) error { return nil })
	})
	require.Empty(t, one.validate())
	require.Zero(t, one.settings().Partition.BatchRecords, "one after another")
}

func TestBatchPolicyIsChecked(t *testing.T) {
	t.Parallel()
	for _, records := range []int{-1, 10_001} {
		require.Equal(t, []string{"Batch.Records"}, faultFields(batchConfig(func(c *Config) { c.Batch.Records = records })))
	}
	require.Equal(t, []string{"Batch.Wait"}, faultFields(batchConfig(func(c *Config) { c.Batch.Wait = time.Minute })))
	require.Equal(t, []string{"Batch"}, faultFields(batchConfig(func(c *Config) {
		c.BatchHandler, c.Handler = nil, stream.Batched(c.BatchHandler)
		c.Batch.Records = 5
	})), "a Handler is given one record at a time, whatever else it can do")
}

func TestExactlyOneHandlerIsGiven(t *testing.T) {
	t.Parallel()
	handler := HandlerFunc(func(context.Context, *Record) error { return nil })
	for name, set := range map[string]func(*Config){
		"none": func(c *Config) { c.BatchHandler = nil },
		"two":  func(c *Config) { c.Handler = handler },
		"two of batches": func(c *Config) {
			c.NewBatchHandler = func(Partition) (BatchHandler, error) { return c.BatchHandler, nil }
		},
		"one and a maker": func(c *Config) { c.NewHandler = func(Partition) (Handler, error) { return handler, nil } },
	} {
		require.Equal(t, []string{"Handler"}, faultFields(batchConfig(set)), name)
	}
}

func TestMiddlewareThatTakesNoBatchesIsRefused(t *testing.T) {
	t.Parallel()
	c := batchConfig(func(c *Config) {
		c.Middleware = []Middleware{
			RateLimit(1, 1),
			func(next Handler) Handler { return recordLogger{next} },
			func(next Handler) Handler { return HandlerFunc(next.Handle) },
			nil,
			func(Handler) Handler { panic("no") },
			func(Handler) Handler { return nil },
			Tracing(nil),
			func(next Handler) Handler { return next },
		}
	})
	faults := c.validate()
	require.Len(t, faults, 6)
	for i, want := range []string{
		"it made a troupe.recordLogger of a batch handler, which takes no batches", "it made a stream.HandlerFunc of", "must not be nil",
		"it panicked around a batch handler: no", "it made a <nil> of", "use TracingBatches",
	} {
		require.Contains(t, faults[i].Message, want)
	}
	require.Equal(t, "Middleware[1]", faults[0].Field)
	c.BatchHandler, c.Handler, c.Batch = nil, HandlerFunc(func(context.Context, *Record) error { return nil }), BatchPolicy{}
	require.Equal(t, []string{"Middleware[3]"}, faultFields(c), "around records they are welcome")
}
