package franz

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/troupe-go/troupe/internal/kafka"
	"github.com/troupe-go/troupe/internal/kafka/properties"
	"github.com/troupe-go/troupe/stream"
)

// Options say how to make clients.
type Options struct {
	// Kafka holds the user's properties under librdkafka's names, for all kinds of client.
	Kafka map[string]string
	// Producer overrides those of producers.
	Producer map[string]string
	// PrefetchBytes bounds what each consumer fetches ahead, unless the user has set queued.max.messages.kbytes. Zero
	// is 64 MiB.
	PrefetchBytes int64
	// Logger receives the library's log, at level debug. Defaults to slog.Default().
	Logger *slog.Logger
}

// prefetchDefault is librdkafka's.
const prefetchDefault = 64 << 20

// Client makes consumers, producers and admins. It holds no connection itself.
type Client struct {
	table                     *properties.Table
	consumer, producer, admin given
	prefetch                  int64
	reset                     kafka.Reset
	logger                    *slog.Logger
}

var _ kafka.Client = (*Client)(nil)

// New checks the properties, all of them, and gives a *properties.Error where they are wrong. It connects to nothing.
func New(o Options) (*Client, error) {
	table := properties.New()
	faults := append(table.Check(o.Kafka), table.CheckProducer(o.Producer)...)
	faults = append(append(faults, Faults(o.Kafka)...), Faults(o.Producer)...)
	if len(faults) > 0 {
		return nil, &properties.Error{Faults: faults}
	}
	split := table.Split(o.Kafka, o.Producer)
	c := &Client{
		table: table, logger: o.Logger,
		consumer: given{split.Consumer, table}, producer: given{split.Producer, table}, admin: given{split.Admin, table},
	}
	if c.logger == nil {
		c.logger = slog.Default()
	}
	reset, err := kafka.ParseReset(c.consumer.text("auto.offset.reset"))
	if err != nil {
		return nil, err
	}
	c.reset = reset
	c.tellWithoutEffect(o.Kafka, o.Producer)
	c.prefetch = c.consumer.whole("queued.max.messages.kbytes", 0) << 10
	if c.prefetch == 0 {
		c.prefetch = o.PrefetchBytes
	}
	if c.prefetch <= 0 {
		c.prefetch = prefetchDefault
	}
	return c, c.check()
}

// tellWithoutEffect names the properties that are not heeded in the log.
func (c *Client) tellWithoutEffect(given ...map[string]string) {
	reasons := withoutEffect()
	for _, properties := range given {
		for name := range properties {
			if reason := reasons[name]; reason != "" {
				c.logger.Debug("this property has no effect with the franz client", "property", name, "reason", reason)
			}
		}
	}
}

// check has the library look at the options of each kind of client.
func (c *Client) check() error {
	for _, g := range []given{c.consumer, c.producer, c.admin} {
		if _, err := g.connection("", c.logger); err != nil {
			return err
		}
	}
	if _, err := c.producer.producing(); err != nil {
		return err
	}
	options, err := c.consumer.connection("", c.logger)
	if err != nil {
		return err
	}
	options = append(options, c.consumer.reading()...)
	options = append(options, c.newPrefetch().options()...)
	return kgo.ValidateOpts(append(options, c.consumer.membership("")...)...)
}

// Reset is what auto.offset.reset says.
func (c *Client) Reset() kafka.Reset { return c.reset }

// Group is the group.id.
func (c *Client) Group() string { return c.consumer.text("group.id") }

// MaxPollInterval is max.poll.interval.ms.
func (c *Client) MaxPollInterval() time.Duration {
	return c.consumer.millis("max.poll.interval.ms", 300_000)
}

func (c *Client) newPrefetch() *prefetch {
	return newPrefetch(c.prefetch, min(c.consumer.whole("fetch.max.bytes", 50<<20), 1<<30-1024),
		c.consumer.whole("fetch.message.max.bytes", 1<<20))
}

// Consumer makes a consumer. The id makes the client.id and the group.instance.id of several consumers differ.
func (c *Client) Consumer(id string, outside kafka.OutOfRange) (kafka.Consumer, error) {
	common, err := c.consumer.connection(id, c.logger)
	if err != nil {
		return nil, fmt.Errorf("make the Kafka consumer %s: %w", id, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	made := &consumer{
		ctx: ctx, cancel: cancel, outside: outside, prefetch: c.newPrefetch(), logger: c.logger,
		group: c.consumer.group(id), sasl: c.consumer.authenticates(),
		backoff: max(c.consumer.millis("fetch.error.backoff.ms", 500), 10*time.Millisecond),
		watch:   watch{interval: c.MaxPollInterval()},
		owned:   make(map[stream.Partition]*delivery),
	}
	made.group.options = append(append([]kgo.Opt{}, common...), c.consumer.membership(id)...)
	options := append([]kgo.Opt{kgo.WithContext(ctx), kgo.WithHooks(made.connections())}, common...)
	options = append(append(options, c.consumer.reading()...), made.prefetch.options()...)
	made.reader, err = kgo.NewClient(options...)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("make the Kafka consumer %s: %w", id, err)
	}
	made.lookup = lookup{client: made.reader, isolation: c.consumer.isolation()}
	return made, nil
}

// Producer makes a producer.
func (c *Client) Producer(id string, on kafka.OnDelivery) (kafka.Producer, error) {
	common, err := c.producer.connection(id, c.logger)
	if err != nil {
		return nil, fmt.Errorf("make the Kafka producer %s: %w", id, err)
	}
	shared, err := c.producer.producing()
	if err != nil {
		return nil, fmt.Errorf("make the Kafka producer %s: %w", id, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	said := &thinned{to: c.logger}
	shared = append(append(shared, common...), kgo.WithContext(ctx), kgo.WithHooks(connections{trouble: said.trouble, sasl: c.producer.authenticates()}),
		kgo.ProducerOnDataLossDetected(func(topic string, number int32) {
			said.trouble(fmt.Errorf("%s: the brokers have lost records that they had acknowledged", stream.Partition{Topic: topic, Number: number}))
		}))
	limits := c.producer.limits()
	batch := c.producer.batchBytes()
	small, err := kgo.NewClient(append(shared, kgo.ProducerBatchMaxBytes(int32(batch)), kgo.ProducerLinger(c.producer.linger()))...)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("make the Kafka producer %s: %w", id, err)
	}
	l := &lanes{small: small, batch: batch, makeLarge: func() (*kgo.Client, error) {
		return kgo.NewClient(append(shared, kgo.ProducerBatchMaxBytes(int32(min(limits.message+1<<20, 1<<30))), kgo.ProducerLinger(0))...)
	}}
	return newProducer(l, limits, on, cancel), nil
}

// Admin makes an admin.
func (c *Client) Admin() (kafka.Admin, error) {
	options, err := c.admin.connection("admin", c.logger)
	if err != nil {
		return nil, fmt.Errorf("make the Kafka admin client: %w", err)
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("make the Kafka admin client: %w", err)
	}
	return &admin{client: client, lookup: lookup{client: client, isolation: c.consumer.isolation()}}, nil
}

// instanceID makes the instances of several consumers of a process differ.
func instanceID(given, id string) string {
	if given == "" || id == "" {
		return given
	}
	return strings.Join([]string{given, id}, "-")
}
